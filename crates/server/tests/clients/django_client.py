"""Django over psycopg 3: COPY by its cursor, introspection, and its connections as they come back.

    django_client.py PORT [--plain]

--plain leaves out what only ChronosVector does: so the rest can be checked against PostgreSQL.
With connections of Django's own, which close_old_connections keeps or closes, and with psycopg's
pool, reset by DISCARD ALL. The rest of Django, with pgvector's fields, is in pgvector's own tests.
"""

import os
import socket
import sys

import django
import psycopg
from django.conf import settings
from django.db import close_old_connections, connections, transaction

checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def differ(found, unexpected, what):
    global checks
    checks += 1
    assert found != unexpected, f"{what}: {found!r}"


def one(alias, sql):
    with connections[alias].cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def session(alias):
    """Which session of the server answers, by the key that it gave to cancel by."""
    connections[alias].ensure_connection()
    info = connections[alias].connection.info
    same(info.status, psycopg.pq.ConnStatus.OK)
    return info.backend_pid


def copying(alias):
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS vector")
        cursor.execute("CREATE TABLE copied (id BIGINT PRIMARY KEY, title TEXT, v VECTOR(2))")
        with cursor.copy("COPY copied FROM STDIN") as copy:
            for row in [(1, "one\ttab", "[1,2]"), (2, None, None)]:
                copy.write_row(row)
        same(cursor.rowcount, 2)
        with cursor.copy("COPY copied (id, title) FROM STDIN WITH (FORMAT csv)") as copy:
            copy.write('3,"a, b"\n')
        with cursor.copy("COPY (SELECT * FROM copied ORDER BY id) TO STDOUT") as copy:
            found = list(copy.rows())
        same(found, [("1", "one\ttab", "[1,2]"), ("2", None, None), ("3", "a, b", None)])
    # Inside Django's transaction it is undone with it.
    try:
        with transaction.atomic(using=alias), connection.cursor() as cursor:
            with cursor.copy("COPY copied (id) FROM STDIN") as copy:
                copy.write("4\n5\n")
            cursor.execute("SELECT count(*) FROM copied")
            same(cursor.fetchone()[0], 5)
            raise RuntimeError
    except RuntimeError:
        pass
    same(one(alias, "SELECT count(*) FROM copied"), 3)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE copied")


def introspected(alias):
    """What `inspectdb` and migrations ask."""
    connection = connections[alias]
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE seen (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL,"
                       " price NUMERIC(8, 2), v VECTOR(2))")
        cursor.execute("CREATE VIEW seen_names AS SELECT name FROM seen")
        cursor.execute("CREATE INDEX seen_near ON seen USING hnsw (v vector_l2_ops)")
        asked = connection.introspection
        found = {(info.name, info.type) for info in asked.get_table_list(cursor)}
        same(found & {("seen", "t"), ("seen_names", "v")}, {("seen", "t"), ("seen_names", "v")})
        columns = asked.get_table_description(cursor, "seen")
        same([(column.name, column.null_ok) for column in columns],
             [("id", False), ("name", False), ("price", True), ("v", True)])
        kinds = [asked.get_field_type(column.type_code, column) for column in columns[:3]]
        same(kinds, ["BigIntegerField", "CharField", "DecimalField"])
        same((columns[1].display_size, columns[2].precision, columns[2].scale), (40, 8, 2))
        same(asked.get_relations(cursor, "seen"), {})
        constraints(asked, cursor)
        cursor.execute("DROP VIEW seen_names")
        cursor.execute("DROP TABLE seen")


def constraints(asked, cursor):
    """Asked with UNNEST ... WITH ORDINALITY, which ChronosVector does not have yet."""
    if "--plain" not in sys.argv:
        try:
            asked.get_constraints(cursor, "seen")
            raise AssertionError("constraints are answered: check them, and say so in docs/clients.md")
        except django.db.NotSupportedError as error:
            same(error.__cause__.sqlstate, "0A000")
        return
    found = asked.get_constraints(cursor, "seen")
    key, near = found["seen_pkey"], found["seen_near"]
    same((key["columns"], key["primary_key"], key["unique"]), (["id"], True, True))
    same((near["columns"], near["index"], near["type"]), (["v"], True, "hnsw"))
    same(asked.get_primary_key_columns(cursor, "seen"), ["id"])


def is_new(alias):
    same(one(alias, "SHOW application_name"), "")
    same(one(alias, "SELECT count(*) FROM pg_cursors"), 0)


def leave_behind(alias):
    """What a careless user of a connection leaves in it."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SET application_name = 'careless'")
        cursor.execute("DECLARE open_one CURSOR WITH HOLD FOR SELECT 1")
    same(one(alias, "SHOW application_name"), "careless")
    same(one(alias, "SELECT count(*) FROM pg_cursors"), 1)


def own_connections():
    """close_old_connections keeps a connection that is young and well, and closes the others."""
    first = session("own")
    leave_behind("own")
    close_old_connections()
    same((session("own"), one("own", "SHOW application_name")), (first, "careless"))
    connections["own"].close_at = 0
    close_old_connections()
    same(connections["own"].connection, None)
    is_new("own")
    differ(session("own"), first, "the session outlived its connection")
    lost()
    connections["own"].close()


def lost():
    """A connection that the network lost is found out, and replaced."""
    gone = session("own")
    sock = socket.socket(fileno=os.dup(connections["own"].connection.fileno()))
    sock.shutdown(socket.SHUT_RDWR)
    sock.close()
    try:
        one("own", "SELECT 1")
        raise AssertionError("the connection that was lost still answers")
    except django.db.OperationalError:
        same(connections["own"].connection.closed, True)
    close_old_connections()
    same(connections["own"].connection, None)
    differ(session("own"), gone, "the session that was lost came back")


def discard(connection):
    connection.execute("DISCARD ALL")


def pooled():
    """The one connection of the pool comes back as new, and is the same session."""
    sessions = set()
    for _ in range(3):
        is_new("pooled")
        sessions.add(session("pooled"))
        leave_behind("pooled")
        connections["pooled"].close()
    same(len(sessions), 1)
    connections["pooled"].close_pool()


def database(**more):
    engine = {"ENGINE": "django.db.backends.postgresql", "NAME": "cvx", "USER": "cvx"}
    return engine | {"HOST": "127.0.0.1", "PORT": sys.argv[1]} | more


def main():
    pool = {"min_size": 1, "max_size": 1, "reset": discard}
    databases = {
        "default": {},
        "own": database(CONN_MAX_AGE=600),
        "pooled": database(OPTIONS={"pool": pool}),
    }
    settings.configure(DATABASES=databases, USE_TZ=True, TIME_ZONE="UTC")
    django.setup()
    for alias in ["own", "pooled"]:
        copying(alias)
        introspected(alias)
    own_connections()
    pooled()
    print(f"Django {django.__version__}: {checks} checks")


if __name__ == "__main__":
    main()
