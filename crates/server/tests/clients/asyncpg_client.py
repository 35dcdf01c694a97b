"""asyncpg with pgvector's registration: always prepared, always binary, types by introspection.

    asyncpg_client.py PORT [--plain]
"""

import asyncio
import datetime as dt
import decimal
import sys
import uuid

import asyncpg
import numpy as np
from pgvector.asyncpg import register_vector

UTC = dt.timezone.utc
checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


async def refused(state, awaitable):
    global checks
    checks += 1
    try:
        await awaitable
    except asyncpg.PostgresError as error:
        assert error.sqlstate == state, f"{error.sqlstate} for {state}: {error}"
        return
    raise AssertionError(f"{state} expected")


def vector(seed, dim=8):
    return np.random.default_rng(seed).standard_normal(dim).astype(np.float32)


def floats(found):
    return found.to_numpy() if hasattr(found, "to_numpy") else found


def bits(found):
    return np.asarray(floats(found), dtype=np.float32).view(np.uint32).tolist()


def day(n):
    return dt.datetime(2024, 1, 1, tzinfo=UTC) + dt.timedelta(days=n)


async def types(conn):
    for name, value in {
        "boolean": True,
        "smallint": -32768,
        "integer": 2**31 - 1,
        "bigint": -(2**63),
        "real": 1.5,
        "double precision": 0.1,
        "numeric": decimal.Decimal("12345.678"),
        "text": "quote ' and back\\slash, ünïcödé",
        "varchar": "v",
        "bytea": bytes(range(256)),
        "date": dt.date(1969, 7, 20),
        "timestamp": dt.datetime(1969, 7, 20, 20, 17, 40, 123456),
        "timestamptz": dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=UTC),
        "interval": dt.timedelta(days=3, hours=4, microseconds=5),
        "uuid": uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        "jsonb": '{"a": [1, null]}',
    }.items():
        same(await conn.fetchval(f"SELECT $1::{name}", value), value)
        same(await conn.fetchval(f"SELECT $1::{name}", None), None)
    same(bits(await conn.fetchval("SELECT $1::vector", vector(1))), bits(vector(1)))


async def tables(conn, plain):
    options = "" if plain else "WITH (entity = 'doc_id', valid_time = 'ts')"
    await conn.execute("DROP TABLE IF EXISTS papers")
    await conn.execute(
        "CREATE TABLE papers (doc_id BIGINT, ts TIMESTAMPTZ, title TEXT, embedding VECTOR(8),"
        f" PRIMARY KEY (doc_id, ts)) {options}"
    )


async def writing(conn):
    insert = "INSERT INTO papers (doc_id, ts, title, embedding) VALUES ($1, $2, $3, $4)"
    same(await conn.execute(insert, 1, day(0), "one", vector(10)), "INSERT 0 1")
    rows = [(2, day(n), f"two {n}", vector(20 + n)) for n in range(5)]
    await conn.executemany(insert, rows)
    points = "SELECT ts, title, embedding FROM papers WHERE doc_id = $1 ORDER BY ts"
    found = await conn.fetch(points, 2)
    same([tuple(row)[:2] for row in found], [row[1:3] for row in rows])
    same([bits(row["embedding"]) for row in found], [bits(row[3]) for row in rows])
    returning = insert + " RETURNING doc_id, title, embedding"
    record = await conn.fetchrow(returning, 3, day(0), None, None)
    same(tuple(record), (3, None, None))
    same(await conn.execute("UPDATE papers SET title = $2 WHERE doc_id = $1", 2, "t"), "UPDATE 5")
    same(await conn.execute("DELETE FROM papers WHERE doc_id = $1", 3), "DELETE 1")
    await refused("23505", conn.execute(insert, 1, day(0), "other", None))
    await refused("22000", conn.execute(insert, 5, day(0), "short", np.ones(3, dtype=np.float32)))
    await refused("42P01", conn.fetch("SELECT * FROM missing WHERE id = $1", 1))
    await refused("42601", conn.fetch("SELEC 1"))


async def transactions(conn):
    count = "SELECT count(*) FROM papers WHERE doc_id = 7"
    insert = "INSERT INTO papers (doc_id, ts) VALUES (7, $1)"
    async with conn.transaction():
        await conn.execute(insert, day(0))
        same(await conn.fetchval(count), 1)
    same(await conn.fetchval(count), 1)
    try:
        async with conn.transaction():
            await conn.execute(insert, day(1))
            raise RuntimeError
    except RuntimeError:
        pass
    same(await conn.fetchval(count), 1)
    async with conn.transaction(isolation="repeatable_read"):
        same(await conn.fetchval(count), 1)
        cursor = conn.cursor("SELECT * FROM generate_series(1, 500) AS g(x)", prefetch=100)
        same([row["x"] async for row in cursor], list(range(1, 501)))


