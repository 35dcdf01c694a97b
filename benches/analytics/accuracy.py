"""F1 on planted breaks beside ruptures at the same penalty, and alarms on series without any."""

import kernels
import pelt
import report

TOLERANCE = 100
SHIFTS = (0.5, 1, 2, 4)
# Series of each kind: KernelCPD takes ten seconds for one of the last. The class Pelt would take
# hours for all of them.
SERIES = (
    (100, 8, 20), (100, 64, 20), (100, 768, 10),
    (1_000, 8, 10), (1_000, 64, 10), (1_000, 768, 3),
    (10_000, 8, 3), (10_000, 64, 3), (10_000, 768, 1),
)  # fmt: skip


def run(ours, _):
    rows = []
    for points, dim, runs in SERIES:
        scores = (score(ours, points, dim, shift, runs) for shift in SHIFTS)
        cells = (f"{mine:.2f} / {theirs:.2f}" for mine, theirs in scores)
        rows.append((f"{points:,} x {dim}", 3 * runs, *cells))
    head = ("series", "of each shift", *(f"shift {shift}" for shift in SHIFTS))
    title = "F1 on 1, 3 and 5 planted breaks, within n / 100 points: cvx / KernelCPD"
    report.table(title, head, rows)
    still(ours)
    drifting(ours)


def score(ours, points, dim, shift, runs):
    mine, theirs, cases = 0.0, 0.0, 0
    for seed in range(runs):
        for breaks in (1, 3, 5):
            data, truth = kernels.series(100 * seed + breaks, points, dim, breaks, shift)
            near = max(1, points // TOLERANCE)
            mine += kernels.f1(ours.run("pelt", data, pelt.LEAST)["breaks"], truth, near)
            found = pelt.by_kernel(data, pelt.LEAST, pelt.penalty(points, dim))
            theirs += kernels.f1(found, truth, near)
            cases += 1
    return mine / cases, theirs / cases


def still(ours):
    rows = []
    for points, dim in ((100, 8), (1_000, 8), (1_000, 64), (1_000, 768), (10_000, 8), (10_000, 64)):
        series = [kernels.series(seed, points, dim, 0, 0)[0] for seed in range(20)]
        alarms = [sum(bool(found(data)) for data in series) for found in finders(ours)]
        rows.append((f"{points:,} x {dim}", *(f"{count} of 20" for count in alarms)))
    report.table("Alarms on stationary noise", ("series", "pelt", "jump", "bocpd"), rows)


def drifting(ours):
    """What wanders has no break: `jump` is the method for it."""
    rows = []
    for dim in (8, 64, 768):
        for name, make in (("random walk", walk), ("slow turn in noise", turn)):
            series = [make(seed, 1_000, dim) for seed in range(20)]
            alarms = [sum(bool(found(data)) for data in series) for found in finders(ours)]
            rows.append((f"{name}, 1,000 x {dim}", *(f"{count} of 20" for count in alarms)))
    title = "Series that reported a break where there is only drift"
    report.table(title, ("series", "pelt", "jump", "bocpd"), rows)


def finders(ours):
    return (
        lambda data: ours.run("pelt", data, pelt.LEAST)["breaks"],
        lambda data: ours.run("jump", data, pelt.LEAST)["breaks"],
        lambda data: ours.run("bocpd", data)["breaks"],
    )


def walk(seed, points, dim):
    return kernels.series(seed, points, dim, 0, 0)[0].cumsum(axis=0)


def turn(seed, points, dim):
    data = kernels.series(seed, points, dim, 0, 0)[0]
    along = kernels.np.linspace(0, 20, points, dtype=data.dtype)[:, None]
    return data + along * kernels.np.sign(kernels.series(seed + 1, 1, dim, 0, 0)[0])
