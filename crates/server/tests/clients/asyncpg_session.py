"""asyncpg's session: savepoints, cursors, metadata, a pool's resets, arrays by introspection.

    asyncpg_session.py PORT
"""

import asyncio
import sys

import asyncpg
from pgvector import Vector
from pgvector.asyncpg import register_vector

checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


async def savepoints(conn):
    async with conn.transaction():
        await conn.execute("INSERT INTO t VALUES (1, 'outer')")
        for sql in ["SELECT 1 / 0", "INSERT INTO t VALUES (1, 'again')", "SELECT * FROM missing"]:
            try:
                async with conn.transaction():
                    await conn.execute("INSERT INTO t VALUES (2, 'inner')")
                    await conn.execute(sql)
                raise AssertionError(f"{sql} went through")
            except asyncpg.PostgresError:
                pass
            same(await conn.fetchval("SELECT count(*) FROM t"), 1)
    same(await conn.fetchval("SELECT name FROM t"), "outer")
    async with conn.transaction(readonly=True):
        try:
            async with conn.transaction():
                await conn.execute("DELETE FROM t")
        except asyncpg.ReadOnlySQLTransactionError:
            pass
        same(await conn.fetchval("SELECT count(*) FROM t"), 1)


async def cursors(conn):
    numbers = "SELECT * FROM generate_series(1, 10000) AS g(x) WHERE x <= $1"
    async with conn.transaction():
        a = await conn.cursor(numbers, 1000)
        b = await conn.cursor(numbers, 1000)
        same([row["x"] for row in await a.fetch(3)], [1, 2, 3])
        same(await b.forward(500), 500)
        same((await b.fetchrow())["x"], 501)
        same((await a.fetchrow())["x"], 4)
        total = 0
        async for row in conn.cursor(numbers, 10_000, prefetch=300):
            total += row["x"]
        same(total, 10_000 * 10_001 // 2)
        # They outlive an error in an inner block.
        try:
            async with conn.transaction():
                await conn.fetch("SELECT 1 / 0")
        except asyncpg.DivisionByZeroError:
            pass
        same((await a.fetchrow())["x"], 5)
        # SQL's own.
        await conn.execute("DECLARE c CURSOR FOR SELECT * FROM generate_series(1, 10) AS g(x)")
        same([row["x"] for row in await conn.fetch("FETCH 4 FROM c")], [1, 2, 3, 4])
        same(await conn.execute("MOVE 2 FROM c"), "MOVE 2")
        same([row["x"] for row in await conn.fetch("FETCH ALL FROM c")], [7, 8, 9, 10])


async def prepared(conn):
    """PREPARE, and what the driver prepared, are one store."""
    await conn.execute("PREPARE named (int) AS SELECT $1 + 1 AS next")
    same((await conn.fetchrow("EXECUTE named (41)"))["next"], 42)
    listed = "SELECT count(*) FROM pg_prepared_statements WHERE from_sql = $1"
    same(await conn.fetchval(listed, True), 1)
    same(await conn.fetchval(listed, False) > 0, True)
    await conn.execute("DEALLOCATE named")


async def described(conn):
    """What a statement says of its parameters and columns before it runs, and the catalog's views."""
    await conn.execute("CREATE TABLE d (id BIGINT PRIMARY KEY, name VARCHAR(40) NOT NULL,"
                       " price NUMERIC(8, 2), tags TEXT[], v VECTOR(3))")
    statement = await conn.prepare("SELECT *, id + 1 AS next FROM d WHERE id = $1 AND v <-> $2 < $3")
    same([kind.name for kind in statement.get_parameters()], ["int8", "vector", "float8"])
    same([(a.name, a.type.name, a.type.kind) for a in statement.get_attributes()], [
        ("id", "int8", "scalar"), ("name", "varchar", "scalar"), ("price", "numeric", "scalar"),
        ("tags", "text[]", "array"), ("v", "vector", "scalar"), ("next", "int8", "scalar"),
    ])
    vector = await conn.fetchval("SELECT 'vector'::regtype::oid")
    same(statement.get_attributes()[4].type.oid, vector)
    rows = await conn.fetch(
        "SELECT column_name, udt_name, is_nullable, character_maximum_length, numeric_scale"
        " FROM information_schema.columns WHERE table_name = $1 ORDER BY ordinal_position", "d"
    )
    same([tuple(row) for row in rows], [
        ("id", "int8", "NO", None, 0), ("name", "varchar", "NO", 40, None),
        ("price", "numeric", "YES", None, 2), ("tags", "_text", "YES", None, None),
        ("v", "vector", "YES", None, None),
    ])
    keys = "SELECT conname, contype, conkey FROM pg_constraint WHERE conrelid = $1::text::regclass"
    found = await conn.fetch(f"{keys} AND contype = 'p'", "d")
    same([tuple(row) for row in found], [("d_pkey", b"p", [1])])
    await conn.execute("DROP TABLE d")


async def pool(port):
    """Connections come back from the pool as if they were new."""
    where = {"host": "127.0.0.1", "port": port, "user": "cvx", "database": "cvx"}
    async with asyncpg.create_pool(**where, min_size=1, max_size=1) as pool:
        for n in range(3):
            async with pool.acquire() as conn:
                same(await conn.fetchval("SHOW cvx.search"), "auto")
                same(await conn.fetchval("SELECT count(*) FROM pg_cursors"), 0)
                await conn.execute("SET cvx.search = 'exact'; SET cvx.valid_time = '2020-01-01'")
                await conn.execute("DECLARE left_open CURSOR WITH HOLD FOR SELECT 1")
                same(await conn.fetchval("SHOW cvx.search"), "exact")


async def arrays(conn):
    """Arrays are read after asking the catalog what they are of."""
    await conn.execute("CREATE TABLE a (id INT PRIMARY KEY, i INT[], b BIGINT[], t TEXT[],"
                       " f FLOAT8[], u UUID[], v VECTOR(3)[], ts TIMESTAMPTZ[])")
    await register_vector(conn)
    # As asyncpg wants them: an array of numpy's inside a list would be a second dimension.
    vectors = [Vector([n, 0.5, -1]) for n in range(4)]
    i, b, t, f = [1, None, 3], [2**40], ["a,b", "", None, 'q"uote'], [0.5, -1.0]
    insert = "INSERT INTO a (id, i, b, t, f, v) VALUES ($1, $2, $3, $4, $5, $6)"
    await conn.execute(insert, 1, i, b, t, f, vectors)
    await conn.execute(insert, 2, [], [], [], [], [])
    await conn.execute(insert, 3, None, None, None, None, None)
    row = await conn.fetchrow("SELECT i, b, t, f, v, u, ts FROM a WHERE id = 1")
    same(list(row)[:4], [i, b, t, f])
    same(row["v"], vectors)
    same(list(row)[5:], [None, None])
    same(list(await conn.fetchrow("SELECT i, b, t, f, v FROM a WHERE id = 2")), [[]] * 5)
    same(list(await conn.fetchrow("SELECT i, b, t, f, v FROM a WHERE id = 3")), [None] * 5)
    same(await conn.fetchval("SELECT id FROM a WHERE id = ANY($1::int[])", [1, 7]), 1)
    same(await conn.fetchval("SELECT array_agg(id ORDER BY id) FROM a"), [1, 2, 3])


async def main():
    port = int(sys.argv[1])
    where = {"host": "127.0.0.1", "port": port, "user": "cvx", "database": "cvx"}
    conn = await asyncpg.connect(**where)
    await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await conn.execute("CREATE TABLE t (id INT PRIMARY KEY, name TEXT)")
    await savepoints(conn)
    await cursors(conn)
    await prepared(conn)
    await arrays(conn)
    await described(conn)
    await conn.close()
    await pool(port)
    print(f"asyncpg {asyncpg.__version__}, session: {checks} checks")


asyncio.run(main())
