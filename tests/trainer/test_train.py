"""From text to checkpoints, through the real SDK."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import embzarr
import embzarr_trainer
from embzarr_trainer import Metrics, Progress, _hogwild, _state, _train
from embzarr_trainer._loops import requirement

if TYPE_CHECKING:
    from pathlib import Path

LEARNS: dict[str, Any] = {
    "vector_size": 20,
    "epochs": 4,
    "alpha": 0.05,
    "sample": 0,
    "min_count": 1,
    "workers": 1,
}


def topic_cosines(checkpoint: embzarr.Checkpoint) -> tuple[float, float]:
    """Mean cosine between words of one topic, and between words of different topics.

    What all words have in common is taken out: the objective leaves it open, and where threads
    interleave it differs from run to run (cosines across of -0.4 to 0.7 at one and the same loss).
    """
    vectors = checkpoint.to_numpy()
    vectors = vectors - vectors.mean(axis=0)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    topic = np.array([word[:3] for word in checkpoint.words])
    same = topic[:, None] == topic
    return float(cosines[same & ~np.eye(len(topic), dtype=bool)].mean()), float(
        cosines[~same].mean()
    )


def metrics_of(checkpoint: embzarr.Checkpoint) -> dict[str, float]:
    metrics: dict[str, float] = checkpoint.metadata["trainer"]["metrics"]
    return metrics


@pytest.mark.parametrize("changes", [{"workers": 1}, {"workers": 2}, {"sg": False, "alpha": 0.1}])
def test_learns_what_was_planted(planted: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    """Words that occur together end far closer than words that never do."""
    checkpoint = embzarr_trainer.train(planted, tmp_path / "run", **LEARNS | changes)
    within, across = topic_cosines(checkpoint)

    assert within > 0.8
    assert across < -0.8
    assert {word[:3] for word, _ in checkpoint.most_similar("seaa", topn=5)} == {"sea"}


def test_checkpoint_holds_everything(planted: Path, tmp_path: Path) -> None:
    """Words by frequency, both matrices, counts, and metadata that tells how they came about."""
    url = tmp_path / "run"
    embzarr_trainer.train([planted], url, **LEARNS)
    checkpoint = embzarr.open(url)
    loaded = checkpoint.load_rows(0, len(checkpoint), columns=("vectors", "counts", "context"))
    trainer = checkpoint.metadata["trainer"]

    assert checkpoint.step == 80_000
    assert checkpoint.verify().ok
    assert loaded.columns["counts"].dtype == np.int64
    assert loaded.columns["counts"].sum() == 20_000
    assert (np.diff(loaded.columns["counts"]) <= 0).all()
    assert loaded.vectors.shape == loaded.columns["context"].shape == (24, 20)
    assert loaded.vectors.dtype == loaded.columns["context"].dtype == np.float32
    assert trainer["model"] == embzarr_trainer.MODEL
    assert trainer["options"]["vector_size"] == 20
    assert trainer["words_total"] == 80_000
    metrics = trainer["metrics"]
    assert metrics.keys() == {field.name for field in dataclasses.fields(Metrics)}
    assert metrics["step"] == metrics["words"] == 80_000
    assert metrics["epoch"] == 4
    assert 0 < metrics["loss"] < 6 * np.log(2)
    assert metrics["words_per_second"] == pytest.approx(80_000 / metrics["seconds"], rel=0.01)
    assert len(trainer["corpus"]["sha256"]) == 64
    assert trainer["corpus"]["sentences"] == 2000


def test_checkpoints_along_the_way(planted: Path) -> None:
    """Evenly spaced checkpoints are steps of one history, and training goes on after each."""
    url = "memory://trainer/along-the-way"
    last = embzarr_trainer.train(planted, url, **LEARNS | {"checkpoints": 4})
    steps = [commit.step for commit in embzarr.Run(url).commits()]
    first = embzarr.open(url, step=min(steps))

    assert len(set(steps)) == 4
    np.testing.assert_allclose(sorted(steps), [20_000, 40_000, 60_000, 80_000], atol=600)
    assert metrics_of(first)["alpha"] > metrics_of(last)["alpha"]
    assert topic_cosines(last)[0] > topic_cosines(first)[0]


def test_one_worker_is_deterministic(planted: Path, tmp_path: Path) -> None:
    """One worker and one seed give the same bits, also when it saves more often; another not."""

    def vectors(name: str, **changes: object) -> Any:
        return embzarr_trainer.train(planted, tmp_path / name, **LEARNS | changes).to_numpy()

    once = vectors("a")

    assert np.array_equal(once, vectors("b", save_every=15_000))
    assert not np.array_equal(once, vectors("c", seed=2))


def test_progress(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports rise from nothing to all words, and name each new step."""
    monkeypatch.setattr(_hogwild, "REPORT_SECONDS", 0.001)
    seen: list[Progress] = []
    embzarr_trainer.train(
        planted, "memory://trainer/progress", progress=seen.append, **LEARNS | {"checkpoints": 2}
    )
    words = [report.words for report in seen]

    assert words == sorted(words)
    assert seen[-1].words == seen[-1].total_words == seen[-1].step == 80_000
    assert len({report.step for report in seen}) == 3
    assert seen[-1].words_per_second > 0
    assert (seen[-1].epoch, seen[-1].epochs, seen[-1].eta_seconds) == (4, 4, 0)
    assert seen[0].saved_seconds_ago is None
    assert seen[-1].saved_seconds_ago is not None
    assert seen[-1].stall_seconds > 0
    assert 0 < seen[-1].loss < 6 * np.log(2)


