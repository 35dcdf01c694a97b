#!/usr/bin/env python3
"""What a search over SQL costs, part by part; see README.md beside this file.

Each statement adds one thing to the one before it, so that the difference of their medians is what
that thing costs. They are asked in turn, round after round: whatever else the machine does meets
all alike.
"""

import argparse
import pathlib
import statistics
import struct
import time

import numpy as np

import datasets
import machine
import served

ROUNDS = 5
#: The first queries open files and warm caches.
WARM = 100


class Vector:
    """A vector in the wire's binary form."""

    def __init__(self, values):
        self.values = values


def bind_vector(connection):
    import psycopg

    oid = connection.execute("SELECT oid FROM pg_type WHERE typname = 'vector'").fetchone()[0]

    class Dumper(psycopg.adapt.Dumper):
        format = psycopg.pq.Format.BINARY

        def dump(self, vector):
            values = vector.values
            return struct.pack(">HH", len(values), 0) + values.astype(">f4").tobytes()

    Dumper.oid = oid
    connection.adapters.register_dumper(Vector, Dumper)


class Statement:
    def __init__(self, part, sql, questions):
        self.part, self.sql, self.questions = part, sql, questions
        self.took = []

    def ask(self, connection, few=None):
        find = self.finder(connection)
        took = np.empty(len(self.questions))
        for at, question in enumerate(self.questions[: few or None]):
            began = time.perf_counter()
            find(question)
            took[at] = time.perf_counter() - began
        if few is None:
            self.took.append(took * 1e3)

    def finder(self, connection):
        return lambda question: connection.execute(self.sql, question).fetchall()

    def figures(self):
        """Medians over the rounds of p50, p95, p99 and p99.9, milliseconds."""
        return [
            statistics.median(np.percentile(took, share) for took in self.took)
            for share in (50, 95, 99, 99.9)
        ]


class ByLibpq(Statement):
    """The same by the client's C library alone: what is missing is Python's."""

    def finder(self, connection):
        name, library = b"by_libpq", connection.pgconn
        connection.execute("DEALLOCATE ALL")
        library.prepare(name, self.sql.replace("%s", "$1").encode())
        return lambda question: library.exec_prepared(name, [question[0].encode()])


def small_tables(connection, dim):
    for name, width in (("one_short", 3), ("one_long", dim)):
        connection.execute(f"DROP TABLE IF EXISTS {name}")
        connection.execute(f"CREATE TABLE {name} (id BIGINT PRIMARY KEY, v VECTOR({width}))")
        ones = "[" + ",".join(["1"] * width) + "]"
        connection.execute(f"INSERT INTO {name} VALUES (1, %s::vector)", (ones,))


def of_search(queries, moments, windows):
    """The statements from the least to the whole search, then its other forms."""
    texts = [(text,) for text in served.texts(queries)]
    binary = [(Vector(np.asarray(query)),) for query in queries]
    short = [("[1,2,3]",)] * len(queries)
    search = "SELECT id FROM {} ORDER BY v <=> %s::vector LIMIT {}".format
    parts = [
        Statement("a constant", "SELECT 1", [()] * len(queries)),
        Statement("client, wire, session: one row, 3 numbers", search("one_short", 1), short),
        Statement("+ the vector's text, sent and read", search("one_long", 1), texts),
        Statement("+ the search", search("t", 1), texts),
        Statement("+ nine rows more, fetched and sent", search("t", 10), texts),
        Statement("the same, the vector in binary", search("t", 10), binary),
        ByLibpq("the same, by libpq alone", search("t", 10), texts),
    ]
    for share, spans in windows.items():
        sql = "SELECT id FROM t WHERE ts BETWEEN %s AND %s ORDER BY v <=> %s::vector LIMIT 10"
        asked = [
            (f"{moments[low]}+00", f"{moments[high - 1]}+00", text)
            for (low, high), (text,) in zip(spans, texts)
        ]
        parts.append(Statement(f"time keeps {100 * share:g} %", sql, asked))
    return parts


def explained(connection, query, rounds=50):
    """What EXPLAIN ANALYZE says of the server's own part, medians in milliseconds."""
    connection.execute("DEALLOCATE ALL")
    connection.execute("PREPARE nearest (vector) AS SELECT id FROM t ORDER BY v <=> $1 LIMIT 10")
    said = {}
    for _ in range(rounds):
        lines = connection.execute(f"EXPLAIN ANALYZE EXECUTE nearest('{query}')").fetchall()
        text = "\n".join(line for (line,) in lines)
        for name in ("Planning Time: ", "Execution Time: ", "search_time=", "fetch_time="):
            if name in text:
                figure = text.split(name)[1].split(",")[0].split("]")[0].split("\n")[0]
                said.setdefault(name.rstrip(": ="), []).append(milliseconds(figure))
    return {name: statistics.median(values) for name, values in said.items()}


def milliseconds(figure):
    for unit, scale in (("ns", 1e-6), ("µs", 1e-3), ("ms", 1.0), ("s", 1e3)):
        if figure.strip().endswith(unit):
            return float(figure.strip()[: -len(unit)]) * scale
    raise ValueError(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=pathlib.Path, required=True, help="data and built indexes")
    parser.add_argument("--cvx", required=True, nargs="+", help="a server's binary, or several")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=400)
    parser.add_argument("--effort", type=int, default=10)
    args = parser.parse_args()
    folder = datasets.ensure(args.keep, "clustered", args.rows, None)
    data = {file.stem: np.load(file, mmap_mode="r") for file in folder.glob("*.npy")}
    kept = folder / "sql-cvx"
    if not (kept / "whole").exists():
        served.Cvx(args.cvx[0]).build(kept, data["base"], data["ts"])
    for binary in args.cvx:
        measure(binary, kept, data, args)


def measure(binary, kept, data, args):
    server = served.Cvx(binary)
    moments = np.array(data["ts"]).astype("datetime64[us]").astype(object)
    windows = {share: data[f"win_{share}"] for share in datasets.SHARES}
    queries = np.array(data["query"][: args.queries])
    with server.running(kept) as connection:
        server.ready(connection)
        bind_vector(connection)
        small_tables(connection, queries.shape[1])
        connection.execute(f"SET hnsw.ef_search = {args.effort}")
        parts = of_search(queries, moments, windows)
        for part in parts:
            part.ask(connection, WARM)
        for _ in range(ROUNDS):
            for part in parts:
                part.ask(connection)
        report(binary, parts, explained(connection, served.texts(queries[:1])[0]))


def report(binary, parts, said):
    asked = f"{len(parts[0].questions)} queries, medians of {ROUNDS} rounds, ms"
    print(f"\n{machine.version(binary)}: {asked}\n")
    print("| statement | p50 | p95 | p99 | p99.9 | more than the one before |\n|---|---|---|---|---|---|")
    before = 0.0
    for part in parts:
        figures = part.figures()
        p50 = figures[0]
        more = f"{p50 - before:.3f}" if part.part.startswith("+") else ""
        print(f"| {part.part} | {' | '.join(f'{ms:.3f}' for ms in figures)} | {more} |")
        before = p50
    print("\nEXPLAIN ANALYZE of the prepared search: ", end="")
    print(", ".join(f"{name} {value:.3f} ms" for name, value in said.items()) or "no times")


if __name__ == "__main__":
    main()
