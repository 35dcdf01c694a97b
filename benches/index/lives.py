#!/usr/bin/env python3
"""Searches over SQL of a table that lives: at old dates, under WHERE, while rows pour in.

    benches/index/lives.py --keep FOLDER --cvx target/release/cvx [--rows 200000] [--docs DIR]

Rows are the clustered data set's (`datasets.py`). Exact answers are computed here, in numpy, from
the rows as they were sent. Every figure is of one connection and prepared statements, unless it
says otherwise; AS OF and WHERE are the medians of three rounds over the same questions. README.md
beside this has more.
"""

import argparse
import multiprocessing
import pathlib
import shutil
import sys
import threading
import time

import numpy as np

import datasets
import kept
import machine
import served

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "wire"))
import corpus as wire  # noqa: E402
import servers  # noqa: E402

K = 10
ROUNDS = 3
QUANTILES = (0.5, 0.95, 0.99, 0.999)
VERSIONS = 100
SHARES = (0.5, 0.1, 0.01, 0.001)
PACED_ROWS_S = 10_000
WINDOW_S = 8.0
EFFORT = 40
BUSY_MS = 20


class Lives:
    def __init__(self, args):
        self.args, self.lines = args, []
        folder = datasets.ensure(args.keep, "clustered", args.rows, None)
        load = lambda name: np.load(folder / f"{name}.npy")  # noqa: E731
        self.base, self.own_ts = load("base"), load("ts")
        # No entity has two points at one moment.
        self.ts = self.own_ts + np.arange(args.rows)
        self.queries = load("query")[: args.queries]
        self.texts = served.texts(self.queries)

    def say(self, *cells):
        self.lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
        print(self.lines[-1], flush=True)

    def nearest(self, places):
        """Exact answers among the rows at some places, by query."""
        similar = self.queries @ self.base[places].T
        k = min(K, len(places))
        best = np.argpartition(-similar, k - 1, axis=1)[:, :k]
        return [set(places[row].tolist()) for row in best]

    def asked(self, what, ask, truths, p99_ms, also="", p50_ms=np.inf):
        """Says recall and times of `ask(number)` beside the goal: medians of some rounds, after a few
        questions that warm up. Answers the recall."""
        for number in range(20):
            ask(number % len(truths))
        rounds = [self.round(ask, truths) for _ in range(ROUNDS)]
        recall = np.median([recall for recall, _ in rounds])
        times = np.median([np.quantile(times, QUANTILES) for _, times in rounds], axis=0)
        met = "met" if recall >= 0.95 and times[0] < p50_ms and times[2] < p99_ms else "missed"
        also += f"p50 < {p50_ms} ms, " if np.isfinite(p50_ms) else ""
        goal = f"recall 0.95, {also}p99 < {p99_ms} ms"
        self.say(what, f"{recall:.4f}", *(f"{ms:.2f}" for ms in times), goal, met)
        return recall

    def round(self, ask, truths):
        """Recall and times in ms of all questions, one after the other."""
        hits = wanted = 0
        times = []
        for number, truth in enumerate(truths):
            began = time.perf_counter()
            found = ask(number)
            times.append(1e3 * (time.perf_counter() - began))
            assert len(found) == len(truth), f"{len(found)} rows where {len(truth)} qualify"
            hits += len(truth.intersection(found))
            wanted += len(truth)
        return hits / wanted, times


def at(times):
    """Times in ms at half, 95 %, 99 % and 99.9 % of them."""
    return [f"{np.quantile(times, q):.2f}" for q in QUANTILES]


#: Cells of a line that tells no times.
NO_TIMES = [""] * len(QUANTILES)


def create(connection, table, columns, key):
    connection.execute(
        f"CREATE TABLE {table} (row BIGINT, {columns}, v VECTOR(768), PRIMARY KEY ({key}))"
    )


