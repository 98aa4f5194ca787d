"""The look-out that every run of the tests has finds what it is there for."""

from __future__ import annotations

import logging
from pathlib import Path

from flask import Flask, Response, g, redirect
from werkzeug.wrappers import Response as Answer

from smart_app.web.chart import banner_of
from tests.smart.behaviours import shows
from tests.smart.ehr import PATIENT, Browser, without_wire
from tests.support.fake_server import Answer as Told
from tests.support.leaks import Listener, Scanner


def leaky(folder: Path) -> tuple[Flask, Browser]:
    """The app with routes that do what it must never do. Its name keeps it out of the run's own look-out."""
    app, ehr = without_wire(folder)
    ehr.id_token = False
    ehr.fake.on("/fhir/Patient/p2", Told(body={**PATIENT, "id": "p2", "name": [{"text": "Olga Othername"}]}))

    def page(launch_id: str, what: str) -> Response | Answer:
        token = app.extensions["esr1"].store.get("token", launch_id)["access"]
        if what == "log":
            logging.getLogger("urllib3").warning("GET /Patient?name=Nora Secretname")
        if what == "moved":
            return redirect("/about?who=Nora Secretname")
        if what == "error":
            g.pop("launch")
        said = {"token": token, "other": "Olga Othername", "error": "Nora Secretname", "own": "Nora Secretname"}
        return Response(said.get(what, ""))

    app.add_url_rule("/s/<launch_id>/leak/<what>", view_func=page)
    return app, Browser(app.test_client(), ehr)


@shows(51, "x11")
def test_tokens_other_patients_addresses_and_log_lines_are_found_and_the_own_patient_is_not(tmp_path: Path) -> None:
    app, browser = leaky(tmp_path)
    addresses = {}
    for patient in ("p1", "p2"):
        browser.ehr.token["patient"] = patient
        addresses[patient] = browser.launch(patient).headers["Location"]
    found: dict[str, list[str]] = {}
    for what in ("own", "token", "other", "error", "moved", "log"):
        scanner = Scanner()
        listener = Listener(scanner)
        logging.getLogger().addHandler(listener)
        scanner.connect()
        try:
            for address in addresses.values():
                browser.client.get(address)
            with app.app_context():
                assert banner_of(PATIENT, "p1").name == "Nora Secretname"
            muted(app, browser, addresses["p1"] + f"leak/{what}", scanner)
        finally:
            scanner.disconnect()
            logging.getLogger().removeHandler(listener)
        found[what] = [f.partition(" in ")[0] for f in scanner.leaks()]
    assert found == {
        "own": [],
        "token": ["a token"],
        "other": ["another patient, or one where nobody belongs,"],
        "error": ["another patient, or one where nobody belongs,"],
        "moved": ["a patient"],
        "log": ["a log line of urllib3"],
    }


def muted(app: Flask, browser: Browser, address: str, scanner: Scanner) -> None:
    """Asked with only this scanner listening: the run's own one would rightly complain."""
    from flask import request_finished

    others = [r for r in request_finished.receivers_for(app) if getattr(r, "__self__", None) is not scanner]
    root = logging.getLogger()
    ears = [h for h in root.handlers if isinstance(h, Listener) and h.scanner is not scanner]
    for other in others:
        request_finished.disconnect(other)
    for ear in ears:
        root.removeHandler(ear)
    try:
        browser.client.get(address)
    finally:
        for other in others:
            request_finished.connect(other)
        for ear in ears:
            root.addHandler(ear)
