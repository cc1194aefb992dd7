"""floret's tables of n-grams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.convert import import_vectors
from unit.convert.others import needs, words_file


@needs("floret")
def test_words_are_made_of_a_table_of_floret(tmp_path: Path) -> None:
    """As floret itself answers, words that it never saw included."""
    import floret  # noqa: PLC0415 - it may not be there

    # Not its first word, for which it does not answer the mean of the rows that it names.
    words = ["king", "é", "there", "猫", "unheard-of", "a b", "x" * 40]
    (tmp_path / "text").write_text("the king and the queen sat é here there\n" * 200)
    model = floret.train_unsupervised(
        str(tmp_path / "text"),
        model="cbow",
        mode="floret",
        dim=6,
        bucket=50,
        minn=2,
        maxn=5,
        hashCount=3,
        minCount=1,
        epoch=5,
        thread=1,
        verbose=0,
        lr=0.5,
    )
    model.save_floret_vectors(str(tmp_path / "a.floret"))
    (tmp_path / "words.txt").write_text("\n".join(words))

    found = import_vectors(
        tmp_path / "a.floret", tmp_path / "run", vocabulary=tmp_path / "words.txt"
    )

    assert (found.format, list(found.checkpoint.words)) == ("floret", words)
    expected = [model.get_word_vector(word) for word in words]
    np.testing.assert_allclose(found.checkpoint.to_numpy(), expected, rtol=2e-3, atol=1e-5)
    assert found.checkpoint.metadata["import"]["file"]["hash_count"] == 3
    # Words that the import was not asked for, of the table that it kept.
    unknown = ["kingdom", "queens", "çé", "q", "over there", "猫猫"]
    made = found.checkpoint.load([*unknown, "king"], missing="subwords")
    assert made.rows.tolist() == [-1] * 6 + [0]
    expected = [model.get_word_vector(word) for word in [*unknown, "king"]]
    np.testing.assert_allclose(made.vectors, expected, rtol=2e-3, atol=1e-5)
    np.testing.assert_array_equal(found.checkpoint.get_vector("queens"), made.vectors[1])
    # To the bits that an import gives that is asked for them.
    (tmp_path / "more.txt").write_text("\n".join(unknown))
    asked = import_vectors(tmp_path / "a.floret", tmp_path / "b", vocabulary=tmp_path / "more.txt")
    np.testing.assert_array_equal(asked.checkpoint.to_numpy(), made.vectors[:-1])


def floret_record(**members: Any) -> dict[str, Any]:
    """Return the record of a model of floret's table of 7 rows."""
    usual = {"form": "floret", "bucket": 7, "minn": 2, "maxn": 4, "hash_count": 2}
    return {**usual, "hash_seed": 1, "begin": "<", "end": ">", **members}


@pytest.mark.parametrize(
    "members",
    [
        {"bucket": 0},
        {"bucket": 8},
        {"bucket": True},
        {"minn": 5},
        {"maxn": 1000},
        {"hash_count": 5},
        {"hash_seed": -1},
        {"begin": 1},
        {"end": "x" * 1000},
        {"minn": None},
    ],
)
def test_n_grams_of_floret_that_cannot_be_are_refused(
    tmp_path: Path, members: dict[str, Any]
) -> None:
    """The record of a model may be a stranger's."""
    tensors = {"subwords": np.ones((7, 2), "f4")}
    saved = embzarr.save(
        tmp_path / "run", ["a"], np.ones((1, 2), "f4"), tensors=tensors, model=floret_record()
    )
    np.testing.assert_array_equal(saved.get_vector("b"), [1, 1])
    odd = embzarr.save(
        tmp_path / "run",
        ["a"],
        np.ones((1, 2), "f4"),
        tensors=tensors,
        model=floret_record(**members),
    )
    with pytest.raises(embzarr.DamagedError) as caught:
        odd.get_vector("b")
    assert caught.value.code == "model-invalid"


FLORET = b"3 2 2 3 2 2166136261 < >\n0 1 2 \n1 3 4 \n2 5 6 \n"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (FLORET[:-7], "expected 3 rows, found 2"),
        (FLORET.replace(b"1 3 4", b"2 3 4"), "row 1: expected its number"),
        (FLORET.replace(b"1 3 4", b"1 3"), "row 1: expected its number and 2 others, found 1"),
        (FLORET.replace(b"1 3 4", b"1 3 x"), "row 1: JSON"),
        (FLORET.replace(b"3 2 2 3 2", b"0 2 2 3 2"), "no sound parameters"),
    ],
)
def test_a_table_of_floret_that_is_not_sound_is_told(
    tmp_path: Path, data: bytes, told: str
) -> None:
    """With its row."""
    (tmp_path / "a.floret").write_bytes(data)
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(
            tmp_path / "a.floret",
            tmp_path / "run",
            format="floret",
            vocabulary=words_file(tmp_path),
        )


def test_a_table_of_floret_asks_for_words(tmp_path: Path) -> None:
    """The message names the argument; a word that is very long is not made."""
    (tmp_path / "a.floret").write_bytes(FLORET)
    with pytest.raises(embzarr.InvalidInputError, match="vocabulary="):
        import_vectors(tmp_path / "a.floret", tmp_path / "run")
    (tmp_path / "words.txt").write_text("a\n" + "m" * 2000)
    found = import_vectors(
        tmp_path / "a.floret",
        tmp_path / "run",
        vocabulary=tmp_path / "words.txt",
        on_error="skip",
    )
    assert (list(found.checkpoint.words), found.skipped) == (["a"], 1)
