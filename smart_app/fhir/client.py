"""A FHIR R4 client that loses nothing silently: every page is read or the record says which part is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlencode, urljoin

from smart_app.errors import FhirError
from smart_app.fhir import jsontext
from smart_app.fhir.gate import Gate, Reply, throttles, under
from smart_app.fhir.reading.record import Json, items, obj, reference_of, text
from smart_app.fhir.receipt import SearchRecord

FHIR_JSON = "application/fhir+json"
MAX_PAGES = 400
_EXPIRED = ("fhir.gone", "fhir.not_found", "fhir.refused")  # what a next link answers once its session has ended

Entry = tuple[str, Json]  # fullUrl ('' where there is none) and resource
Params = list[tuple[str, str]]
Pages = tuple[dict[str, Entry], SearchRecord]


@dataclass(frozen=True, slots=True)
class Fan:
    """Disjoint windows of a search, read side by side by ``each`` where the pages of the whole would be many."""

    windows: tuple[Params, ...]
    each: Callable[[Callable[[Params], Pages], tuple[Params, ...]], Iterable[Pages]]


@dataclass(frozen=True, slots=True)
class Response:
    """An answer of the FHIR server. ``body`` is None where it was empty or no JSON object."""

    status: int
    body: Json | None
    headers: Mapping[str, str]
    text: str
    content: bytes = b""

    @property
    def etag(self) -> str | None:
        return self.headers.get("ETag")

    @property
    def location(self) -> str | None:
        return self.headers.get("Location") or self.headers.get("Content-Location")


class FhirClient:
    """Speaks to one FHIR base with one launch's token. The token goes nowhere else (SMART App Launch 2.2)."""

    def __init__(self, base: str, gate: Gate, bearer: Callable[[bool], str | None] | None = None) -> None:
        self.base = base.rstrip("/")
        self._gate = gate
        self._bearer = bearer
        self._capabilities: Json | None = None
        self._slots: AbstractContextManager[object] = nullcontext()
        self._until: float | None = None

    def end_in(self, seconds: float) -> None:
        """After so many seconds nothing more is asked (``net.budget``)."""
        self._until = self._gate.clock() + seconds

    def capped(self, concurrency: int) -> FhirClient:
        """The same client, with at most so many requests under way at once."""
        made = FhirClient(self.base, self._gate, self._bearer)
        made._capabilities, made._slots = self._capabilities, BoundedSemaphore(concurrency)
        return made

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | list[tuple[str, str]] | None = None,
        body: Json | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        max_bytes: int | None = None,
    ) -> Response:
        """Any HTTP status is an answer. FhirError ``net.*`` where there is none.

        On 401 the token is renewed once and the request sent again.
        """
        url = path if "://" in path else f"{self.base}/{path.lstrip('/')}" if path else self.base
        if not under(url, self.base):
            raise FhirError("The address lies outside the registered FHIR server.", code="net.origin")
        raw = body if isinstance(body, bytes) or body is None else jsontext.dumps(body)
        reply = self._authorised(method, url, params, raw, headers or {}, timeout, max_bytes, force=False)
        if reply.status == 401 and self._bearer is not None:
            # a refused request was not carried out, so sending it again after a refresh repeats nothing
            reply = self._authorised(method, url, params, raw, headers or {}, timeout, max_bytes, force=True)
        return _response(reply)

    def _authorised(
        self,
        method: str,
        url: str,
        params: Mapping[str, str] | list[tuple[str, str]] | None,
        raw: bytes | None,
        headers: Mapping[str, str],
        timeout: float,
        max_bytes: int | None,
        *,
        force: bool,
    ) -> Reply:
        sent = {"Accept": FHIR_JSON, **headers}
        if raw is not None:
            sent.setdefault("Content-Type", FHIR_JSON)
        token = self._bearer(force) if self._bearer is not None else None
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        with self._slots:
            left = self._until - self._gate.clock() if self._until is not None else timeout
            if left <= 0:
                raise _over()
            try:
                return self._gate.request(
                    method,
                    url,
                    params=params,
                    body=raw,
                    headers=sent,
                    timeout=min(timeout, left),
                    max_bytes=max_bytes,
                )
            except FhirError as error:
                if error.code == "net.timeout" and left < timeout:
                    raise _over() from error
                raise

    def capabilities(self) -> Json:
        """The server's CapabilityStatement, read once per client."""
        if self._capabilities is None:
            self._capabilities = expect(self.send("GET", "metadata"), "CapabilityStatement")
        return self._capabilities

    def read(self, resource_type: str, ident: str) -> Json:
        """One resource by id; FhirError where the server does not give it."""
        return expect(self.send("GET", f"{resource_type}/{ident}"), resource_type)

    def search(
        self,
        resource_type: str,
        params: Mapping[str, str] | list[tuple[str, str]],
        *,
        shown: str = "",
        fan: Fan | None = None,
    ) -> tuple[list[Entry], SearchRecord]:
        """All pages. Never raises: what could not be read stands in the record (``complete`` False, ``error_code``).

        ``fan`` is used only where the server says how many there are (``total``), so that what no window holds (an
        entry without a date) is noticed, and read page by page.
        """
        url = f"{self.base}/{resource_type}?{urlencode(params)}"
        found, record = self._pages(resource_type, url, shown, fan)
        if record.pages and record.error_code in _EXPIRED:  # the server forgot its pages: the whole search once more
            said = record.error
            found, record = self._pages(resource_type, url, shown, fan)
            record.warnings.append(f"the server lost the pages of this search ({said}), so it was run twice")
        record.entries = len(found)
        return list(found.values()), record

    def _pages(self, resource_type: str, first: str, shown: str, fan: Fan | None = None) -> Pages:
        record = SearchRecord(resource_type, shown)
        found: dict[str, Entry] = {}
        url: str | None = first
        seen: set[str] = set()
        try:
            while url is not None:
                if url in seen or record.pages >= MAX_PAGES:
                    raise FhirError("The server's pages lead in a circle.", code="search.loop")
                seen.add(url)
                bundle = expect(self.send("GET", url), "Bundle")
                record.pages += 1
                self._take(bundle, found, record)
                url = self._next(bundle, url)
                if (
                    url is not None
                    and fan is not None
                    and record.pages == 1
                    and self._fanned(first, found, record, fan)
                ):
                    url = None
            matches = _matches(found, resource_type)
            if record.total is not None and matches < record.total:
                raise FhirError(
                    f"The server announced {record.total} and gave {matches}.", code="search.fewer_than_total"
                )
            record.complete = record.error_code is None
        except FhirError as error:
            record.error_code, record.error = error.code, error.message
        return found, record

    def _fanned(self, first: str, found: dict[str, Entry], record: SearchRecord, fan: Fan) -> bool:
        """Whether the windows gave all that the server announced; then ``found`` and ``record`` hold it."""
        kind, total = record.resource_type, record.total
        if total is None or record.error_code is not None or total <= 2 * max(1, _matches(found, kind)):
            return False
        all_found = dict(found)
        parts = list(fan.each(lambda window: self._pages(kind, f"{first}&{urlencode(window)}", ""), fan.windows))
        for window, _ in parts:
            for key, entry in window.items():
                if key not in all_found or _newer(entry[1], all_found[key][1]):
                    all_found[key] = entry
        record.pages += sum(part.pages for _, part in parts)
        whole = all(part.complete for _, part in parts) and _matches(all_found, kind) == total
        if whole:
            found.update(all_found)
            record.warnings += dict.fromkeys(warning for _, part in parts for warning in part.warnings)
        return whole

    def _take(self, bundle: Json, found: dict[str, Entry], record: SearchRecord) -> None:
        total = bundle.get("total")
        if isinstance(total, int) and not isinstance(total, bool):
            record.total = total
        entries = bundle.get("entry")
        if entries is not None and not isinstance(entries, list):
            raise FhirError("The server's list is malformed.", code="search.malformed")
        for number, entry in enumerate(entries or []):
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict) or not text(resource.get("resourceType")):
                record.warnings.append(f"entry {number + 1} of page {record.pages} holds no resource")
                record.error_code = record.error_code or "search.entry_unreadable"
                record.error = record.error or "An entry of the server's list could not be read."
                continue
            if resource["resourceType"] == "OperationOutcome":
                _note_outcome(resource, record)
                continue
            key = reference_of(resource)
            key = key if "/" in key else f"{key}#{record.pages}.{number}"
            if key not in found or _newer(resource, found[key][1]):
                found[key] = (text(entry.get("fullUrl")) or "", resource)

    def _next(self, bundle: Json, current: str) -> str | None:
        link = next((item for item in items(bundle.get("link")) if item.get("relation") == "next"), None)
        if link is None:
            return None
        target = text(link.get("url")) or ""
        try:
            absolute = "://" in target or target.startswith(("/", "?"))
            url = urljoin(current, target) if absolute else f"{self.base}/{target}"
        except ValueError:
            url = ""
        if not target or not under(url, self.base):
            raise FhirError("The next page lies on another server and was not followed.", code="search.foreign_next")
        return url


