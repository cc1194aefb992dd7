"""Counting and encoding a corpus."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_trainer import TrainOptions
from embzarr_trainer._corpus import reading
from embzarr_trainer._corpus.reading import Corpus, cut_sentences, read_corpus
from embzarr_trainer._corpus.tokenizers import split_words
from embzarr_trainer._corpus.vocabulary import Numbering

OPTIONS = TrainOptions(
    vector_size=10,
    window=5,
    negative=5,
    sg=True,
    epochs=1,
    min_count=1,
    max_vocab=None,
    sample=1e-3,
    alpha=0.025,
    min_alpha=1e-4,
    workers=1,
    seed=1,
    unicode_errors="strict",
    tokenizer="words",
)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_folder_for_temporary_files_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is full is said, with the way to another; also where the vocabulary is spilled."""
    (tmp_path / "a.txt").write_text("one two three\n" * 9)

    def full(mode: str = "w+b", **options: Any) -> Any:
        return open("/dev/full", mode, **options)  # noqa: PTH123 - closed with its owner

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(embzarr.StoreError, match=r"temporary files.*No space left.*TMPDIR"):
        read_corpus(tmp_path / "a.txt", options=OPTIONS, split=split_words)
    with (
        pytest.raises(embzarr.StoreError, match=r"temporary files.*No space left.*TMPDIR"),
        contextlib.closing(Numbering(most_words=1)) as numbering,
    ):
        numbering.numbers(["one", "two"] * 9000)


def write(folder: Path, text: str, name: str = "corpus.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(*paths: Path, **changes: Any) -> Corpus:
    options = dataclasses.replace(OPTIONS, **changes)
    return read_corpus(paths, options=options, split=split_words)


def sentences(corpus: Corpus) -> list[list[str]]:
    pieces = np.split(corpus.ids, corpus.starts[1:-1])
    return [[corpus.words[number] for number in piece] for piece in pieces]


def test_frequency_order(tmp_path: Path) -> None:
    """Words come commonest first, equally common ones in the order in which they were met."""
    corpus = read(write(tmp_path, "b a c\na c a"))

    assert corpus.words == ["a", "c", "b"]
    assert corpus.counts.tolist() == [3, 2, 1]
    assert corpus.counts.dtype == np.int64
    assert corpus.ids.dtype == np.int32


def test_sentences_are_lines(tmp_path: Path) -> None:
    """A line is a sentence; empty lines, and lines left empty by min_count, are none."""
    corpus = read(write(tmp_path, "a b a\n\nrare\nb x a\n"), min_count=2)

    assert sentences(corpus) == [["a", "b", "a"], ["b", "a"]]
    assert corpus.raw_words == 7


def test_small_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the blocks of the encoder end is not seen in the result."""
    path = write(tmp_path, "a b c\n\nd rare e\na\n" * 9 + "once upon a time\nb")
    whole = read(path, min_count=9)
    monkeypatch.setattr(reading, "_BLOCK_IDS", 3)
    small = read(path, min_count=9)

    assert sentences(small) == sentences(whole)
    assert small.counts.tolist() == whole.counts.tolist()


def test_max_vocab(tmp_path: Path) -> None:
    """No more than the commonest words are kept."""
    corpus = read(write(tmp_path, "a a a b b c"), max_vocab=2)

    assert corpus.words == ["a", "b"]
    assert sentences(corpus) == [["a", "a", "a", "b", "b"]]


def test_several_files(tmp_path: Path) -> None:
    """Files are read in the order given, and the end of a file ends a sentence."""
    corpus = read(write(tmp_path, "a b", "1.txt"), write(tmp_path, "b a", "2.txt"))

    assert sentences(corpus) == [["a", "b"], ["b", "a"]]


def test_digest_tells_files_apart(tmp_path: Path) -> None:
    """The same bytes in one file and in two are different corpora."""
    one = read(write(tmp_path, "a b", "1.txt"))
    two = read(write(tmp_path, "a", "2.txt"), write(tmp_path, " b", "3.txt"))

    assert one.digest != two.digest


def test_long_line_is_cut(tmp_path: Path) -> None:
    """text8: one line of 25,000 words is three sentences."""
    corpus = read(write(tmp_path, "a b " * 12_500))

    assert np.diff(corpus.starts).tolist() == [10_000, 10_000, 5_000]


@pytest.mark.parametrize(
    ("breaks", "cut"),
    [
        ([0, 3], [0, 3]),
        ([0, 4], [0, 3, 4]),
        ([0, 2, 9, 12], [0, 2, 5, 8, 9, 12]),
    ],
)
def test_cut_sentences(breaks: list[int], cut: list[int]) -> None:
    """Sentences longer than 3 are cut after every 3 words."""
    assert cut_sentences(np.array(breaks), longest=3).tolist() == cut


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        ("", "corpus-empty", "corpus.txt"),
        ("\n ... \n", "corpus-empty", "corpus.txt"),
        ("a a a b", "corpus-no-words", "occurs 3 times"),
    ],
)
def test_nothing_to_train_on(tmp_path: Path, text: str, code: str, says: str) -> None:
    """A corpus without words, or without frequent ones, is refused with what was found."""
    with pytest.raises(embzarr.InvalidInputError, match=says) as caught:
        read(write(tmp_path, text), min_count=4)

    assert caught.value.code == code
