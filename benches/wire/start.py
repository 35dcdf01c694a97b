"""From the start of the process to the first answer, with 100,000 points on disk."""

import shutil
import statistics
import tempfile
import time

import corpus
import report
import servers

ROWS = 100_000
RUNS = 3


def run(binary):
    folder = tempfile.mkdtemp(prefix="cvx-bench-")
    query = str(list(map(float, corpus.vectors(1, seed=9)[0])))
    rows = []
    try:
        server = servers.start_cvx(binary, f"{folder}/data")
        with server.connect() as connection:
            corpus.filled(connection, ROWS)
        for how in ("after SIGTERM", "after SIGKILL"):
            took = []
            for _ in range(RUNS):
                if how == "after SIGTERM":
                    server.stop()
                else:
                    server.process.kill()
                    server.process.wait()
                began = time.perf_counter()
                server = servers.start_cvx(binary, f"{folder}/data")
                with server.connect() as connection:
                    sql = "SELECT doc_id FROM docs ORDER BY embedding <=> %s::vector LIMIT 1"
                    connection.execute(sql, (query,)).fetchone()
                took.append(time.perf_counter() - began)
            rows.append((how, f"{statistics.median(took) * 1e3:.0f} ms"))
        server.stop()
    finally:
        shutil.rmtree(folder)
    title = f"Start to the first nearest neighbour, {ROWS:,} x {corpus.DIM}"
    report.table(title, ("start", "median of 3"), rows)