def send(connection, table, names, rows, chunk=20_000):
    """Columns of numbers, and of vectors behind them, by binary COPY."""
    kind = [("n", ">i2")]
    for at_, column in enumerate(rows[:-1]):
        kind += [(f"l{at_}", ">i4"), (f"c{at_}", ">i8")]
    kind += [("lv", ">i4"), ("head", ">i4"), ("v", ">f4", (rows[-1].shape[1],))]
    for start in range(0, len(rows[0]), chunk):
        part = [column[start : start + chunk] for column in rows]
        out = np.zeros(len(part[0]), dtype=kind)
        out["n"] = len(rows)
        for at_, column in enumerate(part[:-1]):
            out[f"l{at_}"], out[f"c{at_}"] = 8, column
        out["lv"], out["head"] = 4 + 4 * part[-1].shape[1], part[-1].shape[1] << 16
        out["v"] = part[-1]
        wire.copy_into(connection, f"{table} ({names})", out.view(np.uint8).reshape(-1))


def indexed(connection, table):
    connection.execute(f"CREATE INDEX {table}_v ON {table} USING hnsw (v vector_cosine_ops)")
    connection.execute(f"CALL cvx.seal('{table}')")
    connection.execute(f"REINDEX TABLE {table}")


def settled(connection):
    connection.execute("CALL cvx.seal('f')")
    connection.execute("REINDEX TABLE f")


