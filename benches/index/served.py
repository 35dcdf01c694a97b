"""Servers asked over SQL: ours and PostgreSQL with pgvector, prepared statements on one connection."""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import psycopg

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
import corpus as wire  # noqa: E402
import servers  # noqa: E402

EFFORTS = (10, 14, 20, 40, 80, 160, 320)


def texts(queries):
    return ["[" + ",".join(f"{x:.7g}" for x in query) + "]" for query in queries]


def copy(connection, table, base, ts):
    for start in range(0, len(base), 50_000):
        part = slice(start, min(len(base), start + 50_000))
        ids = np.arange(part.start, part.stop)
        wire.copy_into(connection, table, wire.copy_rows(ids, ts[part], base[part], True))


class Cvx:
    name, operator = "cvx over SQL", "<=>"

    def __init__(self, binary):
        self.binary = binary

    def build(self, folder, base, ts):
        """Rows by COPY, and the index in the background until nothing is left to do."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with self.running(folder) as connection:
            dim = base.shape[1]
            connection.execute(
                f"CREATE TABLE t (id BIGINT, ts TIMESTAMPTZ, v VECTOR({dim}), PRIMARY KEY (id, ts))"
            )
            began = time.perf_counter()
            copy(connection, "t", base, ts)
            copied = time.perf_counter() - began
            connection.execute("CREATE INDEX t_v ON t USING hnsw (v vector_cosine_ops)")
            connection.execute("CALL cvx.seal('t')")
            connection.execute("REINDEX TABLE t")
            sql = "SELECT sum(bytes)::bigint FROM cvx.index_stats"
            bytes_ = connection.execute(sql).fetchone()[0]
        (folder / "whole").write_text(
            json.dumps({"copy_rows_s": len(base) / copied, "bytes": int(bytes_)})
        )

    def facts(self, folder):
        return json.loads((folder / "whole").read_text())

    @contextlib.contextmanager
    def running(self, folder):
        server = servers.start_cvx(self.binary, str(folder / "data"))
        try:
            with server.connect(prepare_threshold=0) as connection:
                yield connection
        finally:
            server.stop()

    def ready(self, connection):
        """Indexes are opened from their files in the background."""
        sql = "SELECT count(*) FROM cvx.index_stats WHERE state = 'building'"
        while connection.execute(sql).fetchone()[0]:
            time.sleep(0.1)


class Pgvector:
    name, operator = "pgvector over SQL", "<=>"

    def __init__(self):
        import pgserver

        self.module = pgserver

    def build(self, folder, base, ts):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        with self.running(folder) as connection:
            connection.execute("CREATE EXTENSION vector")
            # What is larger than that is built on disk, row by row.
            connection.execute(f"SET maintenance_work_mem = '{2 + len(base) // 160_000}GB'")
            connection.execute(f"CREATE TABLE t (id bigint, ts timestamptz, v vector({base.shape[1]}))")
            connection.execute("ALTER TABLE t ALTER v SET STORAGE PLAIN")
            began = time.perf_counter()
            copy(connection, "t", base, ts)
            copied = time.perf_counter() - began
            began = time.perf_counter()
            connection.execute(
                "CREATE INDEX h ON t USING hnsw (v vector_cosine_ops) WITH (m = 16, ef_construction = 100)"
            )
            built = time.perf_counter() - began
            connection.execute("CREATE INDEX t_ts ON t (ts)")
            connection.execute("ANALYZE t")
            version = connection.execute(
                "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()[0]
            bytes_ = connection.execute("SELECT pg_relation_size('h')").fetchone()[0]
        facts = {
            "copy_rows_s": len(base) / copied,
            "build_rows_s": len(base) / built,
            "bytes": int(bytes_),
            "version": version,
        }
        (folder / "whole").write_text(json.dumps(facts))

    def facts(self, folder):
        return json.loads((folder / "whole").read_text())

    @contextlib.contextmanager
    def running(self, folder):
        data = folder / "pg"
        if not data.exists():
            data.mkdir()
            data.chmod(0o777)
        server = self.module.get_server(str(data))
        try:
            uri = server.get_uri()
            with psycopg.connect(uri, autocommit=True, prepare_threshold=0) as connection:
                connection.execute("SET jit = off")
                yield connection
        finally:
            server.cleanup()

    def ready(self, connection):
        connection.execute("SELECT count(v) FROM t")


def nearest(server, connection, effort):
    """How a query, given as text, is answered."""
    connection.execute(f"SET hnsw.ef_search = {effort}")
    sql = f"SELECT id FROM t ORDER BY v {server.operator} %s::vector LIMIT 10"
    return lambda text: [row[0] for row in connection.execute(sql, (text,)).fetchall()]


def within(server, connection, effort):
    """The same between two moments."""
    connection.execute(f"SET hnsw.ef_search = {effort}")
    sql = (
        "SELECT id FROM t WHERE ts BETWEEN %s AND %s"
        f" ORDER BY v {server.operator} %s::vector LIMIT 10"
    )
    return lambda text, low, high: [
        row[0] for row in connection.execute(sql, (low, high, text)).fetchall()
    ]


def version(binary):
    return subprocess.run([binary, "version"], capture_output=True, text=True, check=True).stdout.strip()


def is_there(binary):
    return binary is not None and os.access(binary, os.X_OK)
