"""What `errors` promises: one base, few classes by what a caller does, and stable codes."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest

from embzarr import errors

BUILTINS: dict[str, type[Exception]] = {
    "InvalidInputError": ValueError,
    "WordNotFoundError": KeyError,
    "MemberNotFoundError": KeyError,
    "NotFoundError": FileNotFoundError,
    "AccessDeniedError": PermissionError,
    "DamagedError": OSError,
    "UnsupportedError": NotImplementedError,
    "ConflictError": OSError,
    "StoreError": OSError,
}
CLASSES = [getattr(errors, name) for name in BUILTINS]


def test_the_tree_is_the_one_that_is_drawn() -> None:
    """The docstring draws just the classes that there are, each with its builtin."""
    drawn = re.findall(r"[├└]── (\w+) +\((\w+)\)", inspect.getdoc(errors) or "")
    there = {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and value is not errors.EmbzarrError
    }

    assert dict(drawn) == {name: builtin.__name__ for name, builtin in BUILTINS.items()}
    assert [name for name, _ in drawn] == list(there) == list(BUILTINS)


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_is_ours_and_a_builtin(kind: type[errors.EmbzarrError]) -> None:
    """A caller may catch the base, the class, or the builtin that fits."""
    assert kind.__bases__ == (errors.EmbzarrError, BUILTINS[kind.__name__])


def test_no_builtin_says_two_things() -> None:
    """An error that is sought is not one that is damaged: classes do not derive from each other."""
    for kind in CLASSES:
        assert [other for other in CLASSES if issubclass(kind, other)] == [kind]


@pytest.mark.parametrize("kind", [errors.EmbzarrError, *CLASSES])
def test_an_error_shows_its_code_behind_its_message(kind: type[errors.EmbzarrError]) -> None:
    """A log line can be looked up by its code; no class quotes the message, as KeyError would."""
    error = kind("some-code", "what was expected, found, and where")

    assert str(error) == "what was expected, found, and where [some-code]"
    assert error.code == "some-code"
    assert error.args == ("what was expected, found, and where",)


@pytest.mark.parametrize("kind", [errors.EmbzarrError, *CLASSES])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_an_error_crosses_processes(kind: type[errors.EmbzarrError], protocol: int) -> None:
    """A data loader's worker sends its error to the parent, code and all."""
    again = pickle.loads(pickle.dumps(kind("some-code", "why"), protocol))  # noqa: S301 - our own

    assert type(again) is kind
    assert (again.code, str(again)) == ("some-code", "why [some-code]")


@pytest.mark.parametrize("kind", CLASSES)
def test_an_error_can_be_copied(kind: type[errors.EmbzarrError]) -> None:
    """A copy says the same."""
    again = copy.copy(kind("some-code", "why"))

    assert (type(again), str(again)) == (kind, "why [some-code]")


@pytest.mark.parametrize("kind", CLASSES)
def test_a_system_error_has_no_number(kind: type[errors.EmbzarrError]) -> None:
    """Where the builtin is an OSError, code and message are not taken for an errno."""
    error = kind("some-code", "why")

    assert getattr(error, "errno", None) is None
    assert getattr(error, "filename", None) is None
