"""psqlODBC (Debian's odbc-postgresql) through pyodbc.

    odbc_client.py PORT
"""

import datetime as dt
import decimal
import sys
import threading
import time
import uuid

import pyodbc

checks = 0
# Errors of the driver's own dialect come by SQLSTATE as the first argument.
UTC = dt.timezone.utc


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(state, run):
    global checks
    checks += 1
    try:
        run()
    except pyodbc.Error as error:
        assert error.args[0] == state, f"{error.args} for {state}"
        return
    raise AssertionError(f"{state} expected")


def connect(port, autocommit=False, **options):
    words = {"Driver": "{PostgreSQL Unicode}", "Server": "127.0.0.1", "Port": port,
             "Database": "cvx", "Uid": "cvx", **options}
    return pyodbc.connect(";".join(f"{k}={v}" for k, v in words.items()), autocommit=autocommit)


def rows(cursor):
    return [tuple(row) for row in cursor.fetchall()]


def day(n):
    return dt.datetime(2024, 1, 1) + dt.timedelta(days=n)


def types(conn):
    """Every type as a parameter and back."""
    values = {
        "boolean": True,
        "smallint": -32768,
        "integer": 2**31 - 1,
        "bigint": -(2**63),
        "real": 1.5,
        "double precision": 0.1,
        "numeric": decimal.Decimal("12345.678"),
        "text": "tab\t, quote ' and back\\slash, ünïcödé",
        "varchar(20)": "short",
        "bytea": bytes(range(256)),
        "date": dt.date(1969, 7, 20),
        "time": dt.time(20, 17, 40),
        "timestamp": dt.datetime(1969, 7, 20, 20, 17, 40, 123456),
        "uuid": str(uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
        "jsonb": '{"a": [1, 2.5, null]}',
        "integer[]": "{1,NULL,3}",
        "text[]": '{"a,b","",NULL}',
        "vector": "[1,2.5,-3]",
    }
    cur = conn.cursor()
    for name, value in values.items():
        found = cur.execute(f"SELECT ?::{name}", [value]).fetchone()[0]
        if name == "uuid":
            found = str(found).lower()
        same({"1": True}.get(found, found) if name == "boolean" else found, value)
        same(cur.execute(f"SELECT ?::{name}", [None]).fetchone()[0], None)
    conn.rollback()


def tables(conn):
    cur = conn.cursor()
    cur.execute("DROP TABLE IF EXISTS odocs, oitems")
    cur.execute(
        "CREATE TABLE odocs (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, price NUMERIC(10, 2),"
        " embedding VECTOR(3), PRIMARY KEY (doc_id, ts))"
        " WITH (entity = 'doc_id', valid_time = 'ts', metric = 'l2')"
    )
    cur.execute("CREATE TABLE oitems (id BIGSERIAL PRIMARY KEY, name VARCHAR(20) NOT NULL)")
    conn.commit()


def writing(conn):
    cur = conn.cursor()
    insert = "INSERT INTO odocs (doc_id, ts, title, price, embedding) VALUES (?, ?, ?, ?, ?)"
    cur.execute(insert, [1, day(0), "one", decimal.Decimal("1.50"), "[1,0,0]"])
    same(cur.rowcount, 1)
    data = [[2 + n % 3, day(n), f"doc {n}", None, f"[{n},0,1]"] for n in range(60)]
    for fast in (False, True):
        cur.fast_executemany = fast
        cur.executemany(insert, data[:30] if not fast else data[30:])
    conn.commit()
    found = rows(cur.execute("SELECT doc_id, title, price FROM odocs ORDER BY ts, doc_id"))
    same(len(found), 61)
    assert (1, "one", decimal.Decimal("1.50")) in found, found[:3]
    cur.execute("UPDATE odocs SET title = ? WHERE doc_id = ?", ["two", 2])
    same(cur.rowcount, 20)
    found = cur.execute("INSERT INTO oitems (name) VALUES (?), (?) RETURNING id", ["a", "b"])
    same(rows(found), [(1,), (2,)])
    cur.execute("DELETE FROM oitems WHERE id = ?", [2])
    same(cur.rowcount, 1)
    conn.commit()


def transactions(conn, port):
    other = connect(port, autocommit=True).cursor()
    cur = conn.cursor()
    count = "SELECT count(*) FROM oitems"
    before = other.execute(count).fetchone()[0]
    cur.execute("INSERT INTO oitems (name) VALUES ('x')")
    same(other.execute(count).fetchone()[0], before)
    conn.rollback()
    same(cur.execute(count).fetchone()[0], before)
    cur.execute("INSERT INTO oitems (name) VALUES ('x')")
    cur.execute("SAVEPOINT here")
    cur.execute("INSERT INTO oitems (name) VALUES ('y')")
    cur.execute("ROLLBACK TO here")
    # The driver sets a savepoint before each statement, so one that fails costs no more.
    refused("22012", lambda: cur.execute("SELECT 1 / 0"))
    same(cur.execute(count).fetchone()[0], before + 1)
    conn.commit()
    same(other.execute(count).fetchone()[0], before + 1)
    with connect(port, Protocol="7.4-0") as none:
        # No such savepoints: the block has failed.
        refused("22012", lambda: none.execute("SELECT 1 / 0"))
    other.connection.close()


def errors(conn, port):
    cases = [
        ("42P01", "SELECT * FROM missing WHERE id = ?", [1]),
        ("42703", "SELECT missing FROM odocs WHERE doc_id = ?", [1]),
        ("42601", "SELEC 1", []),
        ("23505", "INSERT INTO odocs VALUES (1, '2024-01-01', 'other', 1, NULL)", []),
        ("23502", "INSERT INTO oitems (name) VALUES (?)", [None]),
        ("22P02", "SELECT ?::int", ["x"]),
        ("22000", "INSERT INTO odocs VALUES (9, now(), '', 1, '[1,2]')", []),
    ]
    for state, sql, params in cases:
        refused(state, lambda: conn.execute(sql, *params))
        conn.rollback()
    slow = ("SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),"
            " generate_series(1, 200000::bigint) AS b(y)")
    cur = conn.cursor()
    timer = threading.Timer(0.5, cur.cancel)
    timer.start()
    began = time.monotonic()
    refused("57014", lambda: cur.execute(slow))
    assert time.monotonic() - began < 5
    timer.join()
    conn.rollback()
    same(conn.execute("SELECT 1").fetchone()[0], 1)
    conn.rollback()


def metadata(conn):
    cur = conn.cursor()
    found = [row.table_name for row in cur.tables(schema="public", tableType="TABLE")]
    same([name for name in found if name in ("odocs", "oitems")], ["odocs", "oitems"])
    columns = [(row.column_name, row.type_name, row.nullable) for row in cur.columns(table="odocs")]
    same(columns, [("doc_id", "int8", 0), ("ts", "timestamptz", 0), ("title", "text", 1),
                   ("price", "numeric", 1), ("embedding", "vector", 1)])
    same([(row.column_name, row.key_seq) for row in cur.primaryKeys("odocs", schema="public")],
         [("doc_id", 1), ("ts", 2)])
    same([row.index_name for row in cur.statistics("oitems", unique=True) if row.index_name],
         ["oitems_pkey"])
    same([row.column_name for row in cur.rowVerColumns("oitems")], ["xmin"])
    assert "text" in [row.type_name for row in cur.getTypeInfo()]
    assert cur.procedures(schema="public").fetchone() is not None
    same(conn.getinfo(pyodbc.SQL_DBMS_NAME), "PostgreSQL")
    same(conn.getinfo(pyodbc.SQL_DBMS_VER).split(".")[0], "16")
    cur.execute("SELECT doc_id, price, title AS named, embedding FROM odocs LIMIT 0")
    same([(c[0], c[1], c[4]) for c in cur.description][:3],
         [("doc_id", int, 19), ("price", decimal.Decimal, 10), ("named", str, 8190)])
    conn.rollback()


def fetching(port):
    """The driver's own cursors: DECLARE and FETCH of so many rows."""
    conn = connect(port, UseDeclareFetch=1, Fetch=7)
    cur = conn.cursor()
    cur.execute("SELECT x FROM generate_series(1, 1000) AS g(x)")
    same(sum(row[0] for row in cur), 500500)
    cur.execute("SELECT x FROM generate_series(1, 1000) AS g(x)")
    same(len(cur.fetchmany(20)), 20)
    cur.skip(5)
    same(cur.fetchone()[0], 26)
    cur.close()
    conn.commit()
    conn.close()


def searching(conn):
    cur = conn.cursor()
    nearest = "SELECT title, embedding <-> ?::vector FROM odocs ORDER BY embedding <-> ?::vector"
    found = rows(cur.execute(f"{nearest} LIMIT 3", ["[40,0,1]", "[40,0,1]"]))
    same(found[0], ("doc 40", 0.0))
    same(sorted(row[1] for row in found), [0.0, 1.0, 1.0])
    as_of = "SELECT title FROM odocs WHERE doc_id = ? AS OF ?"
    same(rows(cur.execute(as_of, [3, day(8)])), [("doc 7",)])
    same(rows(cur.execute(as_of, [3, day(-1)])), [])
    found = cur.execute("SELECT title FROM TRAJECTORY(odocs, ?, ?, ?)", [3, day(1), day(7)])
    same(rows(found), [("doc 1",), ("doc 4",), ("doc 7",)])
    conn.rollback()


def past(port):
    """Time travel for tools that send plain SQL only."""
    with connect(port, autocommit=True) as conn:
        conn.execute("BEGIN READ ONLY; SET LOCAL cvx.valid_time = '2024-01-09'")
        same(rows(conn.execute("SELECT title FROM odocs WHERE doc_id = 3")), [("doc 7",)])
        conn.execute("ROLLBACK")
        same(conn.execute("SELECT count(*) FROM odocs WHERE doc_id = 3").fetchone()[0], 20)


def pools(port):
    """What a pool sends before it hands a connection on."""
    with connect(port, autocommit=True) as conn:
        conn.execute("SET statement_timeout = '7s'")
        same(rows(conn.execute("SELECT ?::int", [1])), [(1,)])
        conn.execute("DISCARD ALL")
        same(conn.execute("SHOW statement_timeout").fetchone()[0], "0")
        same(rows(conn.execute("SELECT ?::int", [2])), [(2,)])
    # unixODBC's own pool of connections.
    pyodbc.pooling = True
    for _ in range(3):
        connect(port).close()


def main():
    port = int(sys.argv[1])
    for options in ({}, {"UseServerSidePrepare": 0}, {"ByteaAsLongVarBinary": 1}):
        conn = connect(port, **options)
        tables(conn)
        for part in (types, writing, metadata, searching):
            try:
                part(conn)
            except AssertionError as error:
                raise AssertionError(f"{part.__name__} with {options}: {error}") from error
        transactions(conn, port)
        errors(conn, port)
        conn.close()
        fetching(port)
        past(port)
        pools(port)
    print(f"psqlODBC: {checks} checks")


main()
