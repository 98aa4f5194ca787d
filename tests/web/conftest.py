"""The real app with its real headers and templates; its pages are filled from synthetic charts."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Blueprint, Flask, Response, g
from werkzeug.serving import make_server

from smart_app.smart.issuers import Issuers
from smart_app.web.app import create_app
from smart_app.web.chart import ChartView, PatientBanner
from smart_app.web.page import timeline_page
from smart_app.web.settings import Settings
from smart_app.web.timeline import shown
from tests.support.browsers import playing
from tests.web import charts, hard

Render = Callable[..., str]
CHROMIUM = next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


STATES = {**charts.CHARTS, **hard.HARD}


def view_named(name: str) -> ChartView:
    """A view for each state that the browser tests look at."""
    plain = PatientBanner("p", "Amelia Brook", "1961-04-02", "female", "MRN-104-11")
    patients = {
        "hostile": PatientBanner("p", charts.MARKUP, charts.MARKUP, charts.MARKUP, charts.MARKUP),
        "polyclonal": PatientBanner("p", charts.LONG, "1961-04", "female", None),
        "everything": PatientBanner("p", "آسية بنت عبد الله 花子 山田", None, None, "م-٤"),
    }
    more: dict[str, Any] = {}
    if name == "polyclonal":
        more["launch"] = charts.launch(issuer=charts.issuer(open_server=True), need_patient_banner=False)
    return charts.view(STATES[name](), patient=patients.get(name, plain), **more)


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return made_app(tmp_path_factory.mktemp("data"))


def made_app(folder: Path) -> Flask:
    """The app with pages of its own that show the states."""
    issuers = Issuers((charts.issuer(),))
    settings = Settings(
        issuers,
        folder,
        "http://127.0.0.1:1",
        now=lambda: datetime.fromtimestamp(charts.CLOCK, UTC),
    )
    made = create_app(settings, clock=lambda: charts.CLOCK)
    pages = Blueprint("see", __name__)

    @pages.get("/see/<name>")
    def see(name: str) -> Response:
        view = view_named(name)
        g.launch = view.launch
        return shown("timeline/page.html", page=timeline_page(view), view=view)

    @pages.get("/see-receipt/<name>")
    def see_receipt(name: str) -> Response:
        view = view_named(name)
        g.launch = view.launch
        return shown("timeline/receipt.html", view=view)

    @pages.get("/see-resource")
    def see_resource() -> Response:
        view = view_named("due")
        g.launch = view.launch
        return shown(
            "timeline/resource.html",
            view=view,
            reference="Observation/1",
            date="3 Nov 2026",
            about="ESR1",
            content="{}",
        )

    made.register_blueprint(pages)
    return made


@pytest.fixture
def render(app: Flask) -> Render:
    """The page of a view, as a browser gets it."""

    def page(view: ChartView, sort: str = "oldest") -> str:
        with app.test_request_context():
            g.launch = view.launch
            return shown("timeline/page.html", page=timeline_page(view, sort), view=view).get_data(as_text=True)

    return page


@pytest.fixture(scope="session")
def site(app: Flask) -> Iterator[str]:
    """The app on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    browser = playing().chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    )
    yield browser
    browser.close()
