"""Odd words through every pair of importer and exporter: equal, or refused for a stated reason."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr._storage.backends.memory import MemoryStore
from embzarr.convert import EXPORT_FORMATS, export_vectors, import_vectors

WORDS = {
    "empty": "",
    "blank": " ",
    "blank inside": "two words",
    "blank first": " x",
    "NUL": "a\0b",
    "NUL last": "a\0",
    "emoji": "😀",
    "BOM": "\ufeffbom",
    "end of sentence": "</s>",
    "newline": "a\nb",
    "return": "a\rb",
    "tab": "a\tb",
    "U+2028": "a\u2028b",
    "number": "-0.5",
    "number behind": "a 1",
    "1 MiB": "m" * 2**20,
}
PLAIN = ["king", "queen"]
"""Before and behind the odd one, so that it is not the first of its file."""

_LINE = {"NUL", "NUL last", "newline", "return", "empty"}
REFUSED: dict[str, tuple[set[str], str]] = {
    "word2vec": (_LINE | {"blank", "blank inside", "blank first", "tab", "number behind"}, "blank"),
    "word2vec-text": (
        _LINE | {"blank", "blank inside", "blank first", "tab", "number behind"},
        "blank",
    ),
    "glove": (_LINE | {"blank", "blank first", "tab", "number behind"}, "a line ends it"),
    "safetensors": (_LINE | {"U+2028", "tab"}, "one a line"),
    "npy": (_LINE | {"U+2028", "tab"}, "one a line"),
    "npz": ({"NUL last", "1 MiB"}, "an array of texts"),
    "parquet": (set(), ""),
    "arrow": (set(), ""),
    "finalfusion": (set(), ""),
    "gensim": (set(), ""),
    "tsv": (_LINE | {"tab"}, "a tab or line end"),
    "jsonl": (set(), ""),
}
"""What each format cannot hold, and what the error says of it."""
FIRST = {"glove", "tsv", "npy", "safetensors"}
"""Formats whose words begin a file of text, so that none that begins with U+FEFF may be first."""
PEERS = {"parquet": "pyarrow", "arrow": "pyarrow", "gensim": "gensim"}
ENDINGS = {"safetensors": ".safetensors", "npy": ".npy"}


def marked(names: Iterable[str], peers: Mapping[str, str]) -> Iterator[object]:
    """Yield each format, those that need another library marked."""
    for name in names:
        package = peers.get(name)
        is_there = package is None or importlib.util.find_spec(package) is not None
        skipped = pytest.mark.skipif(not is_there, reason=f"needs {package}")
        marks = (pytest.mark.peers, skipped) if package else ()
        yield pytest.param(name, marks=marks)


FORMATS = list(marked(EXPORT_FORMATS, PEERS))


def matrix(rows: int) -> np.ndarray:
    return vector_files.vectors(rows, 3)


def run_of(words: list[str], vectors: np.ndarray | None = None) -> embzarr.Checkpoint:
    """Save words, the odd ones among them, as a checkpoint."""
    rows = matrix(len(words)) if vectors is None else vectors
    return embzarr.save(MemoryStore("memory://odd"), words, rows)


def there_and_back(checkpoint: embzarr.Checkpoint, folder: Path, name: str) -> embzarr.Checkpoint:
    """Export a checkpoint, and import the file."""
    target = folder / f"{name}{ENDINGS.get(name, '.file')}"
    done = export_vectors(checkpoint, target, format=name, overwrite=True)
    return import_vectors(
        target,
        MemoryStore("memory://again"),
        format=name,
        vocabulary=folder / done.files[1].name if len(done.files) > 1 else None,
        allow_pickle=name == "gensim",
    ).checkpoint


@pytest.fixture(scope="module")
def everything() -> embzarr.Checkpoint:
    """A checkpoint of all odd words."""
    return run_of([PLAIN[0], *WORDS.values(), PLAIN[1]])


def test_the_table_tells_of_every_format() -> None:
    """A format that joins has its line."""
    assert REFUSED.keys() == set(EXPORT_FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_an_odd_word_is_refused_with_the_reason(
    everything: embzarr.Checkpoint, tmp_path: Path, name: str
) -> None:
    """Before a byte is written."""
    refused, why = REFUSED[name]
    for odd in sorted(refused):
        with pytest.raises(embzarr.InvalidInputError, match=why) as caught:
            export_vectors(everything, tmp_path / "x", format=name, words=["king", WORDS[odd]])
        assert caught.value.code == "input-word"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", FORMATS)
def test_an_odd_word_comes_back(tmp_path: Path, name: str) -> None:
    """Words, order and every bit, all that the format holds at once."""
    words = [word for odd, word in WORDS.items() if odd not in REFUSED[name][0]]
    checkpoint = run_of([PLAIN[0], *words, PLAIN[1]])

    found = there_and_back(checkpoint, tmp_path, name)

    assert list(found.words) == list(checkpoint.words)
    assert found.to_numpy().tobytes() == matrix(len(words) + 2).tobytes()


@pytest.mark.parametrize("name", FORMATS)
def test_a_mark_of_byte_order_in_the_first_word_is_kept_or_refused(
    tmp_path: Path, name: str
) -> None:
    """Readers of text take it for the file's."""
    checkpoint = run_of([WORDS["BOM"], *PLAIN])

    if name in FIRST:
        with pytest.raises(embzarr.InvalidInputError, match="begins the file"):
            there_and_back(checkpoint, tmp_path, name)
        return
    assert list(there_and_back(checkpoint, tmp_path, name).words) == list(checkpoint.words)


@pytest.mark.slow
@pytest.mark.parametrize("second", FORMATS)
@pytest.mark.parametrize("first", FORMATS)
def test_all_that_two_formats_hold_goes_from_one_to_the_other(
    tmp_path: Path, first: str, second: str
) -> None:
    """Each importer with each exporter, all odd words at once."""
    refused = REFUSED[first][0] | REFUSED[second][0]
    words = [PLAIN[0], *(word for odd, word in WORDS.items() if odd not in refused), PLAIN[1]]
    checkpoint = run_of(words)

    found = there_and_back(there_and_back(checkpoint, tmp_path, first), tmp_path, second)

    assert list(found.words) == words
    assert found.to_numpy().tobytes() == matrix(len(words)).tobytes()
