"""How a store was opened, so that another process can open its like: forked or sent a pickle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from embzarr._redact import redact_url, secrets_in_options, secrets_in_url
from embzarr.errors import AccessDeniedError, UnsupportedError

if TYPE_CHECKING:
    from embzarr._storage.port import Store

Options: TypeAlias = "Mapping[str, object]"

_PUBLIC = frozenset({"google_application_credentials", "signature_version", "sse_kms_key_id"})
"""Options that sound like secrets, and only say where one is or what is done with it."""
_URL = "the user or query of its URL"


@dataclass(frozen=True, slots=True, repr=False)
class Opening:
    """What opens a store: a function of this package, and what it is called with.

    It pickles without what is secret among that, unless the caller has said otherwise. What the
    environment of the other process can give in its place is looked for there, when the store is
    first used; what it cannot give is told of then.
    """

    open: Callable[..., Store]
    """Takes URL and options, and the keyword ``single_writer``."""
    url: str
    options: Options
    single_writer: bool
    pickle_secrets: bool = False
    is_cloud: bool = False
    """Whether its library looks in the environment for what lets it in, if that is not given."""
    withheld: tuple[str, ...] = ()
    """Names of what was secret, and not pickled."""

    def __call__(self) -> Store:
        """Open the store.

        Raises:
            AccessDeniedError: code ``access-denied``: a secret was not pickled, and none is found.
        """
        lost = [name for name in self.withheld if not self._is_found_anew(name)]
        if lost:
            raise AccessDeniedError("access-denied", self._without(lost))
        try:
            return self.open(self.url, self.options, single_writer=self.single_writer)
        except AccessDeniedError as exc:
            if not self.withheld:
                raise
            error = AccessDeniedError(exc.code, f"{exc.args[0]}; {self._without(self.withheld)}")
        raise error

    def _is_found_anew(self, name: str) -> bool:
        """Tell whether a cloud's library may find an option by itself: any but headers."""
        return self.is_cloud and name != _URL and not name.startswith("client_options.")

    def _without(self, names: list[str] | tuple[str, ...]) -> str:
        return (
            f"{redact_url(self.url)} was pickled without {', '.join(names)}: open it with "
            "pickle_secrets=True before it is pickled, or by its URL in this process"
        )

    def __reduce__(self) -> tuple[type[Opening], tuple[object, ...]]:
        """Pickle what is no secret, and the names of the rest."""
        url, options, withheld = self.url, self.options, self.withheld
        if not self.pickle_secrets:
            options, names = _divided(options)
            if any(secrets_in_url(url)):
                url, names = redact_url(url), (*names, _URL)
            withheld = tuple(dict.fromkeys((*withheld, *names)))
        given = (self.single_writer, self.pickle_secrets, self.is_cloud, withheld)
        return Opening, (self.open, url, options, *given)


def bound_to_process(url: str) -> UnsupportedError:
    """Return what tells that a store is in one process's memory only."""
    message = f"{url} is in the memory of one process and cannot be sent to another: save to a URL"
    return UnsupportedError("url-unsupported", message)


def _divided(options: Options) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the options that are no secrets, at any depth, and the names of the others."""
    kept: dict[str, object] = {}
    withheld: list[str] = []
    for name, value in options.items():
        if _is_plain(name, value):
            kept[name] = value
        elif isinstance(value, Mapping) and not _sounds_secret(name):
            kept[name], inner = _divided(value)
            withheld += [f"{name}.{one}" for one in inner]
        else:
            withheld.append(name)
    return kept, tuple(withheld)


def _is_plain(name: str, value: object) -> bool:
    if value is None or isinstance(value, bool | int | float) or name in _PUBLIC:
        return True
    # An object below a secret name is withheld as well: what is in it is not known.
    return not _sounds_secret(name) and not any(secrets_in_options({name: value}))


def _sounds_secret(name: str) -> bool:
    return any(secrets_in_options({name: "any text"}))
