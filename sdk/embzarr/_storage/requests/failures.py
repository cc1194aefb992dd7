"""From a library's exception to ours: what happened, to which key, where, and no secret."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, TypeVar

from obstore import exceptions as obstore_errors

from embzarr._redact import printable, redact_url
from embzarr._storage.access import redirects
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

    from embzarr._redact import Redactor

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

Verb: TypeAlias = Literal["read", "list", "write", "create", "delete"]

_STATUS = re.compile(r"status code: (?P<line>(?P<number>\d{3})[ \w-]*)")
_SERVICE_CODE = re.compile(r"<Code>(\w+)</Code>")
_SERVICE_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
# obstore appends the nested Rust errors; the innermost one that the system gave says most.
_SYSTEM_MESSAGE = re.compile(r'code: (?P<code>\d+),\s+kind: \w+,\s+message: "(?P<message>[^"]+)"')
# Where a library's text turns into a trace: obstore's, and the Java one that HDFS sends along.
_DETAIL = re.compile(r"\n\nDebug source:|\\n\\tat ")
# What Rust's libraries say of a connection that was not made, and what that is called.
_CONNECTION: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"InvalidCertificate\((?:\s*Other\(\s*OtherError\()?\s*(\w+)"),
        "the server's certificate is not trusted: {0}; AWS_CA_BUNDLE names a file of trusted ones",
    ),
    (
        re.compile(r'dns error(?:.|\n)*?lookup address information: ([^"]+)'),
        "the server's name is not resolved: {0}; AWS_ENDPOINT_URL names a server of your own",
    ),
    (re.compile(r"InvalidMessage\(\s*(\w+)"), "the server speaks no TLS: {0}"),
    (
        re.compile(r"ConnectionRefused"),
        (
            "Connection refused: no server listens there; AWS_ENDPOINT_URL, or the storage option "
            "endpoint_url, names a server of your own"
        ),
    ),
)
_TO_SET = "; AWS_"
"""Where such a reason goes over to what can be set, which S3 alone heeds."""
_UNANSWERED = re.compile(
    r"error sending request|TimedOut|operation timed out|IncompleteBody|BrokenPipe"
    r"|Connection(?:Refused|Reset|Aborted)|request or response body error|connection closed"
)
_ELSEWHERE = re.compile(rf"\b{re.escape(redirects.NOWHERE)}\b")
_NO_TLS = re.compile(r"InvalidCertificate|InvalidMessage")
_NOT_NOW = frozenset({429, 500, 502, 503, 504})
"""HTTP: ask again later."""
_LONGEST_REASON = 300
_LONGEST_TEXT = 64 * 1024
"""Of an exception that is looked at and kept: a server's answer may be in it, however long."""
_PANIC = "pyo3_runtime"
"""Where the Rust libraries' panics come from, such as that no thread can be started."""

