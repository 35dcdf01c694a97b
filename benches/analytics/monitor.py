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


def caught_up(connection):
    began = time.perf_counter()
    connection.execute("CALL cvx.catch_up('docs')")
    return time.perf_counter() - began


def copied(args, watched):
    """COPY commits as a whole, so the monitor begins when it ends."""
    with servers.cvx(args.cvx) as server, server.connect() as connection:
        connection.execute(table(watched))
        places = np.arange(ROWS)
        ts = corpus.START_US + (places % EACH) * 3_600_000_000
        rows = corpus.copy_rows(places // EACH, ts, corpus.vectors(ROWS), True)
        began = time.perf_counter()
        corpus.copy_into(connection, "docs", rows)
        seconds = time.perf_counter() - began
        return seconds, caught_up(connection) if watched else 0.0


def inserted(args, watched):
    with servers.cvx(args.cvx) as server, server.connect(prepare_threshold=0) as connection:
        connection.execute(table(watched))
        vectors = [f"[{','.join(f'{x:.5f}' for x in row)}]" for row in corpus.vectors(INSERTS)]
        began = time.perf_counter()
        for at, vector in enumerate(vectors):
            connection.execute(
                "INSERT INTO docs VALUES (%s, to_timestamp(%s), %s)",
                (at % 10, 1_700_000_000 + at * 60, vector),
            )
        seconds = time.perf_counter() - began
        return seconds, caught_up(connection) if watched else 0.0


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
        without = statistics.median(pair[0][0] for pair in pairs)
        with_it = statistics.median(pair[1][0] for pair in pairs)
        behind = statistics.median(pair[1][1] for pair in pairs)
        share = f"{100 * (with_it / without - 1):+.0f} %"
        rates = f"{count / without:,.0f}/s", f"{count / with_it:,.0f}/s"
        rows.append((name, *rates, share, f"{behind * 1e3:,.0f} ms"))
    head = ("ingest, 768 dimensions", "without", "monitored", "time", "caught up after the last")
    report.table(f"Ingest of a monitored table, one connection, medians of {ROUNDS}", head, rows)
