"""How soon a statement stops: by a cancel, by its timeout, by a client that is gone.

Until its client learns of it, for the first two; until the server is idle, for the third. A
statement whose end is known but whose work goes on would show there.
"""

import datetime as dt
import os
import pathlib
import threading
import time

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

from servers import cvx

ROWS, DIM = 60_000, 64
TRIES = 40
RUNNING_S = 0.25

ENDLESS = "generate_series(1, 200000::bigint) AS a(x), generate_series(1, 200000::bigint) AS b(y)"
# Each runs for seconds where nobody stops it.
STATEMENTS = {
    "cross join": f"SELECT count(*) FROM {ENDLESS}",
    "sort": f"SELECT x, y FROM {ENDLESS} ORDER BY y, x LIMIT 1",
    "aggregate": f"SELECT x % 1000, sum(y) FROM {ENDLESS} GROUP BY 1",
    "window": f"SELECT sum(y) OVER (ORDER BY y) FROM {ENDLESS}",
    "hash join": f"SELECT count(*) FROM {ENDLESS} JOIN v ON v.id = b.y % 7",
    "LATERAL kNN": "SELECT count(*) FROM v a CROSS JOIN LATERAL"
    " (SELECT id FROM v b ORDER BY b.e <-> a.e LIMIT 5) n",
    "distances of pairs": "SELECT min(a.e <-> b.e) FROM v a, v b WHERE a.id <> b.id",
    "recursive CTE": "WITH RECURSIVE r(n) AS (SELECT 1::bigint UNION ALL SELECT n + 1 FROM r"
    " WHERE n < 100000000) SELECT max(n) FROM r",
    "INSERT ... SELECT": f"INSERT INTO sink SELECT x, y FROM {ENDLESS}",
    "UPDATE": f"UPDATE v SET n = (SELECT count(*) FROM {ENDLESS} WHERE y <> v.id)",
    "DELETE": f"DELETE FROM v WHERE id = (SELECT count(*) FROM {ENDLESS} WHERE y <> v.id)",
    "FETCH": f"BEGIN; DECLARE c CURSOR FOR SELECT x, y FROM {ENDLESS} ORDER BY y, x; FETCH 1 FROM c",
    "EXPLAIN ANALYZE": f"EXPLAIN ANALYZE SELECT max(x + y) FROM {ENDLESS}",
    "COPY TO": f"COPY (SELECT x, y FROM {ENDLESS} WHERE x + y = 0) TO STDOUT",
    "CHANGEPOINTS": "SELECT count(*) FROM CHANGEPOINTS(walk, 1, method => 'exact', penalty => 1e9)",
}


def prepare(server):
    rng = np.random.default_rng(7)
    with server.connect() as conn:
        register_vector_of(conn)
        conn.execute(f"CREATE TABLE v (id BIGINT PRIMARY KEY, n BIGINT, e VECTOR({DIM}))")
        conn.execute("CREATE TABLE sink (x BIGINT, y BIGINT)")
        conn.execute(
            f"CREATE TABLE walk (id BIGINT, ts TIMESTAMPTZ, e VECTOR({DIM}), PRIMARY KEY (id, ts))"
            " WITH (entity = 'id', valid_time = 'ts')"
        )
        fill(conn, "v (id, e)", ["int8", "vector"],
             ((n, e) for n, e in enumerate(rng.standard_normal((ROWS, DIM), dtype=np.float32))))
        walk = rng.standard_normal((20_000, DIM), dtype=np.float32).cumsum(axis=0)
        start = dt.datetime(2020, 1, 1, tzinfo=dt.timezone.utc)
        fill(conn, "walk", ["int8", "timestamptz", "vector"],
             ((1, stamp(start, n), e) for n, e in enumerate(walk)))


def register_vector_of(conn):
    conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    register_vector(conn)


def stamp(start, hours):
    return start + dt.timedelta(hours=hours)


def fill(conn, into, types, rows):
    with conn.cursor().copy(f"COPY {into} FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def chosen():
    """All statements, or those that CVX_STATEMENTS names."""
    named = os.environ.get("CVX_STATEMENTS")
    names = named.split(",") if named else STATEMENTS
    return {name: STATEMENTS[name] for name in names}


def execute(conn, sql):
    """Runs a statement to its end, its rows forgotten."""
    if sql.startswith("COPY"):
        with conn.cursor().copy(sql) as copy:
            for _ in copy:
                pass
    else:
        conn.execute(sql).fetchall()


def by_cancel(server, sql):
    """Seconds from the request until the statement's client has its 57014."""
    with server.connect() as conn:
        asked = []

        def cancel():
            asked.append(time.perf_counter())
            conn.cancel()

        timer = threading.Timer(RUNNING_S, cancel)
        timer.start()
        try:
            execute(conn, sql)
            return None
        except psycopg.errors.QueryCanceled:
            return time.perf_counter() - asked[0] if asked else None
        finally:
            timer.join()


def by_timeout(server, sql):
    """Seconds beyond the statement's time."""
    with server.connect() as conn:
        conn.execute(f"SET statement_timeout = {int(RUNNING_S * 1000)}")
        began = time.perf_counter()
        try:
            execute(conn, sql)
            return None
        except psycopg.errors.QueryCanceled:
            return time.perf_counter() - began - RUNNING_S


def processor_seconds(pid):
    """What the process has used of its processors."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def by_leaving(server, sql):
    """Seconds from a client's end until the server works no more on its statement."""
    conn = server.connect()
    query = sql.encode() + b"\0"
    os.write(conn.fileno(), b"Q" + (len(query) + 4).to_bytes(4, "big") + query)
    time.sleep(RUNNING_S)
    left = time.perf_counter()
    conn.pgconn.finish()
    used, since = processor_seconds(server.process.pid), time.perf_counter()
    while time.perf_counter() - left < 10:
        time.sleep(0.02)
        now = processor_seconds(server.process.pid)
        if now > used:
            used, since = now, time.perf_counter()
        # Idle for a while: it ended when it last worked.
        elif time.perf_counter() - since > 0.2:
            return since - left
    return None


WAYS = {"cancel": by_cancel, "timeout": by_timeout, "client gone": by_leaving}


def figure(times):
    done = sorted(time for time in times if time is not None)
    if not done:
        return "ended before it was stopped"
    p50, p99 = done[len(done) // 2], done[min(len(done) - 1, int(len(done) * 0.99))]
    # Ended by itself, or not at all: neither is a time.
    lost = f", {len(times) - len(done)} not stopped" if len(done) < len(times) else ""
    return f"{p50 * 1000:.0f} / {p99 * 1000:.0f}{lost}"


def run(binary):
    tries = int(os.environ.get("CVX_TRIES", TRIES))
    with cvx(binary) as server:
        prepare(server)
        print(f"\nMilliseconds, p50 / p99 of {tries}.\n")
        print("| statement | " + " | ".join(WAYS) + " |\n|---|" + "---|" * len(WAYS))
        every = {way: [] for way in WAYS}
        for name, sql in chosen().items():
            shown = []
            for way, stop in WAYS.items():
                times = [stop(server, sql) for _ in range(tries)]
                every[way] += times
                shown.append(figure(times))
            print(f"| {name} | " + " | ".join(shown) + " |", flush=True)
        print("| all | " + " | ".join(figure(every[way]) for way in WAYS) + " |")
