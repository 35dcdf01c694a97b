"""Analyses as a client asks for them: change points of a long trajectory, drift of everybody."""

import pathlib
import shutil
import statistics
import time

import corpus
import numpy as np
import report
import servers

LONG = 100_000
ENTITIES, EACH = 10_000, 10
DRIFT = "SELECT doc_id, drift(embedding, ts) FROM {} GROUP BY doc_id"


def took(connection, query, runs=5):
    """The first run, and the median of the others, in milliseconds."""
    times = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        rows = connection.execute(query).fetchall()
        times.append((time.perf_counter() - began) * 1e3)
    return times[0], statistics.median(times[1:]), rows


def run(ours, args):
    rows = []
    with servers.cvx(args.cvx) as server, server.connect() as connection:
        rows += long(ours, connection)
        rows += everybody(connection)
        if args.peps:
            rows += peps(args, connection)
    head = ("query", "first", "median of 5", "beside it")
    report.table("Analyses over the wire", head, rows)


def long(ours, connection):
    """One entity of 100,000 points without any break: the worst there is for PELT."""
    data = corpus.vectors(LONG, seed=9)
    connection.execute(corpus.TABLE.replace("docs", "long"))
    ts = corpus.START_US + np.arange(LONG) * 60_000_000
    corpus.copy_into(connection, "long", corpus.copy_rows(np.full(LONG, 1), ts, data, True))
    connection.execute("CALL cvx.seal('long')")
    kernel = ours.run("pelt", data, 2)["ms"]
    rows = []
    for method in ("pelt", "jump", "bocpd"):
        query = f"SELECT ts FROM CHANGEPOINTS(long, 1, method => '{method}')"
        first, median, found = took(connection, query, 5 if method != "bocpd" else 1)
        beside = f"kernel alone {kernel:.0f} ms" if method == "pelt" else ""
        name = f"CHANGEPOINTS, {method}, {LONG:,} x {corpus.DIM}, {len(found)} breaks"
        rows.append((name, f"{first:,.0f} ms", f"{median:,.0f} ms", beside))
    # VELOCITY reads the same points and computes nothing to speak of.
    first, median, _ = took(connection, "SELECT ts FROM VELOCITY(long, 1, '2100-01-01')")
    name = f"the reading alone (VELOCITY), {LONG:,} x {corpus.DIM}"
    rows.append((name, f"{first:,.0f} ms", f"{median:,.0f} ms", ""))
    return rows


def everybody(connection):
    table = corpus.TABLE.replace("docs", "many")
    connection.execute(table)
    places = np.arange(ENTITIES * EACH)
    data = corpus.vectors(len(places), seed=4)
    ts = corpus.START_US + (places % EACH) * 3_600_000_000
    corpus.copy_into(connection, "many", corpus.copy_rows(places // EACH, ts, data, True))
    first, median, found = took(connection, DRIFT.format("many"))
    assert len(found) == ENTITIES
    began = time.perf_counter()
    apart = data.reshape(ENTITIES, EACH, -1)
    np.linalg.norm(apart[:, -1] - apart[:, 0], axis=1)
    numpy = f"numpy, sorted in memory: {(time.perf_counter() - began) * 1e3:.0f} ms"
    name = f"drift of {ENTITIES:,} entities, {len(places):,} x {corpus.DIM}"
    return [(name, f"{first:,.0f} ms", f"{median:,.0f} ms", numpy)]


def peps_table(args, connection):
    """Loads the file; ids and vectors in the order of (id, time)."""
    import pyarrow.parquet

    found = pyarrow.parquet.read_table(args.peps).combine_chunks()
    dim = found.schema.field("embedding").type.list_size
    data = found["embedding"].chunk(0).flatten().to_numpy().reshape(-1, dim)
    ids, ts = found["doc_id"].to_numpy(), found["ts"].cast("int64").to_numpy()
    connection.execute(
        f"CREATE TABLE peps (doc_id BIGINT, ts TIMESTAMPTZ, embedding VECTOR({dim}),"
        " PRIMARY KEY (doc_id, ts))"
    )
    corpus.copy_into(connection, "peps", corpus.copy_rows(ids, ts, data, True))
    return ids, data


def peps(args, connection):
    ids, data = peps_table(args, connection)
    rows = []
    queries = [
        ("drift of 742 PEPs", DRIFT.format("peps")),
        ("the ten that drifted most", DRIFT.format("peps") + " ORDER BY 2 DESC LIMIT 10"),
        (
            "velocity of every revision, as a window",
            "SELECT count(*) FROM (SELECT velocity(embedding, ts) OVER"
            " (PARTITION BY doc_id ORDER BY ts ROWS 2 PRECEDING) AS v FROM peps) AS w",
        ),
        (
            "jumps of every PEP with 30 revisions",
            "SELECT count(*) FROM (SELECT doc_id FROM peps GROUP BY doc_id HAVING count(*) >= 30)"
            " AS d, CHANGEPOINTS(peps, d.doc_id, method => 'jump') AS c",
        ),
    ]
    began = time.perf_counter()
    ends = np.flatnonzero(np.diff(ids, append=ids[-1] + 1))
    starts = np.concatenate([[0], ends[:-1] + 1])
    np.linalg.norm(data[ends] - data[starts], axis=1)
    numpy = f"numpy, sorted in memory: {(time.perf_counter() - began) * 1e3:.1f} ms"
    for name, query in queries:
        first, median, _ = took(connection, query)
        beside = numpy if name.startswith("drift of") else ""
        rows.append((f"peps: {name}", f"{first:,.0f} ms", f"{median:,.0f} ms", beside))
    return rows