def snapshots(lives, connection):
    """AS OF: entities of many versions, and of one."""
    rows = len(lives.base)
    numbers = np.arange(rows)
    rng = np.random.default_rng(5)
    for versions in (VERSIONS, 1):
        table, entities = f"v{versions}", rows // versions
        create(connection, table, "id BIGINT, ts TIMESTAMPTZ", "id, ts")
        entity = numbers % entities
        columns = [numbers, entity, lives.ts - wire.EPOCH_US, lives.base]
        send(connection, table, "row, id, ts, v", columns)
        indexed(connection, table)
        sql = (
            f"SELECT row FROM {table} FOR VALID_TIME AS OF %s::timestamptz"
            f" ORDER BY v <=> %s::vector LIMIT {K}"
        )
        moments = rng.integers(rows // 10, rows, size=len(lives.queries))
        alive = [np.unique(entity[: moment + 1][::-1], return_index=True)[1] for moment in moments]
        truths = []
        for number, moment in enumerate(moments):
            places = moment - alive[number]
            similar = lives.base[places] @ lives.queries[number]
            best = places[np.argsort(-similar)[:K]]
            truths.append(set(best.tolist()))
        stamps = [kept.stamp(lives.ts[moment]) for moment in moments]
        ask = lambda n: kept.ids(connection.execute(sql, (stamps[n], lives.texts[n])))  # noqa: E731
        lives.asked(f"AS OF, {entities:,} entities x {versions}", ask, truths, 2)
        connection.execute(f"DROP TABLE {table}")


def fill(lives, connection):
    """The table of what follows: numbers drawn at random, and by direction. Answers both."""
    rows = len(lives.base)
    rng = np.random.default_rng(6)
    direction = lives.base[rng.integers(rows)]
    kinds = {
        "at random": rng.permutation(rows),
        "with the vectors": np.argsort(np.argsort(-(lives.base @ direction))),
    }
    create(connection, "f", "id BIGINT, ts TIMESTAMPTZ, a BIGINT, b BIGINT", "id, ts")
    numbers = np.arange(rows)
    columns = [numbers, numbers, lives.ts - wire.EPOCH_US, *kinds.values(), lives.base]
    send(connection, "f", "row, id, ts, a, b, v", columns)
    indexed(connection, "f")
    return kinds


def filters(lives, connection, kinds):
    """WHERE on a number that has to do with the vectors, or has not."""
    rows = len(lives.base)
    for name, (kind, rank) in zip("ab", kinds.items()):
        for share in SHARES:
            most = int(rows * share)
            truths = lives.nearest(np.flatnonzero(rank < most))
            sql = f"SELECT row FROM f WHERE {name} < %s ORDER BY v <=> %s::vector LIMIT {K}"
            ask = lambda n: kept.ids(connection.execute(sql, (most, lives.texts[n])))  # noqa: E731
            lives.asked(f"WHERE {kind} keeps {100 * share:g} %", ask, truths, 3, f"{K} rows, ")


class Writer(multiprocessing.Process):
    """Sends rows by COPY on a connection of its own, as many a second as it is told or can: in a
    process of its own, or who searches would wait for this one's interpreter."""

    def __init__(self, server, lives, table, rows_s=None):
        super().__init__(daemon=True)
        self.server, self.lives, self.table, self.rows_s = server, lives, table, rows_s
        self.ends, self.rates = multiprocessing.Event(), multiprocessing.Queue()

    def run(self):
        batch = 1_000 if self.rows_s else 10_000
        sent, began = 0, time.perf_counter()
        with self.server.connect() as connection:
            while not self.ends.is_set():
                numbers = np.arange(sent, sent + batch)
                places = numbers % len(self.lives.base)
                ids, ts = 10_000_000 + numbers, self.lives.ts[places] - wire.EPOCH_US
                columns = [numbers, ids, ts, numbers, numbers, self.lives.base[places]]
                send(connection, self.table, "row, id, ts, a, b, v", columns)
                sent += batch
                if self.rows_s:
                    ahead = sent / self.rows_s - (time.perf_counter() - began)
                    self.ends.wait(max(0.0, ahead))
        self.rates.put(sent / (time.perf_counter() - began))

    def stop(self):
        """Ends it. Answers how many rows it wrote a second."""
        self.ends.set()
        rate = self.rates.get(timeout=60)
        self.join()
        return rate


def searches(server, lives, seconds=WINDOW_S, threads=1):
    """Times in ms of searches in a window, by some connections at once."""
    times = [[] for _ in range(threads)]

    def work(mine):
        sql = f"SELECT row FROM f ORDER BY v <=> %s::vector LIMIT {K}"
        with server.connect(prepare_threshold=0) as connection:
            end, number = time.perf_counter() + seconds, 0
            while time.perf_counter() < end:
                began = time.perf_counter()
                connection.execute(sql, (lives.texts[number % len(lives.texts)],)).fetchall()
                mine.append(1e3 * (time.perf_counter() - began))
                number += 1

    workers = [threading.Thread(target=work, args=(mine,)) for mine in times]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    return [one for mine in times for one in mine]


class Busy(multiprocessing.Process):
    """Has a processor for so many ms of each 100, and nothing to do with a database."""

    def __init__(self, ms):
        super().__init__(daemon=True)
        self.busy_s, self.ends = ms / 1e3, multiprocessing.Event()

    def run(self):
        while not self.ends.wait(0.1 - self.busy_s):
            end = time.perf_counter() + self.busy_s
            while time.perf_counter() < end:
                pass

    def stop(self):
        self.ends.set()
        self.join()


def beside_others(lives, server):
    """What other processes alone make of searches: where both processors have one for a while, who
    wakes up waits for the end of a turn."""
    others = [Busy(BUSY_MS), Busy(BUSY_MS)]
    [other.start() for other in others]
    times = searches(server, lives)
    [other.stop() for other in others]
    what = f"searches, two others compute {BUSY_MS} ms of each 100, nobody writes"
    lives.say(what, "", *at(times), "", "")


def under_load(lives, server):
    """Searches while rows pour into the table; each is searchable when it is acknowledged."""
    times = searches(server, lives)
    idle = np.quantile(times, 0.99)
    lives.say("searches, nobody writes", "", *at(times), "", "")
    beside_others(lives, server)
    for rows_s in (PACED_ROWS_S, None):
        writer = Writer(server, lives, "f", rows_s)
        writer.start()
        times = searches(server, lives)
        rate = writer.stop()
        p99 = np.quantile(times, 0.99)
        goal = "p99 at most twice idle" if rows_s else ""
        met = ("met" if p99 <= 2 * idle else "missed") if rows_s else ""
        what = f"searches, {rate:,.0f} rows/s written"
        lives.say(what, "", *at(times), goal, met)


def processor_s(server):
    return server.processor_s("cvx-serve") + server.processor_s("cvx-compute")


def in_parallel(lives, server):
    """Eight who search, with and without one who writes: queries for each second of the threads
    that serve and compute. These also take in what the writer sends, so what a writer by itself
    has them do is measured first, and taken off."""
    before = processor_s(server)
    writer = Writer(server, lives, "f", PACED_ROWS_S)
    writer.start()
    time.sleep(WINDOW_S / 2)
    rate = writer.stop()
    per_window = 2 * (processor_s(server) - before)
    what = f"1 who writes {rate:,.0f} rows/s: {per_window / WINDOW_S:.2f} of a processor"
    lives.say(what, "", *NO_TIMES, "", "")
    per_second = []
    for writes in (False, True):
        writer = Writer(server, lives, "f", PACED_ROWS_S) if writes else None
        if writer:
            writer.start()
        before = processor_s(server)
        times = searches(server, lives, threads=8)
        spent = processor_s(server) - before
        if writer:
            spent -= per_window * writer.stop() / rate
        per_second.append(len(times) / spent)
        who = "8 who search and 1 who writes" if writes else "8 who search"
        goal = "within 10 %" if writes else ""
        met = ("met" if per_second[1] >= 0.9 * per_second[0] else "missed") if writes else ""
        what = f"{who}: {per_second[-1]:,.0f} queries a processor second"
        lives.say(what, "", *at(times), goal, met)


PARTS = ("snapshots", "filters", "crowd", "opening", "load")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="where data sets are")
    parser.add_argument("--cvx", required=True, help="the server's binary")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--only", nargs="*", choices=PARTS, help="all, unless a folder is given")
    parser.add_argument("--open", type=pathlib.Path, help="times a start with what peers.py has kept there")
    parser.add_argument("--ask", type=pathlib.Path, help="asks what peers.py has kept there")
    parser.add_argument("--docs", type=pathlib.Path, help="where lives.md goes")
    args = parser.parse_args()
    lives = Lives(args)
    lives.say("question", "recall@10", "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "goal", "")
    lives.say(*["---"] * 8)
    # Before a start takes its files out of memory.
    if args.ask:
        kept.asked(lives, args.ask)
    if args.open:
        kept.opened(lives, args.open)
    parts = PARTS if args.only is None and not (args.open or args.ask) else args.only
    if parts:
        living(lives, parts)
    if args.docs:
        page = args.docs / machine.page("lives", args.rows)
        words = f"{args.rows:,} rows of {lives.base.shape[1]} dimensions"
        head = f"# Searches of a table that lives\n\n{machine.about(args.cvx, words)}\n\n"
        page.write_text(head + "\n".join(lives.lines) + "\n")


def living(lives, parts):
    """What is asked of tables made for it."""
    folder = lives.args.keep / "lives"
    shutil.rmtree(folder, ignore_errors=True)
    server = servers.start_cvx(lives.args.cvx, str(folder))
    with server.connect(prepare_threshold=0) as connection:
        connection.execute(f"SET hnsw.ef_search = {EFFORT}")
        if "snapshots" in parts:
            snapshots(lives, connection)
        kinds = fill(lives, connection)
        if "filters" in parts:
            filters(lives, connection, kinds)
        if "crowd" in parts:
            in_parallel(lives, server)
            # What was written has its indexes before others are measured.
            settled(connection)
    server.stop()
    if "opening" in parts:
        kept.start(lives, folder, "f", "row", "start")
    if "load" in parts:
        server = servers.start_cvx(lives.args.cvx, str(folder))
        under_load(lives, server)
        server.stop()


if __name__ == "__main__":
    main()
