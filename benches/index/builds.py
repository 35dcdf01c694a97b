#!/usr/bin/env python3
"""Index building beside hnswlib's: what new rows get at once, and the graph that follows.

    benches/index/builds.py --keep FOLDER --neighbours target/release/neighbours [--docs DIR]

In one run and in turn, two threads each, on the first rows of the clustered data set: hnswlib's
`add_items`, our sketches and our graph with its codes, three times. README.md beside this has more.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import time

import numpy as np

import datasets
import figures
import machine
import rivals

RUNS = 3
ROWS = 50_000
THREADS = 2
NAMES = {
    "hnswlib": rivals.Hnswlib.name,
    "sketch": "cvx, the sketch that new rows get: codes",
    "graph": "cvx, the graph with its codes, in the background",
}
#: How many times hnswlib's vectors a second are asked for.
TIMES = {"sketch": 10, "graph": 2}


def theirs(base):
    """hnswlib's vectors a second."""
    peer = rivals.Hnswlib()
    began = time.perf_counter()
    peer.build(base, None)
    return len(base) / (time.perf_counter() - began)


def ours(program, folder, rows):
    """Vectors a second by what is built, in a process of its own."""
    threads = dict(os.environ, RAYON_NUM_THREADS=str(THREADS))
    command = [program, folder, folder / "cvx", str(rows), "build"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=threads)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return {figure["what"]: figure["rows_s"] for figure in told}


def measured(program, folder, base):
    """Vectors a second of each run, by what is built."""
    rates = {what: [] for what in NAMES}
    for _ in range(RUNS):
        found = {"hnswlib": theirs(base), **ours(program, folder, len(base))}
        for what, mine in rates.items():
            mine.append(found[what])
            print(f"{what}: {mine[-1]:,.0f} vectors/s", flush=True)
    return rates


def told(rates):
    middle = {what: statistics.median(mine) for what, mine in rates.items()}
    lines = []
    for what, mine in rates.items():
        ratio, goal = middle[what] / middle["hnswlib"], TIMES.get(what)
        met = "" if goal is None else "met" if ratio >= goal else "missed"
        spread = f"{min(mine):,.0f} to {max(mine):,.0f}"
        asked = f"at least {goal} x" if goal else ""
        lines.append((NAMES[what], f"{middle[what]:,.0f}", spread, f"{ratio:.2f} x", asked, met))
    head = ("what", "vectors/s", "of three runs", "hnswlib's", "goal of issue 4", "")
    return figures.table(head, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="where data sets are")
    parser.add_argument("--neighbours", required=True, help="the program benches/bin/neighbours")
    parser.add_argument("--rows", type=int, default=200_000, help="of the data set")
    parser.add_argument("--docs", type=pathlib.Path, help="where builds.md goes")
    args = parser.parse_args()
    folder = datasets.ensure(args.keep, "clustered", args.rows, None)
    base = np.array(np.load(folder / "base.npy", mmap_mode="r")[:ROWS])
    table = told(measured(args.neighbours, folder, base))
    print(table)
    if args.docs:
        words = f"the first {len(base):,} of {args.rows:,} clustered rows of {base.shape[1]} dimensions"
        about = machine.about(None, words, f"{THREADS} threads", f"medians of {RUNS}")
        text = f"# Building indexes\n\n{about}\n\n{EXPLAINED}\n\n{table}\n"
        args.docs.mkdir(parents=True, exist_ok=True)
        (args.docs / machine.page("builds", args.rows)).write_text(text)


EXPLAINED = """A sketch holds codes and no links: a search sifts it until the graph follows. The server builds a graph
of each sealed segment, and others over several of them, so a row goes into more than one."""


if __name__ == "__main__":
    main()
