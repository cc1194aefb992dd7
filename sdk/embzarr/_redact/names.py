"""Which names say that their value is secret: of options, headers, members, parameters."""

from __future__ import annotations

import re
from enum import IntEnum

MASK = "***"
"""Stands where a secret stood."""


class Doubt(IntEnum):
    """How sure a name is that its value is secret."""

    HARMLESS = 0
    """Nothing says so."""
    DOUBTFUL = 1
    """A word such as ``key`` or ``token``, which vocabularies and sorting have too."""
    SURE = 2
    """``password``, ``secret_access_key``, ``X-Amz-Signature``."""


# Of the name in lower case, letters and digits only, so that all spellings are one.
_SURE = re.compile(
    r"secret(?!ar)|passw|passphrase|credential|cookie|signature|authoriz|bearer|jwt|connectionstr"
    r"|(?:api|access|account|private|shared|signing|encryption|master|storage|customer)key"
    r"|(?:access|auth|api|session|security|refresh|sas|id)token"
)
_SURE_WORDS = frozenset({"pw", "pwd", "sas", "sig", "psk"})
# Looked for anywhere in the name of a store's option, and as a whole word in a text.
_DOUBTFUL = re.compile(r"key|token|pass|auth|cred|session|sas|sig|pwd|header|dsn")
_DOUBTFUL_WORDS = frozenset({"key", "token", "pass", "auth", "creds", "session", "dsn"})
# What a secret has beside it: its kind, where it is had, how long it lasts.
_MATTERS = (
    "type mode method version algorithm url uri endpoint enabled timeout expiry expires size count "
    "region file path name style"
)
_ABOUT = frozenset(_MATTERS.split())
_NAME = re.compile(r"[\w .:-]{1,100}")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_PLAIN_VALUE = re.compile(
    r"\s*|true|false|none|null|yes|no|on|off|auto|default|basic|bearer|digest|kerberos|anon"
    r"|anonymous|aws|s3v?[24]?|path|virtual|required|optional|always|never|\*+|\.+"
    r"|[a-z]{2}(?:-[a-z]+){1,3}-\d[a-z]?",  # a region
    re.IGNORECASE,
)
_LONG_ENOUGH = 16
_DIGEST = re.compile(r"[0-9a-f]+")

# What says which object, which part of it, or in what form; of stores, then of data's web pages.
_PARAMETERS = """
acl alt api-version comp continuation delete delimiter encoding-type end-key fetch-owner fields
generation ifgenerationmatch include list-type location marker max-keys maxresults partnumber prefix
restype se sp spr sr st start-after sv uploadid uploads uploadtype version versionid versioning
versions x-id
branch commit config count date day dl download end export ext file filename first format from kind
lang language last limit list locale month name offset page page_size path per_page q query raw ref
region release resolution rev revision rows since size skip sort split start step subset tag to type
until v year
"""
HARMLESS_PARAMETERS = frozenset(_PARAMETERS.split())
"""Parameters of a URL that are shown; all others are taken for secret."""

_HEADERS = "accept acceptencoding acceptlanguage connection contentlength contenttype host range"
HARMLESS_HEADERS = frozenset(["useragent", *_HEADERS.split()])


def doubt_of(name: str) -> Doubt:
    """Return how sure the name is, in a text or as a member of JSON."""
    words, joined = _spelled(name)
    if not _NAME.fullmatch(name) or (words and words[-1] in _ABOUT):
        return Doubt.HARMLESS
    if _SURE.search(joined) or not _SURE_WORDS.isdisjoint(words):
        return Doubt.SURE
    found = not _DOUBTFUL_WORDS.isdisjoint(words)
    return Doubt.DOUBTFUL if found else Doubt.HARMLESS


def is_secret_option(name: str) -> bool:
    """Tell whether what a store's option of this name holds is to be kept out of texts."""
    words, joined = _spelled(name)
    if (words and words[-1] in _ABOUT) or joined in HARMLESS_HEADERS:
        return False
    return bool(_SURE.search(joined) or _DOUBTFUL.search(joined) or {"pw"} & set(words))


def is_plain(value: str) -> bool:
    """Tell whether a value is no secret under any name: a truth value, a region, a mask."""
    return bool(_PLAIN_VALUE.fullmatch(value))


def looks_random(value: str) -> bool:
    """Tell whether a value looks as if a machine had drawn it, and is no digest."""
    return (
        len(value) >= _LONG_ENOUGH
        and not _DIGEST.fullmatch(value)
        and any(letter.isdigit() for letter in value)
        and any(letter.isalpha() for letter in value)
        and not any(letter.isspace() for letter in value)
    )


def _spelled(name: str) -> tuple[list[str], str]:
    """Return the words of a name, and the name without what stands between them."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return words, "".join(words)