def test_a_checkpoint_is_told_of_as_it_records_itself(planted: Path, tmp_path: Path) -> None:
    """Each once, with the figures of its own moment; a session tells of none of an earlier one."""
    url = tmp_path / "run"
    seen: list[Progress] = []

    def stop(now: Progress) -> None:
        seen.append(now)
        if now.checkpoint is not None and now.checkpoint.step >= 40_000:
            raise InterruptedError

    run = LEARNS | {"checkpoints": 8}
    with pytest.raises(InterruptedError):
        embzarr_trainer.train(planted, url, progress=stop, **run)
    first = {report.checkpoint for report in seen} - {None}
    seen.clear()
    embzarr_trainer.train(planted, url, resume=True, progress=seen.append, **run)
    second = {report.checkpoint for report in seen} - {None}

    begun = [report for report in seen if report.checkpoint is None]
    assert all(report.step and report.saved_seconds_ago is None for report in begun)
    assert not first & second
    told = [made.to_json() for made in first | second if made is not None]
    commits = embzarr.Run(url).commits()
    recorded = [metrics_of(embzarr.open(url, commit=commit.commit)) for commit in commits]
    assert sorted(told, key=lambda one: one["step"]) == [
        made for made in recorded[::-1] if made["step"] in {one["step"] for one in told}
    ]
    assert len(told) >= 7


def test_failing_listener_stops_training(planted: Path) -> None:
    """An exception from the progress callback ends the threads and reaches the caller."""

    def fail(report: Progress) -> None:
        raise RuntimeError(f"stopped at {report.words}")

    with pytest.raises(RuntimeError, match="stopped at"):
        embzarr_trainer.train(
            planted, "memory://trainer/fails", progress=fail, **LEARNS | {"epochs": 1000}
        )
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open("memory://trainer/fails")


def test_nothing_is_saved_of_a_bad_corpus(tmp_path: Path) -> None:
    """A refused corpus leaves no checkpoint."""
    (tmp_path / "empty.txt").touch()
    with pytest.raises(embzarr.InvalidInputError) as caught:
        embzarr_trainer.train(tmp_path / "empty.txt", tmp_path / "run")

    assert caught.value.code == "corpus-empty"
    assert not (tmp_path / "run").exists()


