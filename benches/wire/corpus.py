"""Vectors from a seed, and binary COPY of them."""

import struct

import numpy as np

DIM = 768
SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
EPOCH_US = 946_684_800_000_000
START_US = 1_704_067_200_000_000


def vectors(rows, dim=DIM, seed=1):
    rng = np.random.default_rng(seed)
    made = rng.standard_normal((rows, dim), dtype=np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def copy_rows(ids, ts_us, data, vector):
    """Rows (bigint, timestamptz, vector or real[]) in COPY's binary form, as one array of bytes."""
    rows, dim = data.shape
    if vector:
        head, size = struct.pack(">hh", dim, 0), 4 + 4 * dim
        kind, element = [("head", "S4")], [("v", ">f4", (dim,))]
    else:
        head, size = struct.pack(">iiiii", 1, 0, 700, dim, 1), 20 + 8 * dim
        kind = [("head", "V20")]
        element = [("v", [("len", ">i4"), ("f", ">f4")], (dim,))]
    fields = [("n", ">i2"), ("l1", ">i4"), ("id", ">i8"), ("l2", ">i4"), ("ts", ">i8")]
    fields += [("l3", ">i4")]
    kind = [("head", f"V{len(head)}")]
    out = np.zeros(rows, dtype=fields + kind + element)
    out["n"], out["l1"], out["l2"], out["l3"] = 3, 8, 8, size
    out["id"], out["ts"] = ids, np.asarray(ts_us) - EPOCH_US
    out["head"] = np.frombuffer(head, dtype=f"V{len(head)}")[0]
    if vector:
        out["v"] = data
    else:
        out["v"]["len"], out["v"]["f"] = 4, data
    return out.view(np.uint8).reshape(-1)


def copy_into(connection, table, buffer, chunk=1 << 20):
    """One COPY of prepared bytes; returns when the server has acknowledged it."""
    view = memoryview(buffer)
    with connection.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN BINARY") as copy:
        copy.write(SIGNATURE)
        for start in range(0, len(view), chunk):
            copy.write(view[start : start + chunk])
        copy.write(TRAILER)


TABLE = (
    f"CREATE TABLE docs (doc_id BIGINT, ts TIMESTAMPTZ, embedding VECTOR({DIM}),"
    " PRIMARY KEY (doc_id, ts))"
)


def filled(connection, rows, points=1, table=TABLE, first=0):
    """`rows` points of rows / points entities, one point an hour, by binary COPY."""
    connection.execute(table)
    batch = 50_000
    for start in range(0, rows, batch):
        places = np.arange(start, min(start + batch, rows))
        ids = first + places // points
        ts = START_US + (places % points) * 3_600_000_000
        copy_into(connection, "docs", copy_rows(ids, ts, vectors(len(places), seed=start), True))
