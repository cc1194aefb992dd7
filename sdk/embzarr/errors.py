"""What can go wrong, grouped by what a caller does about it.

    EmbzarrError
    ├── InvalidInputError    (ValueError)         the arguments: change the call
    ├── WordNotFoundError    (KeyError)           a word that the checkpoint does not hold
    ├── MemberNotFoundError  (KeyError)           a tensor or file that it does not hold
    ├── NotFoundError        (FileNotFoundError)  no such bucket, checkpoint, step, tag, commit
    ├── AccessDeniedError    (PermissionError)    credentials missing, wrong or too weak
    ├── DamagedError         (OSError)            stored bytes are not those committed: verify
    ├── UnsupportedError     (NotImplementedError) sound, but beyond this version or this store
    ├── ConflictError        (OSError)            another writer came first: read again, retry
    └── StoreError           (OSError)            the store or the way to it failed: retry

Every error carries a stable ``code`` from section "Error codes" of ``spec/v1/embzarr.md``. Codes
are append-only; messages are not part of the contract. A message is one line that shows as it is:
`printable` and `masked`, which programs may use for texts of their own, have gone over it.
"""

from __future__ import annotations

from embzarr._redact import masked, printable

__all__ = [
    "AccessDeniedError",
    "ConflictError",
    "DamagedError",
    "EmbzarrError",
    "InvalidInputError",
    "MemberNotFoundError",
    "NotFoundError",
    "StoreError",
    "UnsupportedError",
    "WordNotFoundError",
    "masked",
    "printable",
]


class EmbzarrError(Exception):
    """Base of every error that embzarr raises on purpose."""

    code: str
    """The stable code from the specification, such as ``chunk-checksum``."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the code beside a message that says what was expected, found, and where.

        What a message quotes may come from a store, a server or a library: no password of a URL
        and no control code gets any further than here.
        """
        super().__init__(printable(masked(message)))
        self.code = code

    def __str__(self) -> str:
        """Return the message with its code, so that a log line can be looked up."""
        return f"{self.args[0]} [{self.code}]"

    def __reduce__(self) -> tuple[type[EmbzarrError], tuple[str, str], dict[str, object]]:
        """Pickle code, message and notes: errors cross process boundaries in data loaders."""
        return type(self), (self.code, self.args[0]), vars(self)


class InvalidInputError(EmbzarrError, ValueError):
    """The caller's arguments cannot be used; nothing was written."""


class WordNotFoundError(EmbzarrError, KeyError):
    """One or more words are not in the checkpoint's vocabulary."""


class MemberNotFoundError(EmbzarrError, KeyError):
    """One or more tensors or files are not in the checkpoint."""


class NotFoundError(EmbzarrError, FileNotFoundError):
    """No bucket, object, checkpoint, step, tag or commit of that name."""


class AccessDeniedError(EmbzarrError, PermissionError):
    """The store refused these credentials, or this operation."""


class DamagedError(EmbzarrError, OSError):
    """Stored bytes are missing, cut, changed, or contradict each other."""


class UnsupportedError(EmbzarrError, NotImplementedError):
    """The data or the store asks for something that this version does not do."""


class ConflictError(EmbzarrError, OSError):
    """Another writer created the object first."""


class StoreError(EmbzarrError, OSError):
    """The store or the network failed; the same call may succeed later."""
