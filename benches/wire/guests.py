"""Bad guests: how many connections are borne, what they cost, and what does not let others wait."""

import contextlib
import resource
import socket
import statistics
import struct
import threading
import time

import psycopg

from servers import cvx

IDLE, ACTIVE = 1000, 64
STORM, STORM_WIDTH = 3000, 32
LORIS, HALF_OPEN = 2000, 2000


def startup_packet():
    words = b"user\0cvx\0database\0cvx\0\0"
    return struct.pack(">ii", len(words) + 8, 196608) + words


def percentile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))] * 1000


def ask(conn, seconds, times, errors):
    """One statement after the other; how long each took."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        began = time.perf_counter()
        try:
            conn.execute("SELECT count(*) FROM t WHERE id = %s", [len(times) % 1000]).fetchone()
        except psycopg.Error as error:
            errors.append(str(error))
            return
        times.append(time.perf_counter() - began)


def many(server, count, seconds=20):
    """`count` clients that ask at the same time: (statements a second, p50 ms, p99 ms, errors)."""
    conns = [server.connect() for _ in range(count)]
    each, errors = [[] for _ in conns], []
    threads = [
        threading.Thread(target=ask, args=(conn, seconds, times, errors))
        for conn, times in zip(conns, each)
    ]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    times = [one for times in each for one in times]
    for conn in conns:
        conn.close()
    return len(times) / took, percentile(times, 0.5), percentile(times, 0.99), len(errors)


def row(what, figure):
    print(f"| {what} | {figure} |", flush=True)


def fill(server):
    with server.connect() as conn:
        conn.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, n BIGINT)")
        conn.execute("INSERT INTO t SELECT x, x FROM generate_series(0, 999) AS g(x)")


def crowd(server):
    """1,000 idle clients and 64 that ask, and the same 64 without the others."""
    alone = many(server, ACTIVE)
    before = server.rss_bytes()
    idle = [server.connect() for _ in range(IDLE)]
    each = (server.rss_bytes() - before) / IDLE
    beside = many(server, ACTIVE)
    answered = sum(conn.execute("SELECT 1").fetchone()[0] for conn in idle)
    for conn in idle:
        conn.close()
    form = "{:.0f} statements/s, p50 {:.1f} ms, p99 {:.1f} ms, {} errors"
    row(f"{ACTIVE} active clients", form.format(*alone))
    row(f"{ACTIVE} active beside {IDLE} idle clients", form.format(*beside))
    row(f"memory of an idle client, of {IDLE}", f"{each / 1024:.1f} KiB")
    row("idle clients that still answer after it", f"{answered} of {IDLE}")


def storm(server):
    """Clients that come, ask once and go, 32 at a time."""
    times, errors = [], []

    def come_and_go(count):
        for _ in range(count):
            began = time.perf_counter()
            try:
                with server.connect() as conn:
                    conn.execute("SELECT 1").fetchone()
                times.append(time.perf_counter() - began)
            except psycopg.Error as error:
                errors.append(str(error))

    count = STORM // STORM_WIDTH
    threads = [threading.Thread(target=come_and_go, args=(count,)) for _ in range(STORM_WIDTH)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = len(times) / (time.perf_counter() - began)
    row(
        f"connect storm: {len(times)} connections, {STORM_WIDTH} at a time",
        f"{rate:.0f}/s, p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms,"
        f" {len(errors)} errors",
    )


def too_many(binary):
    """One client more than `connections_max` is told so, and gets in when one has gone."""
    with cvx(binary, connections_max=50) as server:
        # One place is kept for superusers, as the configuration says where it does.
        conns, refused = [], None
        while refused is None and len(conns) < 100:
            try:
                conns.append(server.connect())
            except psycopg.OperationalError as error:
                refused = str(error).strip().splitlines()[-1]
        conns.pop().close()
        began = time.perf_counter()
        while True:
            with contextlib.suppress(psycopg.OperationalError):
                conns.append(server.connect())
                break
        again = time.perf_counter() - began
        row("`connections_max` = 50: clients that got in", f"{len(conns)}")
        row("the next one is told", refused.split("FATAL: ")[-1].strip())
        row("a place that was left is free after", f"{again * 1000:.0f} ms")
        for conn in conns:
            conn.close()


def sockets(server, count, first_bytes):
    held = []
    for _ in range(count):
        held.append(socket.create_connection(server_address(server)))
        held[-1].sendall(first_bytes)
    return held


def server_address(server):
    return "127.0.0.1", int(server.dsn.split("port=")[1].split()[0])


def strangers(server, what, count, first_bytes, more_bytes):
    """Sockets that say little and slowly, and clients that mean it, beside each other."""
    before = server.rss_bytes()
    held = sockets(server, count, first_bytes)
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            for each in held:
                with contextlib.suppress(OSError):
                    each.send(more_bytes)

    dripping = threading.Thread(target=drip)
    if more_bytes:
        dripping.start()
    times = []
    for _ in range(100):
        began = time.perf_counter()
        with server.connect() as conn:
            conn.execute("SELECT 1").fetchone()
        times.append(time.perf_counter() - began)
    grown = max(server.rss_bytes() - before, 0)
    stop.set()
    if more_bytes:
        dripping.join()
    for each in held:
        each.close()
    row(
        f"{count} sockets with {what}: a client that means it",
        f"p50 {statistics.median(times) * 1000:.1f} ms, p99 {percentile(times, 0.99):.1f} ms,"
        f" {len(times)} of 100 let in; the server grew by {grown / 2**20:.1f} MiB",
    )


def startup_timeout(binary):
    """A socket that says half a packet is closed when its time is over."""
    with cvx(binary, startup_timeout_ms=1000) as server:
        times = []
        for _ in range(20):
            with socket.create_connection(server_address(server)) as half:
                half.sendall(startup_packet()[:10])
                began = time.perf_counter()
                half.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    while half.recv(1024):
                        pass
                times.append(time.perf_counter() - began)
        row("`startup_timeout_ms` = 1000: half a packet is hung up on after",
            f"{min(times) * 1000:.0f} to {max(times) * 1000:.0f} ms")


def run(binary):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16384), hard))
    print("\n| guests | figure |\n|---|---|")
    with cvx(binary, connections_max=1200) as server:
        fill(server)
        crowd(server)
        storm(server)
        packet = startup_packet()
        strangers(server, "a byte now and then", LORIS, packet[:1], packet[1:2])
        strangers(server, "half a startup packet", HALF_OPEN, packet[:12], b"")
        strangers(server, "nothing at all", HALF_OPEN, b"", b"")
        with server.connect() as conn:
            rest = conn.execute("SELECT count(*) FROM pg_stat_activity").fetchone()[0]
        row("clients that the server still knows of afterwards", f"{rest}")
    too_many(binary)
    startup_timeout(binary)
