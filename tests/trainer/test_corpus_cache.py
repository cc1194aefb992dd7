"""Encoded corpora that are kept: found again, told apart, checked, and shared by processes."""

from __future__ import annotations

import dataclasses
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_trainer
from embzarr_trainer import TrainOptions
from embzarr_trainer._corpus import cache
from embzarr_trainer._corpus.cache import read_cached
from embzarr_trainer._corpus.reading import Corpus, read_corpus
from embzarr_trainer._corpus.tokenizers import split_words

Read = Callable[..., Corpus]


@pytest.fixture
def read(planted: Path, tmp_path: Path, settings: dict[str, Any]) -> Read:
    """Reads the planted corpus, or other text, by a cache."""

    def read(text: Path = planted, **changes: Any) -> Corpus:
        options = TrainOptions(**settings | changes)
        return read_cached(tmp_path / "cache", text, options=options, split=split_words)

    return read


def assert_same(one: Corpus, other: Corpus) -> None:
    for field in dataclasses.fields(Corpus):
        left, right = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(left, right), field.name
        assert getattr(left, "dtype", None) == getattr(right, "dtype", None), field.name


def refuse(*_: Any, **__: Any) -> Corpus:
    raise AssertionError("the text was counted and encoded again")


def entries(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").iterdir())


def test_found_again(
    read: Read, planted: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second time the same comes back, without the text being counted."""
    plain = read_corpus(planted, options=TrainOptions(**settings), split=split_words)
    assert_same(read(), plain)
    monkeypatch.setattr(cache, "read_corpus", refuse)

    assert_same(read(), plain)
    assert_same(read(vector_size=30, epochs=7), plain)


def test_told_apart(read: Read, tmp_path: Path) -> None:
    """Other text, or other settings of how it is read, are other corpora."""
    (tmp_path / "other.txt").write_text("seaa skya seaa")
    first = read()
    other, fewer = read(tmp_path / "other.txt"), read(max_vocab=5)

    assert other.words == ["seaa", "skya"]
    assert fewer.words == first.words[:5]
    assert len(entries(tmp_path)) == 3


@pytest.mark.parametrize("name", ["ids", "starts", "counts", "words.json", "corpus.json"])
def test_damage_is_noticed(read: Read, tmp_path: Path, name: str) -> None:
    """A file that is cut or missing is not trusted: the text is read again, and kept anew."""
    plain = read()
    (entry,) = entries(tmp_path)
    file = tmp_path / "cache" / entry / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert_same(read(), plain)
    assert file.read_bytes() == whole
    file.unlink()
    assert_same(read(), plain)
    assert file.read_bytes() == whole
    assert entries(tmp_path) == [entry]


def test_what_was_read_no_longer_is_the_cache(read: Read, tmp_path: Path) -> None:
    """A corpus stays as it was checked, whatever becomes of the files that it came from."""
    plain = read()
    found = read()
    (entry,) = (tmp_path / "cache").iterdir()
    for file in entry.iterdir():
        file.write_bytes(b"")  # what maps it would be ended by SIGBUS

    assert_same(found, plain)


@pytest.mark.slow
def test_a_tokenizer_is_known_by_what_it_does(
    tmp_path: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A word added to jieba's dictionary makes another corpus, with which no run just goes on."""
    jieba = pytest.importorskip("jieba")
    jieba.setLogLevel("WARNING")
    jieba.initialize()
    monkeypatch.setattr(jieba.dt, "FREQ", dict(jieba.dt.FREQ))
    monkeypatch.setattr(jieba.dt, "total", jieba.dt.total)
    text = tmp_path / "zh.txt"
    text.write_text("石墨烯量子点电池很贵\n我喜欢云计算平台和猫\n" * 40)
    wanted = settings | {"tokenizer": "jieba", "save_every": 200, "epochs": 3}
    cached = wanted | {"corpus_cache": tmp_path / "cache"}
    before = embzarr_trainer.train(text, tmp_path / "run", **cached)

    jieba.add_word("石墨烯量子点电池")
    with pytest.raises(embzarr.InvalidInputError, match="cuts the same text into other") as caught:
        embzarr_trainer.train(text, tmp_path / "run", resume=True, **wanted)
    after = embzarr_trainer.train(text, tmp_path / "other", **cached)
    on = embzarr_trainer.train(text, tmp_path / "run", resume=True, allow_changes=True, **cached)

    assert caught.value.code == "trainer-changed"
    assert "石墨烯量子点电池" not in before
    assert "石墨烯量子点电池" in after
    counts = on.load(["石墨烯量子点电池", "很"], columns=("counts",)).columns["counts"]
    assert counts.tolist() == [40, 80]


def test_a_function_is_known_by_what_it_does(planted: Path, settings: dict[str, Any]) -> None:
    """One and the same name that cuts otherwise does not go on with a run."""
    cut: Any = str.split

    def tokenizer(line: str) -> list[str]:
        return list(cut(line))

    wanted = settings | {"tokenizer": tokenizer}
    store = "memory://trainer/function"
    embzarr_trainer.train(planted, store, **wanted)
    assert embzarr_trainer.train(planted, store, resume=True, **wanted).commit == 1
    cut = str.upper
    with pytest.raises(embzarr.InvalidInputError, match="cuts the same text into other"):
        embzarr_trainer.train(planted, store, resume=True, **wanted)


def read_in_process(folder: Path, text: Path, settings: dict[str, Any]) -> tuple[int, int]:
    corpus = read_cached(folder, text, options=TrainOptions(**settings), split=split_words)
    return int(corpus.ids.sum()), int(corpus.counts.sum())


@pytest.mark.slow
def test_shared_by_processes(planted: Path, tmp_path: Path, settings: dict[str, Any]) -> None:
    """Processes that begin at once all get the corpus, and leave one copy."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        jobs = [
            pool.submit(read_in_process, tmp_path / "cache", planted, settings) for _ in range(8)
        ]
        found = {job.result() for job in jobs}

    plain = read_corpus(planted, options=TrainOptions(**settings), split=split_words)
    assert found == {(int(plain.ids.sum()), int(plain.counts.sum()))}
    assert len(entries(tmp_path)) == 1


def test_training_from_a_cache(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bits are learnt; going on on other text changes nothing that is kept."""
    run: dict[str, Any] = {"vector_size": 20, "epochs": 2, "workers": 1}
    cached = run | {"corpus_cache": tmp_path / "cache"}
    plain = embzarr_trainer.train(planted, tmp_path / "plain", **run)
    embzarr_trainer.train(planted, tmp_path / "first", **cached)
    more = tmp_path / "more.txt"
    more.write_text("newb seab newa seaa newb\n" * 200)
    embzarr_trainer.train(more, tmp_path / "more", **cached)
    monkeypatch.setattr(cache, "read_corpus", refuse)
    embzarr_trainer.train(more, tmp_path / "first", resume=True, allow_changes=True, **cached)
    second = embzarr_trainer.train(planted, tmp_path / "second", **cached)
    again = embzarr_trainer.train(more, tmp_path / "again", **cached)

    assert np.array_equal(second.to_numpy(), plain.to_numpy())
    assert np.array_equal(again.to_numpy(), embzarr.open(tmp_path / "more").to_numpy())


def test_refusals(planted: Path, tmp_path: Path, read: Read) -> None:
    """A function as tokenizer has no name that could be trusted; a file is no folder."""
    with pytest.raises(embzarr.InvalidInputError, match="found a function"):
        embzarr_trainer.train(planted, tmp_path / "run", tokenizer=str.split, corpus_cache=tmp_path)
    (tmp_path / "cache").touch()
    with pytest.raises(embzarr.StoreError, match="corpus cache"):
        read()
