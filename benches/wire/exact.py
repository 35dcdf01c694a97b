"""The ten nearest of 100,000 by exact scan over the wire, beside numpy's matrix product."""

import time

import numpy as np

import corpus
import report
import servers

ROWS = 100_000
QUERIES = 60


def run(binary):
    with servers.cvx(binary) as server, server.connect(prepare_threshold=0) as connection:
        corpus.filled(connection, ROWS)
        connection.execute("SET cvx.search = exact")
        queries = corpus.vectors(QUERIES, seed=9)
        texts = [str(list(map(float, query))) for query in queries]
        forms = {
            "`ORDER BY embedding <=> $1 LIMIT 10`": "",
            "the same `AS OF` a moment": " AS OF '2024-02-01'",
        }
        rows = []
        for name, clause in forms.items():
            sql = f"SELECT doc_id FROM docs ORDER BY embedding <=> %s::vector LIMIT 10{clause}"
            took = []
            for text in texts:
                began = time.perf_counter()
                connection.execute(sql, (text,)).fetchall()
                took.append(time.perf_counter() - began)
            rows.append((f"cvx, {name}", report.percentiles(took[5:])))
    matrix = np.concatenate([corpus.vectors(50_000, seed=s) for s in (0, 50_000)])
    took = []
    for query in queries:
        began = time.perf_counter()
        np.argpartition(-(matrix @ query), 10)[:10]
        took.append(time.perf_counter() - began)
    rows.append(("numpy, `matrix @ query` and `argpartition`", report.percentiles(took[5:])))
    report.table(f"Exact top 10 of {ROWS:,} x {corpus.DIM}", ("what", "p50 / p99"), rows)
