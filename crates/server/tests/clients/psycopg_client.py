"""psycopg 3 with pgvector's registration, in both protocols and both formats.

    psycopg_client.py PORT [--plain]

--plain leaves out what only ChronosVector has: so the rest can be checked against PostgreSQL.
"""

import datetime as dt
import decimal
import json
import sys
import threading
import uuid

import numpy as np
import psycopg
import psycopg_pool
from pgvector.psycopg import register_vector
from psycopg.types.json import Jsonb

UTC = dt.timezone.utc
checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(state, run):
    global checks
    checks += 1
    try:
        run()
    except psycopg.Error as error:
        assert error.sqlstate == state, f"{error.sqlstate} for {state}: {error}"
        return
    raise AssertionError(f"{state} expected")


def connect(port, **options):
    conn = psycopg.connect(host="127.0.0.1", port=port, user="cvx", dbname="cvx", **options)
    register_vector(conn)
    return conn


def vector(seed, dim=8):
    return np.random.default_rng(seed).standard_normal(dim).astype(np.float32)


def floats(found):
    """What pgvector's registration gives for a vector, as numpy's array."""
    return found.to_numpy() if hasattr(found, "to_numpy") else found


def bits(found):
    array = floats(found)
    return np.asarray(array, dtype=np.float32).view(np.uint32).tolist()


def day(n):
    return dt.datetime(2024, 1, 1, tzinfo=UTC) + dt.timedelta(days=n)


def types(conn):
    """Every type as a parameter and back, text and binary."""
    values = {
        "boolean": True,
        "smallint": -32768,
        "integer": 2**31 - 1,
        "bigint": -(2**63),
        "real": 1.5,
        "double precision": 0.1,
        "numeric": decimal.Decimal("12345.678"),
        "text": "tab\t, quote ' and back\\slash, ünïcödé",
        "bytea": bytes(range(256)),
        "date": dt.date(1969, 7, 20),
        "timestamp": dt.datetime(1969, 7, 20, 20, 17, 40, 123456),
        "timestamptz": dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC),
        "interval": dt.timedelta(days=3, hours=4, microseconds=5),
        "uuid": uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        "integer[]": [1, None, 3],
        "bigint[]": [],
        "text[]": ["a,b", "", None, 'q"uote'],
        "double precision[]": [0.5, -1.0],
    }
    for binary in (False, True):
        for name, value in values.items():
            cur = conn.cursor(binary=binary)
            mark = "%b" if binary and name != "numeric" else "%s"
            same(cur.execute(f"SELECT {mark}::{name}", [value]).fetchone()[0], value)
            same(cur.execute(f"SELECT %s::{name}", [None]).fetchone()[0], None)
        document = {"a": [1, 2.5, None, "ä"], "b": {"c": True}}
        cur = conn.cursor(binary=binary)
        same(cur.execute("SELECT %s::jsonb", [Jsonb(document)]).fetchone()[0], document)
        v = vector(1)
        same(bits(cur.execute("SELECT %s::vector", [v]).fetchone()[0]), bits(v))
        same(bits(cur.execute("SELECT %b::vector", [v]).fetchone()[0]), bits(v))
        same(bits(cur.execute("SELECT %t::vector", [v]).fetchone()[0]), bits(v))


def tables(conn, plain):
    options = "" if plain else "WITH (entity = 'doc_id', valid_time = 'ts', metric = 'l2')"
    conn.execute("DROP TABLE IF EXISTS docs")
    conn.execute(
        "CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, meta JSONB,"
        f" embedding VECTOR(8), PRIMARY KEY (doc_id, ts)) {options}"
    )


