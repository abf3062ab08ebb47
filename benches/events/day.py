"""How long an analyst with Python and `duckdb` waits for a day of one camera: day.py CATALOG"""

import statistics
import sys
import time

try:
    import duckdb
except ImportError:
    print("  skipped: no duckdb for this python3 (`make setup` brings it where pip can)")
    sys.exit()

DAY = "FROM track_point WHERE camera = 'floor' AND ts >= '2026-01-21 00:00:00+00' AND ts < '2026-01-22 00:00:00+00'"
QUESTIONS = {
    "how many": f"SELECT count(*) {DAY}",
    "people and speed by minute": f"""
        SELECT epoch_us(date_trunc('minute', ts)), count(DISTINCT track), avg(score), max(x1 - x0) {DAY} GROUP BY 1 ORDER BY 1""",
    "every column of every row, into a table": f"CREATE TEMP TABLE day AS SELECT * {DAY}",
}

for name, sql in QUESTIONS.items():
    times, cpu = [], []
    for _ in range(15):
        began, used = time.perf_counter(), time.process_time()
        with duckdb.connect(sys.argv[1], read_only=True) as connection:
            answer = connection.execute(sql).fetchall()
        times.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.process_time() - used) * 1e3)
    rows = answer[0][0] if len(answer) == 1 else len(answer)
    print(f"  a day of one camera from Python, {name} ({rows}): median {statistics.median(times):.0f} ms, "
          f"worst {max(times):.0f} ms of {len(times)}; CPU {statistics.median(cpu):.0f} ms; catalog opened each time")
