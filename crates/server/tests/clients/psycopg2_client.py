"""psycopg2, whose every statement is one string: types, errors, COPY, server-side cursors, reset.

    psycopg2_client.py PORT [--plain]

--plain leaves out what only ChronosVector has: so the rest can be checked against PostgreSQL.
"""

import datetime as dt
import decimal
import io
import sys
import uuid

import numpy as np
import psycopg2
import psycopg2.extras
import psycopg2.pool
from pgvector.psycopg2 import register_vector

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
    except psycopg2.Error as error:
        assert error.pgcode == state, f"{error.pgcode} for {state}: {error}"
        return
    raise AssertionError(f"{state} expected")


def connect(port):
    conn = psycopg2.connect(host="127.0.0.1", port=port, user="cvx", dbname="cvx")
    with conn.cursor() as cur:
        cur.execute("CREATE EXTENSION IF NOT EXISTS vector")
    conn.commit()
    register_vector(conn)
    psycopg2.extras.register_uuid(conn_or_curs=conn)
    # What was asked so far was asked of a snapshot, and it would be kept.
    conn.rollback()
    return conn


def day(n):
    return dt.datetime(2024, 1, n, tzinfo=UTC)


def types(cur):
    values = {
        "boolean": True,
        "bigint": -(2**62),
        "double precision": 0.1,
        "numeric": decimal.Decimal("12345.678"),
        "text": "tab\t, quote ' and back\\slash, ünïcödé",
        "date": dt.date(1969, 7, 20),
        "timestamp": dt.datetime(1969, 7, 20, 20, 17, 40, 123456),
        "timestamptz": dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC),
        "interval": dt.timedelta(days=3, hours=4, microseconds=5),
        "uuid": uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        "integer[]": [1, None, 3],
        "text[]": ["a,b", "", None, 'q"uote'],
    }
    for name, value in values.items():
        cur.execute(f"SELECT %s::{name}, %s::{name}", [value, None])
        same(cur.fetchone(), (value, None))
    cur.execute("SELECT %s::bytea", [psycopg2.Binary(bytes(range(256)))])
    same(bytes(cur.fetchone()[0]), bytes(range(256)))
    cur.execute("SELECT %s::jsonb", [psycopg2.extras.Json({"a": [1, None, "ä"]})])
    same(cur.fetchone()[0], {"a": [1, None, "ä"]})
    cur.execute("SELECT %s::vector", [np.array([1.5, -2, 0], dtype=np.float32)])
    found = cur.fetchone()[0]
    same((found.to_list() if hasattr(found, "to_list") else list(found)), [1.5, -2.0, 0.0])


def writing(conn, plain):
    cur = conn.cursor()
    options = "" if plain else "WITH (entity = 'doc_id', valid_time = 'ts')"
    cur.execute("DROP TABLE IF EXISTS old")
    cur.execute(
        "CREATE TABLE old (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, embedding VECTOR(3),"
        f" PRIMARY KEY (doc_id, ts)) {options}"
    )
    rows = [(1, day(n), f"one {n}", np.array([n, 0, 0])) for n in range(1, 6)]
    psycopg2.extras.execute_values(cur, "INSERT INTO old VALUES %s", rows)
    same(cur.rowcount, 5)
    psycopg2.extras.execute_batch(
        cur, "INSERT INTO old VALUES (%s, %s, %s, %s)", [(2, day(1), None, None), (3, day(1), "x", None)]
    )
    cur.execute("UPDATE old SET title = %s WHERE doc_id = 3 RETURNING title", ["y"])
    same((cur.rowcount, cur.fetchone()), (1, ("y",)))
    same([column.name for column in cur.description], ["title"])
    conn.commit()
    with conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as named:
        named.execute("SELECT doc_id, title FROM old WHERE doc_id = 3")
        same(dict(named.fetchone()), {"doc_id": 3, "title": "y"})


def searching(cur):
    cur.execute(
        "SELECT title FROM old WHERE doc_id = 1 ORDER BY embedding <-> %s LIMIT 2",
        [np.array([4.2, 0, 0])],
    )
    same(cur.fetchall(), [("one 4",), ("one 5",)])


def copying(conn):
    cur = conn.cursor()
    data = io.StringIO("7\t2024-01-01\tcopied\t[1,2,3]\n8\t2024-01-01\t\\N\t\\N\n")
    cur.copy_from(data, "old")
    same(cur.rowcount, 2)
    back = io.StringIO()
    cur.copy_expert("COPY (SELECT doc_id, title FROM old WHERE doc_id > 6 ORDER BY 1) TO STDOUT CSV", back)
    same(back.getvalue(), "7,copied\n8,\n")
    conn.commit()
    refused("22P02", lambda: cur.copy_expert("COPY old FROM STDIN", io.StringIO("x\t2024-01-01\t\t\n")))
    conn.rollback()


