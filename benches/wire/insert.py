"""Single-row INSERT, each acknowledged when it is on the disk: one connection, and eight."""

import multiprocessing
import time

import corpus
import report
import servers

ROWS = 2_000
INSERT = "INSERT INTO docs VALUES (%s, %s, %s)"
DOCS = (
    "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, embedding {type},"
    " PRIMARY KEY (doc_id, ts))"
)


def insert_rows(dsn, first, rows, as_text, out):
    """Prepared INSERTs one after the other; puts the seconds each took into `out`."""
    import psycopg

    data = corpus.vectors(64, seed=first)
    values = [str(list(map(float, v))) if as_text else list(map(float, v)) for v in data]
    took = []
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=0) as connection:
        for row in range(rows):
            args = (first + row, "2024-01-01", values[row % 64])
            began = time.perf_counter()
            connection.execute(INSERT, args)
            took.append(time.perf_counter() - began)
    out.put(took)


def measure(server, connections, as_text):
    context = multiprocessing.get_context("spawn")
    out = context.Queue()
    share = ROWS // connections
    jobs = [
        context.Process(target=insert_rows, args=(server.dsn, (1 + n) * 10**6, share, as_text, out))
        for n in range(connections)
    ]
    for job in jobs:
        job.start()
    took = [out.get() for _ in jobs]
    for job in jobs:
        job.join()
    rate = sum(len(part) / sum(part) for part in took)
    return report.percentiles(sum(took, [])), f"{rate:,.0f}/s"


def rows_of(server, type_name, as_text):
    for connections in (1, 8):
        with server.connect() as connection:
            connection.execute("DROP TABLE IF EXISTS docs")
            connection.execute(DOCS.format(type=type_name))
        yield (server.name, f"`{type_name}`", connections, *measure(server, connections, as_text))


def run(binary):
    rows = []
    with servers.cvx(binary) as server:
        rows += rows_of(server, f"VECTOR({corpus.DIM})", True)
    with servers.postgres() as server:
        if server is not None:
            rows += rows_of(server, "REAL[]", False)
            if server.vectors:
                rows += rows_of(server, f"VECTOR({corpus.DIM})", True)
    head = ("server", "column", "connections", "p50 / p99", "rows/s")
    report.table(f"Single-row INSERT, {corpus.DIM} dimensions, synced", head, rows)
