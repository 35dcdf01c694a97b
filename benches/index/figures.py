"""What was measured, as Markdown with the goals beside it, and as drawings."""

import math

import machine

TARGET = 0.95
LATENCIES = ("p50_ms", "p95_ms", "p99_ms", "p999_ms")
LATENCY_HEADS = ("p50 ms", "p95 ms", "p99 ms", "p99.9 ms")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def number(value, digits=3):
    return "" if value is None else f"{value:,.{digits}f}"


def latencies(point):
    return [number(point[name]) for name in LATENCIES]


def of(points, what, data=None):
    return [p for p in points if p.get("what") == what and data in (None, p["data"])]


def by_lib(points):
    """Points of each library, in the order of their efforts."""
    found = {}
    for point in points:
        found.setdefault(point["lib"], []).append(point)
    return found


def enough(points):
    """The first point of one library with the recall that is asked for, or its best."""
    reached = next((p for p in points if p["recall"] >= TARGET), None)
    return reached or max(points, key=lambda p: p["recall"])


class AtTarget:
    """Queries a second of one library at a recall of TARGET: between the efforts on both sides of it, the
    logarithm by a line over recall. Where the first effort is beyond it already, that one's."""

    def __init__(self, points):
        at = next((at for at, p in enumerate(points) if p["recall"] >= TARGET), None)
        self.qps, self.between = None, False
        if at is None:
            return
        point = points[at]
        self.qps = point["qps"]
        # A sift is no effort of the walk before it.
        if at > 0 and not isinstance(point["effort"], str):
            before, self.between = points[at - 1], True
            share = (TARGET - before["recall"]) / (point["recall"] - before["recall"])
            logs = math.log(before["qps"]), math.log(point["qps"])
            self.qps = math.exp(logs[0] + share * (logs[1] - logs[0]))

    def __str__(self):
        if self.qps is None:
            return "not reached"
        return f"{self.qps:,.0f}" + ("" if self.between else " (first effort)")


def written(points, about, rows):
    import goals

    parts = ["# The index beside its peers", "", about, "", HEAD]
    for data in dict.fromkeys(p["data"] for p in points):
        found = of(points, "all", data)
        if found:
            parts += ["", f"## {data}", "", sweep(found), "", goals.of_all(found, data, rows)]
    return "\n".join(parts + composed(points, rows) + sliced(points, rows)) + "\n"


HEAD = f"""\
One thread asks one query at a time; ten nearest by cosine; medians of three runs. All walk the
same grid of efforts, half an octave apart. For each library the first effort with recall@10 of
{TARGET}, or its best, and beside it the queries a second at {TARGET} itself, between the efforts
on both sides (the logarithm, by a line over recall), or the first effort's where that is beyond it
already: ratios are of these. Builds by two threads, at whatever else the machine did. Bytes a
vector: of the index as its file has them, and of all that a search reads. Where an index holds
codes only, these are with the rows from which the best are compared again: ours 4 bytes a
dimension in mapped files, IVF's the array, SQL's the row files and PostgreSQL's table."""


def sweep(points):
    head = ("library", "effort", "recall@10", "QPS", "QPS at 0.95", *LATENCY_HEADS, "bytes/vector, index",
            "all read", "built/s")
    found = [(AtTarget(mine), enough(mine)) for mine in by_lib(points).values()]
    found.sort(key=lambda pair: -(pair[0].qps or 0))
    rows = [
        (p["lib"], p["effort"], f"{p['recall']:.4f}", number(p["qps"], 0), at, *latencies(p),
         number(p.get("bytes"), 0), number(p.get("all_bytes"), 0), number(p.get("build_rows_s"), 0))
        for at, p in found
    ]
    return table(head, rows)


def sliced(points, rows):
    import goals

    found = of(points, "time")
    if not found:
        return []
    lines = []
    for key in dict.fromkeys((p["data"], p["share"]) for p in found):
        libs = by_lib([p for p in found if (p["data"], p["share"]) == key])
        for lib, mine in libs.items():
            p = enough(mine)
            lines.append((p["data"], f"{p['share']:.1%}", lib, p["effort"], f"{p['recall']:.4f}",
                          number(p["qps"], 0), AtTarget(mine), *latencies(p), *goals.of_time(lib, libs, rows)))
    head = ("data", "time keeps", "library", "effort", "recall@10", "QPS", "QPS at 0.95", *LATENCY_HEADS, "goal", "")
    return ["", "## A stretch of time", "", SLICED, "", table(head, lines)]


SLICED = f"""\
Ours at its usual effort, peers by the grid until a recall of {TARGET}. Rows lie in time order, so
that for faiss a stretch is a range of ids; hnswlib asks a function in Python of each row that it
may keep, for it has no other way. Ours are 500 queries, hnswlib's 50, the others' 200. Ahead is
who has more queries a second than a peer has at {TARGET}."""


def composed(points, rows):
    found = of(points, "composite")
    if not found:
        return []
    lines = [
        (p["data"], p["alpha"], p["tau_days"], f"{p['recall']:.4f}", *latencies(p),
         "met" if p["recall"] >= TARGET and p["p99_ms"] <= 0.6 else "missed")
        for p in found
    ]
    goal = "0.95 and p99 at most 0.6 ms" + asked_of(rows)
    head = ("data", "alpha", "scale, days", "recall@10", *LATENCY_HEADS, goal)
    return ["", "## Meaning and time together", "", table(head, lines)]


def asked_of(rows):
    """What to say of a goal for a million rows."""
    return "" if rows == 1_000_000 else " (asked of 1M rows)"


def drawn(points, folder, rows):
    import plots

    place = lambda name: folder / machine.page(name, rows, "svg")  # noqa: E731
    for data in dict.fromkeys(p["data"] for p in of(points, "all")):
        lines = {lib: [(p["recall"], p["qps"]) for p in mine] for lib, mine in by_lib(of(points, "all", data)).items()}
        plots.figure(place(f"recall-{data}"), f"{data}: ten nearest, one thread", "recall@10", "queries a second",
                     lines)
    lines = {}
    for share in dict.fromkeys(p["share"] for p in of(points, "time", "clustered")):
        at_share = [p for p in of(points, "time", "clustered") if p["share"] == share]
        for lib, mine in by_lib(at_share).items():
            lines.setdefault(lib, []).append((share, enough(mine)["p50_ms"]))
    if lines:
        plots.figure(place("time"), "clustered: a stretch of time, by the first effort of recall 0.95 or the best",
                     "share of the rows it keeps", "p50, ms", lines, log_x=True)
    lines = {}
    for p in of(points, "composite", "clustered"):
        lines.setdefault(f"cvx, {p['tau_days']} days", []).append((p["alpha"], p["recall"]))
    if lines:
        plots.figure(place("alpha"), "clustered: meaning and time together", "alpha", "recall@10", lines, log_y=False)
