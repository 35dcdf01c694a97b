"""The goals for the index, with what was measured of each. A verdict is computed, or there is none."""

from figures import TARGET, AtTarget, asked_of, by_lib, enough, table

OURS = "cvx in process"
BYTES = 2560
#: Milliseconds that half of the searches in a stretch of time may take, by the share that it keeps.
STRETCH_P50_MS = {0.1: 0.49, 0.01: 0.28, 0.001: 0.065}


def row(goal, measured, met=None):
    """`met`: whether, or `None` where nothing is asked that could be missed."""
    return goal, measured, {None: "", True: "met", False: "missed"}[met]


def starting(libs, name):
    return next((mine for lib, mine in libs.items() if lib.startswith(name)), None)


def of_all(points, data, rows):
    libs = by_lib(points)
    lines = in_process(libs, data, rows) if OURS in libs else []
    lines += over_sql(libs, rows)
    return table(("goal of issue 4", "measured", ""), lines) if lines else ""


def in_process(libs, data, rows):
    ours, best = AtTarget(libs[OURS]), enough(libs[OURS])
    reached = ours.qps is not None
    lines = [row("recall@10 of 0.95", f"{best['recall']:.4f}", reached)]
    if data == "clustered":
        goal = "p50 at most 0.2 ms, p99 at most 0.4 ms" + asked_of(rows)
        met = reached and best["p50_ms"] <= 0.2 and best["p99_ms"] <= 0.4
        lines += [row(goal, times(best), met), *memory(best)]
    beside = hnswlib(libs, ours), smaller(libs, ours, best), symphony(libs, ours, best)
    return lines + [line for line in beside if line]


def times(point):
    return f"{point['p50_ms']:.3f} / {point['p99_ms']:.3f} ms"


def memory(best):
    rows = best["all_bytes"] - best["bytes"]
    apart = f"index {best['bytes']:,} B; f32 rows in mapped files beside it, {rows:,} B, k of them read a search"
    return [
        row("2.5 KB a vector: the index's bytes alone", apart, best["bytes"] <= BYTES),
        row("2.5 KB a vector: all included, mapped rows too", f"{best['all_bytes']:,} B", best["all_bytes"] <= BYTES),
    ]


def times_of(mine, theirs):
    """A ratio at equal recall, and where it is of unequal ones."""
    unequal = [who for who, at in (("ours", mine), ("theirs", theirs)) if not at.between]
    said = f"{mine.qps / theirs.qps:.2f} x at recall {TARGET}"
    return said + (f" ({' and '.join(unequal)} by the first effort, beyond it)" if unequal else "")


def hnswlib(libs, ours):
    theirs = starting(libs, "hnswlib")
    return theirs and four_times("at least 4 x hnswlib", ours, theirs)


def four_times(goal, ours, theirs):
    """Four times their queries a second. Who has not enough recall at the greatest effort would have no
    more than there."""
    at, last = AtTarget(theirs), theirs[-1]
    if ours.qps is None:
        return row(goal, "recall not reached", False)
    if at.qps is not None:
        return row(goal, times_of(ours, at), ours.qps >= 4 * at.qps)
    said = f"recall of {last['recall']:.3f} only, at {last['qps']:,.0f} QPS"
    return row(goal, said, True if ours.qps >= 4 * last["qps"] else None)


def smaller(libs, ours, best):
    """Peers in process that need as little as we do, the rows they read counted with both."""
    peers = {lib: AtTarget(mine) for lib, mine in libs.items()
             if lib != OURS and "SQL" not in lib and enough(mine)["all_bytes"] <= best["all_bytes"]}
    ahead = [lib for lib, at in peers.items() if at.qps is not None and at.qps > (ours.qps or 0)]
    said = ", ".join(ahead) + " ahead" if ahead else f"{len(peers)} such peers"
    goal = "ahead of every peer of the same or smaller memory (all read)"
    if not peers:
        return row(goal, said)
    return row(goal, said, ours.qps is not None and not ahead)


def symphony(libs, ours, best):
    theirs = starting(libs, "SymphonyQG")
    if theirs is None:
        return None
    at, its = AtTarget(theirs), enough(theirs)
    shares = (f"{best['bytes'] / its['bytes']:.2f} of its bytes by the index alone, "
              f"{best['all_bytes'] / its['all_bytes']:.2f} with rows")
    if at.qps is None or ours.qps is None:
        near = f"SymphonyQG reaches {its['recall']:.3f}, ours {best['recall']:.3f}"
    else:
        near = f"{ours.qps / at.qps:.2f} of its QPS at recall {TARGET}"
    return row("as near SymphonyQG as memory allows", f"{near}; {shares}")


def over_sql(libs, rows):
    mine, theirs = starting(libs, "cvx over SQL"), starting(libs, "pgvector over SQL")
    if mine is None:
        return []
    best, ours = enough(mine), AtTarget(mine)
    met = ours.qps is not None and best["p50_ms"] < 0.5 and best["p99_ms"] < 2
    lines = [row("over SQL: p50 under 0.5 ms, p99 under 2 ms", times(best), met)]
    if theirs:
        lines.append(four_times("over SQL: at least 4 x pgvector's QPS", ours, theirs))
    return lines


def of_time(lib, libs, rows):
    """Goal and verdict of one library in one stretch; peers have none."""
    if not lib.startswith("cvx"):
        return "", ""
    ours, sql = enough(libs[lib]), "SQL" in lib
    limit = None if sql or ours["data"] != "clustered" else STRETCH_P50_MS.get(ours["share"])
    goal, met = f"recall {TARGET}", ours["recall"] >= TARGET
    if limit:
        goal, met = f"{goal}, p50 at most {limit} ms{asked_of(rows)}", met and ours["p50_ms"] <= limit
    peers = {name: AtTarget(mine) for name, mine in libs.items() if name != lib and ("SQL" in name) == sql}
    if peers:
        ahead = [name for name, at in peers.items() if at.qps is not None and at.qps > ours["qps"]]
        goal += f", ahead of every peer at recall {TARGET}"
        goal += f" ({', '.join(ahead)} ahead)" if ahead else f" ({len(peers)} asked)"
        met = met and not ahead
    return goal, "met" if met else "missed"
