"""Makes transport.json: populations, and what scipy says of how far they must be carried.

    python -m venv v && v/bin/pip install numpy scipy
    v/bin/python transport.py > transport.json
"""

import json
from importlib.metadata import version

import numpy as np
from scipy.stats import wasserstein_distance

rng = np.random.default_rng(11)


def rows(count, dim, spread):
    return np.round(spread * rng.standard_normal((count, dim)), 3).astype(np.float32)


cases = []
for n, m, dim, spread in [(1, 1, 1, 1), (7, 7, 1, 2), (9, 4, 3, 0.5), (30, 41, 17, 3)]:
    before, after = rows(n, dim, 1), rows(m, dim, spread) + np.float32(0.25)
    each = [wasserstein_distance(before[:, d], after[:, d]) for d in range(dim)]
    cases.append({"before": before.ravel().astype(float).tolist(),
                  "after": after.ravel().astype(float).tolist(),
                  "dim": dim, "wasserstein": float(np.linalg.norm(each))})

made_with = {name: version(name) for name in ["numpy", "scipy"]}
print(json.dumps({"made_with": made_with, "cases": cases}))
