"""Every broken store of ``spec/v1/invalid`` gives its code, or is read all the same."""

from __future__ import annotations

from typing import NoReturn

import pytest

import embzarr
from conformance.corpus import INVALID, Frozen, stores
from embzarr._storage import open_store
from faulty import PassThrough

MOST_BYTES = 25_000
ALL = stores(INVALID)
BORNE = [frozen for frozen in ALL if "output" in frozen.expected]
BROKEN = [pytest.param(frozen, id=frozen.name) for frozen in ALL if frozen not in BORNE]
each = pytest.mark.parametrize("frozen", BROKEN)


def open_as_told(frozen: Frozen, place: object = None) -> embzarr.Checkpoint:
    """Open the newest commit, or what the expectation names."""
    named = {
        key: frozen.expected[key] for key in ("step", "tag", "commit") if key in frozen.expected
    }
    return embzarr.open(str(frozen.store) if place is None else place, **named)


def load_as_told(checkpoint: embzarr.Checkpoint, frozen: Frozen) -> embzarr.Loaded | None:
    """Read the tensors, files, words, rows or vocabulary that the expectation names."""
    how = {"columns": frozen.expected.get("columns", ["vectors"])}
    if "tensors" in frozen.expected:
        checkpoint.tensors.load(frozen.expected["tensors"])
    elif "files" in frozen.expected:
        for name in frozen.expected["files"]:
            checkpoint.files[name].read()
    elif "words" in frozen.expected:
        return checkpoint.load(frozen.expected["words"])
    elif "rows" in frozen.expected:
        return checkpoint.load_rows(*frozen.expected["rows"], **how)
    else:
        assert frozen.expected["vocabulary"]
        assert checkpoint.words
    return None


class Unlisted(PassThrough):
    """A store that cannot list."""

    def list(self, prefix: str) -> NoReturn:
        """Refuse."""
        raise embzarr.UnsupportedError("store-cannot-list", prefix)


@pytest.mark.parametrize("frozen", [pytest.param(one, id=one.name) for one in BORNE])
def test_what_is_not_needed_may_be_broken(frozen: Frozen) -> None:
    """The store is read all the same, by listing or without."""
    output, stores = frozen.expected["output"], [open_store(frozen.store)]
    if frozen.expected["operation"] == "load":
        loaded = load_as_told(open_as_told(frozen), frozen)

        assert loaded is not None
        assert output == loaded.vectors.tobytes().hex()
        return
    for store in [*stores, Unlisted(stores[0])]:
        found = open_as_told(frozen, store)

        assert output == {"commit": found.commit, "step": found.step}


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


@pytest.mark.parametrize("frozen", [pytest.param(frozen, id=frozen.name) for frozen in ALL])
def test_broken_store_is_small(frozen: Frozen) -> None:
    """A broken store takes less than 25 KB."""
    size = sum(path.stat().st_size for path in frozen.folder.rglob("*") if path.is_file())

    assert size < MOST_BYTES
