#!/usr/bin/env python3
"""Our index beside its peers, on the same data with the same exact answers; see README.md beside this file."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

import numpy as np

import datasets
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
#: A sweep ends at the first effort beyond this recall.
ENOUGH = 0.985


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
        for line in done.stdout.splitlines():
            self.note(lib="cvx in process", data=name, **json.loads(line))

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
        each = round(rivals.size(path) / len(data["base"]))
        asked = min(self.args.queries, getattr(peer, "queries", self.args.queries))
        queries = np.array(data["query"][:asked])
        for effort in peer.efforts:
            peer.set(effort)
            figures = self.measured(peer.find, [(query,) for query in queries], data["gt"][:, :10])
            self.note(lib=peer.name, data=name, what="all", effort=effort, bytes=each, **made, **figures)
            if figures["recall"] >= ENOUGH:
                break
        if hasattr(peer, "within"):
            self.stretches(name, data, peer, queries, effort)

    def stretches(self, name, data, peer, queries, effort):
        """Stretches of time, by the effort that was enough for all rows."""
        for share in datasets.SHARES:
            windows, ts = data[f"win_{share}"], data["ts"]
            questions = [
                (query, int(ts[low]), int(ts[high - 1]))
                for query, (low, high) in zip(queries, windows)
            ]
            figures = self.measured(peer.within, questions, data[f"gt_{share}"])
            self.note(lib=peer.name, data=name, what="time", share=share, effort=effort, **figures)

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
        for key, server in (("sql-cvx", served.Cvx(self.args.cvx)), ("sql-pgvector", None)):
            try:
                server = server or served.Pgvector()
            except ImportError as missing:
                print(f"{key}: {missing}", file=sys.stderr)
                continue
            kept = folder / key
            if not (kept / "whole").exists():
                server.build(kept, data["base"], data["ts"])
            if self.args.prepare:
                continue
            facts = server.facts(kept)
            each = round(facts.pop("bytes") / len(data["base"]))
            with server.running(kept) as connection:
                server.ready(connection)
                label = server.name + (f" ({facts['version']})" if "version" in facts else "")
                self.sql_sweep(label, server, connection, data, asked, each, facts)

    def sql_sweep(self, label, server, connection, data, asked, each, facts):
        import served

        for effort in served.EFFORTS:
            find = served.nearest(server, connection, effort)
            questions = [(text,) for text in asked]
            figures = self.measured(find, questions, data["gt"][:, :10])
            self.note(lib=label, data="clustered", what="all", effort=effort, bytes=each, **facts, **figures)
            if figures["recall"] >= ENOUGH:
                break
        moments = np.array(data["ts"]).astype("datetime64[us]").astype(object)
        for share in datasets.SHARES:
            windows = data[f"win_{share}"]
            few = min(200, len(asked))
            questions = [
                (asked[q], str(moments[windows[q, 0]]) + "+00", str(moments[windows[q, 1] - 1]) + "+00")
                for q in range(few)
            ]
            find = served.within(server, connection, 40)
            figures = self.measured(find, questions, data[f"gt_{share}"])
            self.note(lib=label, data="clustered", what="time", share=share, effort=40, **figures)

    def report(self):
        import figures

        text = figures.written(self.points, self.machine())
        print("\n" + text)
        if self.args.docs:
            self.args.docs.mkdir(parents=True, exist_ok=True)
            (self.args.docs / "index.md").write_text(text)
            figures.drawn(self.points, self.args.docs)

    def machine(self):
        words = [platform.machine(), f"{os.cpu_count()} processors", f"{self.args.rows:,} rows"]
        if self.args.cvx:
            import served

            words.insert(0, served.version(self.args.cvx))
        load = os.getloadavg()[0]
        spent = time.perf_counter() - self.began
        return "; ".join([*words, f"load average {load:.1f} at the end", f"{spent:.0f} s in all"])


if __name__ == "__main__":
    main()