def errors(conn):
    cur = conn.cursor()
    for state, sql in [("23505", "INSERT INTO old VALUES (1, '2024-01-01', 'other')"),
                       ("42P01", "SELECT * FROM missing"), ("42703", "SELECT missing FROM old"),
                       ("42601", "SELEC"), ("22012", "SELECT 1/0"),
                       ("22000", "SELECT '[1,2]'::vector(3)")]:
        refused(state, lambda: cur.execute(sql))
        same(conn.info.transaction_status, psycopg2.extensions.TRANSACTION_STATUS_INERROR)
        refused("25P02", lambda: cur.execute("SELECT 1"))
        conn.rollback()


def transactions(conn, port):
    other = connect(port)
    with conn:
        conn.cursor().execute("DELETE FROM old WHERE doc_id = 3")
    cur = other.cursor()
    cur.execute("SELECT count(*) FROM old WHERE doc_id = 3")
    same(cur.fetchone(), (0,))
    try:
        with conn:
            conn.cursor().execute("DELETE FROM old")
            raise RuntimeError
    except RuntimeError:
        pass
    other.rollback()
    cur.execute("SELECT count(*) FROM old WHERE doc_id = 1")
    same(cur.fetchone(), (5,))
    other.close()


def in_time(conn):
    cur = conn.cursor()
    cur.execute("SELECT title FROM old WHERE doc_id = %s AS OF %s", [1, day(3)])
    same(cur.fetchall(), [("one 3",)])
    cur.execute("BEGIN READ ONLY" if conn.autocommit else "SET TRANSACTION READ ONLY")
    cur.execute("SET cvx.valid_time = %s", ["2024-01-02"])
    cur.execute("SELECT title FROM old WHERE doc_id = 1")
    same(cur.fetchall(), [("one 2",)])
    conn.rollback()
    # ROLLBACK took the setting back with it.
    cur.execute("SELECT count(*) FROM old WHERE doc_id = 1")
    same(cur.fetchone(), (5,))
    conn.rollback()


def reset(conn):
    """What pools send before a connection's next user."""
    cur = conn.cursor()
    cur.execute("SET statement_timeout = '1min'")
    conn.commit()
    conn.reset()
    cur.execute("SHOW statement_timeout")
    same(cur.fetchone(), ("0",))
    conn.rollback()
    conn.autocommit = True
    cur.execute("SET application_name = 'mine'")
    cur.execute("DISCARD ALL")
    cur.execute("SHOW application_name")
    same(cur.fetchone()[0] != "mine", True)
    conn.autocommit = False


def described(conn):
    """What a cursor says of its columns, of no rows too."""
    cur = conn.cursor()
    cur.execute("SELECT 'vector'::regtype::oid::int")
    oid = cur.fetchone()[0]
    cur.execute("SELECT doc_id, ts, embedding, 1.5::numeric(8, 2) AS price FROM old WHERE doc_id < 0")
    same(cur.fetchall(), [])
    same([(column.name, column.type_code) for column in cur.description],
         [("doc_id", 20), ("ts", 1184), ("embedding", oid), ("price", 1700)])
    same((cur.description[3].precision, cur.description[3].scale), (8, 2))
    conn.rollback()


def pooled(port):
    """The driver's pool rolls back what it is given in a transaction, and keeps the rest."""
    where = {"host": "127.0.0.1", "port": port, "user": "cvx", "dbname": "cvx"}
    pool = psycopg2.pool.ThreadedConnectionPool(1, 1, **where)
    sessions = set()
    for _ in range(3):
        conn = pool.getconn()
        sessions.add(conn.info.backend_pid)
        cur = conn.cursor()
        cur.execute("SELECT count(*) FROM old WHERE doc_id = 950")
        same(cur.fetchone(), (0,))
        cur.execute("INSERT INTO old (doc_id, ts) VALUES (950, %s)", [day(1)])
        pool.putconn(conn)
        # Its user's own part: a setting that was committed stays until it is reset.
        conn = pool.getconn()
        cur = conn.cursor()
        cur.execute("SHOW statement_timeout")
        same(cur.fetchone(), ("0",))
        cur.execute("SET statement_timeout = '1min'")
        conn.commit()
        cur.execute("SHOW statement_timeout")
        same(cur.fetchone(), ("1min",))
        conn.reset()
        pool.putconn(conn)
    same(len(sessions), 1)
    pool.closeall()


def main():
    port, plain = int(sys.argv[1]), "--plain" in sys.argv
    conn = connect(port)
    types(conn.cursor())
    conn.commit()
    writing(conn, plain)
    searching(conn.cursor())
    conn.commit()
    copying(conn)
    errors(conn)
    transactions(conn, port)
    if not plain:
        in_time(conn)
    described(conn)
    reset(conn)
    conn.close()
    pooled(port)
    print(f"psycopg2 {psycopg2.__version__.split()[0]}: {checks} checks")


if __name__ == "__main__":
    main()
