"""An analyst with Python and `duckdb`, who asks the catalog until stdin ends.

    analyst.py CATALOG SECONDS

With SECONDS 0 the catalog is opened anew for every question; otherwise one connection is kept for so many seconds,
through publications and compactions, and must go on telling of its one epoch. Every answer must be of one whole
epoch: workers, stations and facts come to the same number of events, and no epoch comes after a later one. Prints how
often it asked and in how many epochs; whatever is wrong ends it with a traceback.
"""

import os
import sys
import threading
import time

import duckdb

QUERY = """
SELECT (SELECT tick FROM gemba_epoch),
       (SELECT coalesce(sum(events), 0) FROM worker_hours)::BIGINT,
       (SELECT coalesce(sum(events), 0) FROM station_hours)::BIGINT,
       (SELECT count(*) FROM activity) + (SELECT count(*) FROM production)
"""


def main():
    catalog, keep = sys.argv[1], float(sys.argv[2])
    stop = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    while not os.path.exists(catalog) and not stop.wait(0.02):
        pass
    answers, epochs, last = 0, 0, -1
    while os.path.exists(catalog) and not stop.is_set():
        opened, first = time.monotonic(), None
        with duckdb.connect(catalog, read_only=True) as connection:
            while True:
                tick, workers, stations, facts = answer = connection.execute(QUERY).fetchone()
                assert workers == stations == facts, answer
                assert first in (None, answer), f"one connection told of {first} and of {answer}"
                answers, first = answers + 1, answer
                if stop.wait(0.02) or time.monotonic() - opened >= keep:
                    break
        tick = tick or 0
        assert tick >= last, f"epoch {tick} after {last}"
        epochs, last = epochs + (tick > last), tick
    print(answers, epochs)


main()
