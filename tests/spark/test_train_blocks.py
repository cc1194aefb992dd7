"""Training in blocks by processes of one machine: what it learns, keeps, and goes on from."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import embzarr_spark
from embzarr_spark import BlockProgress, LocalEngine, _train
from embzarr_spark._plan import groups_for

SETTINGS: dict[str, Any] = {
    "vector_size": 10,
    "groups": 3,
    "segments": 2,
    "epochs": 2,
    "min_count": 1,
    "alpha": 0.1,
}
ROUNDS = 9

pytestmark = pytest.mark.slow


def train(corpus: Path, url: Path, **changes: Any) -> embzarr.Checkpoint:
    with LocalEngine(corpus) as engine:
        return embzarr_spark.train(engine, str(url), **{**SETTINGS, **changes})


def arrays_of(checkpoint: embzarr.Checkpoint) -> dict[str, Any]:
    loaded = checkpoint.load_rows(0, None, columns=("vectors", "context", "counts"))
    return {"words": list(loaded.words), **{k: v.tolist() for k, v in loaded.columns.items()}}


@pytest.fixture(scope="session")
def unbroken(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> embzarr.Checkpoint:
    return train(corpus, tmp_path_factory.mktemp("unbroken") / "run")


def test_words_of_one_topic_end_together(unbroken: embzarr.Checkpoint) -> None:
    """The last commit is an ordinary checkpoint: words, vectors, context, counts."""
    nearest = {word for word, _ in unbroken.most_similar("seaa", topn=11)}

    assert nearest == {f"sea{letter}" for letter in "bcdefghijkl"}
    assert unbroken.step == 24_000
    assert unbroken.columns == ("vectors", "context", "counts")
    assert int(unbroken.load_rows(0, None, columns=("counts",)).columns["counts"].sum()) == 12_000
    assert unbroken.verify().problems == ()
    assert unbroken.metadata["trainer"]["options"]["epochs"] == 2


def test_processes_give_the_bits_of_one(
    corpus: Path, unbroken: embzarr.Checkpoint, tmp_path: Path
) -> None:
    """Who trains a block, and when in its round, changes nothing."""
    with LocalEngine(corpus, processes=2) as engine:
        made = embzarr_spark.train(engine, str(tmp_path / "run"), **SETTINGS)

    assert arrays_of(made) == arrays_of(unbroken)


KILLED = """
import os, signal, sys
import embzarr_spark
from embzarr_spark import LocalEngine, _gather, _tasks, _train
from spark.test_train_blocks import SETTINGS

where, number, corpus, url = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
calls = 0

def dying(call, *, after):
    def wrapped(*arguments, **named):
        global calls
        calls += 1
        found = call(*arguments, **named) if after else None
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return found if after else call(*arguments, **named)
    return wrapped

if where == "task":
    _tasks.write_group = dying(_tasks.write_group, after=True)
if where == "before":
    _train.publish_round = dying(_train.publish_round, after=False)
if where == "gather":
    _gather.gather_part = dying(_gather.gather_part, after=False)
with LocalEngine(corpus) as engine:
    embzarr_spark.train(
        engine, url, resume=True, progress=dying(print, after=False) if where == "after" else None,
        **SETTINGS,
    )
