"""One prediction at 768 dimensions, with its interval. Goal: below 50 ms."""

import numpy as np
import report

ENTITIES, POINTS, DIM = 100, 50, 768


def run(ours, _):
    rng = np.random.default_rng(3)
    steps = rng.standard_normal((ENTITIES, POINTS, DIM), dtype=np.float32)
    walks = steps.cumsum(axis=1).reshape(-1, DIM)
    said = ours.run("predict", walks, ENTITIES)
    rows = [(name, f"{ms:.3f} ms") for name, ms in said["methods"].items()]
    rows.append(("training of one epoch, and the backtest", f"{said['train_ms'] / 1e3:.2f} s"))
    report.table(f"Prediction at {DIM} dimensions, one thread, median", ("method", "time"), rows)
