"""SQLAlchemy 2 over psycopg 3 and psycopg2: reflection, the ORM with pgvector's types, COPY, its pool.

    sqlalchemy_client.py PORT [--plain]

--plain leaves out what only ChronosVector has: so the rest can be checked against PostgreSQL.
"""

import datetime as dt
import decimal
import io
import sys
import uuid

import numpy as np
import sqlalchemy as sa
from pgvector.sqlalchemy import Vector
from sqlalchemy.dialects import postgresql as pg
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

UTC = dt.timezone.utc
checks = 0


def same(found, expected):
    global checks
    checks += 1
    assert found == expected, f"found {found!r}, expected {expected!r}"


def refused(state, run):
    """By SQLSTATE, through the driver's exception."""
    global checks
    checks += 1
    try:
        run()
    except sa.exc.DBAPIError as error:
        found = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
        assert found == state, f"{found} for {state}: {error}"
        return
    raise AssertionError(f"{state} expected")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    price: Mapped[decimal.Decimal | None] = mapped_column(sa.Numeric(8, 2))
    tags: Mapped[list[str] | None] = mapped_column(pg.ARRAY(sa.Text))
    meta: Mapped[dict | None] = mapped_column(pg.JSONB)
    ref: Mapped[uuid.UUID | None]
    made: Mapped[dt.datetime | None] = mapped_column(sa.DateTime(timezone=True))
    day: Mapped[dt.date | None]
    embedding = mapped_column(Vector(3))


class Point(Base):
    """A table with valid time: its key is the entity and the time."""

    __tablename__ = "points"
    entity: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, autoincrement=False)
    ts: Mapped[dt.datetime] = mapped_column(sa.DateTime(timezone=True), primary_key=True)
    title: Mapped[str | None]
    embedding = mapped_column(Vector(3))


def day(n):
    return dt.datetime(2024, 1, n, tzinfo=UTC)


def define(engine):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    # A second time it asks the catalog, and finds them.
    Base.metadata.create_all(engine)


def reflect(engine):
    inspector = sa.inspect(engine)
    assert {"items", "points"} <= set(inspector.get_table_names())
    same(inspector.has_table("items"), True)
    same(inspector.has_table("missing"), False)
    columns = {column["name"]: column for column in inspector.get_columns("items")}
    same(list(columns), [column.name for column in Item.__table__.columns])
    same(str(columns["price"]["type"]), "NUMERIC(8, 2)")
    same(str(columns["name"]["type"]), "VARCHAR(40)")
    same(str(columns["made"]["type"]), "TIMESTAMP")
    same(columns["made"]["type"].timezone, True)
    same(columns["embedding"]["type"].dim, 3)
    same((columns["id"]["nullable"], columns["price"]["nullable"]), (False, True))
    assert columns["id"]["default"].startswith("nextval("), columns["id"]
    key = inspector.get_pk_constraint("points")
    same((key["name"], key["constrained_columns"]), ("points_pkey", ["entity", "ts"]))
    same(inspector.get_foreign_keys("points"), [])
    same(inspector.get_unique_constraints("points"), [])
    same(inspector.get_check_constraints("points"), [])
    same(inspector.get_indexes("points"), [])
    assert "public" in inspector.get_schema_names()
    same(inspector.get_sequence_names(), ["items_id_seq"])
    same(inspector.get_materialized_view_names(), [])
    same(inspector.get_enums(), [])
    reflected = sa.MetaData()
    reflected.reflect(engine, only=["items", "points"])
    same([c.name for c in reflected.tables["points"].primary_key], ["entity", "ts"])
    with engine.connect() as connection:
        found = connection.execute(sa.select(sa.func.count()).select_from(reflected.tables["items"]))
        same(found.scalar(), 0)


def views_and_indexes(engine):
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW names AS SELECT id, name FROM items"))
        connection.execute(
            sa.text("CREATE INDEX near ON items USING hnsw (embedding vector_l2_ops) WITH (m = 16)")
        )
        connection.execute(sa.text("COMMENT ON TABLE items IS 'what is sold'"))
    inspector = sa.inspect(engine)
    same(inspector.get_view_names(), ["names"])
    assert "SELECT" in inspector.get_view_definition("names").upper()
    indexes = inspector.get_indexes("items")
    same([(i["name"], i["column_names"], i["unique"]) for i in indexes],
         [("near", ["embedding"], False)])
    same(inspector.get_table_comment("items")["text"], "what is sold")
    with engine.begin() as connection:
        connection.execute(sa.text("DROP VIEW names"))


