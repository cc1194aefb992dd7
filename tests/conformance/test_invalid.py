"""Every broken store of ``spec/v1/invalid`` gives its code, and nothing but its code."""

from __future__ import annotations

import pytest

import embzarr
from conformance.corpus import INVALID, Frozen, stores

MOST_BYTES = 25_000
BROKEN = [pytest.param(frozen, id=frozen.name) for frozen in stores(INVALID)]
each = pytest.mark.parametrize("frozen", BROKEN)


def open_as_told(frozen: Frozen) -> embzarr.Checkpoint:
    """Open the newest commit, or what the expectation names."""
    named = {
        key: frozen.expected[key] for key in ("step", "tag", "commit") if key in frozen.expected
    }
    return embzarr.open(str(frozen.store), **named)


def load_as_told(checkpoint: embzarr.Checkpoint, frozen: Frozen) -> None:
    """Read the tensors, words, rows, columns or vocabulary that the expectation names."""
    how = {"columns": frozen.expected.get("columns", ["vectors"])}
    if "tensors" in frozen.expected:
        checkpoint.tensors.load(frozen.expected["tensors"])
    elif "words" in frozen.expected:
        checkpoint.load(frozen.expected["words"])
    elif "rows" in frozen.expected:
        checkpoint.load_rows(*frozen.expected["rows"], **how)
    else:
        assert frozen.expected["vocabulary"]
        assert checkpoint.words


@each
def test_broken_store(frozen: Frozen) -> None:
    """The operation ends with the code that the specification gives."""
    expected = frozen.expected
    if expected["operation"] == "verify":
        (problem,) = open_as_told(frozen).verify().problems

        assert expected["code"] == problem.code
        assert expected["key"] == problem.key
        assert expected.get("chunk") == problem.chunk
    elif expected["operation"] == "load":
        checkpoint = open_as_told(frozen)
        with pytest.raises(embzarr.EmbzarrError) as caught:
            load_as_told(checkpoint, frozen)

        assert expected["code"] == caught.value.code
    else:
        with pytest.raises(embzarr.EmbzarrError) as caught:
            open_as_told(frozen)

        assert expected["code"] == caught.value.code


@each
def test_broken_store_is_small(frozen: Frozen) -> None:
    """A broken store takes less than 25 KB."""
    size = sum(path.stat().st_size for path in frozen.folder.rglob("*") if path.is_file())

    assert size < MOST_BYTES
