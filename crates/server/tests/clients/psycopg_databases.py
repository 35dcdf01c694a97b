"""Databases as a suite makes them for itself: psycopg 3, autocommit, one connection each."""

import sys

import psycopg
from psycopg import errors

PORT = int(sys.argv[1])
checks = 0


def connect(database, user="cvx"):
    return psycopg.connect(
        host="127.0.0.1", port=PORT, user=user, dbname=database, autocommit=True
    )


def check(condition, what):
    global checks
    assert condition, what
    checks += 1


def refused(error, work):
    try:
        work()
    except error as refusal:
        check(True, refusal)
        return refusal
    raise AssertionError(f"{error} was not raised")


def one(connection, sql, *values):
    return connection.execute(sql, values).fetchone()[0]


first = connect("cvx")
first.execute("CREATE DATABASE suite")
first.execute("CREATE TABLE docs (id int PRIMARY KEY, v vector(2))")
first.execute("INSERT INTO docs VALUES (1, '[1,2]')")

# The same name is another table there, with other columns.
suite = connect("suite")
check(one(suite, "SELECT current_database()") == "suite", "its name")
check(one(suite, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0, "empty")
refused(errors.UndefinedTable, lambda: suite.execute("SELECT * FROM docs"))
suite.execute("CREATE TABLE docs (name text, n bigint)")
suite.execute("INSERT INTO docs VALUES (%s, %s)", ("one", 1))
check(suite.execute("SELECT * FROM docs").fetchall() == [("one", 1)], "its own rows")
check(one(first, "SELECT id FROM docs") == 1, "the first one's rows are as they were")
check(one(suite, "SELECT count(*) FROM pg_database") == 2, "all databases are told")
columns = "SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM"
columns += " information_schema.columns WHERE table_name = 'docs'"
check(one(suite, columns) == "name,n", "its own columns")
check(one(first, columns) == "id,v", "and the other's")

# Transactions, schemas, extensions and statistics are the database's.
suite.execute("CREATE SCHEMA own")
suite.execute("CREATE EXTENSION vector")
schema = "SELECT count(*) FROM pg_namespace WHERE nspname = 'own'"
check((one(suite, schema), one(first, schema)) == (1, 0), "a schema")
extension = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'"
check((one(suite, extension), one(first, extension)) == (1, 0), "an extension")
stats = "SELECT count(*) FROM cvx.storage_stats"
suite.execute("CREATE TABLE own.more (id int)")
check((one(suite, stats), one(first, stats)) == (2, 1), "storage_stats")
with suite.transaction(force_rollback=True):
    suite.execute("DROP TABLE docs")
    suite.execute("CREATE TABLE rolled_back (id int)")
check(one(suite, "SELECT n FROM docs") == 1, "a rollback")

# Nobody drops or renames it under a session; those who leave make way.
in_use = refused(errors.ObjectInUse, lambda: first.execute("DROP DATABASE suite"))
check("1 other session" in in_use.diag.message_detail, in_use.diag.message_detail)
refused(errors.ObjectInUse, lambda: first.execute("ALTER DATABASE suite RENAME TO other"))
refused(errors.ObjectInUse, lambda: suite.execute("DROP DATABASE suite"))
suite.close()
first.execute("ALTER DATABASE suite RENAME TO renamed")
gone = refused(psycopg.OperationalError, lambda: connect("suite"))
check('database "suite" does not exist' in str(gone), gone)
renamed = connect("renamed")
check(one(renamed, "SELECT name FROM docs") == "one", "rows under the new name")
check(one(renamed, "SELECT current_database()") == "renamed", "the new name")

# Roles are shared, rights on the database and its schemas are its own.
first.execute("CREATE ROLE ada LOGIN CREATEDB")
first.execute("REVOKE CONNECT ON DATABASE renamed FROM PUBLIC")
denied = refused(psycopg.OperationalError, lambda: connect("renamed", "ada"))
check('permission denied for database "renamed"' in str(denied), denied)
ada = connect("cvx", "ada")
ada.execute("CREATE DATABASE hers")
hers = connect("hers", "ada")
hers.execute("CREATE TABLE t (id int)")
check(one(hers, "SELECT tableowner FROM pg_tables WHERE tablename = 't'") == "ada", "an owner")
refused(errors.InsufficientPrivilege, lambda: ada.execute("CREATE TABLE t (id int)"))
refused(errors.DependentObjectsStillExist, lambda: first.execute("DROP ROLE ada"))
hers.close()
ada.execute("DROP DATABASE hers")
ada.close()
first.execute("DROP ROLE ada")

# Whoever is still there is put out by FORCE, in the middle of a transaction too.
renamed.execute("BEGIN")
renamed.execute("INSERT INTO docs VALUES ('two', 2)")
first.execute("DROP DATABASE renamed WITH (FORCE)")
refused(errors.AdminShutdown, lambda: renamed.execute("COMMIT"))
check(renamed.closed, "the connection is closed")
check(one(first, "SELECT count(*) FROM pg_database") == 1, "none is left")
check(one(first, "SELECT id FROM docs") == 1, "but the first one")
print(checks, "checks")
