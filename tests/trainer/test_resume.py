"""Going on from a checkpoint: the same end, or a clear refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_trainer
from embzarr_trainer import Progress

LEARNS: dict[str, Any] = {
    "vector_size": 20,
    "epochs": 4,
    "alpha": 0.05,
    "sample": 1e-2,
    "min_count": 1,
    "workers": 1,
}


class StopError(Exception):
    """Ends a run from its progress callback, as an interrupt would."""


def matrices(checkpoint: embzarr.Checkpoint) -> list[Any]:
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=("vectors", "context", "counts"))
    return [loaded.vectors, loaded.columns["context"], loaded.columns["counts"]]


def assert_same(one: embzarr.Checkpoint, other: embzarr.Checkpoint) -> None:
    assert one.words == other.words
    assert one.step == other.step
    for left, right in zip(matrices(one), matrices(other), strict=True):
        assert np.array_equal(left, right)


def stop_after(steps: int) -> Any:
    """Return a callback that ends training once it has seen so many checkpoints."""
    seen: set[int] = set()

    def stop(now: Progress) -> None:
        if now.step is not None:
            seen.add(now.step)
        if len(seen) >= steps:
            raise StopError

    return stop


def train(corpus: Path, url: object, **changes: Any) -> embzarr.Checkpoint:
    return embzarr_trainer.train(corpus, url, **LEARNS | changes)


def train_part(corpus: Path, url: object, *, checkpoints: int = 2, **changes: Any) -> None:
    """Train until some of ten checkpoints are saved."""
    with pytest.raises(StopError):
        train(corpus, url, checkpoints=10, progress=stop_after(checkpoints), **changes)


@pytest.mark.parametrize("sg", [True, False])
def test_same_end(planted: Path, tmp_path: Path, *, sg: bool) -> None:
    """A run that is stopped twice and resumed ends with the bits of one that was not."""
    whole = train(planted, tmp_path / "whole", sg=sg)
    url = tmp_path / "parts"
    train_part(planted, url, sg=sg)
    begun = embzarr.open(url).step
    train_part(planted, url, resume=True, checkpoints=3, sg=sg)
    end = train(planted, url, resume=True, sg=sg)

    assert 0 < begun < whole.step
    assert_same(end, whole)
    run = embzarr.Run(url)
    metrics = [run.open(commit=n).metadata["trainer"]["metrics"] for n in sorted(run.numbers())]
    for name in ("step", "words", "epoch", "seconds"):
        assert [record[name] for record in metrics] == sorted(record[name] for record in metrics)


def test_nothing_left_to_do(planted: Path, tmp_path: Path) -> None:
    """Resuming a finished run returns its last checkpoint and saves nothing."""
    first = train(planted, tmp_path / "run", resume=True)
    again = train(planted, tmp_path / "run", resume=True)

    assert again.commit == first.commit
    assert_same(again, first)


def test_more_is_trained_than_is_wanted(planted: Path, tmp_path: Path) -> None:
    """Resuming with fewer epochs than were trained saves nothing, and steps do not fall."""
    first = train(planted, tmp_path / "run")
    again = train(planted, tmp_path / "run", resume=True, allow_changes=True, epochs=2)

    assert again.commit == first.commit


def test_more_workers_may_go_on(planted: Path, tmp_path: Path) -> None:
    """The number of threads is free."""
    train_part(planted, tmp_path / "run")
    end = train(planted, tmp_path / "run", resume=True, workers=2)

    assert end.step == 80_000


def test_damaged_checkpoint_is_passed_over(planted: Path, tmp_path: Path) -> None:
    """From the newest sound checkpoint, and the damaged one is named."""
    whole = train(planted, tmp_path / "whole")
    url = tmp_path / "run"
    train_part(planted, url, checkpoints=3)
    newest = embzarr.open(url)
    shard = max(url.glob(f"steps/{newest.step}-*/vectors/c/*/*"))
    shard.write_bytes(bytes(shard.stat().st_size))
    seen: list[Progress] = []
    end = train(planted, url, resume=True, progress=seen.append)

    assert f"commit {newest.commit} is damaged" in str(seen[0].problem)
    assert seen[0].step is not None
    assert seen[0].step < newest.step
    assert_same(end, whole)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"window": 3}, "window was 5 and is 3"),
        ({"epochs": 5}, "epochs was 4 and is 5"),
        ({"sg": False}, "sg was True and is False"),
        ({"seed": 2}, "seed was 1 and is 2"),
    ],
)
def test_other_settings_are_refused(
    planted: Path, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    """A changed setting is named, with how to allow it; allowed, training goes on."""
    url = tmp_path / "run"
    train_part(planted, url)
    with pytest.raises(embzarr.InvalidInputError, match=says) as caught:
        train(planted, url, resume=True, **changes)
    assert caught.value.code == "trainer-changed"
    assert "--allow-changes" in str(caught.value)

    end = train(planted, url, resume=True, allow_changes=True, **changes)
    assert end.step == 20_000 * changes.get("epochs", 4)


def test_other_size_is_refused(planted: Path, tmp_path: Path) -> None:
    """No permission makes vectors longer."""
    train_part(planted, tmp_path / "run")
    with pytest.raises(embzarr.InvalidInputError, match="vector_size was 20 and is 30"):
        train(planted, tmp_path / "run", resume=True, allow_changes=True, vector_size=30)


def test_vocabulary_grows(planted: Path, tmp_path: Path) -> None:
    """On other text, allowed by name, new words join; old words keep their rows, and learn."""
    url = tmp_path / "run"
    before = train(planted, url)
    more = tmp_path / "more.txt"
    more.write_text("seaa seab newa newb newa newb\n" * 200)
    with pytest.raises(embzarr.InvalidInputError, match="the corpus was") as caught:
        train(more, url, resume=True)
    assert caught.value.code == "trainer-changed"

    after = train(more, url, resume=True, allow_changes=True)
    assert list(after.words) == [*before.words, "newa", "newb"]
    assert after.step == 80_000 + 4 * 1200
    old, new = matrices(before), matrices(after)
    assert new[2].sum() == 20_000 + 1200
    words = list(after.words)
    assert new[2][words.index("newa")] == 400
    moved = (old[0] != new[0][:24]).any(axis=1)
    assert {words[row] for row in np.flatnonzero(moved)} >= {"seaa", "seab"}
    assert not moved[words.index("skya")]  # not in the new text
    assert after.similarity("newa", "newb") > after.similarity("newa", "skyc")


def test_counts_of_the_same_words_are_saved(planted: Path, tmp_path: Path) -> None:
    """Where other text has no new word, its counts are saved all the same, deltas or not."""
    url = tmp_path / "run"
    train(planted, url)
    more = tmp_path / "more.txt"
    more.write_text("seaa skya seab skyb\n" * 200)
    after = train(more, url, resume=True, allow_changes=True, delta=True)

    assert matrices(after)[2].sum() == 20_000 + 800


def test_growth_resumes_exactly(planted: Path, tmp_path: Path) -> None:
    """Going on after growth ends with the same bits, too."""
    more = tmp_path / "more.txt"
    more.write_text("seaa seab newa newb newa newb\n" * 2000)
    for name in ("whole", "parts"):
        train(planted, tmp_path / name)
    whole = train(more, tmp_path / "whole", resume=True, allow_changes=True)
    train_part(more, tmp_path / "parts", resume=True, allow_changes=True)
    end = train(more, tmp_path / "parts", resume=True)

    assert_same(end, whole)


def test_another_trainers_checkpoint(planted: Path, tmp_path: Path) -> None:
    """What another program saved cannot be resumed, and says so; init may start from it."""
    embzarr.save(tmp_path / "run", ["seaa", "skya"], np.ones((2, 20), np.float32))
    with pytest.raises(
        embzarr.InvalidInputError, match=r"init \(--init\) starts a new run"
    ) as caught:
        train(planted, tmp_path / "run", resume=True)

    assert caught.value.code == "trainer-foreign"


def rewritten(url: Path, **changes: Any) -> embzarr.Checkpoint:
    """Save the newest checkpoint once more, with other members of the trainer's metadata."""
    old = embzarr.open(url)
    loaded = old.load_rows(0, len(old), columns=("vectors", "context", "counts"))
    trainer = old.metadata["trainer"] | changes
    columns = {name: loaded.columns[name] for name in ("counts", "context")}
    return embzarr.save(
        url,
        list(loaded.words),
        loaded.vectors,
        step=old.step,
        columns=columns,
        metadata={"trainer": trainer},
    )


