"""Servers asked over SQL: ours and PostgreSQL with pgvector, prepared statements on one connection."""

import contextlib
import json
import pathlib
import shutil
import sys
import time

import numpy as np
import psycopg

import rivals

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
import corpus as wire  # noqa: E402
import servers  # noqa: E402

#: A server is left alone when it has had less of a processor than this for so long.
QUIET_S, QUIET_PROCESSOR_S = 3.0, 0.1


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
            self.ready(connection)
        (folder / "whole").write_text(json.dumps({"copy_rows_s": len(base) / copied}))

    def facts(self, folder):
        return json.loads((folder / "whole").read_text())

    @contextlib.contextmanager
    def running(self, folder):
        self.server = servers.start_cvx(self.binary, str(folder / "data"))
        try:
            with self.server.connect(prepare_threshold=0) as connection:
                yield connection
        finally:
            self.server.stop()

    def ready(self, connection):
        """Waits until indexes are opened, built and merged, which the server does in the background:
        none is being built, and nothing has changed while the server had nothing to do, for a merge
        shows only when it is done. A segment without company stays alone."""
        while True:
            before, spent = states(connection), self.server.processor_s()
            time.sleep(QUIET_S)
            rested = self.server.processor_s() - spent < QUIET_PROCESSOR_S
            building = any(state == "building" for _, state, _ in before)
            if rested and not building and states(connection) == before:
                return

    def sizes(self, connection):
        """Bytes of the index of `t`, and of all that a search reads."""
        sql = "SELECT sum(bytes)::bigint FROM cvx.index_stats WHERE table_name = 't'"
        index = int(connection.execute(sql).fetchone()[0])
        return index, index + rivals.size(pathlib.Path(self.server.folder) / "rows")


def states(connection):
    """Segments of indexes: number, state, bytes."""
    sql = "SELECT segment, state, bytes FROM cvx.index_stats WHERE rows > 0 ORDER BY table_name, segment"
    return connection.execute(sql).fetchall()


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
        facts = {
            "copy_rows_s": len(base) / copied,
            "build_rows_s": len(base) / built,
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

    def sizes(self, connection):
        """The index has vectors too; the rows that it finds are read from the table."""
        sql = "SELECT pg_relation_size('h'), pg_relation_size('t')"
        index, rows = connection.execute(sql).fetchone()
        return index, index + rows


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
