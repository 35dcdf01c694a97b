"""What a monitor costs those who write: COPY and single INSERTs with it and without."""

import statistics
import time

import corpus
import numpy as np
import report
import servers

ROWS, EACH = 50_000, 100
INSERTS = 4_000
ROUNDS = 4


def table(watched):
    option = ", monitor = 'bocpd'" if watched else ""
    return corpus.TABLE + f" WITH (entity = 'doc_id', valid_time = 'ts'{option})"


def measured(server, connection, watched, write):
    """Seconds until all is acknowledged, until the monitor has seen it, and of a processor: the
    server's until then, its monitor's own."""
    before, began = server.processor_s(), time.perf_counter()
    write()
    acknowledged = time.perf_counter() - began
    if watched:
        connection.execute("CALL cvx.catch_up('docs')")
    behind = time.perf_counter() - began - acknowledged
    return acknowledged, behind, server.processor_s() - before, server.processor_s("cvx-monitor")


def copied(args, watched):
    """COPY commits as a whole, so the monitor begins when it ends."""
    with servers.cvx(args.cvx) as server, server.connect() as connection:
        connection.execute(table(watched))
        places = np.arange(ROWS)
        ts = corpus.START_US + (places % EACH) * 3_600_000_000
        rows = corpus.copy_rows(places // EACH, ts, corpus.vectors(ROWS), True)
        return measured(
            server, connection, watched, lambda: corpus.copy_into(connection, "docs", rows)
        )


def inserted(args, watched):
    with servers.cvx(args.cvx) as server, server.connect(prepare_threshold=0) as connection:
        connection.execute(table(watched))
        vectors = [f"[{','.join(f'{x:.5f}' for x in row)}]" for row in corpus.vectors(INSERTS)]

        def write():
            for at, vector in enumerate(vectors):
                connection.execute(
                    "INSERT INTO docs VALUES (%s, to_timestamp(%s), %s)",
                    (at % 10, 1_700_000_000 + at * 60, vector),
                )

        return measured(server, connection, watched, write)


def pair(work, args, turn):
    """Without a monitor and with one, now this first, now that: whoever is first finds a colder disk."""
    if turn % 2:
        watched = work(args, True)
        return work(args, False), watched
    return work(args, False), work(args, True)


def run(_, args):
    rows = []
    kinds = (("COPY of 50,000 rows", copied, ROWS), ("single INSERTs", inserted, INSERTS))
    for name, work, count in kinds:
        pairs = [pair(work, args, turn) for turn in range(ROUNDS)]
        middle = [
            [statistics.median(pair[which][of] for pair in pairs) for of in range(4)]
            for which in (0, 1)
        ]
        (plain, _, spent, _), (with_it, behind, spent_more, own) = middle
        each = [f"{seconds / count * 1e6:.1f} us" for seconds in (spent, spent_more, own)]
        share = f"{100 * own / spent:.0f} %"
        rates = f"{count / plain:,.0f}/s", f"{count / with_it:,.0f}/s"
        rows.append((name, *each, share, *rates, f"{behind * 1e3:,.0f} ms"))
    head = ("768 dimensions, processor a row", "without", "monitored", "the monitor itself", "share",
            "rows without", "monitored", "caught up after the last")  # fmt: skip
    report.table(f"Ingest of a monitored table, one connection, medians of {ROUNDS}", head, rows)
