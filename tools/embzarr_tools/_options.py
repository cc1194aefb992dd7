"""Options that commands share, and how a function becomes a command of typer."""

import inspect
import json
from collections.abc import Callable
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from embzarr_tools._failures import UsageError, reported

if TYPE_CHECKING:
    import embzarr

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ChunkBytes = Annotated[
    int | None,
    typer.Option(
        metavar="BYTES",
        help="Of rows that are fetched together: 131072 by default; less for scattered words.",
    ),
]
Compression = Annotated[
    str,
    typer.Option(
        metavar="CODEC", help="auto, none, lz4, zstd[:LEVEL], blosc:CNAME[:SHUFFLE[:LEVEL]]."
    ),
]
SingleWriter = Annotated[
    bool, typer.Option("--single-writer", help="Nobody else writes to this store meanwhile.")
]
AllowNewDim = Annotated[
    bool, typer.Option("--allow-new-dim", help="Though URL holds vectors of another length.")
]
_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
_TRUTH = {"true": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Access:
    """How to get into a store; no repr, since options may hold secrets."""

    endpoint_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="Server that speaks S3, such as http://localhost:9000 for MinIO."
        ),
    ] = None
    profile: Annotated[
        str | None, typer.Option(metavar="NAME", help="AWS profile that holds the credentials.")
    ] = None
    region: Annotated[str | None, typer.Option(metavar="NAME", help="Region of the bucket.")] = None
    storage_option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Any other option of the store; KEY:=JSON for what is not text. May be repeated. "
            "Prefer the environment or a profile for secrets: other users of this machine can "
            "see a command line.",
        ),
    ] = None

    @property
    def storage_options(self) -> dict[str, Any]:
        """All options as `embzarr.open` takes them."""
        named = {
            "endpoint_url": self.endpoint_url,
            "profile": self.profile,
            "region": self.region,
        }
        further = storage_options_of(self.storage_option)
        return {**{name: value for name, value in named.items() if value is not None}, **further}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Place(Access):
    """Where a run is and how to get in."""

    url: Annotated[
        str,
        typer.Argument(
            metavar="URL",
            help="Where the run is: a folder, s3://bucket/path, gs://, az://, https:// or any "
            "URL that fsspec knows.",
        ),
    ]

    def run(self, *, single_writer: bool = False) -> "embzarr.Run":
        """Return the run; nothing is read."""
        import embzarr  # noqa: PLC0415 - takes 0.2 s, which --help need not wait for

        return embzarr.Run(
            self.url, single_writer=single_writer, storage_options=self.storage_options
        )

    def open(self, which: "Which") -> "embzarr.Checkpoint":
        """Open the checkpoint that the caller means."""
        return self.run().open(step=which.step, tag=which.tag, commit=which.commit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """Which commit of a run; the newest where nothing is said."""

    step: Annotated[int | None, typer.Option(help="The newest commit of this step.")] = None
    tag: Annotated[str | None, typer.Option(metavar="NAME", help="The commit of this tag.")] = None
    commit: Annotated[int | None, typer.Option(help="The commit of this number.")] = None


_ACCESS = frozenset(part.name for part in fields(Access))


def command(function: Callable[..., None]) -> Callable[..., None]:
    """Return `function` as typer takes it.

    A parameter that is a dataclass becomes one option for each field, ``--debug`` is added, and
    an exception becomes one line and an exit code.
    """
    given = inspect.signature(function).parameters.values()
    groups = {p.name: p.annotation for p in given if is_dataclass(p.annotation)}

    def run(*, debug: bool, **options: Any) -> None:  # noqa: ANN401 - whatever typer parsed
        with reported(debug=debug, as_json=bool(options.get("as_json"))):
            gathered = {name: _gather(group, options) for name, group in groups.items()}
            function(**gathered, **options)

    spread = [part for p in given for part in _spread(p)]
    # Help lists what a command does before how a store is entered.
    spread.sort(key=lambda part: part.name in _ACCESS)
    spread.append(_keyword("debug", _Debug, default=False))
    run.__name__, run.__doc__ = function.__name__, function.__doc__
    run.__annotations__ = {p.name: p.annotation for p in spread}
    run.__signature__ = inspect.Signature(spread)  # type: ignore[attr-defined]  # typer reads it
    return run


def _spread(parameter: inspect.Parameter) -> list[inspect.Parameter]:
    if is_dataclass(parameter.annotation):
        return [
            _keyword(part.name, part.type, default=_default(part))
            for part in fields(parameter.annotation)
        ]
    return [_keyword(parameter.name, parameter.annotation, default=parameter.default)]


def _gather(group: Any, options: dict[str, Any]) -> object:  # noqa: ANN401 - a dataclass
    return group(**{part.name: options.pop(part.name) for part in fields(group)})


def _keyword(name: str, annotation: object, *, default: object) -> inspect.Parameter:
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(name, kind, default=default, annotation=annotation)


def _default(part: Field[Any]) -> object:
    return inspect.Parameter.empty if part.default is MISSING else part.default


def storage_options_of(texts: list[str] | None) -> dict[str, Any]:
    """Return what ``--storage-option`` gave, any number of times, as `embzarr.open` takes it."""
    return dict(_storage_option(text) for text in texts or ())


def options_like(place: Access, source: str | None, given: list[str] | None) -> dict[str, Any]:
    """Return the options of another place: those given, or of a place with that kind of URL."""
    found = storage_options_of(given)
    url = getattr(place, "url", "")
    if not found and source and _kind(source) == _kind(url):
        return place.storage_options
    return found


def _kind(url: str) -> str:
    return url.partition("://")[0] if "://" in url else ""


def _storage_option(text: str) -> tuple[str, Any]:
    """Return name and value; no message repeats the value, which may be a secret."""
    name, separator, value = text.partition("=")
    if not separator or not name.strip(":"):
        raise UsageError("--storage-option expects KEY=VALUE or KEY:=JSON")
    if not name.endswith(":"):
        return name, _TRUTH.get(value, value)
    try:
        return name[:-1], json.loads(value)
    except ValueError:
        raise UsageError(f"--storage-option {name}= expects JSON") from None
