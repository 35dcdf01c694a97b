#!/usr/bin/env python3
"""Our index beside its peers, on the same data with the same exact answers; see README.md beside this file."""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import datasets
import machine
import rivals

RUNS = 3
#: Peers by data set: all of them where rows have structure. Without any, graphs of every kind are
#: hopeless, and one stands for all.
PEERS = {
    "clustered": list(rivals.MAKERS),
    "unclustered": ["hnswlib", "faiss-ivf-rabitq", "usearch-bf16", "symphonyqg"],
    "gaussian": ["faiss-ivf-rabitq", "symphonyqg"],
    "peps": list(rivals.MAKERS),
}
#: Those asked over SQL.
SERVERS = ("cvx", "pgvector")
#: A sweep ends at the first effort beyond this recall; one of a stretch of time at the recall that
#: is asked for.
ENOUGH, TARGET = 0.985, 0.95
#: Stretches over SQL: how many are asked, and the server's usual effort.
STRETCHES, USUAL = 200, 40


def on_huge_pages():
    """Starts anew with an allocator that asks for pages of 2 MiB, as the server's mapped files have: for
    all libraries alike."""
    tunables = "glibc.malloc.hugetlb=1"
    if os.environ.get("GLIBC_TUNABLES") != tunables:
        os.environ["GLIBC_TUNABLES"] = tunables
        os.execv(sys.executable, [sys.executable, *sys.argv])


def main():
    on_huge_pages()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="data and built indexes")
    parser.add_argument("--neighbours", required=True, help="the program benches/bin/neighbours")
    parser.add_argument("--cvx", help="the server's binary; without it nothing is asked over SQL")
    parser.add_argument("--peps", type=pathlib.Path, help="a Parquet file of real vectors")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=datasets.QUERIES)
    parser.add_argument("--data", nargs="*", default=list(PEERS), choices=list(PEERS))
    parser.add_argument("--peers", nargs="*", help="some of them only")
    parser.add_argument("--servers", nargs="*", default=SERVERS, choices=SERVERS, help="some of them only")
    parser.add_argument("--prepare", action="store_true", help="build what is missing, measure nothing")
    parser.add_argument("--docs", type=pathlib.Path, help="where the table and the drawings go")
    args = parser.parse_args()
    args.keep.mkdir(parents=True, exist_ok=True)
    run = Run(args)
    for name in args.data:
        run.data_set(name)
    if not args.prepare:
        run.report()


