"""Durable binary COPY: vectors a second, and bytes written for each byte that came in."""

import os
import pathlib
import tempfile
import threading

import numpy as np

import corpus
import report
import servers

ROWS = 100_000
RUNS = 3
VECTOR = f"VECTOR({corpus.DIM})"


def buffers(connections, vector):
    share = ROWS // connections
    data = corpus.vectors(share)
    for n in range(connections):
        ids = np.arange(share) + n * share
        yield corpus.copy_rows(ids, np.full(share, corpus.START_US), data, vector)


def copy_all(server, parts):
    def one(part):
        with server.connect() as connection:
            corpus.copy_into(connection, "docs", part)

    threads = [threading.Thread(target=one, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(server, kind, connections):
    parts = list(buffers(connections, kind == VECTOR))
    took, written = [], []
    for _ in range(RUNS):
        with server.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS docs")
            columns = f"doc_id BIGINT, ts TIMESTAMPTZ, embedding {kind}"
            connection.execute(f"CREATE TABLE docs ({columns}, PRIMARY KEY (doc_id, ts))")
        before = server.written_bytes()
        took.append(report.timed(lambda: copy_all(server, parts)))
        written.append(server.written_bytes() - before)
        with server.connect() as connection:
            (count,) = connection.execute("SELECT count(*) FROM docs").fetchone()
            assert count == ROWS, f"{count} rows after COPY of {ROWS}"
    rate = ROWS / sorted(took)[RUNS // 2]
    ratio = sorted(written)[RUNS // 2] / sum(len(part) for part in parts)
    return server.name, f"`{kind}`", connections, f"{rate:,.0f}/s", f"{ratio:.2f}"


def raw_write():
    """The floor: appends of 1 MiB, each synced, to a file on the same disk."""
    block = os.urandom(1 << 20)
    blocks = 300
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "raw"

        def write():
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            for _ in range(blocks):
                os.write(fd, block)
                os.fdatasync(fd)
            os.close(fd)

        seconds = report.median_of(RUNS, write)
    rate = blocks * len(block) / seconds
    row = f"{rate / (4 * corpus.DIM):,.0f}/s ({rate / 1e9:.2f} GB/s)"
    return "the disk itself", "1 MiB appends, each synced", 1, row, "1"


def run(binary):
    rows = [raw_write()]
    with servers.cvx(binary) as server:
        rows += [measure(server, VECTOR, connections) for connections in (1, 4)]
    with servers.postgres() as server:
        if server is not None:
            kinds = ["REAL[]", VECTOR] if server.vectors else ["REAL[]"]
            rows += [measure(server, kind, each) for kind in kinds for each in (1, 4)]
    head = ("server", "column", "connections", "vectors/s", "bytes written per byte")
    report.table(f"Binary COPY of {ROWS:,} rows, {corpus.DIM} dimensions", head, rows)
