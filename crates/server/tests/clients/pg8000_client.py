"""pg8000, pure Python: COPY by its streams, transactions, metadata, what it prepares, DISCARD ALL.

    pg8000_client.py PORT

It has no pool of its own; what pools send between two users is DISCARD ALL.
"""

import datetime as dt
import io
import sys

import pg8000.dbapi
import pg8000.native

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
    except (pg8000.dbapi.DatabaseError, pg8000.native.DatabaseError) as error:
        assert error.args[0]["C"] == state, f"{error.args[0]} for {state}"
        return
    raise AssertionError(f"{state} expected")


def day(n):
    return dt.datetime(2024, 1, n, tzinfo=UTC)


def one(cur, sql, *values):
    cur.execute(sql, values)
    return cur.fetchone()[0]


def copying(conn):
    cur = conn.cursor()
    cur.execute("CREATE EXTENSION IF NOT EXISTS vector")
    cur.execute("CREATE TABLE pure (id BIGINT, ts TIMESTAMPTZ, title TEXT, v VECTOR(3),"
                " PRIMARY KEY (id, ts))")
    rows = "1\t2024-01-01\ta\\tb\t[1,2,3]\n2\t2024-01-02\t\\N\t\\N\n3\t2024-01-03\tüml\t[0,0,1]\n"
    cur.execute("COPY pure FROM STDIN", stream=io.BytesIO(rows.encode()))
    same(cur.rowcount, 3)
    csv = "id,ts,title,v\n4,2024-01-04,\"with, comma\",\"[4,5,6]\"\n"
    cur.execute("COPY pure FROM STDIN WITH (FORMAT csv, HEADER true)", stream=io.BytesIO(csv.encode()))
    same(cur.rowcount, 1)
    conn.commit()
    cur.execute("SELECT id, ts, title, v::text FROM pure ORDER BY id")
    same([tuple(row) for row in cur.fetchall()], [
        (1, day(1), "a\tb", "[1,2,3]"), (2, day(2), None, None), (3, day(3), "üml", "[0,0,1]"),
        (4, day(4), "with, comma", "[4,5,6]"),
    ])
    for words, expected in [
        ("", "1\ta\\tb\t[1,2,3]\n2\t\\N\t\\N\n3\tüml\t[0,0,1]\n4\twith, comma\t[4,5,6]\n"),
        (" WITH (FORMAT csv)", '1,a\tb,"[1,2,3]"\n2,,\n3,üml,"[0,0,1]"\n4,"with, comma","[4,5,6]"\n'),
    ]:
        back = io.BytesIO()
        cur.execute(f"COPY (SELECT id, title, v FROM pure ORDER BY id) TO STDOUT{words}", stream=back)
        same(back.getvalue().decode(), expected)
        same(cur.rowcount, 4)
    binary = io.BytesIO()
    cur.execute("COPY pure TO STDOUT WITH (FORMAT binary)", stream=binary)
    same(binary.getvalue()[:11], b"PGCOPY\n\xff\r\n\0")
    cur.execute("DELETE FROM pure")
    binary.seek(0)
    cur.execute("COPY pure FROM STDIN WITH (FORMAT binary)", stream=binary)
    same(one(cur, "SELECT count(*) FROM pure WHERE title = 'üml' OR v IS NULL"), 2)
    conn.rollback()
    bad = io.BytesIO(b"8\t2024-01-01\tx\t\\N\n9\tnever\tx\t\\N\n")
    refused("22007", lambda: cur.execute("COPY pure FROM STDIN", stream=bad))
    conn.rollback()
    same(one(cur, "SELECT count(*) FROM pure"), 4)
    conn.rollback()


def transactions(conn, other):
    cur, beside = conn.cursor(), other.cursor()
    other.autocommit = True
    count = "SELECT count(*) FROM pure WHERE id = %s"
    insert = "INSERT INTO pure (id, ts) VALUES (%s, %s)"
    cur.execute(insert, (7, day(1)))
    same((one(cur, count, 7), one(beside, count, 7)), (1, 0))
    conn.rollback()
    same(one(cur, count, 7), 0)
    cur.execute(insert, (7, day(1)))
    cur.execute("SAVEPOINT kept")
    # The same row once more would be taken for a retry; another one of its key is refused.
    again = "INSERT INTO pure (id, ts, title) VALUES (%s, %s, 'other')"
    refused("23505", lambda: cur.execute(again, (7, day(1))))
    refused("25P02", lambda: cur.execute("SELECT 1"))
    cur.execute("ROLLBACK TO SAVEPOINT kept")
    cur.execute("DELETE FROM pure WHERE id = 7")
    cur.execute("ROLLBACK TO kept")
    cur.execute("RELEASE kept")
    conn.commit()
    same(one(beside, count, 7), 1)
    cur.execute("SET TRANSACTION READ ONLY")
    refused("25006", lambda: cur.execute("DELETE FROM pure"))
    conn.rollback()
    same(one(beside, "SELECT count(*) FROM pure"), 5)


def described(conn):
    """What a cursor says of its columns, of no rows too."""
    cur = conn.cursor()
    vector = one(cur, "SELECT 'vector'::regtype::oid::int")
    cur.execute("SELECT *, 1.5::numeric AS price FROM pure WHERE id = %s", (-1,))
    same(len(cur.fetchall()), 0)
    same([tuple(column[:2]) for column in cur.description],
         [("id", 20), ("ts", 1184), ("title", 25), ("v", vector), ("price", 1700)])
    cur.execute("SELECT column_name, data_type FROM information_schema.columns"
                " WHERE table_name = %s ORDER BY ordinal_position", ("pure",))
    same([tuple(row) for row in cur.fetchall()],
         [("id", "bigint"), ("ts", "timestamp with time zone"), ("title", "text"),
          ("v", "USER-DEFINED")])
    conn.rollback()


def reset(where):
    """After DISCARD ALL a connection is as new: settings, statements, cursors."""
    conn = pg8000.native.Connection(**where)
    new = conn.run("SHOW application_name")
    conn.run("SET application_name = 'mine'")
    conn.run("SET statement_timeout = '1min'")
    conn.run("DECLARE open_one CURSOR WITH HOLD FOR SELECT 1")
    prepared = conn.prepare("SELECT :n::int + 1")
    same([prepared.run(n=41), prepared.run(n=1)], [[[42]], [[2]]])
    same(conn.run("SELECT count(*) FROM pg_cursors"), [[1]])
    conn.run("START TRANSACTION")
    refused("25001", lambda: conn.run("DISCARD ALL"))
    conn.run("ROLLBACK")
    same(conn.run("SHOW application_name"), [["mine"]])
    conn.run("DISCARD ALL")
    same(conn.run("SHOW application_name"), new)
    same(conn.run("SHOW statement_timeout"), [["0"]])
    same(conn.run("SELECT count(*) FROM pg_cursors"), [[0]])
    refused("26000", lambda: prepared.run(n=1))
    same(conn.prepare("SELECT :n::int * 2").run(n=21), [[42]])
    conn.close()


def main():
    where = {"host": "127.0.0.1", "port": int(sys.argv[1]), "user": "cvx", "database": "cvx"}
    conn, other = pg8000.dbapi.connect(**where), pg8000.dbapi.connect(**where)
    copying(conn)
    transactions(conn, other)
    described(conn)
    conn.close()
    other.close()
    reset(where)
    print(f"pg8000 {pg8000.__version__}: {checks} checks")


if __name__ == "__main__":
    main()