def test_a_place_that_the_schedule_does_not_have(planted: Path, tmp_path: Path) -> None:
    """The same settings on the same text lead to the same place, or the difference is told."""
    url = tmp_path / "run"
    train_part(planted, url)
    turns = embzarr.open(url).metadata["trainer"]["turns"]
    for wrong, says in ((turns + 1, "had trained"), (10**9, "and more, and has")):
        rewritten(url, turns=wrong)
        with pytest.raises(embzarr.InvalidInputError, match=says) as caught:
            train(planted, url, resume=True)
        assert caught.value.code == "trainer-changed"
    end = train(planted, url, resume=True, allow_changes=True)

    assert end.step == 80_000


def test_a_checkpoint_that_only_looks_like_ours(planted: Path, tmp_path: Path) -> None:
    """Columns of another form than the metadata says are refused by name, and nothing is saved."""
    url = tmp_path / "run"
    first = train(planted, url)
    old = embzarr.open(url)
    embzarr.save(
        url,
        list(old.words),
        old.to_numpy(),
        step=old.step,
        columns={"counts": matrices(old)[2], "context": np.zeros((len(old), 3), np.float32)},
        metadata=old.metadata,
    )
    with pytest.raises(embzarr.InvalidInputError, match="column context: expected") as caught:
        train(planted, url, resume=True)

    assert caught.value.code == "trainer-foreign"
    assert embzarr.open(url).commit == first.commit + 1


