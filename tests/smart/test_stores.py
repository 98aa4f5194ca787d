"""The contract of the store, the same for SQLite and for a real Redis server."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import redis
from cryptography.fernet import Fernet, MultiFernet
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from werkzeug.test import Client

from smart_app.errors import ConfigError, WriteError
from smart_app.fhir.writing.journal import Journal
from smart_app.smart import redis_store
from smart_app.smart.audit import AuditTrail
from smart_app.smart.issuers import load_issuers
from smart_app.smart.redis_store import RedisStore, open_redis
from smart_app.smart.store import SqliteStore, Store, StoreDown, open_store
from smart_app.web.app import create_app
from smart_app.web.settings import Settings
from tests.smart.ehr import Ehr, issuers
from tests.support.redis_server import redis_server

KINDS = ("sqlite", "redis")
KEYS = MultiFernet([Fernet(Fernet.generate_key())])


class Made:
    """Stores over the same records: of this kind, with these keys and this clock."""

    def __init__(self, kind: str, folder: Path, address: str) -> None:
        self.kind, self.folder, self.address = kind, folder, address

    def __call__(self, now: list[float] | None = None, keys: MultiFernet = KEYS) -> Store:
        clock = (lambda: now[0]) if now is not None else time.time
        if self.kind == "redis":
            return open_redis(self.address, keys, clock)
        return SqliteStore(self.folder / "s.sqlite", keys, clock)

    def raw(self) -> bytes:
        """Everything that lies on the disk."""
        return b"".join(f.read_bytes() for f in self.folder.rglob("*") if f.is_file())


@pytest.fixture(params=KINDS)
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    with ExitStack() as stack:
        # sockets have short names, pytest's folders long ones
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = stack.enter_context(redis_server(folder)) if request.param == "redis" else ""
        yield Made(request.param, folder, address)


def test_what_is_put_is_got_until_its_time_is_over(made: Made) -> None:
    now = [1000.0]
    store = made(now)
    store.put("token", "k", {"a": [1, "ü", None], "b": 0.1}, 10)
    assert store.get("token", "k") == {"a": [1, "ü", None], "b": 0.1}
    assert store.get("launch", "k") is None
    store.put("token", "k", {"a": 2}, 10)
    assert store.get("token", "k") == {"a": 2}
    now[0] += 10
    assert store.get("token", "k") is None
    assert store.take("token", "k") is None
    assert store.replace("token", "k", {}, 10) is False
    assert list(store.all("token")) == []
    assert store.add("token", "k", {"a": 3}, 10) is True
    assert store.get("token", "k") == {"a": 3}


def test_what_is_over_is_gone_without_anybody_asking(made: Made) -> None:
    store = made()
    store.put("x", "k", {}, 0.05)
    time.sleep(0.1)
    assert store.get("x", "k") is None
    assert store.add("x", "k", {}, 60)
    store.delete("x", "k")
    store.delete("x", "k")
    assert store.get("x", "k") is None


def test_replacing_brings_nothing_back_and_adding_overwrites_nothing(made: Made) -> None:
    store = made()
    assert store.replace("x", "k", {"n": 1}, 60) is False
    assert store.get("x", "k") is None
    assert store.add("x", "k", {"n": 1}, 60) is True
    assert store.add("x", "k", {"n": 2}, 60) is False
    assert store.get("x", "k") == {"n": 1}
    assert store.replace("x", "k", {"n": 3}, 60) is True
    assert store.take("x", "k") == {"n": 3}
    assert store.replace("x", "k", {"n": 4}, 60) is False
    assert store.get("x", "k") is None


def test_of_many_takers_one_gets_it_and_of_many_adders_one_wins(made: Made) -> None:
    stores = [made() for _ in range(4)]
    stores[0].put("x", "k", {}, 60)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: stores[n % 4].take("x", "k"), range(32)))
        added = list(pool.map(lambda n: stores[n % 4].add("lock", "k", {}, 60), range(32)))
    assert len([t for t in taken if t is not None]) == 1
    assert added.count(True) == 1


def test_all_of_a_kind_come_in_the_order_of_their_keys_and_none_of_another(made: Made) -> None:
    store = made()
    for number in (*range(700, 1203), *range(700)):
        store.put("audit", f"{number:06}", {"n": number}, 60)
    store.put("audit2", "000000", {}, 60)
    assert [value["n"] for _, value in store.all("audit")] == list(range(1203))
    assert next(iter(store.all("audit")))[0] == "000000"


def test_nothing_readable_lies_on_the_disk_and_a_lost_key_ends_what_it_sealed(made: Made) -> None:
    made().put("token", "k", {"access": "SECRET-TOKEN"}, 60)
    assert b"SECRET-TOKEN" not in made.raw()
    other = made(keys=MultiFernet([Fernet(Fernet.generate_key())]))
    assert other.get("token", "k") is None
    assert list(other.all("token")) == []
    both = made(keys=MultiFernet([Fernet(Fernet.generate_key()), *KEYS._fernets]))
    assert both.get("token", "k") == {"access": "SECRET-TOKEN"}


def test_the_journal_lets_one_writer_in_over_two_processes_stores(made: Made) -> None:
    one, two = Journal.of(made(), "i", "p"), Journal.of(made(), "i", "p")
    with one.writing({"id": "plan"}, creating=True) as note:
        note("sending")
        with pytest.raises(WriteError) as caught, two.writing({"id": "plan"}, creating=True):
            pass
        assert caught.value.code == "write.busy"
        found = two.unfinished()
        assert found is not None
        assert found.state == "sending"
        note("sent")
    assert two.unfinished() is None


def test_the_audit_trail_comes_back_in_order(made: Made) -> None:
    now = [5.0]
    trail = AuditTrail(made(now), lambda: now[0])
    for page in ("a", "b", "c"):
        trail.note("refused", None, outcome="refused", page=page)
        now[0] += 20000
    assert [entry["page"] for entry in trail.entries()] == ["a", "b", "c"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "add", "replace", "get", "take", "delete", "all", "wait"]),
        st.sampled_from(["a", "b"]),
        st.integers(0, 9),
        st.sampled_from([1.0, 5.0]),
    ),
    max_size=25,
)


def walk(store: Store, steps: list[tuple[str, str, int, float]], now: list[float], kind: str) -> list[object]:
    said: list[object] = []
    for step, key, number, ttl in steps:
        if step == "wait":
            now[0] += ttl
        elif step in ("put", "add", "replace"):
            said.append(getattr(store, step)(kind, key, {"n": number}, ttl))
        else:
            said.append(list(store.all(kind)) if step == "all" else getattr(store, step)(kind, key))
    return said


def test_both_say_the_same_to_any_steps() -> None:
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as address:
        number = iter(range(10**6))

        @settings(max_examples=60)
        @given(STEPS)
        def same(steps: list[tuple[str, str, int, float]]) -> None:
            kind = f"k{next(number)}"
            now, later = [time.time()], [time.time()]
            one = SqliteStore(Path(name) / "s.sqlite", KEYS, lambda: now[0])
            two = open_redis(address, KEYS, lambda: later[0])
            assert walk(one, steps, now, kind) == walk(two, steps, later, kind)

        same()


def test_a_record_put_under_another_name_is_none(tmp_path: Path) -> None:
    """Whoever can write to the server cannot hand one launch the token of another."""
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as address:
        store = open_redis(address, KEYS)
        store.put("token", "mine", {"access": "a"}, 60)
        client = redis.Redis.from_url(address)
        raw = client.get("esr1:token:mine")
        client.set("esr1:token:yours", raw)
        client.set("esr1:token:longer", b"99999999999.0 " + raw.partition(b" ")[2])
        client.set("esr1:token:junk", b"\xff")
        client.set("esr1:token:made", b"99999999999.0 " + json.dumps({"access": "b"}).encode())
        for key in ("yours", "longer", "junk", "made"):
            assert store.get("token", key) is None
        assert [key for key, _ in store.all("token")] == ["mine"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [("appendonly", "no"), ("appendfsync", "everysec"), ("maxmemory_policy", "allkeys-lru")],
)
def test_a_server_that_may_forget_what_was_about_to_be_written_is_not_taken(setting: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name), **{setting: value}) as address:
        with pytest.raises(ConfigError) as caught:
            open_redis(address, KEYS)
        assert setting.replace("_", "-") in caught.value.message


def test_a_server_that_does_not_say_how_it_is_set_is_taken() -> None:
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name), rename_command="CONFIG HIDDEN") as address:
        assert isinstance(open_redis(address, KEYS), RedisStore)


@pytest.mark.parametrize(
    "where", ["redis://store.example.org:6379", "http://127.0.0.1/", "redis:", "rediss://[", "127.0.0.1:6379"]
)
def test_an_address_that_is_none_or_that_others_could_listen_to_is_refused(where: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_redis(where, KEYS)
    assert caught.value.code == "config.store"


def test_a_server_that_is_not_there_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_store, "_SECONDS", 0.2)
    with pytest.raises(StoreDown) as caught:
        open_redis("redis://:hidden@127.0.0.1:9/0", KEYS)
    assert "hidden" not in str(caught.value)


def test_the_setting_chooses_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESR1_STORE", raising=False)
    with pytest.raises(ConfigError):
        open_store(tmp_path, existing=True)
    assert isinstance(open_store(tmp_path), SqliteStore)
    with tempfile.TemporaryDirectory() as name, redis_server(Path(name)) as address:
        monkeypatch.setenv("ESR1_STORE", address)
        first, second = open_store(tmp_path), open_store(tmp_path, existing=True)
        assert isinstance(first, RedisStore)
        first.put("x", "k", {"n": 1}, 60)
        assert second.get("x", "k") == {"n": 1}


class Alternating:
    """Two processes of the app behind one address: each request meets the other one."""

    def __init__(self, *apps: Flask) -> None:
        self.apps, self.turn = apps, 0

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        self.turn += 1
        return self.apps[self.turn % len(self.apps)](environ, start)


@pytest.mark.parametrize("first", [0, 1])
def test_a_launch_begun_in_one_process_goes_on_in_another(
    ehr: Ehr, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    monkeypatch.setenv("ESR1_STORE", made.address)
    monkeypatch.setenv("ESR1_STORE_KEYS", Fernet.generate_key().decode())
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path))
    url = "http://127.0.0.1:8000"
    front = Alternating(*(create_app(Settings(load_issuers(file), made.folder / "data", url)) for _ in range(2)))
    front.turn = first
    browser = Client(front)
    launched = browser.get("/launch", query_string={"iss": ehr.base, "launch": "x"}, base_url=url)
    asked = {k: v[0] for k, v in parse_qs(urlsplit(launched.headers["Location"]).query).items()}
    ehr.nonce = asked["nonce"]
    opened = browser.get("/callback", query_string={"code": "c", "state": asked["state"]}, base_url=url)
    page = opened.headers["Location"]
    for _ in range(2):
        assert "Secretname" in browser.get(page, base_url=url).text
    again = browser.get("/callback", query_string={"code": "c", "state": asked["state"]}, base_url=url)
    assert again.status_code == 400
    assert Client(front).get(page, base_url=url).status_code == 403
    assert browser.get("/readyz", base_url=url).json == {"status": "ready"}


def test_an_app_whose_store_is_gone_says_so_and_shows_nothing(
    ehr: Ehr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESR1_STORE", f"unix://{tmp_path}/none.sock")
    file = tmp_path / "issuers.toml"
    file.write_text(issuers("public", ehr.base, tmp_path))
    browser = create_app(Settings(load_issuers(file), tmp_path / "data", "http://127.0.0.1:8000")).test_client()
    assert browser.get("/readyz").status_code == 503
    assert browser.get("/s/any/").status_code == 500
