"""A cvx and a PostgreSQL to measure: on loopback, on free ports, in folders that go with them."""

import contextlib
import glob
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


class Server:
    """A running server: its process, how to connect, and what the system counts of it."""

    def __init__(self, name, process, dsn, folder):
        self.name, self.process, self.dsn, self.folder = name, process, dsn, folder
        # Whether it has the type VECTOR.
        self.vectors = name == "cvx"

    def connect(self, **options):
        return psycopg.connect(self.dsn, autocommit=True, **options)

    def _family(self):
        """The process and its children: PostgreSQL works in many."""
        pids = [self.process.pid]
        for pid in pids:
            with contextlib.suppress(FileNotFoundError):
                children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
                pids += [int(child) for child in children.split()]
        return pids

    def written_bytes(self):
        """Bytes the process family has sent to the disk. Children that ended are lost to it."""
        total = 0
        for pid in self._family():
            with contextlib.suppress(FileNotFoundError):
                io = pathlib.Path(f"/proc/{pid}/io").read_text()
                total += int(io.split("write_bytes: ")[1].split()[0])
        return total

    def processor_s(self, thread=None):
        """Seconds of a processor that it has had: the process, or the living threads of a name."""
        tick = os.sysconf("SC_CLK_TCK")
        stats = [pathlib.Path(f"/proc/{self.process.pid}/stat")]
        if thread:
            stats = pathlib.Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        seconds = 0.0
        for stat in stats:
            name, rest = stat.read_text().rsplit(")", 1)
            if not thread or name.endswith(f"({thread}"):
                user, system = rest.split()[11:13]
                seconds += (int(user) + int(system)) / tick
        return seconds

    def _status(self, key):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{key}:")[1].split()[0]) * 1024

    def rss_bytes(self):
        return self._status("VmRSS")

    def anonymous_bytes(self):
        """Memory that is not a mapped file: what the machine cannot take back."""
        return self._status("RssAnon")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def wait_for(dsn, process, seconds=120):
    began = time.perf_counter()
    while True:
        try:
            psycopg.connect(dsn, connect_timeout=5).close()
            return time.perf_counter() - began
        except psycopg.OperationalError:
            if process.poll() is not None or time.perf_counter() - began > seconds:
                raise
            time.sleep(0.002)


def start_cvx(binary, folder, **settings):
    port = free_port()
    env = dict(os.environ, CVX_LOG_LEVEL="warn")
    env |= {f"CVX_{key.upper()}": str(value) for key, value in settings.items()}
    command = [binary, "start", "--data-dir", folder, "--pg-addr", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, env=env)
    dsn = f"host=127.0.0.1 port={port} user=cvx dbname=cvx"
    wait_for(dsn, process)
    return Server("cvx", process, dsn, folder)


@contextlib.contextmanager
def cvx(binary, **settings):
    folder = tempfile.mkdtemp(prefix="cvx-bench-")
    server = start_cvx(binary, f"{folder}/data", **settings)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


def postgres_programs():
    """The one that comes with pgvector (PyPI's pgserver), else the machine's newest."""
    with contextlib.suppress(ImportError):
        import pgserver

        return str(pathlib.Path(pgserver.__file__).parent / "pginstall" / "bin")
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
    return found[-1] if found else None


@contextlib.contextmanager
def postgres():
    """PostgreSQL as it comes, but for memory and WAL sizes that a 24 GiB machine would give it."""
    programs = postgres_programs()
    if programs is None:
        yield None
        return
    folder = tempfile.mkdtemp(prefix="pg-bench-")
    shutil.chown(folder, "postgres")
    as_postgres = {"user": "postgres"} if os.getuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **as_postgres}
    data = f"{folder}/data"
    subprocess.run([f"{programs}/initdb", "-D", data, "-A", "trust"], check=True, cwd="/", **quiet)
    port = free_port()
    tuned = ["shared_buffers=2GB", "max_wal_size=8GB", "listen_addresses=127.0.0.1"]
    tuned += [f"port={port}", f"unix_socket_directories={folder}"]
    flags = [part for setting in tuned for part in ("-c", setting)]
    process = subprocess.Popen([f"{programs}/postgres", "-D", data, *flags], cwd="/", **quiet)
    dsn = f"host=127.0.0.1 port={port} user=postgres dbname=postgres"
    try:
        wait_for(dsn, process)
        server = Server("PostgreSQL", process, dsn, data)
        with server.connect() as connection, contextlib.suppress(psycopg.Error):
            connection.execute("CREATE EXTENSION vector")
            server.vectors = True
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder)
