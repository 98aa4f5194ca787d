"""The one way out, attacked: packed and nested answers, private addresses, names that change where they lead."""

from __future__ import annotations

import gzip
import ipaddress
import socket
import zlib
from typing import Any

import pytest
import urllib3
from hypothesis import given
from hypothesis import strategies as st

from smart_app.errors import FhirError
from smart_app.fhir import jsontext
from smart_app.fhir.client import FhirClient
from smart_app.fhir.gate import Gate
from smart_app.fhir.publicnet import is_public
from tests.support.fake_server import Answer, FakeServer, fake_server

BIG = b" " * (70 * 1024 * 1024)


@pytest.fixture
def server() -> Any:
    with fake_server() as fake:
        yield fake


def gate_for(fake: FakeServer, *, private: bool = True) -> Gate:
    gate = Gate(sleep=lambda _s: None)
    gate.allow(fake.base, private=private)
    return gate


def refused(gate: Gate, url: str, method: str = "GET") -> str:
    with pytest.raises(FhirError) as caught:
        gate.request(method, url)
    return caught.value.code


@pytest.mark.parametrize(
    ("packed", "encoding", "code"),
    [
        (gzip.compress(BIG, 9), "gzip", "net.too_large"),
        (zlib.compress(BIG, 9), "deflate", "net.too_large"),
        (gzip.compress(gzip.compress(BIG, 9)), "gzip, gzip", "net.encoding"),
        (b"x", "br", "net.encoding"),
        (b"x", "zstd", "net.encoding"),
        (b"not gzip", "gzip", "net.unreachable"),
    ],
    ids=["gzip", "deflate", "twice", "br", "zstd", "broken"],
)
def test_a_packed_answer_is_held_to_the_cap_after_unpacking(
    server: FakeServer, packed: bytes, encoding: str, code: str
) -> None:
    server.on("/fhir/x", Answer(200, packed, {"Content-Encoding": encoding}))
    assert refused(gate_for(server), f"{server.base}/x") == code


def test_what_is_packed_in_an_ordinary_way_is_read(server: FakeServer) -> None:
    server.on("/fhir/x", Answer(200, gzip.compress(b'{"a": 1}'), {"Content-Encoding": "gzip"}))
    assert gate_for(server).request("GET", f"{server.base}/x").body == b'{"a": 1}'
    assert server.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.8"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_name_that_leads_to_a_private_address_is_refused_where_only_public_ones_are_open(
    monkeypatch: pytest.MonkeyPatch, address: str, method: str
) -> None:
    gate = Gate()
    gate.allow("https://keys.example.org/jwks", private=False)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_a, **_k: [(socket.AF_INET, 1, 6, "", (address, 443))])
    assert refused(gate, "https://keys.example.org/jwks", method) == "net.origin"


def test_a_name_that_is_public_when_looked_up_and_private_when_connected_gets_no_byte(
    monkeypatch: pytest.MonkeyPatch, server: FakeServer
) -> None:
    port = int(server.base.split(":")[2].split("/")[0])
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1", "127.0.0.1"])

    def looked_up(*_a: object, **_k: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    gate = Gate(tries=1)
    gate.allow(f"http://localhost:{port}/x", private=False)
    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    assert refused(gate, f"http://localhost:{port}/fhir/x") == "net.unreachable"
    assert server.requests == []


@given(address=st.ip_addresses())
def test_no_private_address_passes_in_whatever_form(address: Any) -> None:
    if not address.is_global or address.is_multicast:
        assert not is_public(str(address))
    if address.version == 4:
        for form in (
            f"::ffff:{address}",
            str(ipaddress.ip_address(int(address) | int(ipaddress.ip_address("64:ff9b::")))),
        ):
            assert is_public(form) == is_public(str(address))


def test_one_origin_that_keeps_failing_holds_up_no_other(server: FakeServer) -> None:
    server.on("/fhir/x", Answer(drop=True))
    gate = gate_for(server)
    for _ in range(6):
        refused(gate, f"{server.base}/x")
    assert refused(gate, f"{server.base}/x") == "net.circuit_open"
    with fake_server() as other:
        other.on("/fhir/x", Answer(200, b"{}"))
        gate.allow(other.base)
        assert gate.request("GET", f"{other.base}/x").status == 200


@given(depth=st.integers(1, 400), lists=st.booleans())
def test_json_is_read_to_a_depth_that_everybody_can_walk(depth: int, lists: bool) -> None:
    raw = ("[" * depth + "]" * depth) if lists else ('{"a":' * depth + "1" + "}" * depth)
    if depth <= jsontext.DEEPEST:
        assert jsontext.dumps(jsontext.loads(raw, jsontext.DEEPEST)).decode() == raw
    else:
        with pytest.raises(ValueError, match="deep"):
            jsontext.loads(raw, jsontext.DEEPEST)


def test_a_resource_that_nests_too_deep_makes_its_search_incomplete_and_breaks_nothing(server: FakeServer) -> None:
    deep = b'{"a":' * 600 + b"1" + b"}" * 600
    raw = b'{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Observation","id":"o","x":' + deep + b"}}]}"
    server.on("/fhir/Observation", Answer(200, raw))
    found, record = FhirClient(server.base, gate_for(server)).search("Observation", [("patient", "p")])
    assert (found, record.complete, record.error_code) == ([], False, "fhir.not_json")


def test_connections_opened_ahead_are_the_ones_that_reads_use(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.on("/fhir/Patient", Answer(body={"resourceType": "Patient", "id": "1"}))
    opened: list[Any] = []
    real = urllib3.util.connection.create_connection
    watched = lambda *args, **more: (opened.append(args), real(*args, **more))[1]  # noqa: E731
    monkeypatch.setattr(urllib3.util.connection, "create_connection", watched)
    gate = gate_for(server)
    gate.warm(server.base, 4)
    assert (len(opened), server.requests) == (4, [])
    for _ in range(3):
        assert gate.request("GET", f"{server.base}/Patient/1").status == 200
    gate.warm(server.base, 4)
    assert len(opened) == 4


def test_no_connection_is_opened_ahead_where_nothing_may_be_sent(server: FakeServer) -> None:
    met: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("urllib3.util.connection.create_connection", lambda *args, **_more: met.append(args))
        Gate().warm(server.base, 4)
        gate_for(server, private=False).warm(server.base, 4)
    assert met == []


def test_a_server_that_is_not_there_is_no_error_before_it_is_asked(server: FakeServer) -> None:
    gate = Gate(sleep=lambda _s: None)
    gate.allow("http://127.0.0.1:9/fhir")
    gate.warm("http://127.0.0.1:9/fhir", 3)
    assert refused(gate, "http://127.0.0.1:9/fhir/metadata", "POST") == "net.unreachable"