def _over() -> FhirError:
    return FhirError("The time for reading the whole record was over.", code="net.budget")


def _matches(found: Mapping[str, Entry], resource_type: str) -> int:
    return sum(1 for _, resource in found.values() if resource.get("resourceType") == resource_type)


def _newer(one: Json, other: Json) -> bool:
    return (text(obj(one.get("meta")).get("lastUpdated")) or "") > (
        text(obj(other.get("meta")).get("lastUpdated")) or ""
    )


def _note_outcome(outcome: Json, record: SearchRecord) -> None:
    for issue in items(outcome.get("issue")):
        words = text(obj(issue.get("details")).get("text")) or text(issue.get("diagnostics")) or ""
        record.warnings.append(f"{issue.get('severity')}: {issue.get('code')} {words}"[:300])
        if issue.get("severity") in ("error", "fatal"):
            record.error_code = "search.outcome_error"
            record.error = "The server reported an error inside its list of results."


def _response(reply: Reply) -> Response:
    body: Any = None
    try:
        words = reply.body.decode("utf-8-sig")
        body = jsontext.loads(words, jsontext.DEEPEST) if words.strip() else None
    except ValueError:
        words = reply.body.decode("utf-8", "replace")
    return Response(reply.status, body if isinstance(body, dict) else None, reply.headers, words, reply.body)