# What HDFS says, as a denial, where a file stands in the way to a file.
_MISSING = re.compile(r"\(is not a directory\)")
_NO_BUCKET = re.compile(
    r"NoSuchBucket|ContainerNotFound|(?:bucket|container) does not exist", re.IGNORECASE
)
_ARCHIVED = re.compile(r"InvalidObjectState|BlobArchived|BlobBeingRehydrated")
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
_MOVED = frozenset({301, 302, 307, 308})

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
    "bucket-missing": "there is no such bucket; embzarr makes none",
    "object-archived": "it is in an archive (such as Glacier), and must be restored to be read",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A store as its error messages name it."""

    url: str
    """Printable: see `shown_url`."""
    redactor: Redactor
    """Knows the secrets that this store was opened with."""
    region_of: Callable[[], str | None] | None = None
    """Asks in which region the bucket is, where there are regions."""

    def ask(self, verb: Verb, key: str, request: Callable[[], T]) -> T:
        """Run one request of a library, and raise ours in place of its exceptions."""
        try:
            return request()
        except (StoreError, AccessDeniedError) as exc:
            error: EmbzarrError = self._placed(exc, verb, key)
        except EmbzarrError:
            raise
        except Exception as exc:  # noqa: BLE001 - each backend library raises types of its own
            error = self.translate(exc, verb, key)
        except BaseException as exc:
            if type(exc).__module__ != _PANIC:
                raise
            error = self.translate(exc, verb, key)
        # Outside of the handler, else Python would keep the original as ``__context__`` even
        # where its text holds a secret.
        try:
            raise error
        finally:
            del error  # else it holds its traceback, that this frame, and that it again

    def each(self, verb: Verb, key: str, items: Callable[[], Iterator[T]]) -> Iterator[T]:
        """Iterate over an answer whose every part may fail."""
        iterator = self.ask(verb, key, items)
        end = object()
        while (item := self.ask(verb, key, lambda: next(iterator, end))) is not end:
            yield item  # type: ignore[misc]  # not `end`, so a T

    def translate(self, exc: BaseException, verb: Verb, key: str) -> EmbzarrError:
        """Return our error, with the original as its cause where that says more, and no secret."""
        text = _text(exc)
        kind, code = _classify(exc, text, verb)
        reason = _PLAIN_REASONS.get(code) or self.redactor.clean(_reason(exc, text))
        if not self.url.startswith("s3"):
            reason = reason.partition(_TO_SET)[0]
        if _is_elsewhere(exc, text):
            reason += self._region_hint()
        error = kind(code, self._told(verb, key, reason))
        # Of a missing bucket a library has 78 lines to say, all of which stand in one of ours.
        is_plain = code in _PLAIN_REASONS and "\n" in text
        says_more = not is_plain and len(text) < _LONGEST_TEXT
        error.__cause__ = self.redactor.cause(exc) if says_more else None
        return error

    def _placed(
        self, error: StoreError | AccessDeniedError, verb: Verb, key: str
    ) -> StoreError | AccessDeniedError:
        """Say where it was that something of ours refused an answer."""
        if error.args[0].startswith(f"cannot {verb} "):
            return error
        return type(error)(error.code, self._told(verb, key, self.redactor.clean(error.args[0])))

    def _region_hint(self) -> str:
        region = self.region_of() if self.region_of else None
        if region is None:
            return ' (is the region right? storage_options={"region": ...})'
        return f' (the bucket is said to be in storage_options={{"region": "{region}"}})'

    def _told(self, verb: Verb, key: str, reason: str) -> str:
        where = f"{key} in {self.url}" if key else self.url
        return f"cannot {verb} {where}: {reason}"


def detached(error: E) -> E:
    """Return an error that is kept as a value, without its frames, which hold all that was read.

    Nor have its causes any.
    """
    link: BaseException | None = error
    while link is not None:
        link.__context__ = link.__traceback__ = None
        link = link.__cause__
    return error


def unless_missing(ask: Callable[[], T]) -> T | None:
    """Return what a store answers, or None where it has no such object."""
    try:
        return ask()
    except NotFoundError as exc:
        if exc.code != "object-missing":
            raise
        return None


def shown_url(url: str) -> str:
    """Return a URL as messages and reprs show it: no secret, and no control code."""
    return printable(redact_url(url))


def is_unanswered(exc: BaseException) -> bool:
    """Tell whether a server was not reached, or could not answer for the moment."""
    text = _text(exc)
    status = _status(exc, text)
    if status is not None:
        return status in _NOT_NOW
    never = _NO_TLS.search(text) or _ELSEWHERE.search(text)
    return bool(_UNANSWERED.search(text)) and not never


def _of_connection(text: str) -> str | None:
    """Return why no connection was made, where that is known."""
    for pattern, reason in _CONNECTION:
        if found := pattern.search(text):
            return reason.format(*found.groups())
    return None


def _text(exc: BaseException) -> str:
    """Return what an exception says, of something very long its two ends."""
    text = str(exc)
    half = _LONGEST_TEXT // 2
    return text if len(text) < _LONGEST_TEXT else f"{text[:half]} ... {text[-half:]}"


def _classify(exc: BaseException, text: str, verb: Verb) -> tuple[type[EmbzarrError], str]:
    status = _status(exc, text)
    number = _number(exc, text)
    if _NO_BUCKET.search(text):
        return NotFoundError, "bucket-missing"
    if verb == "create" and (_is_conflict(exc, text) or status in _CONFLICTS):
        return ConflictError, "object-exists"
    if _ARCHIVED.search(text):
        return StoreError, "object-archived"
    if verb in _WRITES and (number in _FULL_NUMBERS or status == _FULL):
        return StoreError, "store-full"
    if _is_denial(exc, text) or number in _DENIED_NUMBERS or status in _DENIALS:
        return AccessDeniedError, "access-denied"
    return _missing(exc, text, verb, status) or _unsupported(exc, text, verb, status) or _FAILED


def _missing(
    exc: BaseException, text: str, verb: Verb, status: int | None
) -> tuple[type[EmbzarrError], str] | None:
    if verb in _WRITES:
        # Nothing need be there to be written, but what holds it.
        return (NotFoundError, "bucket-missing") if status == _NOT_FOUND else None
    found = isinstance(exc, FileNotFoundError) or _number(exc, text) in _MISSING_NUMBERS
    if found or status == _NOT_FOUND or _MISSING.search(text):
        return NotFoundError, "object-missing"
    return None


def _unsupported(
    exc: BaseException, text: str, verb: Verb, status: int | None
) -> tuple[type[EmbzarrError], str] | None:
    if _number(exc, text) == errno.EROFS or (verb in _WRITES and status == _NOT_ALLOWED):
        return UnsupportedError, "store-read-only"
    lacking = isinstance(exc, (NotImplementedError, obstore_errors.NotSupportedError))
    if verb != "read" and (lacking or status in {_NOT_ALLOWED, _NOT_IMPLEMENTED}):
        return UnsupportedError, _UNSUPPORTED_CODES[verb]
    return None


def _is_conflict(exc: BaseException, text: str) -> bool:
    conflicts = (
        FileExistsError,
        obstore_errors.AlreadyExistsError,
        obstore_errors.PreconditionError,
    )
    return isinstance(exc, conflicts) or bool(_PRECONDITION.search(text))


def _is_denial(exc: BaseException, text: str) -> bool:
    denials = (
        PermissionError,
        obstore_errors.PermissionDeniedError,
        obstore_errors.UnauthenticatedError,
    )
    return isinstance(exc, denials) or bool(_DENIED.search(text) and not _MISSING.search(text))


def _is_elsewhere(exc: BaseException, text: str) -> bool:
    """Tell whether what was asked for is to be had from another server."""
    found = _WRONG_REGION.search(text) or _ELSEWHERE.search(text)
    return bool(found) or _status(exc, text) in _MOVED


def _number(exc: BaseException, text: str) -> int | None:
    """Return the system's error number, which obstore writes into its text."""
    if isinstance(exc, OSError):
        return exc.errno
    found = _SYSTEM_MESSAGE.search(text)
    return int(found["code"]) if found else None


def _status(exc: BaseException, text: str) -> int | None:
    """Return the HTTP status: aiohttp and gcsfs carry it, obstore writes it into its text."""
    for name in ("status", "code"):
        value = getattr(exc, name, None)
        if isinstance(value, int):
            return value
    found = _STATUS.search(text)
    return int(found["number"]) if found else None


def _reason(exc: BaseException, text: str) -> str:
    if code := _SERVICE_CODE.search(text):
        message = _SERVICE_MESSAGE.search(text)
        reason = f"{code[1]}: {message[1]}" if message else code[1]
    elif status := _STATUS.search(text):
        reason = status["line"].strip()
    elif _ELSEWHERE.search(text):
        reason = "redirected to another host, which must not be told what is meant for this one"
    elif connection := _of_connection(text):
        reason = connection
    elif "TimedOut" in text or isinstance(exc, TimeoutError):
        reason = "no answer within the timeout"
    elif isinstance(exc, MemoryError):
        reason = "there is not enough memory"
    elif system := _SYSTEM_MESSAGE.search(text):
        reason = system["message"]
    else:
        reason = " ".join(_DETAIL.split(text, 1)[0].split()) or type(exc).__name__
    return reason[:_LONGEST_REASON]