def writing(conn):
    cur = conn.cursor()
    insert = "INSERT INTO docs (doc_id, ts, title, meta, embedding) VALUES (%s, %s, %s, %s, %s)"
    cur.execute(insert, [1, day(0), "one", Jsonb({"k": 1}), vector(10)])
    same(cur.rowcount, 1)
    rows = [[2, day(n), f"two {n}", None, vector(20 + n)] for n in range(5)]
    cur.executemany(insert, rows)
    same(cur.rowcount, 5)
    cur.execute(
        "INSERT INTO docs (doc_id, ts, title) VALUES (%s, %s, %s) RETURNING doc_id, ts, embedding",
        [3, day(0), "three"],
    )
    same(cur.fetchone(), (3, day(0), None))
    for binary in (False, True):
        found = conn.cursor(binary=binary).execute(
            "SELECT ts, title, meta, embedding FROM docs WHERE doc_id = %s ORDER BY ts", [2]
        ).fetchall()
        same([row[:3] for row in found], [tuple(row[1:4]) for row in rows])
        same([bits(row[3]) for row in found], [bits(row[4]) for row in rows])
    cur.execute("UPDATE docs SET embedding = %s WHERE doc_id = %s AND ts = %s",
                [vector(99), 1, day(0)])
    same(cur.rowcount, 1)
    same(bits(cur.execute("SELECT embedding FROM docs WHERE doc_id = 1").fetchone()[0]),
         bits(vector(99)))
    cur.execute("DELETE FROM docs WHERE doc_id = %s", [3])
    same(cur.rowcount, 1)
    conn.commit()


def errors(conn):
    insert = "INSERT INTO docs (doc_id, ts, title, embedding) VALUES (%s, %s, %s, %s)"
    cases = [
        ("23505", insert, [1, day(0), "other", None]),
        ("22000", insert, [5, day(0), "short", np.ones(3, dtype=np.float32)]),
        ("23502", insert, [None, day(0), "x", None]),
        ("42P01", "SELECT * FROM missing WHERE id = %s", [1]),
        ("42703", "SELECT missing FROM docs WHERE doc_id = %s", [1]),
        ("42601", "SELEC %s", [1]),
        ("22012", "SELECT 1 / %s::int", [0]),
    ]
    for state, sql, params in cases:
        refused(state, lambda: conn.execute(sql, params))
        same(conn.info.transaction_status, psycopg.pq.TransactionStatus.INERROR)
        refused("25P02", lambda: conn.execute("SELECT 1"))
        conn.rollback()
    same(conn.execute("SELECT count(*) FROM docs").fetchone()[0], 6)
    conn.rollback()


def transactions(conn, port):
    other = connect(port, autocommit=True)
    count = "SELECT count(*) FROM docs WHERE doc_id = 7"
    with conn.transaction():
        conn.execute("INSERT INTO docs (doc_id, ts) VALUES (7, %s)", [day(0)])
        same(conn.execute(count).fetchone()[0], 1)
        same(other.execute(count).fetchone()[0], 0)
    same(other.execute(count).fetchone()[0], 1)
    try:
        with conn.transaction():
            conn.execute("DELETE FROM docs WHERE doc_id = 7")
            same(conn.execute(count).fetchone()[0], 0)
            raise RuntimeError
    except RuntimeError:
        pass
    same(conn.execute(count).fetchone()[0], 1)
    conn.execute("DELETE FROM docs WHERE doc_id = 7")
    conn.commit()
    other.close()


