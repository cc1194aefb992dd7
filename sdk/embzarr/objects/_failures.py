"""From a library's exception to ours: what happened, to which key, where, and no secret."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from obstore import exceptions as obstore_errors

from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    EmbzarrError,
    NotFoundError,
    StoreError,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from embzarr.objects._redact import Redactor

T = TypeVar("T")

Verb: TypeAlias = Literal["read", "list", "write", "create", "delete"]

_STATUS = re.compile(r"status code: (?P<line>(?P<number>\d{3})[ \w-]*)")
_SERVICE_CODE = re.compile(r"<Code>(\w+)</Code>")
_SERVICE_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
# obstore appends the nested Rust errors; the innermost one that the system gave says most.
_SYSTEM_MESSAGE = re.compile(r'code: (?P<code>\d+),\s+kind: \w+,\s+message: "(?P<message>[^"]+)"')
# Where a library's text turns into a trace: obstore's, and the Java one that HDFS sends along.
_DETAIL = re.compile(r"\n\nDebug source:|\\n\\tat ")
_LONGEST_REASON = 300

# What HDFS says, as a denial, where a file stands in the way to a file.
_MISSING = re.compile(r"\(is not a directory\)")
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|(?:bucket|container) does not exist", re.IGNORECASE
)
_DENIED = re.compile(
    r"AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken|InvalidToken"
    r"|AuthorizationFailure|AuthenticationFailed|NoCredentials|Forbidden|AccessControlException"
    r"|XAdminUserNotFound"  # versitygw of an unknown key id, with status 404
)
# Some S3-like servers leave out what s3fs looks for.
_PRECONDITION = re.compile(r"PreconditionFailed|pre-?conditions you specified", re.IGNORECASE)
_MISSING_NUMBERS = frozenset({errno.ENOENT, errno.ENOTDIR})
_DENIED_NUMBERS = frozenset({errno.EACCES, errno.EPERM})
_WRONG_REGION = re.compile(r"AuthorizationHeaderMalformed|PermanentRedirect|redirect without LOC")

_NOT_FOUND = 404
_NOT_ALLOWED = 405
_NOT_IMPLEMENTED = 501
_CONFLICTS = frozenset({409, 412})
_DENIALS = frozenset({401, 403})

_FULL_NUMBERS = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL = 507
"""HTTP: insufficient storage."""

_FAILED = (StoreError, "store-failed")

_WRITES = frozenset({"write", "create"})
_UNSUPPORTED_CODES: dict[Verb, str] = {
    "list": "store-cannot-list",
    "create": "create-not-exclusive",
    "write": "store-read-only",
    "delete": "store-read-only",
}

_PLAIN_REASONS = {
    "object-exists": "it exists",
    "object-missing": "there is no such object",
    "bucket-missing": "there is no such bucket",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store as its error messages name it."""

    url: str
    """Printable: see `embzarr.objects._redact.redact_url`."""
    redactor: Redactor
    """Knows the secrets that this store was opened with."""

    def ask(self, verb: Verb, key: str, request: Callable[[], T]) -> T:
        """Run one request of a library, and raise ours in place of its exceptions."""
        try:
            return request()
        except (EmbzarrError, MemoryError):
            raise
        except Exception as exc:  # noqa: BLE001 - each backend library raises types of its own
            error = self.translate(exc, verb, key)
        # Outside of the handler, else Python would keep the original as ``__context__`` even
        # where its text holds a secret.
        raise error

    def each(self, verb: Verb, key: str, items: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Iterate over an answer whose every part may fail."""
        iterator = self.ask(verb, key, items)
        end = object()
        while (item := self.ask(verb, key, lambda: next(iterator, end))) is not end:
            yield item  # type: ignore[misc]  # not `end`, so a T

    def translate(self, exc: Exception, verb: Verb, key: str) -> EmbzarrError:
        """Return our error, with the original as its cause where that shows no secret."""
        kind, code = _classify(exc, verb)
        where = f"{key} in {self.url}" if key else self.url
        reason = _PLAIN_REASONS.get(code) or self.redactor.clean(_reason(exc))
        error = kind(code, f"cannot {verb} {where}: {reason}")
        error.__cause__ = exc if self.redactor.printable(exc) else None
        return error


def _classify(exc: Exception, verb: Verb) -> tuple[type[EmbzarrError], str]:
    text = str(exc)
    status = _status(exc)
    number = _number(exc)
    if _NO_BUCKET.search(text):
        return NotFoundError, "bucket-missing"
    if verb == "create" and (_is_conflict(exc) or status in _CONFLICTS):
        return ConflictError, "object-exists"
    if verb in _WRITES and (number in _FULL_NUMBERS or status == _FULL):
        return StoreError, "store-full"
    if _is_denial(exc) or number in _DENIED_NUMBERS or status in _DENIALS:
        return AccessDeniedError, "access-denied"
    return _missing(exc, verb, status) or _unsupported(exc, verb, status) or _FAILED


def _missing(
    exc: Exception, verb: Verb, status: int | None
) -> tuple[type[EmbzarrError], str] | None:
    if verb in _WRITES:
        # Nothing need be there to be written, but what holds it.
        return (NotFoundError, "bucket-missing") if status == _NOT_FOUND else None
    found = isinstance(exc, FileNotFoundError) or _number(exc) in _MISSING_NUMBERS
    if found or status == _NOT_FOUND or _MISSING.search(str(exc)):
        return NotFoundError, "object-missing"
    return None


def _unsupported(
    exc: Exception, verb: Verb, status: int | None
) -> tuple[type[EmbzarrError], str] | None:
    if _number(exc) == errno.EROFS or (verb in _WRITES and status == _NOT_ALLOWED):
        return UnsupportedError, "store-read-only"
    lacking = isinstance(exc, (NotImplementedError, obstore_errors.NotSupportedError))
    if verb != "read" and (lacking or status in {_NOT_ALLOWED, _NOT_IMPLEMENTED}):
        return UnsupportedError, _UNSUPPORTED_CODES[verb]
    return None


def _is_conflict(exc: Exception) -> bool:
    conflicts = (
        FileExistsError,
        obstore_errors.AlreadyExistsError,
        obstore_errors.PreconditionError,
    )
    return isinstance(exc, conflicts) or bool(_PRECONDITION.search(str(exc)))


def _is_denial(exc: Exception) -> bool:
    denials = (
        PermissionError,
        obstore_errors.PermissionDeniedError,
        obstore_errors.UnauthenticatedError,
    )
    text = str(exc)
    return isinstance(exc, denials) or bool(_DENIED.search(text) and not _MISSING.search(text))


def _number(exc: Exception) -> int | None:
    """Return the system's error number, which obstore writes into its text."""
    if isinstance(exc, OSError):
        return exc.errno
    found = _SYSTEM_MESSAGE.search(str(exc))
    return int(found["code"]) if found else None


def _status(exc: Exception) -> int | None:
    """Return the HTTP status: aiohttp and gcsfs carry it, obstore writes it into its text."""
    for name in ("status", "code"):
        value = getattr(exc, name, None)
        if isinstance(value, int):
            return value
    found = _STATUS.search(str(exc))
    return int(found["number"]) if found else None


def _reason(exc: Exception) -> str:
    text = str(exc)
    if code := _SERVICE_CODE.search(text):
        message = _SERVICE_MESSAGE.search(text)
        reason = f"{code[1]}: {message[1]}" if message else code[1]
    elif status := _STATUS.search(text):
        reason = status["line"].strip()
    elif "TimedOut" in text or isinstance(exc, TimeoutError):
        reason = "no answer within the timeout"
    elif system := _SYSTEM_MESSAGE.search(text):
        reason = system["message"]
    else:
        reason = " ".join(_DETAIL.split(text, 1)[0].split()) or type(exc).__name__
    if _WRONG_REGION.search(text):
        reason += ' (is the region right? store_options={"region": ...})'
    return reason[:_LONGEST_REASON]
