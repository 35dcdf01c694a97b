"""psycopg's server-side cursors, which are DECLARE, FETCH, MOVE and CLOSE.

    psycopg_cursors.py PORT
"""

import sys

import numpy as np
import psycopg
from pgvector.psycopg import register_vector

checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def connect(port, **options):
    return psycopg.connect(host="127.0.0.1", port=port, user="cvx", dbname="cvx", **options)


ROWS = 5000


def forward(conn):
    for binary in (False, True):
        with conn.cursor("c", binary=binary) as cur:
            cur.execute("SELECT id, name FROM t WHERE id >= %s ORDER BY id", [10])
            same([column.name for column in cur.description], ["id", "name"])
            same(cur.fetchone(), (10, "n10"))
            same(cur.fetchmany(2), [(11, "n11"), (12, "n12")])
            cur.itersize = 700
            same([row[0] for row in cur], list(range(13, ROWS)))
            same(cur.fetchone(), None)
    conn.commit()


def several_at_once(conn):
    with conn.cursor("a") as a, conn.cursor("b") as b:
        a.execute("SELECT id FROM t ORDER BY id")
        b.execute("SELECT id FROM t ORDER BY id DESC")
        for n in range(5):
            same(a.fetchone(), (n,))
            same(b.fetchone(), (ROWS - 1 - n,))
        names = conn.execute("SELECT name FROM pg_cursors ORDER BY name").fetchall()
        same(names, [("a",), ("b",)])
    same(conn.execute("SELECT count(*) FROM pg_cursors").fetchone()[0], 0)
    conn.commit()


def scrolling(conn):
    with conn.cursor("s", scrollable=True) as cur:
        cur.execute("SELECT id FROM t ORDER BY id")
        cur.scroll(100)
        same(cur.fetchone(), (100,))
        cur.scroll(-50)
        same(cur.fetchone(), (51,))
        cur.scroll(7, mode="absolute")
        same(cur.fetchone(), (7,))
    with conn.cursor("f", scrollable=False) as cur:
        cur.execute("SELECT id FROM t ORDER BY id")
        cur.scroll(3)
        same(cur.fetchone(), (3,))
        try:
            cur.scroll(-1)
            raise AssertionError("it went back")
        except psycopg.errors.ObjectNotInPrerequisiteState:
            pass
    conn.rollback()


def held(conn):
    with conn.cursor("h", withhold=True) as cur:
        cur.execute("SELECT id FROM t ORDER BY id")
        same(cur.fetchone(), (0,))
        conn.commit()
        conn.execute("DELETE FROM t WHERE id < 10")
        conn.commit()
        same([row[0] for row in cur.fetchmany(9)], list(range(1, 10)))
    conn.execute("INSERT INTO t SELECT x, 'n' || x FROM generate_series(0, 9) AS g(x)")
    conn.commit()


def stolen(conn):
    """A cursor that SQL declared, taken up by name."""
    conn.execute("DECLARE mine CURSOR FOR SELECT id, name FROM t ORDER BY id")
    with conn.cursor("mine") as cur:
        same(cur.fetchone(), (0, "n0"))
        same(cur.description[1].name, "name")
    conn.rollback()


def in_nested_blocks(conn):
    with conn.transaction():
        with conn.cursor("outer") as outer:
            outer.execute("SELECT id FROM t ORDER BY id")
            same(outer.fetchone(), (0,))
            for n in range(1, 4):
                try:
                    with conn.transaction():
                        conn.execute("SELECT 1 / 0")
                except psycopg.errors.DivisionByZero:
                    pass
                same(outer.fetchone(), (n,))


def vectors(conn):
    register_vector(conn)
    conn.execute("CREATE TABLE v (id INT PRIMARY KEY, embedding VECTOR(3))")
    with conn.cursor().copy("COPY v FROM STDIN WITH (FORMAT BINARY)") as copy:
        copy.set_types(["int4", "vector"])
        for n in range(100):
            copy.write_row([n, np.array([n, 0, 0], dtype=np.float32)])
    with conn.cursor("near", binary=True) as cur:
        cur.execute("SELECT id FROM v ORDER BY embedding <-> %s LIMIT 10", [np.zeros(3)])
        same([row[0] for row in cur], list(range(10)))
    conn.rollback()


def main():
    port = int(sys.argv[1])
    with connect(port) as conn:
        conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
        conn.execute("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)")
        numbers = f"generate_series(0, {ROWS - 1}) AS g(x)"
        conn.execute(f"INSERT INTO t SELECT x, 'n' || x FROM {numbers}")
        conn.commit()
        forward(conn)
        several_at_once(conn)
        scrolling(conn)
        held(conn)
        stolen(conn)
        in_nested_blocks(conn)
        vectors(conn)
    print(f"psycopg {psycopg.__version__}, cursors: {checks} checks")


if __name__ == "__main__":
    main()