def orm(engine):
    ref = uuid.UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
    lamp = Item(
        name="lamp", price=decimal.Decimal("12.50"), tags=["a,b", 'q"'], meta={"k": [1, None]},
        ref=ref, made=day(2), day=dt.date(1969, 7, 20), embedding=[1, 2, 3],
    )
    with Session(engine) as session:
        session.add_all([lamp, Item(name="chair", embedding=[0, 0, 1]), Item(name="nothing")])
        session.commit()
        same(lamp.id > 0, True)
        found = session.get(Item, lamp.id, populate_existing=True)
        same((found.price, found.tags, found.meta), (lamp.price, ["a,b", 'q"'], {"k": [1, None]}))
        same((found.ref, found.made, found.day), (ref, day(2), dt.date(1969, 7, 20)))
        same([float(x) for x in found.embedding], [1.0, 2.0, 3.0])
        found.name = "lamp, tall"
        session.commit()
        named = session.scalars(sa.select(Item.name).where(Item.name.ilike("LAMP%"))).all()
        same(named, ["lamp, tall"])
        nearest = sa.select(Item).order_by(Item.embedding.l2_distance([0, 0, 2])).limit(2)
        same([item.name for item in session.scalars(nearest)], ["chair", "lamp, tall"])
        far = sa.select(Item.name).where(Item.embedding.cosine_distance([0, 0, 1]) > 0.1)
        same(session.scalars(far).all(), ["lamp, tall"])
        within = sa.select(Item.name).where(Item.name.in_(["chair", "x"]))
        same(session.scalars(within).all(), ["chair"])
        session.delete(found)
        session.flush()
        same(session.scalar(sa.select(sa.func.count(Item.id))), 2)
        session.rollback()
        same(session.scalar(sa.select(sa.func.count(Item.id))), 3)
        average = session.scalar(sa.select(sa.func.avg(Item.embedding).cast(Vector)))
        same([float(x) for x in average], [0.5, 1.0, 2.0])


def core(engine):
    points = Point.__table__
    rows = [{"entity": 1, "ts": day(n), "title": f"t{n}", "embedding": [n, 0, 0]}
            for n in range(1, 8)]
    with engine.begin() as connection:
        same(connection.execute(points.insert(), rows).rowcount in (7, -1), True)
    with engine.connect() as connection:
        found = connection.execute(sa.select(points.c.title).order_by(points.c.ts.desc()))
        same(found.scalars().all()[:2], ["t7", "t6"])
        upsert = pg.insert(points).values(rows[0]).on_conflict_do_nothing()
        connection.execute(upsert)
        same(connection.scalar(sa.select(sa.func.count()).select_from(points)), 7)
        returned = connection.execute(
            points.insert().values(entity=2, ts=day(1)).returning(points.c.entity)
        )
        same(returned.scalar(), 2)
        connection.rollback()
        windows = sa.select(
            points.c.title, sa.func.row_number().over(order_by=points.c.ts.desc())
        ).order_by(points.c.ts).limit(1)
        same(connection.execute(windows).one(), ("t1", 7))


def errors(engine):
    with engine.connect() as connection:
        for state, sql in [("42P01", "SELECT * FROM missing"), ("42703", "SELECT missing FROM items"),
                           ("22012", "SELECT 1/0"), ("42601", "SELEC 1")]:
            refused(state, lambda: connection.execute(sa.text(sql)))
            connection.rollback()
    with Session(engine) as session:
        session.add(Item(id=1, name="twin"))
        refused("23505", session.flush)
        session.rollback()


def copy_in(cursor, sql, text):
    """COPY is the driver's own: a stream of the cursor, or a function that reads a file."""
    if hasattr(cursor, "copy_expert"):
        cursor.copy_expert(sql, io.StringIO(text))
    else:
        with cursor.copy(sql) as copy:
            copy.write(text)
    return cursor.rowcount


def copy_out(cursor, sql):
    if hasattr(cursor, "copy_expert"):
        found = io.StringIO()
        cursor.copy_expert(sql, found)
        return found.getvalue()
    with cursor.copy(sql) as copy:
        return b"".join(copy).decode()


