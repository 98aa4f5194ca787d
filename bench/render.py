"""Rendering: the page of a patient with 30 draws over six years, against one round trip of 50 ms; and its weight.

Prints the median time from the decided chart to the bytes of the page, as a ratio to the round trip, and the page with
all its assets, compressed. Exits with 1 where the page weighs more than 60 kB; the seconds are the machine's, so the
ratio is printed and asserted nowhere.
"""

from __future__ import annotations

import gzip
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from flask import g

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from smart_app.smart.issuers import Issuers
from smart_app.web.app import create_app
from smart_app.web.page import timeline_page
from smart_app.web.settings import Settings
from smart_app.web.timeline import shown
from tests.web import charts

ROUND_TRIP = 0.050  # seconds
RUNS = 60
LIMIT = 60_000  # bytes


def median(run: Callable[[], object]) -> float:
    taken = []
    for _ in range(RUNS):
        began = time.process_time()  # nothing here waits: what other programs take does not count
        run()
        taken.append(time.process_time() - began)
    return statistics.median(taken)


def main() -> int:
    app = create_app(Settings(Issuers((charts.issuer(),)), Path(tempfile.mkdtemp()), "http://127.0.0.1:1"))
    view = charts.view(charts.thirty())

    def page() -> bytes:
        return shown("timeline/page.html", page=timeline_page(view), view=view).get_data()

    with app.test_request_context():
        g.launch = view.launch
        html = page()
        whole, model = median(page), median(lambda: timeline_page(view))
    names = set(re.findall(r'(?:src|href)="/static/([^"?]+)', html.decode()))
    files = {"page": html} | {name: (Path(app.static_folder or "") / name).read_bytes() for name in sorted(names)}
    packed = {name: len(gzip.compress(content, 6)) for name, content in files.items()}
    print(
        f"30 draws: {whole * 1000:.1f} ms at the median of {RUNS} (facts and pictures {model * 1000:.1f} ms), "
        f"{whole / ROUND_TRIP:.2f} of one round trip of {ROUND_TRIP * 1000:.0f} ms (wanted: under 0.20)"
    )
    told = ", ".join(f"{name} {size:,}" for name, size in packed.items())
    print(f"compressed: {sum(packed.values()):,} bytes of at most {LIMIT:,} ({told}); not compressed {len(html):,}")
    return int(sum(packed.values()) > LIMIT)


if __name__ == "__main__":
    raise SystemExit(main())
