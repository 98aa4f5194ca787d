"""The words of laboratory reports that matter for ESR1: genes, changes, and what says found, not found, failed, unsure."""

# ruff: noqa: E501 - a broken pattern is harder to read than a long one
from __future__ import annotations

import re
from dataclasses import dataclass

from smart_app.fhir.reading.hgvs import DNA, PROTEIN, dna, one_letter

ESR1 = re.compile(
    r"(?<![A-Za-z0-9])ESR-?1(?:m|mut)?(?![0-9A-Za-z])|\bo?estrogen receptor 1\b|\b(?:NM_000125|NM_00112274[0-2]|NP_000116|ENST00000(?:206249|440973)|ENSP00000206249|ENSG00000091831)(?![0-9])",
    re.I,
)
# symbols that stand beside ESR1 on the panels, and other markers of the same reports; what follows one is not ESR1's
_OTHERS = (
    "PIK3CA|PIK3CB|PIK3R1|TP53|AKT[123]|PTEN|ERBB[234]|HER2|BRCA1|BRCA2|PALB2|CHEK2|ATM|RB1|KRAS|NRAS|HRAS|BRAF|EGFR|"
    "FGFR[1-4]|CCND[123]|CCNE1|CDK4|CDK6|CDK12|CDKN1B|CDKN2[AB]|GATA3|MAP2K[14]|MAP3K1|CDH1|NF1|ARID1A|ARID2|MYC|ESR2|ESRRA|ESRRG|PGR|"
    "AR|FOXA1|NTRK[1-3]|ALK|RET|MET|ROS1|STK11|KIT|IDH[12]|MTOR|TSC[12]|APC|SMAD4|GNAS|JAK2|POLE|MLH1|MSH[26]|PMS2|ERCC2|"
    "KEAP1|SF3B1|TBX3|RUNX1|NOTCH[1-4]|KMT2[CD]|CBFB|NCOR1|RAD51[BCD]?|VHL|TERT|DNMT3A|TET2|ASXL1|CTNNB1|MSI(?:-H)?|TMB|PD-?L1"
)
PROMISCUOUS = "CCDC170|SOX9|YAP1|PCDH11X|ARNT2|PPARGC1A|AKAP12|NOP2|POLH|PLEKHG1|ARMT1|LPP|NCOA[1-3]|DAB2|GYG1|MTHFD1L|TFG|CCNL1|CLINT1|GRIP1"
OTHER_GENE = re.compile(rf"(?i:{ESR1.pattern})|(?<![A-Za-z0-9])(?:{_OTHERS})(?![A-Za-z0-9])")

_SEEN = "detected|detectable|identified|found|seen|present|observed|mutated|called|confirmed"
VARIANT = "mutations?|mutant|mutated|variants?|alterations?|changes?|hotspots?|substitutions?|deletions?|insertions?|rearrangements?|abnormalit(?:y|ies)"

