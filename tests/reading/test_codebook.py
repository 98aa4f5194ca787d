"""The code book: one type per coding system, names as whole words, a site's own file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smart_app.codes import Icd10, Local, Loinc, Ndc, RxNorm, Snomed, code_of, load_codebook
from smart_app.domain.facts import DrugClass
from smart_app.errors import ConfigError

BOOK = load_codebook()
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"


def site(tmp_path, text):
    path = tmp_path / "site.toml"
    path.write_text(text, "utf-8")
    return path


def test_the_same_number_of_two_systems_is_two_codes():
    assert RxNorm("386911004") != Snomed("386911004")
    assert Local("1", "urn:a") != Local("1", "urn:b")


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("http://loinc.org/", "2532-0", Loinc("2532-0")),
        ("https://loinc.org", "2532-0", Loinc("2532-0")),
        ("urn:oid:2.16.840.1.113883.6.96", "254837009", Snomed("254837009")),
        ("http://snomed.info/sct/731000124108", "254837009", Snomed("254837009")),
        ("http://hl7.org/fhir/sid/icd-10-cm", "c50912", Icd10("C50.912")),
        ("http://fhir.de/CodeSystem/bfarm/icd-10-gm", "C79.5-", Icd10("C79.5")),
        ("http://hl7.org/fhir/sid/ndc", "0078-249-15", Ndc("00078024915")),
        ("urn:oid:1.2.3", "5", Local("5", "urn:oid:1.2.3")),
    ],
)
def test_a_coding_becomes_a_code_of_its_own_type(system, code, expected):
    assert code_of(system, code) == expected


def test_every_listed_drug_is_found_by_its_own_names():
    for name, drugs in BOOK.names.items():
        assert BOOK.drugs_in(f"10 MG {name.upper()} oral") == drugs


@given(
    st.sampled_from(sorted(name for name, drugs in BOOK.names.items() if " " not in name and len(drugs) == 1)),
    st.sampled_from("abcxyz079"),
)
def test_a_name_inside_a_longer_word_is_no_name(name, letter):
    assert not BOOK.names[name] & BOOK.drugs_in(f"{letter}{name}{letter}")


def test_a_site_adds_a_product_code_to_a_known_drug(tmp_path):
    book = load_codebook(site(tmp_path, '[[drug]]\nname = "letrozole"\nrxnorm = ["1234567"]\nnames = ["letro-x"]\n'))
    assert book.drugs_of(RXNORM, "1234567") == {"letrozole"}
    assert book.drugs_in("LETRO-X 2.5") == {"letrozole"}
    assert book.drugs_of(RXNORM, "72965") == {"letrozole"}


def test_a_site_adds_local_codes_and_a_drug_of_its_own(tmp_path):
    text = (
        '[[drug]]\nname = "Newestrant"\nclass = "SERD"\n[drug.local]\n"urn:oid:1.2.3" = ["77"]\n\n'
        '[[pack]]\nname = "Duo"\ndrugs = ["newestrant", "letrozole"]\n'
    )
    book = load_codebook(site(tmp_path, text))
    assert book.drugs_of("urn:oid:1.2.3", "77") == {"newestrant"}
    assert book.class_of("newestrant") is DrugClass.SERD
    assert book.drugs_in("duo") == {"newestrant", "letrozole"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('[[drug]]\nname = "letrozole"\nrxnorm = ["84857"]\n', 3, "already means anastrozole"),
        ('[[drug]]\nname = "letrozole"\nnames = ["Arimidex"]\n', 3, "already means anastrozole"),
        ('[[drug]]\nname = "letrozole"\nrxcui = ["1"]\n', 3, "unknown key 'rxcui'"),
        ('[[drug]]\nname = "letrozole"\n\n[[drug]]\nname = "x"\nclass = "AII"\n', 6, "unknown class"),
        ('[[drug]]\nname = "x"\n', 1, "needs class"),
        ('[[drug]]\nname = "letrozole"\nclass = "SERD"\n', 3, "is already"),
        ('[[drug]]\nname = "letrozole"\natc = ["nonsense!"]\n', 3, "is not a atc code"),
        ('[[drug]]\nname = "letrozole"\nrxnorm = [72965]\n', 3, "list of texts"),
        ('[[pack]]\nname = "p"\ndrugs = ["letrozole", "nothing"]\n', 3, "not 'nothing'"),
        ('[[concept]]\nkind = "site"\nmeans = "lung"\nicd10 = ["C78.7*"]\n', 4, "already means 'liver'"),
        ('[[medicine]]\nname = "x"\n', 1, "unknown table"),
        ('name = "x"\n', 1, "unknown table"),
        ('[[drug]\nname = "x"\n', 1, "not TOML"),
    ],
)
def test_a_site_file_that_is_not_right_is_refused_by_file_and_line(tmp_path, text, line, words):
    path = site(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load_codebook(path)
    assert caught.value.message.startswith(f"{path}:{line}: ")
    assert words in caught.value.message


def test_a_site_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_codebook(tmp_path / "none.toml")


@given(st.text(), st.text())
def test_any_coding_and_any_text_can_be_asked(system, text):
    BOOK.drugs_of(system, text)
    BOOK.drugs_in(text)
    BOOK.meaning("site", system, text)
    BOOK.said("site", text)