def copying(conn):
    rows = [(100 + n % 10, day(n), f"copied {n}\t\\N", vector(n)) for n in range(500)]
    into = "COPY docs (doc_id, ts, title, embedding) FROM STDIN"
    cur = conn.cursor()
    with cur.copy(f"{into} WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "timestamptz", "text", "vector"])
        for row in rows[:250]:
            copy.write_row(row)
    same(cur.rowcount, 250)
    with cur.copy(into) as copy:
        for row in rows[250:]:
            copy.write_row(row)
    same(cur.rowcount, 250)
    conn.commit()
    select = "SELECT doc_id, ts, title, embedding FROM docs WHERE doc_id >= 100 ORDER BY ts"
    for binary in (False, True):
        found = conn.cursor(binary=binary).execute(select).fetchall()
        same([row[:3] for row in found], [row[:3] for row in rows])
        same([bits(row[3]) for row in found], [bits(row[3]) for row in rows])
    types_out = ["int8", "timestamptz", "text", "vector"]
    for words in ("", " WITH (FORMAT BINARY)"):
        with cur.copy(f"COPY ({select}) TO STDOUT{words}") as copy:
            copy.set_types(types_out)
            found = list(copy.rows())
        same([row[:3] for row in found], [row[:3] for row in rows])
        same([bits(row[3]) for row in found], [bits(row[3]) for row in rows])
    # A bad row: which line, and nothing kept.
    def broken():
        with conn.cursor().copy("COPY docs (doc_id, ts) FROM STDIN") as copy:
            copy.write("900\t2024-01-01\n901\tnever\n")
    try:
        broken()
        raise AssertionError("a bad row was taken")
    except psycopg.Error as error:
        same(error.sqlstate, "22007")
        assert "line 2" in error.diag.context, error.diag.context
    conn.rollback()
    same(conn.execute("SELECT count(*) FROM docs WHERE doc_id >= 900").fetchone()[0], 0)
    # Given up by the client: nothing kept either.
    try:
        with conn.cursor().copy("COPY docs (doc_id, ts) FROM STDIN") as copy:
            copy.write("900\t2024-01-01\n")
            raise RuntimeError
    except RuntimeError:
        pass
    conn.rollback()
    same(conn.execute("SELECT count(*) FROM docs WHERE doc_id >= 900").fetchone()[0], 0)
    conn.rollback()


def searching(conn):
    """kNN against numpy, its vector and its bounds as parameters; prepared and not."""
    points = "SELECT doc_id, ts, embedding FROM docs WHERE embedding IS NOT NULL"
    rows = conn.execute(points).fetchall()
    matrix = np.array([floats(row[2]) for row in rows])
    for seed in range(3):
        query = vector(1000 + seed)
        distances = np.linalg.norm(matrix - query, axis=1).tolist()
        exact = sorted(zip(distances, rows), key=lambda pair: pair[0])
        for binary in (False, True):
            for prepare in (None, True):
                found = conn.cursor(binary=binary).execute(
                    "SELECT doc_id, ts, embedding <-> %s FROM docs"
                    " ORDER BY embedding <-> %s LIMIT 5",
                    [query, query],
                    prepare=prepare,
                ).fetchall()
                same([row[:2] for row in found], [row[:2] for _, row in exact[:5]])
                assert np.allclose([row[2] for row in found], [d for d, _ in exact[:5]], atol=1e-5)
    found = conn.execute(
        "SELECT doc_id FROM docs WHERE doc_id = ANY(%s) AND title LIKE %s"
        " ORDER BY embedding <=> %s LIMIT %s",
        [[100, 101], "copied%", vector(5), 3],
    ).fetchall()
    same(len(found), 3)
    conn.rollback()


def in_time(conn):
    """What only ChronosVector has: both axes with parameters."""
    title = "SELECT title FROM docs WHERE doc_id = %s AS OF %s"
    for n in (0, 1, 4):
        same(conn.execute(title, [2, day(n) + dt.timedelta(hours=1)]).fetchall(), [(f"two {n}",)])
    same(conn.execute(title, [2, day(-1)]).fetchall(), [])
    nearest = "SELECT doc_id FROM docs ORDER BY embedding <-> %s LIMIT 20 AS OF %s"
    found = conn.cursor(binary=True).execute(nearest, [vector(3), day(400)]).fetchall()
    same(len(found), len(set(found)))
    found = conn.execute("SELECT title FROM TRAJECTORY(docs, %s, %s, %s)", [2, day(1), day(3)])
    same(found.fetchall(), [("two 1",), ("two 2",), ("two 3",)])
    distance = (
        "SELECT st_distance(embedding, %s, ALPHA %s, AT %s) FROM docs"
        " WHERE doc_id = 2 AND ts = %s"
    )
    found = conn.execute(distance, [vector(20), 0.5, day(15), day(0)]).fetchone()[0]
    assert abs(found - 0.25) < 1e-6, found
    conn.commit()
    before = conn.execute("SELECT now()").fetchone()[0]
    conn.commit()
    conn.execute("UPDATE docs SET title = 'corrected' WHERE doc_id = 2 AND ts = %s", [day(4)])
    conn.commit()
    known = (
        "SELECT title FROM docs FOR SYSTEM_TIME AS OF %s WHERE doc_id = 2"
        " ORDER BY ts DESC LIMIT 1"
    )
    same(conn.execute(known, [before]).fetchone(), ("two 4",))
    same(conn.execute(title, [2, day(400)]).fetchone(), ("corrected",))
    found = conn.execute("SELECT title, _system_to IS NULL FROM HISTORY(docs, %s, %s)", [2, day(4)])
    same(sorted(found.fetchall()), [("corrected", True), ("two 4", False)])
    late = "INSERT INTO docs (doc_id, ts) VALUES (2, %s)"
    refused("CV001", lambda: conn.execute(late, [day(-5)]))
    conn.rollback()
    conn.execute("SELECT set_config('cvx.valid_time', %s, false)", [day(2).isoformat()])
    same(conn.execute("SELECT title FROM docs WHERE doc_id = 2").fetchall(), [("two 2",)])
    refused("25006", lambda: conn.execute(late, [day(50)]))
    conn.rollback()
    conn.execute("RESET cvx.valid_time")
    conn.commit()


def notices(conn):
    told = []
    conn.add_notice_handler(lambda diag: told.append(diag.message_primary))
    conn.execute(
        "CREATE TABLE implied (id BIGINT, ts TIMESTAMPTZ, v VECTOR(2), PRIMARY KEY (id, ts))"
    )
    same(len(told), 1)
    assert "valid time" in told[0] or "valid_time" in told[0], told
    conn.execute("INSERT INTO implied VALUES (1, %s, '[1,2]'), (1, %s, '[3,4]')", [day(0), day(1)])
    same(len(told), 1)
    conn.execute("UPDATE implied SET v = '[5,6]' WHERE id = 1")
    same(len(told), 2)
    conn.rollback()


def stopping(conn):
    """Cancel and statement_timeout stop a statement that runs."""
    slow = (
        "SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),"
        " generate_series(1, 200000::bigint) AS b(y)"
    )
    timer = threading.Timer(0.3, conn.cancel)
    timer.start()
    refused("57014", lambda: conn.execute(slow))
    timer.join()
    conn.rollback()
    conn.execute("SET statement_timeout = '200ms'")
    conn.commit()
    refused("57014", lambda: conn.execute(slow))
    conn.rollback()
    conn.execute("RESET statement_timeout")
    same(conn.execute("SELECT 1").fetchone()[0], 1)
    conn.rollback()


def simple_protocol(port):
    """Client-side binding: everything as one simple query."""
    with connect(port, cursor_factory=psycopg.ClientCursor, autocommit=True) as conn:
        found = conn.execute("SELECT %s::int + 1, %s", [41, "it's"]).fetchone()
        same(found, (42, "it's"))
        found = conn.execute(
            "SELECT doc_id FROM docs WHERE doc_id < %s ORDER BY embedding <-> %s LIMIT 1",
            [100, vector(99)],
        ).fetchone()
        same(found, (1,))
        cur = conn.execute("SELECT 1; SELECT 2")
        same(cur.fetchone(), (1,))
        assert cur.nextset()
        same(cur.fetchone(), (2,))
        # Several statements in one message are one transaction.
        both = "INSERT INTO docs (doc_id, ts) VALUES (8, now()); SELECT 1/0"
        refused("22012", lambda: conn.execute(both))
        same(conn.execute("SELECT count(*) FROM docs WHERE doc_id = 8").fetchone()[0], 0)


def streaming(conn):
    total = sum(row[0] for row in conn.cursor().stream("SELECT * FROM generate_series(1, 20000)"))
    same(total, 20000 * 20001 // 2)
    conn.rollback()
    same(json.loads(conn.execute("SELECT '{\"a\": 1}'::jsonb::text").fetchone()[0]), {"a": 1})
    conn.rollback()


def described(conn):
    """What a cursor says of its columns, of no rows too."""
    cur = conn.execute("SELECT doc_id, ts, meta, embedding, 1.5::numeric(8, 2) AS price FROM docs"
                       " WHERE doc_id = %s", [-1])
    same(cur.fetchall(), [])
    oid = conn.execute("SELECT 'vector'::regtype::oid::int").fetchone()[0]
    same([(column.name, column.type_code) for column in cur.description],
         [("doc_id", 20), ("ts", 1184), ("meta", 3802), ("embedding", oid), ("price", 1700)])
    price = cur.description[4]
    same((price.precision, price.scale), (8, 2))
    names = conn.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " ORDER BY ordinal_position", ["docs"]
    ).fetchall()
    same([row[0] for row in names], ["doc_id", "ts", "title", "meta", "embedding"])
    conn.rollback()


def pooled(port):
    """A connection that comes back is rolled back, and reset by DISCARD ALL to be as new."""
    def discard(conn):
        conn.autocommit = True
        conn.execute("DISCARD ALL")
        conn.autocommit = False

    where = f"host=127.0.0.1 port={port} user=cvx dbname=cvx"
    sessions = set()
    with psycopg_pool.ConnectionPool(where, min_size=1, max_size=1, reset=discard) as pool:
        for _ in range(3):
            conn = pool.getconn(timeout=20)
            sessions.add(conn.info.backend_pid)
            same(conn.execute("SHOW statement_timeout").fetchone(), ("0",))
            same(conn.execute("SELECT count(*) FROM pg_cursors").fetchone(), (0,))
            same(conn.execute("SELECT count(*) FROM docs WHERE doc_id = 950").fetchone(), (0,))
            # What the driver prepared before is gone, and it knows.
            add = "SELECT %s::int + 1"
            same(conn.execute(add, [41], prepare=True).fetchone(), (42,))
            conn.execute("SET statement_timeout = '1min'")
            conn.execute("DECLARE left_open CURSOR WITH HOLD FOR SELECT 1")
            conn.commit()
            same(conn.execute("SHOW statement_timeout").fetchone(), ("1min",))
            # Left in a transaction, which the pool rolls back.
            conn.execute("INSERT INTO docs (doc_id, ts) VALUES (950, %s)", [day(0)])
            pool.putconn(conn)
        same(len(sessions), 1)
        # Left in a failed one.
        conn = pool.getconn(timeout=20)
        refused("22012", lambda: conn.execute("SELECT 1/0"))
        pool.putconn(conn)
        with pool.connection(timeout=20) as conn:
            sessions.add(conn.info.backend_pid)
            same(conn.execute("SELECT 1").fetchone(), (1,))
            same(conn.info.transaction_status, psycopg.pq.TransactionStatus.INTRANS)
        same(len(sessions), 1)
        # One that is closed is not given out again.
        conn = pool.getconn(timeout=20)
        conn.close()
        pool.putconn(conn)
        with pool.connection(timeout=20) as conn:
            same(conn.info.backend_pid in sessions, False)


def main():
    port, plain = int(sys.argv[1]), "--plain" in sys.argv
    where = {"host": "127.0.0.1", "port": port, "user": "cvx", "dbname": "cvx"}
    with psycopg.connect(**where, autocommit=True) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn = connect(port)
    types(conn)
    conn.rollback()
    tables(conn, plain)
    conn.commit()
    writing(conn)
    errors(conn)
    transactions(conn, port)
    copying(conn)
    searching(conn)
    if not plain:
        in_time(conn)
        notices(conn)
    stopping(conn)
    simple_protocol(port)
    streaming(conn)
    described(conn)
    pooled(port)
    conn.close()
    print(f"psycopg {psycopg.__version__}: {checks} checks")


if __name__ == "__main__":
    main()
