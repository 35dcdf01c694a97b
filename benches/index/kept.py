"""What `lives.py` asks of a folder that `peers.py` has kept: its table `t` has (id, ts) and vectors, one
version an entity, in the order of their times."""

import os
import time

import numpy as np

import datasets
import rivals
import served
from served import servers

K = 10
OPEN_S = 5
P99_MS = 2
#: At half of all questions, of all rows that there are.
P50_MS = 0.5
#: The effort at which old dates are asked about, the server's usual one.
EFFORT = 40


def stamp(moment):
    return str(np.datetime64(int(moment), "us")) + "+00"


def opened(lives, folder):
    """Two starts: one with none of the files in memory, beside what it takes to read those of indexes,
    every byte of which is looked at before it answers; and one after it."""
    rows, data = f"{lives.args.rows:,} rows", folder / "data"
    let_go(data)
    read, took_s = read_through(data / "indexes")
    what = f"{rows}: {read / 1e9:.2f} GB of index files, read from disk as they lie {took_s:.2f} s"
    lives.say(what, *[""] * 7)
    let_go(data)
    start(lives, data, "t", "id", f"{rows}, none of its files in memory: start")
    start(lives, data, "t", "id", f"{rows}, once more: start")


def files_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def let_go(folder):
    """Has the system forget what it holds of the files in a folder."""
    for path in files_of(folder):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_through(folder, chunk=8 << 20):
    """Reads all files in a folder, one after the other. Answers how many bytes, and in how many s."""
    read, began = 0, time.perf_counter()
    for path in files_of(folder):
        with open(path, "rb", buffering=0) as file:
            while part := file.read(chunk):
                read += len(part)
    return read, time.perf_counter() - began


def start(lives, folder, table, column, what):
    """From the start of the process to the first answer, and to all indexes open."""
    began = time.perf_counter()
    server = servers.start_cvx(lives.args.cvx, str(folder))
    try:
        with server.connect() as connection:
            sql = f"SELECT {column} FROM {table} ORDER BY v <=> %s::vector LIMIT {K}"
            connection.execute(sql, (lives.texts[0],)).fetchall()
            answered = time.perf_counter() - began
            stats = "SELECT count(*) FROM cvx.index_stats WHERE state = 'building'"
            while connection.execute(stats).fetchone()[0]:
                time.sleep(0.02)
        indexed_s = time.perf_counter() - began
    finally:
        server.stop()
    what += f" to first answer {answered:.2f} s, to all indexes open {indexed_s:.2f} s"
    met = "met" if indexed_s < OPEN_S else "missed"
    lives.say(what, "", "", "", "", "", f"under {OPEN_S} s", met)


def asked(lives, folder):
    """The nearest of all rows, and as of old dates: each entity has one version, and those are there
    that had come by then."""
    server = served.Cvx(lives.args.cvx)
    with server.running(folder) as connection:
        server.ready(connection)
        of_all(lives, connection)
        of_old_dates(lives, connection)


def of_all(lives, connection):
    """By the grid of `peers.py`, until enough is found."""
    rows = len(lives.base)
    truths = living_at(lives, np.full(len(lives.texts), lives.own_ts[-1]))
    sql = f"SELECT id FROM t ORDER BY v <=> %s::vector LIMIT {K}"
    ask = lambda n: ids(connection.execute(sql, (lives.texts[n],)))  # noqa: E731
    for effort in rivals.EFFORTS:
        connection.execute(f"SET hnsw.ef_search = {effort}")
        what = f"all {rows:,} rows, effort {effort}"
        if lives.asked(what, ask, truths, P99_MS, p50_ms=P50_MS) >= 0.95:
            break


def of_old_dates(lives, connection):
    connection.execute(f"SET hnsw.ef_search = {EFFORT}")
    rows, rng = len(lives.base), np.random.default_rng(5)
    moments = lives.own_ts[rng.integers(rows // 10, rows, len(lives.texts))]
    truths = living_at(lives, moments)
    stamps = [stamp(moment) for moment in moments]
    sql = f"SELECT id FROM t FOR VALID_TIME AS OF %s::timestamptz ORDER BY v <=> %s::vector LIMIT {K}"
    ask = lambda n: ids(connection.execute(sql, (stamps[n], lives.texts[n])))  # noqa: E731
    lives.asked(f"AS OF, {rows:,} entities x 1", ask, truths, P99_MS)


def ids(cursor):
    return [row[0] for row in cursor.fetchall()]


def living_at(lives, moments):
    """The nearest of what was there at each moment, exactly."""
    there = np.searchsorted(lives.own_ts, moments, "right")
    truths = []
    for first in range(0, len(moments), 50):
        scores = lives.queries[first : first + 50] @ lives.base.T
        for row, count in zip(scores, there[first:]):
            truths.append(set(datasets.nearest(row[None, :count], K)[0].tolist()))
    return truths
