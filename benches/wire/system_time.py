"""What reading an old system time costs: 1,000,000 rows of which 1 % changed since."""

import time

import report
import servers

ROWS = 1_000_000
CHANGED = ROWS // 100


def run(binary):
    with servers.cvx(binary) as server, server.connect() as connection:
        connection.execute("CREATE TABLE docs (doc_id BIGINT PRIMARY KEY, n INT)")
        with connection.cursor() as cursor, cursor.copy("COPY docs FROM STDIN") as copy:
            for start in range(0, ROWS, 10_000):
                copy.write("".join(f"{row}\t{row % 7}\n" for row in range(start, start + 10_000)))
        connection.execute("CALL cvx.seal('docs')")
        (before,) = connection.execute("SELECT now()").fetchone()
        time.sleep(0.01)
        connection.execute(f"UPDATE docs SET n = n + 1 WHERE doc_id < {CHANGED}")
        rows, base = [], None
        forms = {"now": "", "as of before the change": f" FOR SYSTEM_TIME AS OF '{before}'"}
        for name, clause in forms.items():
            sql = f"SELECT count(*), sum(n) FROM docs{clause}"
            connection.execute(sql).fetchone()
            seconds = report.median_of(9, lambda sql=sql: connection.execute(sql).fetchone())
            base = base or seconds
            rows.append((f"`{sql.split(chr(39))[0]}`", name, f"{seconds * 1e3:.1f} ms", f"{seconds / base:.2f}"))
    title = f"FOR SYSTEM_TIME AS OF on {ROWS:,} rows, {CHANGED:,} changed since (goal: at most 2)"
    report.table(title, ("statement", "read", "median", "ratio"), rows)
