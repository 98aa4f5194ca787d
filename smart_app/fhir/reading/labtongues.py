"""German and Spanish words of laboratory reports said in English, so that one grammar reads all three.

Only words that carry a finding, its negation or its doubt are turned, each to what it plainly says. A sentence is turned
only where every word of it is then known; any other one ("sin duda, mutación D538G", "in der Vorprobe nicht nachgewiesen",
"mit diesem Test werden ... nachgewiesen") stays as it was, and is never taken for a negative: the report is to be opened.
"""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re

from smart_app.fhir.reading.labwords import OTHER_GENE

# one of these, or two of the small words, make a sentence German or Spanish
_MARKS = re.compile(
    r"\b(?:nicht|kein(?:e[nrms]?)?|weder|nachgewiesen|nachweis\w*|wildtyp|mutationen|mutationsnachweis|negativ|positiv|detektier\w+|fraglich\w*|unzureichend\w*|ausstehend\w*|"
    r"mutaci[oó]n(?:es)?|\w+ad[oa]s?|no se|no es|negativ[oa]s?|positiv[oa]s?|ausencia|ninguna?|insuficientes?|pendientes?|variantes|alteraciones|hallazgos?)\b",
    re.I,
)
_SMALL = re.compile(
    r"\b(?:el|la|los|las|del|una?|en|por|para|con|sin|ohne|der|die|das|des|dem|den|im|ist|sind|wurden?|mit|und|von|eine[rsmn]?|y|se)\b",
    re.I,
)
# what a test can find, or was asked to find, is no result
_ABLE = re.compile(
    r"\b(?:werden|wird|k[oö]nnen|kann|m[oö]glich|soll\w*|verfahren|methode|nachweisgrenze|assay|kit|panel|test(?:s|et)?|zum nachweis|anforderung|angefordert|auftrag|"
    r"t[eé]cnica|m[eé]todo|ensayo|prueba|permite\w*|puede[n]?|pod[ií]a\w*|capaz|estudio|solicit\w+|l[ií]mite)\b",
    re.I,
)
_FOUND_DE = (
    r"(?:nachgewiesen|nachweisbar|detektiert|detektierbar|gefunden|identifiziert|festgestellt|vorhanden|feststellbar)"
)
_FOUND_ES = r"(?:detect|identific|encontr|hall|observ|evidenci|objetiv)"
_SEEN_ES = r"(?:detectad|identificad|encontrad|hallad|observad|evidenciad)[oa]s?"