"""


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("task", 20),
        ("before", 5),
        ("after", 4),
        ("gather", 2),
    ],
)
def test_killed_it_goes_on_to_the_same_bits(
    corpus: Path, unbroken: embzarr.Checkpoint, tmp_path: Path, where: str, number: int
) -> None:
    """After a part, before and after a commit of a round, and in the last checkpoint."""
    url = tmp_path / "run"
    paths = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path])}
    died = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", KILLED, where, str(number), str(corpus), str(url)],
        env={**os.environ, **paths},
        check=False,
        capture_output=True,
        timeout=120,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr[-2000:]
    rounds: list[BlockProgress] = []
    resumed = train(corpus, url, resume=True, progress=rounds.append)

    assert arrays_of(resumed) == arrays_of(unbroken)
    assert len(rounds) < ROUNDS or where == "task" or number == 1
    with pytest.raises(embzarr.InvalidInputError, match="trainer-run-exists"):
        train(corpus, url)


def test_a_checkpoint_that_was_due_is_made_when_the_run_goes_on(
    corpus: Path, tmp_path: Path
) -> None:
    """A driver that ends behind a round has not made it yet."""

    def stop(now: BlockProgress) -> None:
        if now.step:
            raise KeyboardInterrupt

    url = tmp_path / "run"
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            train(corpus, url, checkpoints=3, resume=True, progress=stop)
    train(corpus, url, checkpoints=3, resume=True)

    steps = [commit.step for commit in embzarr.Run(str(url)).commits()]
    assert steps == [24_000, 12_000, 6_000]


@pytest.mark.parametrize(
    ("slots", "groups"), [(1, 4), (2, 4), (3, 8), (8, 16), (9, 32), (64, 128), (500, 256)]
)
def test_groups_follow_what_runs_at_once(slots: int, groups: int) -> None:
    """Two to four for each, while there are not more than can be told apart."""
    assert groups_for(slots) == groups


def test_a_run_keeps_the_groups_that_it_began_with(corpus: Path, tmp_path: Path) -> None:
    """Whoever goes on with other workers need not know; who says others is told."""
    url, short = tmp_path / "run", {"epochs": 1, "segments": 1, "groups": None}

    def stop(now: BlockProgress) -> None:
        assert now.rounds == 4
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(corpus, url, progress=stop, **short)
    with LocalEngine(corpus) as engine:
        engine.slots = 4
        made = embzarr_spark.train(engine, str(url), resume=True, **{**SETTINGS, **short})
        assert made.metadata["trainer"]["blocks"]["groups"] == 4
        other = embzarr_spark.train(engine, str(tmp_path / "other"), **{**SETTINGS, **short})
        assert other.metadata["trainer"]["blocks"]["groups"] == 8
    with pytest.raises(embzarr.InvalidInputError, match="groups was 4, and is 3"):
        train(corpus, url, resume=True, **{**short, "groups": 3})


def test_what_tasks_move_is_counted(corpus: Path, tmp_path: Path) -> None:
    """A task reads and writes two groups: one of so many shares of what a whole model would."""
    rounds: list[BlockProgress] = []
    train(corpus, tmp_path / "run", vector_size=400, checkpoints=3, progress=rounds.append)
    model = 2 * 24 * 400 * 4

    assert [one.round for one in rounds] == list(range(1, ROUNDS + 1))
    assert [one.step for one in rounds if one.step] == [6_000, 12_000, 24_000]
    for one in rounds:
        assert one.bytes_written <= 1.2 * model
        assert one.bytes_read >= model
        assert one.largest_task_bytes < one.bytes_read + one.bytes_written + one.bytes_shuffled
    assert [one.metrics.loss for one in rounds][-1] < rounds[0].metrics.loss


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"groups": 0}, "input-argument"),
        ({"groups": 25}, "input-argument"),
        ({"groups": True}, "input-argument"),
        ({"segments": 0}, "input-argument"),
        ({"checkpoints": 0}, "input-argument"),
        ({"keep_last": 0}, "input-argument"),
        ({"vector_size": 0}, "input-argument"),
        ({"state": 7}, "input-argument"),
        ({"min_count": 10_000_000}, "corpus-no-words"),
        ({"tokenizer": "nonesuch"}, "input-argument"),
    ],
)
def test_what_is_refused(corpus: Path, tmp_path: Path, changes: dict[str, Any], code: str) -> None:
    """Before anything is trained."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        train(corpus, tmp_path / "run", **changes)

    assert caught.value.code == code


def test_another_run_is_not_gone_on_with(corpus: Path, tmp_path: Path) -> None:
    """Other settings, or the same words in another text, are no resumption: it says which."""
    url = tmp_path / "run"
    train(corpus, url, epochs=1, segments=1)
    other = tmp_path / "other.txt"
    lines = corpus.read_text().split("\n")
    other.write_text("\n".join(lines[::-1]))
    for path, changes, named in ((corpus, {"window": 2}, "window"), (other, {}, "corpus")):
        with pytest.raises(embzarr.InvalidInputError, match=f"{named} was") as caught:
            train(path, url, resume=True, **{"epochs": 1, "segments": 1, **changes})
        assert caught.value.code == "trainer-changed"
    less = tmp_path / "less.txt"
    less.write_text("\n".join(lines[:600]))
    with pytest.raises(embzarr.InvalidInputError, match="other words"):
        train(less, url, resume=True, epochs=1, segments=1)


