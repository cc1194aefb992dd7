"""From an exception to one line on standard error and an exit code."""

from __future__ import annotations

import re
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import typer

from embzarr_tools._screen import (
    INTERRUPTED,
    OutputError,
    drop_output,
    flush,
    say_aside,
    say_interrupted,
    show_aside,
    tell_aside,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NO = 1
"""The answer is no: damage was found, a word is not there, a claim does not hold."""
COULD_NOT_LOOK = 2
"""There is no answer: no such place, no access, no network, wrong options."""
INTERNAL: Final = "internal"
_WHERE: Final = "; --debug shows where"
BROKEN_PIPE = 141
"""What a shell reports for a program whose reader has left, such as ``head``."""

EXIT_CODES = """\
\b
Exit codes:
  0  done; with verify: sound
  1  the answer is no: damage was found, or a word is not there
  2  could not look: no such URL, step or tag; no access; no network; wrong options
What went wrong is a line on standard error; with --json an object of code and message.
"""


_CREDENTIALS = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or say --profile NAME, or of a public "
    "bucket --storage-option anon:=true"
)
_ANY = (
    "(allow_new_dim|allow_pickle|append|chunk_bytes|compression|dtype|duplicates|format|keep_every"
    "|keep_last|limit|max_vocab|min_alpha|min_count|missing|older_than|on_error|overwrite"
    "|restrict_vocab|save_every|single_writer|step|unicode_errors|vector_size|vocabulary)"
)
"""Arguments of the SDK and the trainer for which a command line has an option of the same name."""
_AS_OPTIONS = (
    (r"give storage_options=\{.*\}", lambda _: _CREDENTIALS),
    (r'storage_options=\{"region": "?(\.\.\.|[\w-]+)"?\}', lambda found: f"--region {found[1]}"),
    (r'storage_options=\{"(\w+)": True\}', lambda found: f"--storage-option {found[1]}:=true"),
    (r"\b(storage|source|target)_options\b", lambda found: f"--{found[1]}-option"),
    (r"the storage option endpoint_url", lambda _: "--endpoint-url"),
    (
        r"\.tensors and \.files read what it holds",
        lambda _: "get --tensor NAME or --file NAME prints what it holds, inspect lists it",
    ),
    (r" \(allow_nonfinite=True stores them\)", lambda _: ""),  # for which there is no option
    (rf"\b({_ANY}=)('\w+' or )(?=')", lambda found: f"{found[1]}{found[3]}{found[1]}"),
    (rf"\b{_ANY}='(\w+)'", lambda found: f"{_option(found[1])} {found[2]}"),
    (rf"\b{_ANY}=(True)?(?=\W|$)", lambda found: _option(found[1])),
    (rf"^{_ANY}(?=: expected .*\[input-argument\]$)", lambda found: _option(found[1])),
)
"""How messages name what Python calls an argument, and a command line an option."""


def _option(argument: str) -> str:
    return f"--{argument.replace('_', '-')}"


class UsageError(ValueError):
    """Options that cannot be had together, or that typer cannot check."""


class Interrupted(SystemExit):
    """A command was interrupted, and said so; typer, which ends on interrupts, leaves it alone."""


class ClaimError(AssertionError):
    """Something that the demo says of embzarr is not so."""


@contextmanager
def going_on() -> Iterator[None]:
    """Add to an interrupt of the block how what was saved until then is gone on from."""
    try:
        yield
    except KeyboardInterrupt as exc:
        exc.add_note("what was saved stays, the same command with --resume goes on from it")
        raise


@contextmanager
def reported(*, debug: bool, as_json: bool) -> Iterator[None]:
    """Turn every exception of the block into a line and an exit code.

    Args:
        debug: print the traceback first.
        as_json: make the line a JSON object, as ``schemas/error.json`` has it.
    """
    try:
        yield
        flush()
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt as exc:
        say_interrupted(getattr(exc, "__notes__", ()), as_json=as_json)
        raise Interrupted(INTERRUPTED) from None
    except Exception as exc:  # noqa: BLE001 - nobody is to see a traceback unasked
        if debug:
            show_aside(_traceback_of(exc))
        raise typer.Exit(tell(exc, as_json=as_json)) from None


def tell(exc: Exception, *, as_json: bool) -> int:
    """Print what went wrong, but not to whom has left, and return the exit code."""
    if isinstance(exc, OutputError):
        drop_output()
        if exc.reader_left:
            return BROKEN_PIPE
    code, message = describe(exc)
    notes = [_as_options(note) for note in getattr(exc, "__notes__", ())]
    if as_json:
        tell_aside(code, message, notes, exit_code(exc))
        return exit_code(exc)
    say_aside(f"{message} [{code}]{_WHERE * (code == INTERNAL)}")
    for note in notes:
        say_aside(note)
    return exit_code(exc)


def describe(exc: Exception) -> tuple[str, str]:
    """Return the code of what went wrong, and the message."""
    import embzarr  # noqa: PLC0415 - slow to import, and needed only when something went wrong

    if isinstance(exc, embzarr.EmbzarrError):
        return exc.code, _as_options(str(exc)).removesuffix(f" [{exc.code}]")
    code, message = _told(exc)
    # As an error of the SDK, whose text shows no secret and no control code.
    return code, str(embzarr.EmbzarrError(code, " ".join(message.split())).args[0])


def _as_options(text: str) -> str:
    """Return a message in which arguments of Python's are the options that stand for them."""
    for pattern, option in _AS_OPTIONS:
        text = re.sub(pattern, option, text)
    return text


def _told(exc: Exception) -> tuple[str, str]:
    """Return the code and the message of an exception that is not the SDK's."""
    if isinstance(exc, ClaimError):
        return "demo-claim", f"a claim did not hold: {exc}"
    if isinstance(exc, UsageError):
        return "usage", str(exc)
    if isinstance(exc, OutputError):
        return "system", str(exc)
    if hasattr(exc, "format_message"):  # typer's parser; its base class depends on the version
        command = getattr(getattr(exc, "ctx", None), "command_path", "embzarr")
        told = _missing(exc) or exc.format_message().rstrip(".")
        return "usage", f"{told}; see {command} --help"
    if isinstance(exc, OSError) and exc.strerror:
        where = f"{exc.filename}: " if exc.filename else ""
        return "system", f"{where}{exc.strerror}"
    return INTERNAL, f"{type(exc).__name__}: {exc}"


def _missing(exc: Exception) -> str | None:
    """Name all arguments of a command that lacks one, since nobody knows which of them it is.

    The parser gives the words there are to whichever it likes, and would call another one missing.
    """
    if getattr(getattr(exc, "param", None), "param_type_name", None) != "argument":
        return None
    given = getattr(getattr(getattr(exc, "ctx", None), "command", None), "params", ())
    named = [p for p in given if p.param_type_name == "argument" and p.required]
    names = [part.metavar or part.name.upper() for part in named]
    if type(exc).__name__ != "MissingParameter" or len(names) == 1:
        return None
    return f"Missing argument {names[-1]!r}: expected {' '.join(names)}"


def _traceback_of(exc: Exception) -> str:
    import embzarr  # noqa: PLC0415 - as above

    return embzarr.errors.masked("".join(traceback.format_exception(exc)))


def exit_code(exc: Exception) -> int:
    """Return 1 where the exception is an answer, else 2."""
    import embzarr  # noqa: PLC0415 - as above

    missing = (embzarr.WordNotFoundError, embzarr.MemberNotFoundError)
    answers = (embzarr.DamagedError, *missing, ClaimError)
    return NO if isinstance(exc, answers) else COULD_NOT_LOOK