def copying(engine):
    """By the driver's cursor under a connection of the pool, and within SQLAlchemy's transaction."""
    where = Point.entity >= 100
    query = "SELECT entity, title, embedding FROM points WHERE entity >= 100 ORDER BY entity"
    with engine.connect() as connection:
        with connection.connection.cursor() as cursor:
            rows = "100\t2024-01-01\ta\\tb\t[1,2,3]\n101\t2024-01-02\t\\N\t\\N\n"
            columns = "entity, ts, title, embedding"
            same(copy_in(cursor, f"COPY points ({columns}) FROM STDIN", rows), 2)
            csv = 'entity,ts,title\n102,2024-01-03,"with, comma"\n'
            same(copy_in(cursor, "COPY points (entity, ts, title) FROM STDIN CSV HEADER", csv), 1)
            same(copy_out(cursor, f"COPY ({query}) TO STDOUT"),
                 "100\ta\\tb\t[1,2,3]\n101\t\\N\t\\N\n102\twith, comma\t\\N\n")
            same(copy_out(cursor, f"COPY ({query}) TO STDOUT CSV"),
                 '100,a\tb,"[1,2,3]"\n101,,\n102,"with, comma",\n')
        found = connection.execute(sa.select(Point.__table__).where(where).order_by(Point.entity))
        same([(row.entity, row.ts, row.title) for row in found],
             [(100, day(1), "a\tb"), (101, day(2), None), (102, day(3), "with, comma")])
        connection.rollback()
    count = sa.select(sa.func.count()).select_from(Point.__table__).where(where)
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        same(copy_in(cursor, "COPY points (entity, ts) FROM STDIN", "100\t2024-01-01\n"), 1)
    # Nobody committed: what was copied is gone once the pool has the connection back.
    raw.close()
    with engine.connect() as connection:
        same(connection.scalar(count), 0)
    raw = engine.raw_connection()
    with raw.cursor() as cursor:
        copy_in(cursor, "COPY points (entity, ts) FROM STDIN", "100\t2024-01-01\n")
        raw.commit()
    raw.close()
    with engine.begin() as connection:
        same(connection.scalar(count), 1)
        connection.execute(Point.__table__.delete().where(where))


def in_time(engine):
    """The past, read by whoever cannot write AS OF."""
    with engine.connect() as connection:
        count = sa.select(sa.func.count()).select_from(Point.__table__)
        connection.execute(sa.text("SET cvx.valid_time = '2024-01-03'"))
        same(connection.execute(count).scalar(), 1)
        same(connection.execute(sa.select(Point.__table__.c.title)).scalar(), "t3")
        connection.execute(sa.text("RESET cvx.valid_time"))
        as_of = sa.text("SELECT title FROM points AS OF :at")
        same(connection.execute(as_of, {"at": day(5)}).scalar(), "t5")
        trajectory = sa.text("SELECT count(*) FROM TRAJECTORY(points, :entity)")
        same(connection.execute(trajectory, {"entity": 1}).scalar(), 7)
        connection.rollback()


def pool(engine):
    """What a connection was left with does not reach its next user."""
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE TABLE left_open (id INT PRIMARY KEY)"))
        same(engine.pool.checkedout(), 1)
    same(engine.pool.checkedout(), 0)
    same(sa.inspect(engine).has_table("left_open"), False)
    serial = engine.execution_options(isolation_level="AUTOCOMMIT")
    with serial.connect() as connection:
        connection.execute(sa.text("CREATE TABLE kept (id INT PRIMARY KEY)"))
    same(sa.inspect(engine).has_table("kept"), True)
    with serial.connect() as connection:
        connection.execute(sa.text("DROP TABLE kept"))


def drivers(port):
    """psycopg 3 looks its types up inside a savepoint: with it only where there are any."""
    engine = sa.create_engine(f"postgresql+psycopg2://cvx@127.0.0.1:{port}/cvx")
    with engine.connect() as connection:
        try:
            connection.begin_nested().rollback()
        except sa.exc.NotSupportedError:
            return ["psycopg2"]
    return ["psycopg2", "psycopg"]


def main():
    port, plain = int(sys.argv[1]), "--plain" in sys.argv
    for driver in drivers(port):
        url = f"postgresql+{driver}://cvx@127.0.0.1:{port}/cvx"
        engine = sa.create_engine(url, pool_size=2, pool_pre_ping=True)
        define(engine)
        reflect(engine)
        views_and_indexes(engine)
        orm(engine)
        core(engine)
        errors(engine)
        copying(engine)
        if not plain:
            in_time(engine)
        pool(engine)
        engine.dispose()
    print(f"SQLAlchemy {sa.__version__}: {checks} checks")


if __name__ == "__main__":
    main()