_SAYINGS = {
    401: ("fhir.unauthorized", "The EHR no longer accepts this sign-in.", "Launch the app again from the EHR."),
    403: ("fhir.forbidden", "The EHR does not let this app read this.", "Ask your EHR team which access is granted."),
    404: ("fhir.not_found", "The EHR does not have it.", ""),
    410: ("fhir.gone", "It was deleted in the EHR.", ""),
    429: ("fhir.busy", "The EHR asks to slow down.", "Wait a minute, then reload the page."),
}


def failure(response: Response) -> FhirError:
    """The error for an answer that is not the one hoped for."""
    if 200 <= response.status < 300:
        return FhirError(
            "The server did not answer with FHIR JSON.",
            code="fhir.not_json",
            advice="Try again; else tell the EHR team.",
        )
    throttled = throttles(response.status, response.headers, response.content)
    known = _SAYINGS.get(429 if throttled else response.status)
    if known is not None:
        code, message, advice = known
        wait = response.headers.get("Retry-After")
        if code == "fhir.busy" and wait and wait.isdigit():
            advice = f"The EHR asks to wait {wait} seconds; then reload the page."
        return FhirError(message, code=code, advice=advice)
    if response.status >= 500:
        return FhirError(
            f"The EHR's server failed (HTTP {response.status}).",
            code="fhir.server_error",
            advice="Try again in a minute.",
        )
    return FhirError(f"The EHR refused the request (HTTP {response.status}).", code="fhir.refused")


def expect(response: Response, resource_type: str) -> Json:
    """The body, where it is a 2xx answer of that type; else the fitting FhirError."""
    body = response.body
    if 200 <= response.status < 300 and body is not None and body.get("resourceType") == resource_type:
        return body
    if 200 <= response.status < 300 and body is not None and body.get("resourceType") == "OperationOutcome":
        raise FhirError("The EHR answered with an error message.", code="fhir.outcome")
    raise failure(response)