# order matters: the first alternative that fits is the token
_TOKENS: tuple[tuple[str, str], ...] = (
    ("FUS", rf"(?i:ESR-?1)\s?(?:::|--|-|–|/)\s?(?:{PROMISCUOUS})\b|\b(?:{PROMISCUOUS})\s?(?:::|--|-|–|/)\s?(?i:ESR-?1)\b|(?i:ESR-?1)::[A-Z][A-Z0-9]{{1,9}}\b|\b[A-Z][A-Z0-9]{{1,9}}::(?i:ESR-?1)\b"),
    ("E", rf"(?i:{ESR1.pattern})(?:\.[0-9]+)?"),
    ("G", rf"(?<![A-Za-z0-9])(?:{_OTHERS})(?![A-Za-z0-9])"),
    ("DNA", DNA.pattern),
    ("C", PROTEIN.pattern),
    ("FUS", r"(?i:\bfusions?\b|\brearrange(?:d|ments?)\b)"),
    ("NA", r"(?i:\bnot amplified\b|\bno amplifications?\b|\bno copy[- ]number (?:gains?|changes?|variations?|alterations?)\b)"),
    ("AMP", r"(?i:\bamplifi(?:ed|cations?)\b|\bcopy[- ]number (?:gains?|increase)\b)"),
    ("N2", rf"(?i:\b(?:{_SEEN}|positive)\s*(?:\((?:y/n|yes/no|n/y)\)\s*)?[:=?-]+\s*(?:none|no|zero|n|nil|false|0)\b(?![.,]?[0-9]|\s*%)(?=\s*(?:[.,;)|\]\n]|\Z)))|\b0 (?:of|out of|/) ?[0-9]+\b[^.;\n]{{0,30}}?\b(?:{_SEEN}|positive)\b"),
    ("SKIP", r"(?i:\bno (?:other|additional|further)\b|\bnot only\b)"),
    ("X", r"(?i:\b(?:except(?:ing)?(?: for)?|with the exception of|other than|apart from|besides|aside from)\b)"),
    ("U", r"(?i:\bindeterminate\b|\binconclusive\b|\bequivocal\b|\b(?:cannot|can not|could not|not) be (?:excluded|ruled out|confirmed)|\bnot (?:clearly|definitively|reliably|confidently) (?:detected|identified|seen|called|confirmed)|\buninterpretable\b|\bborderline\b|\bpossibl[ey]\b|\bpossible\b|\bprobable\b|\bsuspicious\b|\bsuspected\b|\bquestionable\b|\bambiguous\b|\bundetermined\b|\bunconfirmed\b|\bfalse[- ]positive\b|\bnot confirmed\b|\bdoubtful\b)"),
    ("F", r"(?i:\bQ\.?N\.?S\b|\bquantity (?:not|in)[- ]?sufficient|\binsufficient\b|\binadequate\b|\bfailed(?! to (?:detect|identify|find|show|reveal))\b|\bfailures?\b|\bcould not be (?:obtained|performed|completed|tested|analy[sz]ed|determined|assessed|evaluated|reported|sequenced)|\bunsatisfactory\b|ha?emoly[sz](?:ed|is)|\bclotted\b|\bnot (?:be )?(?:obtained|performed|tested|evaluable|evaluated|assessable|assessed|analy[sz]ed|determined|done|sufficient|successful)|\bexpired\b|\brejected\b|\bunable to (?:perform|determine|analy[sz]e|detect|assess|report|complete|test)|\bno results?\b(?! (?:of|for) other)|\bno[- ]call\b|\bcancell?ed\b|\binvalid\b|\btest not run\b|\bunsuccessful\b|\blost in transit\b|\bTNP\b|\btube (?:broken|leak\w*))"),
    ("W", r"(?i:\bpending\b|\bto follow\b|\bin progress\b|\bawait(?:ed|ing)\b|\bnot yet\b)"),
    ("NC", r"(?i:\b(?:not|n't) (?:be )?(?:covered|included|part of|on (?:this|the) panel|assessed by this|in (?:this|the) panel|interrogated|targeted)\b)"),
    ("Q", r"(?i:\bnot (?:reported|available|provided|applicable|shown|listed)\b|\bN/?A\b|\bsee (?:the )?(?:attached|scanned|separate|original|full|pdf|report|comment|note|below|above)|\brefer to\b|\bunknown\b|\bnicht\b|\bkein(?:e[nrms]?)?\b|\bno (?:se )?detect(?:ad[oa]s?|a|an|ó|aron)\b|\bnegativo\b|\bausente\b|\bnon (?:d[ée]tect\w*|rilevat\w*|rilevabil\w*)|\baucune?\b)"),
    ("N2", rf"(?i:\b(?:not|no longer|never|n't|cannot|isn't|wasn't)\s+(?:(?:been|be|is|was|were|are|currently|now)\s+){{0,3}}(?:{_SEEN})\b|\bundetect(?:ed|able)\b|\bnon-?(?:mutated|detected|detectable)\b|\bunmutated\b|\bwild[- ]?type\b|\babsent\b|\bnegative\b(?! (?:for|predictive|control))|\bpertinent negatives?\b|\bneg\b|\bnone\b(?! of)(?:\s+(?:{_SEEN})\b)?|\bnil\b|\(\s*[-−–]\s*\)|\bmut-(?!\w))|(?<![A-Za-z])(?:ND|WT|wt)(?![A-Za-z0-9])"),
    ("N1", r"(?i:\b(?:no|without|neither|nor|none of(?: the)?|negative for|free of|absence of|lack(?:s|ing)?(?: of)?)\b(?!\s*\.)|\b(?:did|does|do|could|was|were|is) not (?:detect|identify|find|reveal|show|demonstrate|harbou?r|carry|contain|have|see|able to detect)\b|\bfailed to (?:detect|identify|find|show|reveal)\b|\bunable to (?:identify|find)\b)"),
    ("P", rf"(?i:\b(?:{_SEEN}|positive|pos|mutant|harbou?r(?:s|ed|ing)|carries|reveal(?:s|ed)|demonstrate[sd]|shows?|showed|contains?)\b|\(\s*\+\s*\)|\bmut\+)"),
    ("B", r"(?i:\b(?:but(?! also\b)|while|whereas|whilst|however|although|though|yet|in contrast)\b)"),
    ("V", rf"(?i:\b(?:{VARIANT}|evidence)\b)"),
)  # fmt: skip
_MASTER = re.compile("|".join(f"(?P<k{n}_{name}>{pattern})" for n, (name, pattern) in enumerate(_TOKENS)))