async def copying(conn):
    columns = ["doc_id", "ts", "title", "embedding"]
    rows = [(100 + n % 10, day(n), f"copied {n}", vector(n)) for n in range(300)]
    tag = await conn.copy_records_to_table("papers", records=rows, columns=columns)
    same(tag, "COPY 300")
    found = await conn.fetch("SELECT * FROM papers WHERE doc_id >= 100 ORDER BY ts")
    same([tuple(row)[:3] for row in found], [row[:3] for row in rows])
    same([bits(row["embedding"]) for row in found], [bits(row[3]) for row in rows])
    lines = []

    async def keep(data):
        lines.append(data)

    query = "SELECT doc_id FROM papers WHERE doc_id >= $1"
    same(await conn.copy_from_query(query, 100, output=keep), "COPY 300")
    same(b"".join(lines).count(b"\n"), 300)


async def searching(conn):
    rows = await conn.fetch("SELECT doc_id, ts, embedding FROM papers WHERE embedding IS NOT NULL")
    matrix = np.array([floats(row["embedding"]) for row in rows])
    query = vector(1000)
    order = np.argsort(np.linalg.norm(matrix - query, axis=1), kind="stable")[:5]
    sql = "SELECT doc_id, ts, embedding <-> $1 AS d FROM papers ORDER BY embedding <-> $1 LIMIT $2"
    statement = await conn.prepare(sql)
    for _ in range(3):
        found = await statement.fetch(query, 5)
        same([tuple(row)[:2] for row in found], [tuple(rows[at])[:2] for at in order])
    same([attribute.name for attribute in statement.get_attributes()], ["doc_id", "ts", "d"])
    # Untyped parameters take their type from where they stand.
    found = await conn.fetch(
        "SELECT doc_id FROM papers WHERE doc_id IN (100, $1) AND ts > $2 AND title LIKE $3"
        " ORDER BY embedding <=> $4 LIMIT 3",
        101, day(10), "copied%", query,
    )
    same(len(found), 3)


async def in_time(conn):
    title = "SELECT title FROM papers WHERE doc_id = $1 AS OF $2"
    same(await conn.fetchval(title, 100, day(15)), "copied 10")
    same(await conn.fetchval(title, 100, day(-1)), None)
    nearest = "SELECT doc_id FROM papers ORDER BY embedding <-> $1 LIMIT 8 AS OF $2"
    found = await conn.fetch(nearest, vector(3), day(400))
    same(len({row["doc_id"] for row in found}), 8)
    path = "SELECT title FROM TRAJECTORY(papers, $1, $2, $3)"
    found = await conn.fetch(path, 100, day(5), day(25))
    same([row["title"] for row in found], ["copied 10", "copied 20"])
    known = await conn.fetchval("SELECT now()")
    correct = "UPDATE papers SET title = 'corrected' WHERE doc_id = 100 AND ts = $1"
    await conn.execute(correct, day(10))
    then = (
        "SELECT title FROM papers FOR SYSTEM_TIME AS OF $1 FOR VALID_TIME AS OF $2"
        " WHERE doc_id = 100"
    )
    same(await conn.fetchval(then, known, day(15)), "copied 10")
    same(await conn.fetchval(title, 100, day(15)), "corrected")
    late = "INSERT INTO papers (doc_id, ts) VALUES (100, $1)"
    await refused("CV001", conn.execute(late, day(-3)))


async def pooled(port):
    """A pool resets its connections between two users of one."""
    async with asyncpg.create_pool(
        host="127.0.0.1", port=port, user="cvx", database="cvx", min_size=1, max_size=3,
        init=register_vector,
    ) as pool:
        async with pool.acquire() as conn:
            await conn.execute("SET application_name = 'first'")
        answers = await asyncio.gather(*(pool.fetchval("SELECT $1::int * 2", n) for n in range(20)))
        same(answers, [2 * n for n in range(20)])
        async with pool.acquire() as conn:
            assert await conn.fetchval("SHOW application_name") != "first"


async def stopping(conn):
    slow = (
        "SELECT count(*) FROM generate_series(1, 200000::bigint) AS a(x),"
        " generate_series(1, 200000::bigint) AS b(y)"
    )
    try:
        await conn.fetchval(slow, timeout=0.3)
        raise AssertionError("it cannot be done")
    except asyncio.TimeoutError:
        pass
    same(await conn.fetchval("SELECT 1"), 1)


async def main():
    port, plain = int(sys.argv[1]), "--plain" in sys.argv
    conn = await asyncpg.connect(host="127.0.0.1", port=port, user="cvx", database="cvx")
    await conn.execute("CREATE EXTENSION IF NOT EXISTS vector")
    await register_vector(conn)
    await types(conn)
    await tables(conn, plain)
    await writing(conn)
    await transactions(conn)
    await copying(conn)
    await searching(conn)
    if not plain:
        await in_time(conn)
    await stopping(conn)
    await conn.close()
    await pooled(port)
    print(f"asyncpg {asyncpg.__version__}: {checks} checks")


if __name__ == "__main__":
    asyncio.run(main())
