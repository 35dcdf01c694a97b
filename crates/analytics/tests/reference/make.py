"""Makes the reference files beside it, from numpy, scipy and ruptures.

    pip install numpy scipy ruptures && python make.py

Numbers are rounded to what the files hold before anything is computed from them.
"""

import pathlib

import numpy as np
import ruptures
from scipy.special import gammaln
from scipy.spatial.distance import cosine

HERE = pathlib.Path(__file__).parent
DAY_US = 86_400_000_000


def write(name, rows):
    text = "\n".join(",".join(str(x) for x in row) for row in rows)
    (HERE / name).write_text(text + "\n")


def rounded(x):
    return np.round(x, 4).astype(np.float32).astype(np.float64)


def vectors(x):
    return [[f"{v:.4f}" for v in row] for row in x]


def calculus(rng):
    """times, positions, numpy.gradient (first order at the ends) for uneven spacing."""
    n, dim = 30, 3
    ts = np.cumsum(rng.integers(1, 20 * 24, n)) * (DAY_US // 24)
    x = rounded(np.cumsum(rng.normal(size=(n, dim)), axis=0))
    days = (ts - ts[0]) / DAY_US
    gradient = np.gradient(x, days, axis=0)
    steps = np.linalg.norm(np.diff(x, axis=0), axis=1)
    from_first = np.linalg.norm(x - x[0], axis=1)
    drawdown = np.max(np.maximum.accumulate(from_first) - from_first)
    write("calculus.csv", [[t, *map(float, a), *map(repr, map(float, g))]
                           for t, a, g in zip(ts, x, gradient)])
    write("path.csv", [[repr(float(v)) for v in (
        steps.sum(), from_first[-1], np.sqrt((steps**2).sum() / days[-1]), drawdown,
        cosine(x[0], x[-1]), np.arccos(1 - cosine(x[0], x[-1])))]])


def noise_variance(x):
    steps = np.diff(x, axis=0)
    mad = np.median(np.abs(steps - np.median(steps, axis=0)), axis=0)
    return np.mean((1.482602218505602 * mad) ** 2 / 2)


def breaks_by_ruptures(x, penalty, least):
    """PELT of ruptures, in pure Python: every place is a candidate (jump = 1)."""
    found = ruptures.Pelt(model="l2", min_size=least, jump=1).fit(x).predict(pen=penalty)
    return found[:-1]


def changepoints(rng):
    """Series with breaks, the numpy noise variance, and the breaks ruptures finds."""
    rows = []
    for number, (n, dim, jump, breaks) in enumerate([
        (160, 2, 2.0, [50, 90]), (120, 8, 3.0, [30, 60, 61 + 20]), (60, 48, 7.0, [20]),
        (100, 4, 0.0, []),
    ]):
        mean, x = np.zeros(dim), []
        for row in range(n):
            if row in breaks:
                way = rng.normal(size=dim)
                mean = mean + jump * way / np.linalg.norm(way)
            x.append(mean + rng.normal(size=dim))
        x = rounded(np.array(x))
        write(f"series{number}.csv", vectors(x))
        variance = noise_variance(x)
        ln = np.log(n)
        for units in (dim + 2 * np.sqrt(3 * dim * ln) + 6 * ln, (dim + 1) * ln, 2 * (dim + 1), 4.0):
            for least in (1, 2, 5):
                found = breaks_by_ruptures(x, units * variance, least)
                rows.append([number, dim, repr(float(variance)), repr(float(units)), least, *found])
    write("changepoints.csv", rows)


def log_evidence(x, mean, kappa, alpha, beta):
    """Of points that are one run, each dimension normal-inverse-gamma (Murphy 2007, eq. 95)."""
    n, total = len(x), 0.0
    for d in range(x.shape[1]):
        column = x[:, d]
        average = column.mean()
        k, a = kappa + n, alpha + n / 2
        b = (beta + 0.5 * ((column - average) ** 2).sum()
             + kappa * n * (average - mean[d]) ** 2 / (2 * (kappa + n)))
        total += (gammaln(a) - gammaln(alpha) + alpha * np.log(beta) - a * np.log(b)
                  + 0.5 * (np.log(kappa) - np.log(k)) - n / 2 * np.log(2 * np.pi))
    return total


def bocpd(rng):
    """P(run length) after each point, from the evidence of every run: no recursion over points.

    start[s] = P(x_1..s, a run begins after s); the run length is r after t points with
    P(r, x) = start[t - r] (1 - h)^r evidence(last r points), and h-weighted for r = 0.
    """
    n, mean, kappa, alpha, beta, hazard = 50, [0.1, -0.2], 0.3, 2.5, 1.7, 1 / 20
    x = rounded(np.concatenate([rng.normal(size=(25, 2)), rng.normal(size=(25, 2)) * 1.5 + 2]))
    start = [0.0]
    rows = []
    for t in range(1, n + 1):
        joint = [start[t - r] + (r - 1) * np.log(1 - hazard)
                 + log_evidence(x[t - r:t], mean, kappa, alpha, beta) for r in range(1, t + 1)]
        whole = np.logaddexp.reduce(joint)
        start.append(whole + np.log(hazard))
        runs = np.array([start[t], *(np.array(joint) + np.log(1 - hazard))])
        runs = np.exp(runs - np.logaddexp.reduce(runs))
        rows.append([f"{x[t - 1][0]:.4f}", f"{x[t - 1][1]:.4f}", *(f"{p:.9e}" for p in runs)])
    write("bocpd.csv", rows)


if __name__ == "__main__":
    calculus(np.random.default_rng(1))
    changepoints(np.random.default_rng(2))
    bocpd(np.random.default_rng(3))