@pytest.mark.parametrize("changes", [{"seed": 2}, {"window": 2}, {"segments": 2}, {}])
def test_another_run_is_not_taken_for_this_one_without_its_state(
    corpus: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Its last checkpoint is of the same step, and would be what training has come to."""
    url = tmp_path / "run"
    short = {"epochs": 1, "segments": 1}
    first = arrays_of(train(corpus, url, **short))
    shutil.rmtree(f"{url}.state")
    if changes:
        (named,) = changes
        with pytest.raises(embzarr.InvalidInputError, match=f"{named} was") as caught:
            train(corpus, url, resume=True, **{**short, **changes})
        assert caught.value.code == "trainer-changed"
    else:
        assert arrays_of(train(corpus, url, resume=True, **short)) == first


def test_rounds_of_one_step_have_a_checkpoint_each(tmp_path: Path) -> None:
    """A text of fewer words than rounds: the last of them is not taken for the one before it."""
    text = tmp_path / "text.txt"
    text.write_text("a b c a b\nc a b c a")
    settings: dict[str, Any] = {"segments": 8, "epochs": 1, "sample": 0, "seed": 7}
    once = train(text, tmp_path / "once", **settings)
    often = train(text, tmp_path / "often", checkpoints=24, **settings)

    assert arrays_of(often) == arrays_of(once)
    steps = [commit.step for commit in embzarr.Run(str(tmp_path / "often")).commits()]
    assert (len(steps), steps[:2]) == (24, [10, 10])


@pytest.mark.parametrize("trainer", [None, 7, {"options": {}}, {"blocks": {"groups": 3}}])
def test_checkpoints_of_others_are_not_gone_on_with(
    corpus: Path, tmp_path: Path, trainer: object
) -> None:
    """Nor is a run in blocks laid upon them."""
    embzarr.save(tmp_path / "run", ["a"], np.ones((1, 10)), metadata={"trainer": trainer})

    with pytest.raises(embzarr.InvalidInputError, match="has not saved") as caught:
        train(corpus, tmp_path / "run", resume=True)
    assert caught.value.code == "trainer-foreign"


@pytest.mark.parametrize("case", ["counts", "order", "words", "rows"])
def test_a_vocabulary_is_what_the_text_has_whatever_is_said_of_it(
    corpus: Path, tmp_path: Path, case: str
) -> None:
    """Who wrote another one under the digest of the text's own has no task train by it."""
    url, short = tmp_path / "run", {"epochs": 1, "segments": 1}
    train(corpus, url, **short)
    place = f"{url}.state/words"
    with embzarr.open(place) as known:
        metadata, loaded = known.metadata, known.load_rows(0, None, columns=("counts",))
    words, counts = list(loaded.words), loaded.columns["counts"].copy()
    if case == "counts":
        counts[0] = -counts[0]
    elif case == "order":
        words[:2] = words[1::-1]
    elif case == "words":
        words[0] = "nonesuch"
    else:
        words, counts = [*words, "nonesuch"], np.append(counts, 1)
    shares = np.ones((len(words), 1), np.float32)
    embzarr.save(place, words, shares, counts=counts, metadata=metadata)

    with pytest.raises(embzarr.InvalidInputError, match="other words") as caught:
        train(corpus, url, resume=True, **short)
    assert caught.value.code == "trainer-changed"


STRANGE: dict[str, tuple[dict[str, Any], tuple[int, int], int]] = {
    "no plan": ({"plan": None}, (0, 0), 1),
    "a shape of its own": ({}, (2, 0), 1),
    "other vectors": ({}, (0, 1), 1),
    "a step beyond the end": ({}, (0, 0), 99),
    "time that is none": ({"metrics": {"seconds": "\x1b[2J"}}, (0, 0), 1),
}


@pytest.mark.parametrize("case", STRANGE)
def test_a_state_that_somebody_else_wrote_is_refused(
    corpus: Path, tmp_path: Path, case: str
) -> None:
    """By what it says, before a worker reads it."""
    url, short = tmp_path / "run", {"epochs": 1, "segments": 1}
    train(corpus, url, **short)
    rows = f"{url}.state/rows"
    with embzarr.open(rows) as state:
        told, shape = state.metadata["blocks"], state.shape
    changes, more, step = STRANGE[case]
    size = (shape[0] + more[0], shape[1] + more[1])
    words = [f"x{row}" for row in range(size[0])]
    metadata = {"blocks": {**told, **changes}}
    zeros = np.zeros(size, np.float32)
    step = step if step > 1 else told["plan"]["groups"]
    embzarr.save(rows, words, zeros, step=step, metadata=metadata, allow_new_dim=True)

    with pytest.raises(embzarr.InvalidInputError) as caught:
        train(corpus, url, resume=True, **short)
    assert caught.value.code == "input-argument"
    assert "\x1b" not in str(caught.value)


def test_vectors_that_run_away_are_not_committed(corpus: Path, tmp_path: Path) -> None:
    """A task that finds them so ends the run, and the rounds before stay."""
    url = tmp_path / "run"

    def spoilt(*_: object, **__: object) -> np.float32:
        return np.float32(3e38)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("embzarr_spark._plan.BlockPlan.alpha", spoilt)
        with pytest.raises(embzarr.InvalidInputError) as caught:
            train(corpus, url)
    assert caught.value.code == "training-diverged"
    with embzarr.Run(f"{url}.state/rows") as run:
        assert run.open().step == 0


def test_it_says_when_one_machine_is_quicker() -> None:
    """By the model's size beside a machine's memory."""
    told = embzarr_spark.quicker_alone(1_000_000, 100, memory=16 * 10**9)
    assert told is not None
    assert "0.8 GB" in told
    assert "14,000,000 words x 100" in told
    assert embzarr_spark.quicker_alone(14_000_001, 100, memory=16 * 10**9) is None
    assert _train.quicker_alone(1000, 100) is not None
    for wrong in ((0, 100, None), (10, 0, None), (10, 10, 0)):
        with pytest.raises(embzarr.InvalidInputError):
            embzarr_spark.quicker_alone(*wrong[:2], memory=wrong[2])
