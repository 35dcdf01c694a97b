"""BOCPD point by point: points a second, beside the same filter in numpy.

The reference has all run lengths in arrays, and drops those below the same probability; it gets
vectors that are projected already."""

import time

import kernels
import numpy as np
import report
from math import lgamma

POINTS = 20_000


def by_numpy(data, seconds, mean_run=250.0, kappa0=0.1, alpha0=5.0, below=1e-8, most=200):
    """Points that a vectorised filter of Adams and MacKay takes in these seconds."""
    gammas = np.array([lgamma(alpha0 + k / 2) for k in range(POINTS + 2)])
    dims = data.shape[1]
    mean0, beta0 = data[:10].mean(axis=0), data[:10].var() * (alpha0 - 1)
    lengths, chance = np.zeros(1, int), np.ones(1)
    means, betas = mean0[None, :].copy(), np.full((1, dims), beta0)
    began = time.perf_counter()
    for at, x in enumerate(data):
        kappa, alpha = kappa0 + lengths, alpha0 + lengths / 2
        off = x - means
        scale = (kappa + 1) / kappa
        far = np.log1p(off**2 / (2 * betas * scale[:, None])).sum(axis=1)
        per = gammas[lengths + 1] - gammas[lengths] - 0.5 * np.log(scale)
        log = dims * per - 0.5 * np.log(betas).sum(axis=1) - (alpha + 0.5) * far
        chance = chance * np.exp(log - log.max())
        chance *= (1 - 1 / mean_run) / chance.sum()
        means = means + off / (kappa + 1)[:, None]
        betas = betas + kappa[:, None] * off**2 / (2 * (kappa + 1))[:, None]
        keep = np.argsort(-chance, kind="stable")[:most]
        keep = np.sort(keep[chance[keep] >= below])
        lengths = np.concatenate([[0], lengths[keep] + 1])
        chance = np.concatenate([[1 / mean_run], chance[keep]])
        means = np.concatenate([mean0[None, :], means[keep]])
        betas = np.concatenate([np.full((1, dims), beta0), betas[keep]])
        chance /= chance.sum()
        if time.perf_counter() - began > seconds:
            break
    return (at + 1) / (time.perf_counter() - began)


STREAMS, LENGTH, SHIFTED = 50, 300, 200


def delays(ours):
    """How soon a shift of every dimension is noticed, and alarms before it."""
    rows = []
    for dim in (1, 8, 64, 768):
        for shift in (1.0, 2.0, 4.0):
            waits, alarms = [], 0
            for seed in range(STREAMS):
                data, _ = kernels.series(seed, LENGTH, dim, 0, 0)
                signs = np.random.default_rng(seed).choice([-1, 1], dim)
                data[SHIFTED:] += (shift * signs).astype(np.float32)
                noticed = ours.run("bocpd", data)["noticed"]
                alarms += any(at < SHIFTED for at in noticed)
                waits += [at - SHIFTED for at in noticed if at >= SHIFTED][:1]
            soon = sum(wait <= 10 for wait in waits)
            median = f"{sorted(waits)[len(waits) // 2]}" if waits else ""
            rows.append((dim, shift, f"{soon} of {STREAMS}", median, f"{alarms} of {STREAMS}"))
    head = ("D", "shift, sigma", "noticed within 10 points", "median delay", "streams with an alarm before")
    report.table(f"BOCPD on streams that shift at point {SHIFTED}", head, rows)


def run(ours, _):
    delays(ours)
    rows = []
    for dim in (1, 8, 64, 768):
        for breaks in (0, 20):
            data, _ = kernels.series(dim, POINTS, dim, breaks, 4.0 if dim == 1 else 2.0)
            mine = ours.run("bocpd", data)
            rate = POINTS / mine["ms"] * 1e3
            theirs = by_numpy(data[:, :16].astype(float), 2.0)
            found = len(mine["breaks"])
            cells = f"{rate:,.0f}", f"{mine['ms'] * 1e3 / POINTS:.1f} us", f"{theirs:,.0f}"
            rows.append((dim, breaks, found, *cells, f"{rate / theirs:.0f}"))
    head = ("D", "breaks", "found", "points/s", "a point", "numpy, 16 dimensions at most", "times")
    report.table(f"BOCPD over {POINTS:,} points, one thread", head, rows)