TALK = re.compile(
    r"\b(?:recommend\w*|consider(?:ed|ation)?|suggest(?:s|ed|ing)?|associated with|confers?|resistan(?:ce|t)|sensitiv(?:e|ity) to|trials?|"
    r"eligib\w+|approved|indicated|such as|e\.g\.|guidelines?|literature|may|might|can be|should|would|if|whether|in patients|patients with|"
    r"known to|designed to|in order to|detects|screens? for|tests? for|testing for|looks? for|was ordered|ordered|requested|indication|"
    r"clinical question|reason for|rule out|rule-out|query|evaluate for|assess(?:ed)? for|examined for|analy[sz]ed for|tested for|"
    r"candidates?|respond|benefit|option|repeat)\b|(?<!on )(?<!after )(?<!during )(?<!under )(?<!to )\b(?:therap(?:y|ies)|treatment)\b",
    re.I,
)
COVER = re.compile(
    r"\bgenes? (?:tested|analy[sz]ed|covered|assessed|included|evaluated|examined|interrogated|sequenced|on (?:the )?panel)|"
    r"\b(?:panel|assay|test|kit)\b[^.;:\n]{0,40}\b(?:includes?|covers?|interrogates|detects|targets|analy[sz]es|assesses|sequences|comprises)\b|"
    r"\bpanel of\b|\bcovers?\b|\binterrogates\b|\bgene list\b|\bgenes? (?:in|of) (?:the |this )?(?:panel|test)|\bregions? (?:tested|covered|studied)|"
    r"\btested genes?\b|\bcovered genes?\b|\bscope of (?:the )?test|\bpanel genes\b",
    re.I,
)
# a reference range that stands beside the result
ASIDE = re.compile(
    r"[(\[]\s*(?:ref(?:erence)?|normal|expected)\b[^()\[\]]{0,60}[)\]]|"
    r"(?<=\S)[\s,]*\b(?:ref(?:erence)?|normal|expected)\.?(?:\s+(?:range|interval|value|result)s?)?\s*[:=]\s*"
    r"(?:not detected|none detected|undetected|negative|wild[- ]?type|absent|normal)\b",
    re.I,
)
PAST = re.compile(
    r"\b(?:previous(?:ly)?|prior|history of|formerly|earlier|historical(?:ly)?|in the past|last (?:sample|draw|test))\b",
    re.I,
)
PAST_FOUND = re.compile(
    r"\b(?:previously|formerly|earlier|historically)[- ](?:been )?(?:detected|identified|found|seen|reported|known|observed|present|positive|noted)"
    r"(?:\s+(?:on|in|at)\s+(?:[0-9./-]+|\w+ [0-9]{4}))?",
    re.I,
)
STILL = re.compile(
    r"\b(?:again|still|persist\w*|remains?|continues?|current(?:ly)?|this (?:sample|specimen|draw|test)|now|today|re-?detected)\b",
    re.I,
)
NO_LONGER = re.compile(r"\bno longer\b|\bcleared\b|\bnot (?:detected|seen|found) (?:now|today|anymore|any more)", re.I)
GENERIC = re.compile(
    r"\bpatients\b|\bwomen\b|\bcases\b|\bprevalence\b|\bcommon(?:ly)?\b|\bfrequently\b|\bbreast cancers\b|\bmechanisms?\b|\btumou?rs\b",
    re.I,
)
FAMILY = re.compile(
    r"\b(?:family|familial|mother|father|sister|brother|aunt|uncle|daughter|son|cousin|relatives?)\b", re.I
)
RECEPTOR = re.compile(
    r"\bIHC\b|immuno-?histochem\w*|\bimmune stain\b|\bH-?score\b|\ballred\b|\bprotein expression\b|\bmRNA\b|\bexpression\b|\bmethylat\w+|"
    r"\breceptor[- ](?:positive|negative|status)\b|\bstain(?:ing|ed)?\b|\bER\s*/\s*ESR1\b|\bESR1\s*\(ER\)",
    re.I,
)
MUTATION = re.compile(r"mutat|variant|hotspot|ct-?dna|cf-?dna|liquid biopsy", re.I)
REFERENCE = re.compile(
    r"\A\W*(?:reference(?: (?:range|interval|value|result))?|normal(?: (?:range|value))?|expected(?: (?:result|value))?|legend|key|"
    r"method(?:s|ology)?|limitations?|disclaimer|comments? on method)\b\s*[:=-]",
    re.I,
)
NO_CTDNA = re.compile(
    r"\bno (?:detectable |measurable |evaluable )?(?:circulating tumou?r DNA|ctDNA|cfDNA|tumou?r[- ]derived DNA)\b(?! (?:test|sample|draw|assay|result))"
    r"|\b(?:ctDNA|circulating tumou?r DNA|tumou?r DNA) (?:was |is |were )?(?:not (?:detected|detectable|found|identified)|undetect(?:ed|able)|negative)"
    r"|\btumou?r (?:fraction|content)[^.;\n]{0,40}(?:below|too low|undetect|not detect|<|insufficient|\blow\b)|\blow (?:ctDNA )?(?:shedding|shed|tumou?r fraction)|non-?shedd",
    re.I,
)
ALL_CLEAR = re.compile(
    r"\b(?:no|without(?: any)?)\s+(?:(?!other\b|additional\b|further\b)[\w/-]+\s+){0,5}?(?:alterations?|mutations?|variants?)\b"
    r"(?:\s+(?:was|were|have been|are))?(?:\s+(?:detected|identified|found|seen|reported))|\ball (?:genes|targets) (?:were |are )?(?:negative|wild[- ]?type|not detected)",
    re.I,
)
BELOW = re.compile(
    r"below (?:the )?(?:assay'?s? |validated |stated )*(?:limit of (?:detection|quantification|quantitation)|lod|lloq|loq|reporting threshold|cut-?off)",
    re.I,
)
LIMIT_PHRASE = re.compile(
    r"\(?\b(?:above|below|at|under|over|with (?:a|an)|the)?\s*(?:the )?(?:assay'?s? )?(?:limit of (?:detection|quantification|blank)|\blod\b|\blob\b|detection limit|analytical sensitivity|sensitivity)"
    r"(?:[^;\n()0-9]{0,25}[0-9]{1,9}(?:[.,][0-9]{1,9})?\s{0,3}%?|\s*\([^()]{0,30}\))?\)?",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    start: int
    end: int
    text: str
    change: str | None = None  # p.D538G
    base: str | None = None  # c.1613A>G


def tokens(words: str) -> list[Token]:
    """What matters in a stretch of text, in order."""
    found: list[Token] = []
    for match in _MASTER.finditer(words):
        kind = (match.lastgroup or "").partition("_")[2]
        said = match.group(0)
        if kind == "C":
            inner = PROTEIN.search(said)
            found.append(
                Token("C", match.start(), match.end(), said, change=one_letter(inner.group(1)) if inner else None)
            )
        elif kind == "DNA":
            found.append(Token("C", match.start(), match.end(), said, base=dna(said)))
        else:
            found.append(Token(kind, match.start(), match.end(), said))
    return _paired(found, words)


_GLUE = re.compile(r"[\s()\[\],;:/]*(?:p\.)?[\s()\[\]]*\Z")


def _paired(found: list[Token], words: str) -> list[Token]:
    """``c.1613A>G (p.Asp538Gly)`` and ``p.Asp538Gly (D538G)`` are one change each."""
    joined: list[Token] = []
    for token in found:
        last = joined[-1] if joined else None
        if (
            last is not None
            and last.kind == token.kind == "C"
            and _GLUE.match(words[last.end : token.start])
            and (
                ((last.change is None) != (token.change is None) and (last.base is None or token.base is None))
                or (last.change is not None and last.change == token.change)
            )
        ):
            joined[-1] = Token(
                "C",
                last.start,
                token.end,
                words[last.start : token.end],
                last.change or token.change,
                last.base or token.base,
            )
        else:
            joined.append(token)
    return joined
