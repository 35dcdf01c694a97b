"""Parameters whose types nobody says: asyncpg asks the server, and encodes what it answers."""

import asyncio
import datetime
import sys

import asyncpg

PORT = int(sys.argv[1])
UTC = datetime.timezone.utc
DAY = datetime.timedelta(days=1)


def day(number):
    return datetime.datetime(2024, 1, number, tzinfo=UTC)


# What is asked, with what, and the answer.
CASES = [
    # Table functions in FROM.
    ("SELECT * FROM generate_series(1, $1) AS g(x)", [3], [(1,), (2,), (3,)]),
    ("SELECT x FROM generate_series($1, $2, $3) AS g(x)", [1, 9, 4], [(1,), (5,), (9,)]),
    (
        "SELECT x FROM generate_series($1, '2024-01-03'::timestamptz, $2) AS g(x)",
        [day(1), DAY],
        [(day(1),), (day(2),), (day(3),)],
    ),
    (
        "SELECT x FROM generate_series('2024-01-01'::timestamptz, $1, $2) AS g(x)",
        [day(2), DAY],
        [(day(1),), (day(2),)],
    ),
    ("SELECT d.id FROM docs d, generate_series(1, $1) g(x) WHERE d.id = g.x ORDER BY 1", [2], [(1,), (2,)]),
    ("SELECT count(*) FROM docs WHERE id IN (SELECT x FROM generate_series(2, $1) g(x))", [3], [(2,)]),
    # Arrays take their type from the other side.
    ("SELECT id FROM docs WHERE id = ANY($1) ORDER BY id", [[1, 3, 9]], [(1,), (3,)]),
    ("SELECT id FROM docs WHERE id = ANY ($1) ORDER BY id", [[]], []),
    ("SELECT id FROM docs WHERE id <> ALL($1) ORDER BY id", [[1, 3]], [(2,)]),
    ("SELECT id FROM docs WHERE NOT id = ANY($1) ORDER BY id", [[1, 3]], [(2,)]),
    ("SELECT id FROM docs WHERE title = ANY($1)", [["two", "no"]], [(2,)]),
    ("SELECT id FROM docs WHERE at = ANY($1)", [[day(3)]], [(3,)]),
    ("SELECT id FROM docs WHERE id + 1 = ANY($1)", [[2]], [(1,)]),
    ("SELECT x FROM (VALUES (1), (2), (3)) v(x) WHERE x = ANY($1)", [[2]], [(2,)]),
    ("SELECT 'a' = ANY($1), 5 = ANY($2)", [["a", "b"], [6]], [(True, False)]),
]


async def main():
    connection = await asyncpg.connect(
        host="127.0.0.1", port=PORT, user="cvx", database="cvx"
    )
    await connection.execute(
        "CREATE TABLE docs (id bigint PRIMARY KEY, title text, at timestamptz)"
    )
    rows = [(1, "one", day(1)), (2, "two", day(2)), (3, "three", day(3))]
    await connection.executemany("INSERT INTO docs VALUES ($1, $2, $3)", rows)
    for sql, values, expected in CASES:
        found = [tuple(row) for row in await connection.fetch(sql, *values)]
        assert found == expected, f"{sql} {values}: {found}"
    print(len(CASES), "checks")


asyncio.run(main())
