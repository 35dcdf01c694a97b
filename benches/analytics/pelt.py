"""PELT against ruptures: its compiled KernelCPD with a linear kernel, and its Pelt class.

Both take our penalty 'auto' in units of the noise's variance, which is 1, and our shortest
segment; Pelt looks at every place (jump = 1), as ours does."""

import math

import kernels
import report
import ruptures

LIMIT_S = 20
LEAST = 2
LENGTHS = (1_000, 10_000, 100_000)
DIMS = (32, 768)


def penalty(points, dim):
    return dim + 2 * math.sqrt(3 * dim * math.log(points)) + 6 * math.log(points)


def by_kernel(data, least, cost):
    found = ruptures.KernelCPD(kernel="linear", min_size=least).fit(data).predict(pen=cost)
    return [int(place) for place in found[:-1]]


def by_pelt(data, least, cost):
    found = ruptures.Pelt(model="l2", min_size=least, jump=1).fit(data).predict(pen=cost)
    return [int(place) for place in found[:-1]]


def run(ours, _):
    rows = []
    for breaks in (0, 3):
        for dim in DIMS:
            slow = set()
            for points in LENGTHS:
                data, truth = kernels.series(points + dim, points, dim, breaks, 1.0)
                mine = ours.run("pelt", data, LEAST)
                score = kernels.f1(mine["breaks"], truth, max(1, points // 100))
                cells = [f"{mine['ms']:,.1f} ms", f"{score:.2f}"]
                for name, work in (("kernel", by_kernel), ("pelt", by_pelt)):
                    cells += theirs(name, work, slow, data, truth, mine["ms"])
                rows.append((f"{points:,} x {dim}", breaks, *cells))
    head = ("series", "breaks", "cvx", "F1", "KernelCPD", "F1", "times", "Pelt", "F1", "times")
    report.table("Change points offline, one thread", head, rows)


def theirs(name, work, slow, data, truth, my_ms):
    if name in slow:
        return ["not run", "", ""]
    points, dim = data.shape
    done = kernels.limited(LIMIT_S, work, data, LEAST, penalty(points, dim))
    if done is None:
        slow.add(name)
        return [f"> {LIMIT_S} s", "", f"> {LIMIT_S * 1e3 / my_ms:,.0f}"]
    found, seconds = done
    score = kernels.f1(found, truth, max(1, points // 100))
    return [f"{seconds * 1e3:,.1f} ms", f"{score:.2f}", f"{seconds * 1e3 / my_ms:,.0f}"]