def test_another_run_is_not_trained_over(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A place that holds a run is refused before the corpus is read, with the ways on."""
    url = tmp_path / "run"
    embzarr.save(url, ["king"], np.ones((1, LEARNS["vector_size"]), "f4"))
    before = {path: path.read_bytes() for path in url.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        patch.setattr(_train, "read_corpus", None)
        with pytest.raises(embzarr.InvalidInputError) as caught:
            embzarr_trainer.train(planted, url, **LEARNS)
        with pytest.raises(embzarr.InvalidInputError, match="restart: expected False with resume"):
            embzarr_trainer.train(planted, url, resume=True, restart=True, **LEARNS)

    assert caught.value.code == "trainer-run-exists"
    for way in ("--resume", "--restart", "another URL"):
        assert way in str(caught.value)
    assert before == {path: path.read_bytes() for path in url.rglob("*") if path.is_file()}
    assert embzarr_trainer.train(planted, url, restart=True, **LEARNS).commit == 2


def test_a_run_is_not_begun_anew_with_other_vectors(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors of another length are refused before the corpus is read, unless they are meant."""
    embzarr.save(tmp_path / "run", ["king"], np.ones((1, 2), "f4"))
    with monkeypatch.context() as patch:
        patch.setattr(_train, "read_corpus", None)
        with pytest.raises(embzarr.InvalidInputError, match="of dimension 2; found") as caught:
            embzarr_trainer.train(planted, tmp_path / "run", restart=True, **LEARNS)

    assert caught.value.code == "input-shape"
    assert embzarr.Run(tmp_path / "run").numbers() == [1]
    meant = {"restart": True, "allow_changes": True, **LEARNS}
    assert embzarr_trainer.train(planted, tmp_path / "run", **meant).commit == 2


def test_an_empty_folder_name_keeps_no_cache(
    planted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset variable of a shell does not make the working folder a cache."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(embzarr.InvalidInputError, match="corpus_cache: expected a folder"):
        embzarr_trainer.train(planted, "memory://trainer/cacheless", corpus_cache="", **LEARNS)
    assert list(tmp_path.iterdir()) == []


def test_divergence_is_named(planted: Path) -> None:
    """Vectors that run away are not saved, and the settings to change are named."""
    wild = LEARNS | {"alpha": 1.0, "window": 20, "negative": 20, "epochs": 4}
    with pytest.raises(embzarr.InvalidInputError, match="a lower alpha") as caught:
        embzarr_trainer.train(planted, "memory://trainer/wild", **wild)

    assert caught.value.code == "training-diverged"


def test_numba_absent(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numba, training is refused with the command that installs it."""
    monkeypatch.setattr(requirement, "INSTALLED", False)
    with pytest.raises(embzarr.UnsupportedError, match=r"pip install 'embzarr\[train\]'") as caught:
        embzarr_trainer.train(planted, "memory://trainer/no-numba")

    assert caught.value.code == "feature-unsupported"


def test_public_names() -> None:
    """The public names are these."""
    assert embzarr_trainer.__all__ == [
        "LINE_END",
        "MAX_SENTENCE",
        "MODEL",
        "Blocks",
        "Chosen",
        "Dealt",
        "Method",
        "Metrics",
        "Progress",
        "SaveOptions",
        "Share",
        "TrainOptions",
        "Weights",
        "Windows",
        "build_tables",
        "check_integer",
        "check_number",
        "cut_sentences",
        "deal_windows",
        "find_tokenizer",
        "keep_thresholds",
        "library_prose",
        "padded",
        "read_text",
        "recorded_options",
        "refused",
        "require_numba",
        "start_weights",
        "train",
    ]


def test_only_is_read_as_the_tokenizer_reads_text(
    planted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Words are found in any case; what is not found is said, and does not stop the rest."""
    run = LEARNS | {"epochs": 1, "only": ["SEAA ", "skyb", "kign"]}
    trained = embzarr_trainer.train(planted, tmp_path / "only", **run)

    start = _state.start_weights(len(trained), vector_size=20, seed=1).inputs[:, :20]
    moved = (trained.to_numpy() != start).any(axis=1)
    assert {trained.words[row] for row in np.flatnonzero(moved).tolist()} == {"seaa", "skyb"}
    assert caplog.messages == ["only: 1 of 3 words are not in the vocabulary: 'kign'"]
