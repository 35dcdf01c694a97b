"""Medians, percentiles and Markdown rows."""

import statistics
import time

import numpy as np


def timed(work):
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def median_of(runs, work):
    return statistics.median(timed(work) for _ in range(runs))


def percentiles(seconds):
    p50, p99 = np.percentile(np.asarray(seconds) * 1e3, [50, 99])
    return f"{p50:.2f} / {p99:.2f} ms"


def table(title, head, rows):
    print(f"\n### {title}\n")
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |", flush=True)