class Run:
    def __init__(self, args):
        self.args = args
        self.points = []
        self.began = time.perf_counter()
        self.log = open(args.keep / "results.jsonl", "a")

    def note(self, **point):
        self.points.append(point)
        print(json.dumps(point), file=self.log, flush=True)
        spent = time.perf_counter() - self.began
        print(f"{spent:6.0f} s  " + "  ".join(f"{k}={v}" for k, v in point.items()), flush=True)

    def data_set(self, name):
        folder = datasets.ensure(self.args.keep, name, self.args.rows, self.args.peps)
        if folder is None:
            print(f"{name}: no data", file=sys.stderr)
            return
        data = {file.stem: np.load(file, mmap_mode="r") for file in folder.glob("*.npy")}
        data["base"] = np.load(folder / "base.npy")
        self.ours(name, folder)
        wanted = self.args.peers
        for key in PEERS[name] if wanted is None else [key for key in PEERS[name] if key in wanted]:
            self.rival(name, folder, data, key)
        if name == "clustered" and self.args.cvx:
            self.over_sql(name, folder, data)

    def ours(self, name, folder):
        """`neighbours` measures in a process of its own, and prints a line of JSON a figure."""
        kept = folder / "cvx"
        kept.mkdir(exist_ok=True)
        command = [self.args.neighbours, folder, kept, str(self.args.queries)]
        subprocess.run([*command, "prepare"], check=True)
        if self.args.prepare:
            return
        one = dict(os.environ, RAYON_NUM_THREADS="1")
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=one)
        row_bytes = 4 * np.load(folder / "query.npy", mmap_mode="r").shape[1]
        for line in done.stdout.splitlines():
            figures = json.loads(line)
            # The rows whose distances are exact lie beside the index.
            each = {"bytes": figures["bytes"], "all_bytes": figures["bytes"] + row_bytes}
            self.note(lib="cvx in process", data=name, **figures | each)

    def rival(self, name, folder, data, key):
        try:
            peer = rivals.MAKERS[key]()
        except ImportError as missing:
            print(f"{key}: {missing}", file=sys.stderr)
            return
        path, facts = folder / f"{key}.bin", folder / f"{key}.json"
        if not facts.exists():
            began = time.perf_counter()
            peer.build(data["base"], data["ts"])
            took = time.perf_counter() - began
            peer.save(path)
            facts.write_text(json.dumps({"build_rows_s": round(len(data["base"]) / took)}))
        if self.args.prepare:
            return
        peer.load(path, data["base"])
        made = json.loads(facts.read_text())
        sizes = [round(size / len(data["base"])) for size in peer.sizes(path, data["base"])]
        made |= dict(zip(("bytes", "all_bytes"), sizes))
        asked = min(self.args.queries, getattr(peer, "queries", self.args.queries))
        queries = np.array(data["query"][:asked])
        for effort in peer.efforts:
            peer.set(effort)
            figures = self.measured(peer.find, [(query,) for query in queries], data["gt"][:, :10])
            self.note(lib=peer.name, data=name, what="all", effort=effort, **made, **figures)
            if figures["recall"] >= ENOUGH:
                break
        if hasattr(peer, "within"):
            self.stretches(name, data, peer, queries[: getattr(peer, "stretches", None)])

    def stretches(self, name, data, peer, queries):
        """Stretches of time, each by the grid until there is enough recall."""
        ts = data["ts"]
        for share in datasets.SHARES:
            windows = [(int(low), int(high)) for low, high in data[f"win_{share}"]]
            moments = [(int(ts[low]), int(ts[high - 1])) for low, high in windows]
            for effort in peer.efforts:
                peer.set(effort)
                questions = [peer.stretch(*asked) for asked in zip(queries, windows, moments)]
                figures = self.measured(peer.within, questions, data[f"gt_{share}"])
                self.note(lib=peer.name, data=name, what="time", share=share, effort=effort, **figures)
                if figures["recall"] >= TARGET:
                    break

    def measured(self, find, questions, truth):
        """Recall, and the medians of three runs."""
        for question in questions[:50]:
            find(*question)
        runs, found = [], []
        for _ in range(RUNS):
            took = np.empty(len(questions))
            found = []
            for at, question in enumerate(questions):
                began = time.perf_counter()
                found.append(find(*question))
                took[at] = time.perf_counter() - began
            p50, p95, p99, p999 = np.percentile(took * 1e3, [50, 95, 99, 99.9])
            runs.append((len(took) / took.sum(), p50, p95, p99, p999))
        names = ("qps", "p50_ms", "p95_ms", "p99_ms", "p999_ms")
        middle = {n: round(statistics.median(v), 4) for n, v in zip(names, zip(*runs))}
        wanted = [set(int(x) for x in row if x >= 0) for row in truth[: len(questions)]]
        hits = sum(len(w & set(map(int, f))) for w, f in zip(wanted, found))
        return {"recall": round(hits / sum(map(len, wanted)), 4), **middle}

    def over_sql(self, name, folder, data):
        import served

        asked = served.texts(data["query"][: self.args.queries])
        makers = {"cvx": lambda: served.Cvx(self.args.cvx), "pgvector": served.Pgvector}
        for key in self.args.servers:
            try:
                server = makers[key]()
            except ImportError as missing:
                print(f"{key}: {missing}", file=sys.stderr)
                continue
            kept = folder / f"sql-{key}"
            if not (kept / "whole").exists():
                server.build(kept, data["base"], data["ts"])
            if self.args.prepare:
                continue
            facts = server.facts(kept)
            facts.pop("bytes", None)
            with server.running(kept) as connection:
                server.ready(connection)
                sizes = [round(size / len(data["base"])) for size in server.sizes(connection)]
                facts |= dict(zip(("bytes", "all_bytes"), sizes))
                label = server.name + (f" ({facts['version']})" if "version" in facts else "")
                self.sql_sweep(label, server, connection, data, asked, facts)
                self.sql_stretches(label, server, connection, data, asked[:STRETCHES])

    def sql_sweep(self, label, server, connection, data, asked, facts):
        import served

        for effort in rivals.EFFORTS:
            find = served.nearest(server, connection, effort)
            questions = [(text,) for text in asked]
            figures = self.measured(find, questions, data["gt"][:, :10])
            self.note(lib=label, data="clustered", what="all", effort=effort, **facts, **figures)
            if figures["recall"] >= ENOUGH:
                break

    def sql_stretches(self, label, server, connection, data, asked):
        """From the usual effort on, by the grid until there is enough recall."""
        import served

        moments = np.array(data["ts"]).astype("datetime64[us]").astype(object)
        for share in datasets.SHARES:
            windows = data[f"win_{share}"]
            questions = [
                (text, f"{moments[low]}+00", f"{moments[high - 1]}+00")
                for text, (low, high) in zip(asked, windows)
            ]
            for effort in [effort for effort in rivals.EFFORTS if effort >= USUAL]:
                find = served.within(server, connection, effort)
                figures = self.measured(find, questions, data[f"gt_{share}"])
                self.note(lib=label, data="clustered", what="time", share=share, effort=effort, **figures)
                if figures["recall"] >= TARGET:
                    break

    def report(self):
        import figures

        spent = time.perf_counter() - self.began
        load = f"load average {os.getloadavg()[0]:.1f} at the end"
        words = (f"{self.args.rows:,} rows", load, f"{spent:.0f} s in all")
        text = figures.written(self.points, machine.about(self.args.cvx, *words), self.args.rows)
        print("\n" + text)
        if self.args.docs:
            self.args.docs.mkdir(parents=True, exist_ok=True)
            (self.args.docs / machine.page("index", self.args.rows)).write_text(text)
            figures.drawn(self.points, self.args.docs, self.args.rows)


if __name__ == "__main__":
    main()
