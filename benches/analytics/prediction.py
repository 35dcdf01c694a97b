"""One prediction at 768 dimensions, with its interval (goal: below 50 ms), and what predictions are
worth after training over SQL."""

import time

import corpus
import numpy as np
import report
import servers
import sql

ENTITIES, POINTS, DIM = 100, 50, 768


def run(ours, args):
    rng = np.random.default_rng(3)
    steps = rng.standard_normal((ENTITIES, POINTS, DIM), dtype=np.float32)
    walks = steps.cumsum(axis=1).reshape(-1, DIM)
    said = ours.run("predict", walks, ENTITIES)
    rows = [(name, f"{ms:.3f} ms") for name, ms in said["methods"].items()]
    rows.append(("training of one epoch, and the backtest", f"{said['train_ms'] / 1e3:.2f} s"))
    report.table(f"Prediction at {DIM} dimensions, one thread, median", ("method", "time"), rows)
    served(args)


ORBITS, SEEN = 200, 60


def orbits():
    """Bodies on circles in one plane and another, each of its own size and phase, in 16 dimensions."""
    rng = np.random.default_rng(5)
    axes = np.linalg.qr(rng.standard_normal((16, 4)))[0].T
    size = rng.uniform(0.8, 1.6, (ORBITS, 2, 1))
    phase = rng.uniform(0, 2 * np.pi, (ORBITS, 2, 1))
    turn = 2 * np.pi * np.arange(SEEN) / np.array([20.0, 31.0])[None, :, None] + phase
    plane = np.stack([size * np.cos(turn), size * np.sin(turn)], axis=2).reshape(ORBITS, 4, SEEN)
    return np.einsum("okt,kd->otd", plane, axes).astype(np.float32)


def judged(connection, table):
    """What every method is worth, on entities and moments that the model did not learn from."""
    began = time.perf_counter()
    connection.execute(f"CALL cvx.train_predictor('{table}')")
    seconds = time.perf_counter() - began
    query = f"SELECT method, error, coverage, cases, used FROM cvx.backtest('{table}') ORDER BY 2"
    for method, error, coverage, cases, used in connection.execute(query).fetchall():
        covered = "" if coverage is None else f"{100 * coverage:.1f} %"
        yield method, f"{error:.4f}", covered, f"{cases:,}", "yes" if used else "", f"{seconds:.0f} s"


def served(args):
    with servers.cvx(args.cvx) as server, server.connect() as connection:
        data = orbits()
        connection.execute(
            "CREATE TABLE orbits (doc_id BIGINT, ts TIMESTAMPTZ, embedding VECTOR(16),"
            " PRIMARY KEY (doc_id, ts))"
        )
        places = np.arange(ORBITS * SEEN)
        ts = corpus.START_US + places % SEEN * 86_400_000_000
        rows = corpus.copy_rows(places // SEEN, ts, data.reshape(-1, 16), True)
        corpus.copy_into(connection, "orbits", rows)
        rows = [("orbits", *row) for row in judged(connection, "orbits")]
        if args.peps:
            sql.peps_table(args, connection)
            rows += [("PEPs", *row) for row in judged(connection, "peps")]
    head = ("data", "method", "error", "95 % intervals held", "cases", "used by auto", "training")
    report.table("Predictions judged where nobody learnt", head, rows)
