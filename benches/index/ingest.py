#!/usr/bin/env python3
"""Rows into an indexed table by binary COPY, durable and searchable when acknowledged, beside pgvector.

    benches/index/ingest.py --keep FOLDER --cvx target/release/cvx [--docs DIR]

In one run: ours with an index, ours without, PostgreSQL's pgvector without (PyPI's `pgserver`).
Each takes the same rows in COPYs of 50,000; after each COPY into our indexed table the last row is
searched for, and has to be the nearest to itself. Processor time is that of the server's threads by
their names, and the client's.
"""

import argparse
import collections
import pathlib
import statistics
import sys
import time

import numpy as np

import datasets
import machine
import served

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
import corpus as wire  # noqa: E402
import servers  # noqa: E402

ROWS = 50_000
RUNS = 5
STAGES = {
    "cvx-serve": "read and parse",
    "cvx-compute": "rows",
    "ended": "codes, files and their sync",
    "cvx-writer": "commit",
    "cvx-sealer": "seal",
    "cvx-indexer": "graphs, at a low priority",
}


def parts(base, ts):
    for run in range(RUNS):
        places = np.arange(run * ROWS, (run + 1) * ROWS) % len(base)
        ids = np.arange(run * ROWS, (run + 1) * ROWS)
        yield wire.copy_rows(ids, ts[places], base[places], True), base[places[-1]]


def stage_of(thread):
    return next((kind for kind in STAGES if thread.startswith(kind)), "ended")


def by_stage(server):
    """Processor seconds of the server's threads, and of those that have ended (each lot of rows is
    encoded and written by two of its own); of PostgreSQL's processes, all together."""
    seconds = collections.Counter()
    if server.name != "cvx":
        for pid in server._family():
            seconds["server"] += sum(_ticks(f"/proc/{pid}/stat")[1]) / 100
        return seconds
    for stat in pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/stat"):
        name, ticks = _ticks(stat)
        seconds[stage_of(name)] += sum(ticks) / 100
    everything = sum(_ticks(f"/proc/{server.process.pid}/stat")[1]) / 100
    seconds["ended"] = everything - sum(seconds.values())
    return seconds


def _ticks(path):
    name, rest = pathlib.Path(path).read_text().rsplit(")", 1)
    user, system = rest.split()[11:13]
    return name.split("(", 1)[1], (int(user), int(system))


def measure(server, base, ts, indexed):
    """Rows a second of each COPY, and processor microseconds a row by stage."""
    rates, spent = [], collections.Counter()
    with server.connect() as connection:
        key = ", PRIMARY KEY (id, ts)" if server.name == "cvx" else ""
        columns = f"id BIGINT, ts TIMESTAMPTZ, v VECTOR({base.shape[1]}){key}"
        connection.execute(f"CREATE TABLE docs ({columns})")
        if server.name != "cvx":
            connection.execute("ALTER TABLE docs ALTER v SET STORAGE PLAIN")
        if indexed:
            connection.execute("CREATE INDEX docs_v ON docs USING hnsw (v vector_cosine_ops)")
        for buffer, last in parts(base, ts):
            before, mine, began = by_stage(server), time.process_time(), time.perf_counter()
            wire.copy_into(connection, "docs", buffer)
            rates.append(ROWS / (time.perf_counter() - began))
            spent["client"] += time.process_time() - mine
            spent.update({k: s - before[k] for k, s in by_stage(server).items()})
            if indexed:
                searched(connection, last)
    return rates, {stage: 1e6 * s / (RUNS * ROWS) for stage, s in spent.items()}


def searched(connection, vector):
    """A row that was just acknowledged is found."""
    sql = "SELECT v <=> %s::vector FROM docs ORDER BY 1 LIMIT 1"
    (distance,) = connection.execute(sql, (served.texts([vector])[0],)).fetchone()
    assert distance < 1e-6, f"a row just written is {distance} away from itself"


def show(name, rates, spent, goal="", met=""):
    stages = ", ".join(
        f"{STAGES.get(stage, stage)} {us:.1f}" for stage, us in spent.items() if us >= 0.05
    )
    spread = f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"
    return f"| {name} | {spread} | {stages} | {goal} | {met} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="where data sets are")
    parser.add_argument("--cvx", required=True, help="the server's binary")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--docs", type=pathlib.Path, help="where ingest.md goes")
    args = parser.parse_args()
    folder = datasets.ensure(args.keep, "clustered", args.rows, None)
    base, ts = np.load(folder / "base.npy"), np.load(folder / "ts.npy")
    figures = {}
    for name in ("with an index", "without"):
        with servers.cvx(args.cvx) as server:
            figures[name] = measure(server, base, ts, name == "with an index")
    with servers.postgres() as server:
        figures["pgvector"] = measure(server, base, ts, False)
    median = {name: statistics.median(rates) for name, (rates, _) in figures.items()}
    ratio = median["with an index"] / median["pgvector"]
    met = median["with an index"] >= 50_000 and ratio >= 1.3
    goal = f"50,000 rows/s, 1.3 x pgvector without an index ({ratio:.2f} x)"
    lines = [
        "| table | rows/s, durable | processor us a row | goal |  |",
        "| --- | --- | --- | --- | --- |",
        show("cvx, indexed", *figures["with an index"], goal, "met" if met else "missed"),
        show("cvx, no index", *figures["without"]),
        show("pgvector, no index", *figures["pgvector"]),
    ]
    print("\n".join(lines))
    if args.docs:
        words = f"COPYs of {ROWS:,} rows of {base.shape[1]} dimensions, median of {RUNS}"
        head = f"# Rows coming in\n\n{machine.about(args.cvx, words)}\n\n"
        page = args.docs / machine.page("ingest", args.rows)
        page.write_text(head + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
