"""The store's file and its keys; the issuers' file is refused with its line."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from smart_app.errors import ConfigError
from smart_app.smart.issuers import load_issuers
from smart_app.smart.store import SqliteStore, load_keys

GOOD = '[[issuer]]\nid = "a"\nname = "A"\nbase = "https://ehr.example.org/fhir/"\nauth = "public"\nclient_id = "x"\n'


def store(folder: Path) -> SqliteStore:
    return SqliteStore(folder / "s.sqlite", load_keys(folder / "key"))


def test_nothing_readable_stands_in_the_file_and_the_key_is_private(tmp_path: Path) -> None:
    store(tmp_path).put("token", "k", {"access": "SECRET-TOKEN"}, 10)
    raw = b"".join(f.read_bytes() for f in tmp_path.glob("s.sqlite*"))
    assert b"SECRET-TOKEN" not in raw
    assert (tmp_path / "key").stat().st_mode & 0o077 == 0


def test_threads_that_come_and_go_use_up_no_file_descriptors(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.put("token", "k", {"a": 1}, 60)
    for _ in range(40):
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(lambda _: kept.get("token", "k"), range(4))) == [{"a": 1}] * 4
    opened = [os.path.realpath(f) for f in Path("/proc/self/fd").iterdir()]
    assert len([f for f in opened if f.startswith(str(tmp_path))]) < 12


def test_a_record_sealed_with_a_lost_key_is_as_good_as_gone(tmp_path: Path) -> None:
    store(tmp_path).put("x", "k", {}, 60)
    (tmp_path / "key").unlink()
    assert store(tmp_path).get("x", "k") is None


def test_a_good_file_gives_issuers_without_trailing_slash(tmp_path: Path) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(GOOD)
    found = load_issuers(file)
    assert found.by_base("https://ehr.example.org/fhir") is found.by_base("https://ehr.example.org/fhir/")
    assert found.by_base("https://ehr.example.org/fhir//") is None
    assert found.by_base("https://ehr.example.org") is None


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ('nonsense = "x"', "nonsense"),
        ("scopes = 3", "scopes"),
        ('timezone = "Mars/Crater"', "timezone"),
        ('frame_ancestors = ["https://x.example/path"]', "frame_ancestors"),
        ('frame_ancestors = ["https://x.example; script-src *"]', "frame_ancestors"),
        ('client_secret_env = "NOT_SET_ANYWHERE"', "client_secret_env"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, key: str) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(GOOD + line + "\n")
    with pytest.raises(ConfigError, match=f"line 7: {key}"):
        load_issuers(file)


@pytest.mark.parametrize(
    "base",
    [
        "http://ehr.example.org/fhir",
        "ftp://x",
        "https://user@ehr.example.org/fhir",
        "https://ehr.example.org/fhir?x=1",
        "https://ehr.example.org/a/../fhir",
        "not an address",
    ],
)
def test_a_base_that_is_not_plain_https_is_refused(tmp_path: Path, base: str) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(GOOD.replace("https://ehr.example.org/fhir/", base))
    with pytest.raises(ConfigError, match="base"):
        load_issuers(file)


@pytest.mark.parametrize("text", ["[[issuer]\n", "\x00", "x = 1\n", GOOD + GOOD])
def test_a_file_that_is_no_registration_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "issuers.toml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        load_issuers(file)