# in this order: the doubt before the plain "no", the "no" before the finding
_TURNED: tuple[tuple[str, str], ...] = (
    (r"\b(?:kann |können )?nicht (?:sicher )?(?:auszuschlie(?:ß|ss)en|ausgeschlossen)(?: werden)?", "cannot be ruled out"),
    (r"\bnicht (?:sicher|eindeutig|zweifelsfrei) \w+", "not clearly detected"),
    (rf"\bnicht (?:mehr|länger) {_FOUND_DE}", "no longer detected"),
    (rf"\bnicht {_FOUND_DE}", "not detected"),
    (r"\bnicht (?:auswertbar|beurteilbar|bestimmbar|durchf[uü]hrbar|durchgef[uü]hrt|ausreichend|verwertbar|gen[uü]gend)", "not evaluable"),
    (r"\b(?:unzureichend\w*|ungen[uü]gend\w*)", "insufficient"),
    (r"\b(?:keine[nr]?|ohne) (?:weiteren?|andere[nr]?|zus[aä]tzlichen?)\b", "no other"),
    (r"\b(?:kein|ohne) mutationsnachweis", "no mutation detected"),
    (r"\b(?:kein|ohne) (?:sicherer |sicheren )?nachweis(?: (?:von|einer|eines|der))?", "no evidence of"),
    (r"\bkein(?:e[nrms]?)?\b", "no"),
    (r"\b(?:ohne|sin) (?:evidencia de )?(?=mutation|mutaci|variante|alteraci)", "without "),
    (r"\bwild-?typ\b", "wild type"),
    (r"\bnegativ\b", "negative"),
    (r"\b(?:fraglich\w*|unklar\w*|grenzwertig\w*)", "equivocal"),
    (r"\b(?:ausstehend\w*|steht noch aus|stehen noch aus)", "pending"),
    (r"\b(?:aber|jedoch|allerdings|pero|aunque)\b", "but"),
    (r"\bmutationen\b", "mutations"),
    (r"\b(?:und|y|e)\b(?=\s)", "and"),
    (r"\b(?:oder|o)\b(?=\s)", "or"),
    (r"\bno se (?:puede[n]?|pudo|pudieron|logr[oó]) (?:descartar|excluir)\w*", "cannot be ruled out"),
    (r"\bno (?:descartable|excluible)s?\b", "cannot be ruled out"),
    (r"\bno se (?:puede[n]?|pudo|pudieron|ha podido|logr[oó]) \w+|\bno (?:valorable|evaluable|interpretable)s?\b", "not evaluable"),
    (r"\bno concluyentes?\b|\bdudos[oa]s?\b", "inconclusive"),
    (rf"\bya no se (?:ha[n]? )?{_FOUND_ES}\w*", "no longer detected"),
    (rf"\bno se (?:ha[n]? )?{_FOUND_ES}\w*(?: (?:otras?|otros?|m[aá]s|adicionales)\b)", "no other"),
    (rf"\bno se (?:ha[n]? )?{_FOUND_ES}\w*(?=\s*(?:[.;,)]|\Z))", "not detected"),
    (rf"\bno se (?:ha[n]? )?{_FOUND_ES}\w*", "did not detect"),
    (rf"\bno (?:ha[n]? sido |fue(?:ron)? |est[aá]n? |es |son )?(?:{_SEEN_ES}|detectables?)", "not detected"),
    (r"\bno mutad[oa]s?\b", "not mutated"),
    (r"\b(?:sin|ninguna?) otr[oa]s?\b", "no other"),
    (r"\bausencia de\b", "absence of"),
    (r"\bninguna?\b", "no"),
    (r"\bausentes?\b", "absent"),
    (r"\bnegativ[oa]s? (?:para|a)\b", "negative for"),
    (r"\bnegativ[oa]s?\b", "negative"),
    (r"\b(?:muestra|material|cantidad|adn|dna) insuficiente\b|\binsuficientes?\b", "insufficient"),
    (r"\bpendientes?\b", "pending"),
    (r"\bindeterminad[oa]s?\b", "indeterminate"),
    (r"\b(?:resultado|ergebnis|befund)\b(?=\s*:)", "result"),
    (r"\bmutaciones\b", "mutations"),
    (r"\bmutaci[oó]n\b", "mutation"),
    (r"\balteraciones\b", "alterations"),
    (r"\bvariantes\b", "variants"),
    (r"\ben (?:el gen )?(?=ESR)", "in "),
    (r"\b(?:del?|el) (?:gen )?(?=ESR)", "of "),
)  # fmt: skip
# a finding is turned only where the sentence does not speak of what the test can do
_FINDS: tuple[tuple[str, str], ...] = (
    (r"\b(?:nachgewiesen|detektiert|gefunden|identifiziert|festgestellt)\b", "detected"),
    (r"\bpositiv\b", "positive"),
    (rf"\bse (?:ha[n]? )?{_FOUND_ES}\w*", "detected"),
    (rf"\b{_SEEN_ES}\b", "detected"),
    (r"\bpositiv[oa]s?\b", "positive"),
)
_TURNS = tuple((re.compile(pattern, re.I), english) for pattern, english in _TURNED)
_FINDING = tuple((re.compile(pattern, re.I), english) for pattern, english in _FINDS)
_SENTENCE = re.compile(r"([;\n\r]+|(?<![0-9])\.(?=\s|\Z))")
_NAMED = re.compile(
    rf"\b[pc]\.\S+|(?<![^\s-])[^\s-]*[0-9][^\s-]*|{OTHER_GENE.pattern}|\b(?:VAF|MAF|AF|NGS|ddPCR|PCR|BEAMing)\b|[^\w\s]"
)
_SPEAKS = re.compile(
    r"ESR-?1|\b[A-Z][0-9]{3}[A-Z]\b|mutaci|mutat|variant|alteraci|hallazgo|resultad|ergebnis|nachweis|nachgewiesen|detect|detekt|negativ|positiv|mutad|wild-?typ",
    re.I,
)
_LONGEST = 600  # characters of a sentence; no longer one is understood
_MUTATION = re.compile(r"mutaci|mutat|variant", re.I)
_RECEPTOR = re.compile(r"[oö]strogen|estr[oó]gen|immun|inmuno|\bIHC\b", re.I)
# the words of a sentence that is understood: those turned, and those that carry no answer
_KNOWN = frozenset(
    [
        "not",
        "no",
        "longer",
        "other",
        "did",
        "detect",
        "detected",
        "mutated",
        "mutation",
        "mutations",
        "variant",
        "variants",
        "alteration",
        "alterations",
        "evidence",
        "of",
        "in",
        "or",
        "and",
        "but",
        "result",
        "absence",
        "absent",
        "without",
        "negative",
        "positive",
        "for",
        "wild",
        "type",
        "insufficient",
        "pending",
        "indeterminate",
        "inconclusive",
        "equivocal",
        "evaluable",
        "cannot",
        "be",
        "ruled",
        "out",
        "clearly",
        "der",
        "die",
        "das",
        "des",
        "dem",
        "den",
        "im",
        "am",
        "ein",
        "eine",
        "einer",
        "eines",
        "einem",
        "wurde",
        "wurden",
        "ist",
        "sind",
        "es",
        "bei",
        "für",
        "gen",
        "gens",
        "exon",
        "exons",
        "codon",
        "codons",
        "kodon",
        "kodons",
        "plasma",
        "blut",
        "cfdna",
        "ctdna",
        "zellfreien",
        "zellfreier",
        "zellfreie",
        "dna",
        "analyse",
        "mutationsanalyse",
        "ergebnis",
        "befund",
        "hotspot",
        "hotspots",
        "pathogene",
        "pathogenen",
        "variante",
        "varianten",
        "aktivierende",
        "aktivierenden",
        "allelfrequenz",
        "untersuchten",
        "material",
        "probe",
        "fand",
        "sich",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "de",
        "del",
        "en",
        "gen",
        "genes",
        "exón",
        "exones",
        "codón",
        "codones",
        "sangre",
        "adn",
        "circulante",
        "libre",
        "resultado",
        "patogénica",
        "patogénicas",
        "variante",
        "patogénico",
        "frecuencia",
        "alélica",
        "activadora",
        "activadoras",
        "activante",
        "estudio",
        "análisis",
        "muestra",
        "se",
        "ha",
        "han",
        "gene",
        "the",
    ]
)


def in_english(words: str) -> tuple[str, bool]:
    """The text with its German and Spanish sentences in English; True where one that speaks of a result was not understood."""
    if not (_MARKS.search(words) or len(_SMALL.findall(words)) > 1):
        return words, False
    parts, doubtful = [], False
    for part in _SENTENCE.split(words):
        said = part
        if _SPEAKS.search(part) and (_MARKS.search(part) or len(_SMALL.findall(part)) > 1):
            said = _sentence(part)
            if not _understood(said):
                said = part
                doubtful = doubtful or not _RECEPTOR.search(part) or bool(_MUTATION.search(part))
        parts.append(said)
    return "".join(parts), doubtful


def _understood(words: str) -> bool:
    return len(words) < _LONGEST and all(
        word.lower() in _KNOWN for word in re.findall(r"[^\W\d_]+", _NAMED.sub(" ", words))
    )


def _sentence(words: str) -> str:
    able = _ABLE.search(words)
    for pattern, english in _TURNS:
        words = pattern.sub(english, words)
    if not able:
        for pattern, english in _FINDING:
            words = pattern.sub(english, words)
    return words
