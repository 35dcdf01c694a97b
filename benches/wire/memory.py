"""Resident memory: per vector, and over idle while 3 GB come in by one COPY."""

import threading
import time

import numpy as np

import corpus
import report
import servers

ROWS = 100_000
BIG_ROWS = 1_000_000


class Peak:
    """The largest anonymous memory of a server while it is watched."""

    def __init__(self, server):
        self.server, self.bytes, self.on = server, 0, True
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while self.on:
            self.bytes = max(self.bytes, self.server.anonymous_bytes())
            time.sleep(0.02)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.on = False
        self.thread.join()


def per_vector(binary):
    with servers.cvx(binary) as server, server.connect() as connection:
        idle = server.anonymous_bytes()
        corpus.filled(connection, ROWS)
        connection.execute("CALL cvx.seal('docs')")
        query = str(list(map(float, corpus.vectors(1, seed=9)[0])))
        sql = "SELECT doc_id FROM docs ORDER BY embedding <=> %s::vector LIMIT 1"
        connection.execute(sql, (query,)).fetchone()
        own = (server.anonymous_bytes() - idle) / ROWS
        mapped = (server.rss_bytes() - server.anonymous_bytes()) / ROWS
    yield f"per vector, sealed: own memory ({ROWS:,} x {corpus.DIM})", f"{own:,.0f} bytes"
    yield "per vector, sealed: mapped row files, which the system may drop", f"{mapped:,.0f} bytes"


def copy_of_3_gb(binary):
    data = corpus.vectors(50_000)
    for in_block in (False, True):
        with servers.cvx(binary) as server, server.connect() as connection:
            connection.execute(corpus.TABLE)
            idle = server.anonymous_bytes()
            with Peak(server) as peak:
                if in_block:
                    connection.execute("BEGIN")
                stream(connection, data)
                if in_block:
                    connection.execute("COMMIT")
            (count,) = connection.execute("SELECT count(*) FROM docs").fetchone()
            assert count == BIG_ROWS, count
            over = (peak.bytes - idle) / 2**20
            where = "in BEGIN..COMMIT" if in_block else "alone"
            yield f"over idle while COPY of {BIG_ROWS:,} rows (3 GB) runs {where}", f"{over:,.0f} MiB"


def stream(connection, data):
    """One COPY of a million rows, made as it goes."""
    rows = len(data)
    with connection.cursor() as cursor, cursor.copy("COPY docs FROM STDIN BINARY") as copy:
        copy.write(corpus.SIGNATURE)
        for start in range(0, BIG_ROWS, rows):
            ids = start + np.arange(rows)
            part = corpus.copy_rows(ids, np.full(rows, corpus.START_US), data, True)
            view = memoryview(part)
            for at in range(0, len(view), 1 << 20):
                copy.write(view[at : at + (1 << 20)])
        copy.write(corpus.TRAILER)


def run(binary):
    rows = [*per_vector(binary), *copy_of_3_gb(binary)]
    report.table("Memory", ("what", "figure"), rows)
