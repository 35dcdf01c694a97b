"""TRAJECTORY(...) against its length. Target: under 1 ms + 0.1 ms a point."""

import statistics
import time

import corpus
import report
import servers

LENGTHS = (1, 10, 100, 1_000, 10_000)


def run(binary):
    rows = []
    with servers.cvx(binary) as server, server.connect(prepare_threshold=0) as connection:
        connection.execute(corpus.TABLE)
        for number, length in enumerate(LENGTHS):
            ts = corpus.START_US + corpus.np.arange(length) * 3_600_000_000
            ids = corpus.np.full(length, number)
            corpus.copy_into(
                connection, "docs", corpus.copy_rows(ids, ts, corpus.vectors(length), True)
            )
        for sealed in (False, True):
            if sealed:
                connection.execute("CALL cvx.seal('docs')")
                connection.execute("CALL cvx.compact('docs')")
            for number, length in enumerate(LENGTHS):
                took = []
                for _ in range(max(5, 200 // length)):
                    began = time.perf_counter()
                    cursor = connection.execute(
                        "SELECT * FROM TRAJECTORY(docs, %s)", (number,), binary=True
                    )
                    assert len(cursor.fetchall()) == length
                    took.append(time.perf_counter() - began)
                ms = statistics.median(took) * 1e3
                target = 1 + 0.1 * length
                where = "sealed, delta blocks" if sealed else "in memory"
                rows.append((where, length, f"{ms:.2f} ms", f"{target:.1f} ms"))
    title = f"TRAJECTORY, {corpus.DIM} dimensions, binary results"
    report.table(title, ("where", "points", "median", "target"), rows)
