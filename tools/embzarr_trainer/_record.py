"""What ``metadata["trainer"]`` of a checkpoint says, and how a later session reads that."""

from __future__ import annotations

import dataclasses
from typing import Any, Final, TypeVar

import embzarr
from embzarr_trainer._options import (
    FREE,
    MAX_INT,
    OF_CORPUS,
    TrainOptions,
    check_integer,
    check_text,
    refused,
)
from embzarr_trainer._progress import Metrics

MODEL: Final = "word2vec-negative-sampling"
"""What ``metadata["trainer"]["model"]`` says of these checkpoints."""

_WHERE: Final = "metadata.trainer"
_SHA256_LENGTH: Final = 64
_T = TypeVar("_T")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class CorpusRecord:
    """The text that was trained on."""

    sha256: str
    """Its digest, as ``Corpus.digest``."""
    cut_sha256: str
    """Of what the tokenizer made of it, as ``Corpus.cut``."""
    words: int
    """All of them, those outside the vocabulary included."""
    vocabulary_words: int
    """Occurrences of words of the vocabulary."""
    sentences: int
    invalid_utf8: int
    """Ill-formed sequences that were replaced or left out."""

    def __post_init__(self) -> None:
        """Check every member."""
        for name in ("sha256", "cut_sha256"):
            check_text(name, getattr(self, name), longest=_SHA256_LENGTH)
        for name in ("words", "vocabulary_words", "sentences", "invalid_utf8"):
            check_integer(name, getattr(self, name), low=0, high=MAX_INT)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that a reader of a checkpoint, or a later session, wants to know beside the arrays.

    What a turn draws follows from the seed and the turn's number, so that these two are the whole
    random state.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the member.
    """

    model: str
    """``MODEL``."""
    options: TrainOptions
    turns: int
    """Of the schedule, done."""
    words_total: int
    """That the schedule trains in all."""
    base_words: int
    """Trained before the schedule began, on other text."""
    metrics: Metrics
    corpus: CorpusRecord

    def __post_init__(self) -> None:
        """Check every member, and those that bound one another."""
        for name in ("turns", "words_total", "base_words"):
            check_integer(name, getattr(self, name), low=0, high=MAX_INT)
        check_integer("metrics.words", self.metrics.words, low=0, high=self.words_total)
        step = self.base_words + self.metrics.words
        check_integer("metrics.step", self.metrics.step, low=step, high=step)

    def to_json(self) -> dict[str, object]:
        """Return the record as a JSON object."""
        return dataclasses.asdict(self) | {"metrics": self.metrics.to_json()}

    def changes(self, options: TrainOptions, *, digest: str, cut: str) -> list[str]:
        """Tell what differs from the run that saved this, in words; empty for nothing."""
        before, now = self.options.to_json(), options.to_json()
        told = [
            f"{name} was {before[name]!r} and is {now[name]!r}"
            for name in now
            if name not in FREE and before[name] != now[name]
        ]
        sha256 = self.corpus.sha256
        if sha256 != digest:
            told.append(f"the corpus was {sha256[:12]!r} by its SHA-256 and is {digest[:12]!r}")
        elif self.corpus.cut_sha256 != cut and all(before[name] == now[name] for name in OF_CORPUS):
            told.append(f"tokenizer {options.tokenizer!r} cuts the same text into other words")
        return told

    def same_corpus(self, options: TrainOptions, *, digest: str, cut: str) -> bool:
        """Tell whether the same text is read in the same way."""
        before, now = self.options.to_json(), options.to_json()
        same = (self.corpus.sha256, self.corpus.cut_sha256) == (digest, cut)
        return same and all(before[name] == now[name] for name in OF_CORPUS)


def parse_record(told: object) -> Record:
    """Return what ``metadata["trainer"]`` of a checkpoint says, every member checked.

    Raises:
        embzarr.InvalidInputError: ``input-argument``, naming the first member that is missing,
            unknown, or not as this trainer writes it.
    """
    if not isinstance(told, dict) or told.get("model") != MODEL:
        found = told.get("model") if isinstance(told, dict) else None
        raise refused(f"{_WHERE}.model", repr(MODEL), found)
    members = _members(Record, told, _WHERE)
    for name, kind in (("options", TrainOptions), ("metrics", Metrics), ("corpus", CorpusRecord)):
        members[name] = _made(kind, members[name], f"{_WHERE}.{name}")
    return _made(Record, members, _WHERE)


def _made(kind: type[_T], told: object, where: str) -> _T:
    """Make a value of an object's members; it checks them itself."""
    members = _members(kind, told, where)
    try:
        return kind(**members)
    except embzarr.InvalidInputError as exc:
        raise embzarr.InvalidInputError(exc.code, f"{where}.{exc.args[0]}") from exc


def _members(kind: type[Any], told: object, where: str) -> dict[str, Any]:
    """Return an object whose members are the fields of a class, no fewer and no more."""
    if not isinstance(told, dict):
        raise refused(where, "an object", told)
    names = {field.name for field in dataclasses.fields(kind)}
    if told.keys() != names:
        odd = min(told.keys() ^ names)
        missing = odd in names
        where = f"{where}.{odd:.40}"
        raise refused(where, "a value" if missing else "no such member", told.get(odd))
    return dict(told)
