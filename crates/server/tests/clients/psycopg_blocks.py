"""psycopg's blocks: transactions inside transactions, which are savepoints.

    psycopg_blocks.py PORT
"""

import sys
import threading

import psycopg
from psycopg.pq import TransactionStatus

checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def connect(port, **options):
    return psycopg.connect(host="127.0.0.1", port=port, user="cvx", dbname="cvx", **options)


def ids(conn):
    return [row[0] for row in conn.execute("SELECT id FROM t ORDER BY id").fetchall()]


class Fail(Exception):
    pass


def nesting(conn, other):
    with conn.transaction():
        conn.execute("INSERT INTO t VALUES (1, 'outer')")
        with conn.transaction():
            conn.execute("INSERT INTO t VALUES (2, 'kept')")
        try:
            with conn.transaction():
                conn.execute("INSERT INTO t VALUES (3, 'not kept')")
                same(ids(conn), [1, 2, 3])
                raise Fail
        except Fail:
            pass
        same(ids(conn), [1, 2])
        same(ids(other), [])
    same(ids(other), [1, 2])
    with conn.transaction() as outer:
        conn.execute("DELETE FROM t")
        with conn.transaction():
            conn.execute("INSERT INTO t VALUES (4, 'gone with the outer one')")
            raise psycopg.Rollback(outer)
    same(ids(other), [1, 2])


def errors_inside(conn, other):
    """An error in an inner block leaves the outer one usable."""
    with conn.transaction():
        conn.execute("INSERT INTO t VALUES (5, 'before')")
        for sql, error in [
            ("INSERT INTO t VALUES (6, 'x'), (5, 'again')", psycopg.errors.UniqueViolation),
            ("SELECT 1 / 0", psycopg.errors.DivisionByZero),
            ("SELECT * FROM missing", psycopg.errors.UndefinedTable),
            ("SELEC", psycopg.errors.SyntaxError),
        ]:
            try:
                with conn.transaction():
                    conn.execute("INSERT INTO t VALUES (7, 'inside')")
                    conn.execute(sql)
                raise AssertionError(f"{sql} went through")
            except error:
                pass
            same(conn.info.transaction_status, TransactionStatus.INTRANS)
            same(ids(conn), [1, 2, 5])
        # COPY too.
        try:
            with conn.transaction(), conn.cursor().copy("COPY t FROM STDIN") as copy:
                copy.write("8\tgood\nnine\tbad\n")
        except psycopg.errors.InvalidTextRepresentation:
            pass
        same(ids(conn), [1, 2, 5])
    same(ids(other), [1, 2, 5])


SLOW = (
    "SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),"
    " generate_series(1, 200000::bigint) AS b(y)"
)


def stopped_inside(conn):
    """A cancelled or timed-out statement is undone like any other."""
    with conn.transaction():
        conn.execute("INSERT INTO t VALUES (10, 'before')")
        timer = threading.Timer(0.3, conn.cancel)
        timer.start()
        try:
            with conn.transaction():
                conn.execute("INSERT INTO t VALUES (11, 'inside')")
                conn.execute(SLOW)
        except psycopg.errors.QueryCanceled:
            pass
        timer.join()
        same(ids(conn), [1, 2, 5, 10])
        try:
            with conn.transaction():
                conn.execute("SET LOCAL statement_timeout = '100ms'")
                conn.execute(SLOW)
        except psycopg.errors.QueryCanceled:
            pass
        same(conn.execute("SHOW statement_timeout").fetchone()[0], "0")
        same(ids(conn), [1, 2, 5, 10])
    same(ids(conn), [1, 2, 5, 10])
    conn.rollback()


def pipelined(conn):
    with conn.pipeline():
        with conn.transaction():
            conn.execute("INSERT INTO t VALUES (20, 'p')")
            with conn.transaction():
                conn.execute("INSERT INTO t VALUES (21, 'q')")
    same(ids(conn), [1, 2, 5, 10, 20, 21])
    conn.rollback()


def deep(conn):
    depth = 200
    with conn.transaction():
        for n in range(depth):
            conn.execute(f"SAVEPOINT s{n}")
            conn.execute("INSERT INTO t VALUES (%s, 'deep')", [1000 + n])
        conn.execute(f"ROLLBACK TO s{depth // 2}")
        same(len(ids(conn)), 6 + depth // 2)


def main():
    port = int(sys.argv[1])
    other = connect(port, autocommit=True)
    other.execute("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)")
    with connect(port) as conn:
        nesting(conn, other)
        errors_inside(conn, other)
        stopped_inside(conn)
        pipelined(conn)
        deep(conn)
    other.close()
    print(f"psycopg {psycopg.__version__}, blocks: {checks} checks")


if __name__ == "__main__":
    main()
