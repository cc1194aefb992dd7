"""What a run's history promises: every commit stays, by number, step and tag."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr._writing.save import SaveSettings
from oracle import make_vectors, make_words


@pytest.fixture
def run(tmp_path: Path) -> embzarr.Run:
    """Steps 10, 20 and 10 again."""
    for value, step in enumerate([10, 20, 10]):
        embzarr.save(tmp_path, ["w"], [[float(value)]], step=step)
    return embzarr.Run(tmp_path)


def value_of(checkpoint: embzarr.Checkpoint) -> float:
    return float(checkpoint["w"][0])


def test_commits_are_listed_newest_first(run: embzarr.Run) -> None:
    """The history names number, step and size of each commit."""
    commits = run.commits()

    assert [(c.commit, c.step) for c in commits] == [(3, 10), (2, 20), (1, 10)]
    assert {(c.rows, c.dim, c.dtype, c.kind) for c in commits} == {(1, 1, "float64", "full")}


def test_opening_by_step_takes_its_newest_commit(run: embzarr.Run) -> None:
    """A step saved again is read as it was saved last; its older commit stays by number."""
    assert value_of(run.open()) == 2
    assert value_of(run.open(step=10)) == 2
    assert value_of(run.open(step=20)) == 1
    assert value_of(run.open(commit=1)) == 0


def test_tags_name_commits_and_move(run: embzarr.Run) -> None:
    """A tag names one commit until it is moved."""
    run.tag("best", step=20)
    run.tag("last")

    assert run.tags() == {"best": 2, "last": 3}
    assert value_of(run.open(tag="best")) == 1
    run.tag("best", commit=1)
    assert value_of(run.open(tag="best")) == 0


def test_a_flipped_bit_in_a_tags_number_is_told_of_the_tag(
    run: embzarr.Run, tmp_path: Path
) -> None:
    """A tag that names a commit which never was is named itself, not only the commit."""
    run.tag("best", commit=1)
    path = tmp_path / "tags" / "best.json"
    path.write_bytes(path.read_bytes().replace(b'"commit":1', b'"commit":5'))

    with pytest.raises(embzarr.NotFoundError, match=r"tags/best\.json: no commit 5") as caught:
        run.open(tag="best")
    assert caught.value.code == "commit-missing"


@pytest.mark.parametrize("name", ["", "a/b", "../up", ".hidden", "x" * 129, "naïve"])
def test_names_that_are_no_tags(name: str, run: embzarr.Run) -> None:
    """A tag's name cannot leave its folder."""
    with pytest.raises(embzarr.InvalidInputError, match="a tag is"):
        run.tag(name)


def test_what_is_not_there(run: embzarr.Run) -> None:
    """Unknown steps, commits and tags are typed errors that tell what there is."""
    with pytest.raises(embzarr.NotFoundError, match="the newest steps are: 10, 20"):
        run.open(step=15)
    with pytest.raises(embzarr.NotFoundError, match="no commit 9"):
        run.open(commit=9)
    with pytest.raises(embzarr.NotFoundError, match="no tag 'x'; tags: none"):
        run.open(tag="x")
    with pytest.raises(embzarr.InvalidInputError, match="give one of"):
        run.open(step=10, commit=1)


@pytest.mark.parametrize(("count", "told"), [(10, "'t18', 't19' ["), (11, "'t19', and others [")])
def test_tags_that_there_are(run: embzarr.Run, count: int, told: str) -> None:
    """Who asks for another one is told, of so many as can be read at a glance."""
    for at in range(count):
        run.tag(f"t{at + 10}", step=10)
    for ask in (lambda: run.open(tag="x"), lambda: run.untag("x")):
        with pytest.raises(embzarr.NotFoundError, match=r"no tag 'x'; tags: 't10', 't11'") as got:
            ask()
        assert told in str(got.value)


def test_a_long_history(tmp_path: Path) -> None:
    """A step far back is found, and the history is whole."""
    for step in range(40):
        embzarr.save(tmp_path, make_words(2), make_vectors(2, 1), step=step)

    assert embzarr.Run(tmp_path).open(step=1).commit == 2
    assert [c.step for c in embzarr.Run(tmp_path).commits()] == [*range(39, -1, -1)]


def test_a_damaged_manifest_does_not_hide_the_sound_ones(run: embzarr.Run, tmp_path: Path) -> None:
    """A step is opened though another commit's manifest is torn; its own newest sound one is."""
    (tmp_path / "commits/00000000000000000003.json").write_bytes(b"{")

    assert value_of(run.open(step=20)) == 1
    assert run.open(step=10).commit == 1
    assert run.numbers() == [3, 2, 1]
    with pytest.raises(embzarr.DamagedError):
        run.open(step=99)
    with pytest.raises(embzarr.DamagedError):
        run.commits()


# Saving -------------------------------------------------------------------------------------------
def test_a_run_saves_its_next_step(run: embzarr.Run) -> None:
    """It takes what `embzarr.save` takes, and returns the newest commit, opened."""
    saved = run.save(["w", "x"], [[3.0], [4.0]], counts=[5, 6], metadata={"by": "run"})

    assert (saved.commit, saved.step, saved.metadata) == (4, 11, {"by": "run"})
    assert value_of(run.open()) == 3
    assert run.open().load("x", columns="counts").columns["counts"].tolist() == [6]


def test_a_save_waits_for_the_one_in_the_background(run: embzarr.Run) -> None:
    """Steps of one run follow each other in the order of the calls."""
    with run:
        coming = run.save_async(["w"], np.array([[3.0]]))
        saved = run.save(["w"], [[4.0]])

    assert (coming.result().commit, saved.commit) == (4, 5)


def test_a_read_only_run_saves_nothing(run: embzarr.Run) -> None:
    """What would write is refused, and nothing is left behind."""
    before = run.numbers()
    reader = embzarr.Run(run.url, read_only=True)

    with pytest.raises(embzarr.EmbzarrError) as caught:
        reader.save(["w"], [[3.0]])

    assert caught.value.code == "store-read-only"
    assert run.numbers() == before


def test_a_run_takes_every_setting_of_a_save() -> None:
    """None that says what is saved is missing, and none that says where to is there."""
    settings = {*inspect.signature(embzarr.save).parameters} - {"url", "words", "vectors"}

    assert SaveSettings.__optional_keys__ == settings - {"single_writer", "storage_options"}