def test_init_from_another_run(planted: Path, tmp_path: Path) -> None:
    """Shared words start where the other run ended, both matrices; others as ever."""
    other = train(planted, tmp_path / "other")
    mixed = tmp_path / "mixed.txt"
    mixed.write_text("seaa newa\n" * 10)
    tiny: dict[str, Any] = {"epochs": 1, "alpha": 1e-9, "min_alpha": 0.0}
    url = tmp_path / "run"
    started = train(mixed, url, init=tmp_path / "other", **tiny)
    plain = train(mixed, tmp_path / "plain", **tiny)

    assert list(started.words) == ["seaa", "newa"]
    np.testing.assert_allclose(started["seaa"], other["seaa"], atol=1e-6)
    context = [c.load(["seaa"], columns=("context",)).columns["context"] for c in (started, other)]
    np.testing.assert_allclose(context[0], context[1], atol=1e-6)
    np.testing.assert_allclose(started["newa"], plain["newa"], atol=1e-6)
    with pytest.raises(embzarr.InvalidInputError, match="found 20 numbers"):
        train(mixed, tmp_path / "small", init=other, vector_size=10)


@pytest.mark.parametrize(
    "context", [np.ones((2, 3), np.float32), np.ones((2, 20), np.int32), np.ones(2, np.float32)]
)
def test_init_without_a_context_that_fits(planted: Path, tmp_path: Path, context: Any) -> None:
    """A context matrix of another size or data type is left alone, and the vectors are taken."""
    vectors = np.ones((2, 20), np.float32)
    other = embzarr.save(tmp_path / "o", ["seaa", "skya"], vectors, columns={"context": context})
    tiny: dict[str, Any] = {"epochs": 1, "alpha": 1e-9, "min_alpha": 0.0}
    started = train(planted, tmp_path / "run", init=other, **tiny)

    np.testing.assert_allclose(started[["seaa", "skya"]], vectors, atol=1e-6)


def test_init_is_finite(planted: Path, tmp_path: Path) -> None:
    """First vectors that are not finite, or not as float32, are refused before training."""
    for number, value in enumerate((np.nan, np.inf, 1e300)):
        vectors = np.ones((2, 20))
        vectors[1, 3] = value
        other = embzarr.save(tmp_path / f"{number}", ["seaa", "x"], vectors, allow_nonfinite=True)
        train(planted, tmp_path / f"sound-{number}", init=other, epochs=1)  # "x" is not in the text
        vectors[0, 0] = value
        wrong = embzarr.save(tmp_path / "wrong", ["seaa", "x"], vectors, allow_nonfinite=True)
        with pytest.raises(embzarr.InvalidInputError, match="init: expected finite numbers"):
            train(planted, tmp_path / "run", init=wrong)


def test_only_some_words(planted: Path, tmp_path: Path) -> None:
    """Only the named words' rows move; of the others every bit stays."""
    other = train(planted, tmp_path / "other")
    tuned = train(planted, tmp_path / "run", init=other, only=["seaa", "skyb", "absent"])
    words = list(tuned.words)

    for before, after in zip(matrices(other)[:2], matrices(tuned)[:2], strict=True):
        moved = (before != after).any(axis=1)
        assert {words[row] for row in np.flatnonzero(moved)} == {"seaa", "skyb"}
    with pytest.raises(embzarr.InvalidInputError, match="none of these 1 words"):
        train(planted, tmp_path / "new", only=["absent"])
    wrong: Any
    for wrong in ("seaa", 7, [["seaa"]], [b"seaa"]):
        with pytest.raises(embzarr.InvalidInputError, match="only: expected several words"):
            train(planted, tmp_path / "new", only=wrong)
