"""Makes shapes.json: paths and populations, and what esig, scipy and numpy say of them.

    python -m venv v && v/bin/pip install numpy scipy esig
    v/bin/python shapes.py > shapes.json
"""

import json
from importlib.metadata import version

import esig
import numpy as np
from scipy.linalg import orthogonal_procrustes
from scipy.spatial.distance import cdist

rng = np.random.default_rng(7)


def short(x):
    return np.array([float(f"{v:.5g}") for v in np.ravel(x)]).reshape(np.shape(x))


signatures = []
for points, dim, depth in [(2, 2, 3), (6, 3, 2), (12, 2, 3), (9, 4, 3), (5, 1, 3)]:
    path = short(np.cumsum(rng.standard_normal((points, dim)), axis=0))
    values = esig.stream2sig(path, depth)[1:] if dim > 1 else None
    if dim == 1:
        # In one dimension level k is the displacement to the power k over k factorial.
        d = path[-1, 0] - path[0, 0]
        values = np.array([d, d**2 / 2, d**3 / 6])
    signatures.append({"path": path.ravel().tolist(), "dim": dim, "depth": depth,
                       "values": list(map(float, values))})

procrustes = []
for rows, dim in [(10, 3), (40, 8)]:
    a = short(rng.standard_normal((rows, dim))).astype(np.float32).astype(float)
    b = short(a @ np.linalg.qr(rng.standard_normal((dim, dim)))[0]
              + 0.1 * rng.standard_normal((rows, dim))).astype(np.float32).astype(float)
    r, _ = orthogonal_procrustes(a, b)
    procrustes.append({"a": a.ravel().tolist(), "b": b.ravel().tolist(), "dim": dim,
                       "rotation": r.ravel().tolist(),
                       "residual": float(np.sqrt(np.sum((a @ r - b) ** 2) / rows))})

warped = []
for n, m, dim, metric in [(8, 5, 2, "euclidean"), (12, 12, 3, "cosine"), (1, 6, 2, "cityblock")]:
    a, b = short(rng.standard_normal((n, dim))), short(rng.standard_normal((m, dim)))
    cost = cdist(a.astype(np.float32), b.astype(np.float32), metric)
    total, leash = np.full((n, m), np.inf), np.full((n, m), np.inf)
    for i in range(n):
        for j in range(m):
            before = [(i - 1, j), (i, j - 1), (i - 1, j - 1)]
            before = [p for p in before if min(p) >= 0]
            t = min((total[p] for p in before), default=0.0)
            f = min((leash[p] for p in before), default=0.0)
            total[i, j], leash[i, j] = t + cost[i, j], max(f, cost[i, j])
    warped.append({"a": a.ravel().tolist(), "b": b.ravel().tolist(), "dim": dim,
                   "metric": metric, "dtw": total[-1, -1], "frechet": leash[-1, -1]})

made_with = {name: version(name) for name in ["esig", "numpy", "scipy"]}
print(json.dumps({"made_with": made_with, "signatures": signatures,
                  "procrustes": procrustes, "warped": warped}))
