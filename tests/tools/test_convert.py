"""``embzarr convert`` and ``embzarr cp``, and the runs that ``embzarr ls`` finds."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
import pytest

import embzarr
import vector_files
from tools.asking import Ask
from unit.convert.readers import READERS

WORDS = ["the", "of", "and", "in"]
MATRIX = vector_files.vectors(4, 5)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of word2vec."""
    (tmp_path / "a.bin").write_bytes(vector_files.word2vec_binary(WORDS, MATRIX))
    return tmp_path / "a.bin"


@pytest.mark.parametrize("name", ["word2vec", "glove", "npz", "safetensors"])
def test_a_file_becomes_one_of_another_format(
    ask: Ask, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """To the bit; no store is left."""
    ending, read = READERS[name]
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))

    done = ask("convert", source, tmp_path / f"x{ending}", "--to", name)

    words, vectors = read(tmp_path / f"x{ending}")
    assert (done.code, done.err) == (0, "")
    assert (words, vectors.tobytes()) == (WORDS, MATRIX.tobytes())
    assert done.rows[1][0] == str(tmp_path / f"x{ending}")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_numbers_are_rounded_as_asked(ask: Ask, source: Path, tmp_path: Path) -> None:
    """--dtype is that of the file that is written; --only takes some words."""
    (tmp_path / "only.txt").write_text("of\nand\n")
    ask(
        "convert", source, tmp_path / "x.npy", "--dtype", "float64", "--only", tmp_path / "only.txt"
    )
    found = np.load(tmp_path / "x.npy")
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, MATRIX[1:3])


@pytest.mark.parametrize(
    ("target", "message"),
    [("x.what", "--to must"), ("taken.npy", "taken.npy exists"), ("x.bin", "cut short")],
)
def test_what_cannot_be_converted_is_told(
    ask: Ask, source: Path, tmp_path: Path, target: str, message: str
) -> None:
    """In one line, and no file is left."""
    (tmp_path / "taken.npy").write_text("mine")
    if target == "x.bin":
        source.write_bytes(source.read_bytes()[:-5])

    done = ask("convert", source, tmp_path / target)

    assert (done.code, done.out) == (2, "")
    assert message in done.err
    assert {path.name for path in tmp_path.iterdir()} == {"a.bin", "taken.npy"}


def test_cp_copies_once(ask: Ask, own_run: Path, tmp_path: Path) -> None:
    """It says what it made; a second time nothing."""
    first = ask("cp", own_run, tmp_path / "copy")
    second = ask("cp", own_run, tmp_path / "copy")
    one = ask("cp", own_run, tmp_path / "one", "--tag", "best")

    assert (first.code, first.err) == (0, "")
    assert first.out.startswith("commits made: 1, 2, 3; ")
    assert first.out.endswith("tags: best\n")
    assert second.out.startswith("commits made: none; 0 objects of 0 B copied, ")
    assert one.out.startswith("commits made: 1; ")
    assert embzarr.open(tmp_path / "one", tag="best").step == 20


def test_cp_tells_of_a_tag_that_is_taken(ask: Ask, own_run: Path, tmp_path: Path) -> None:
    """It stays what it was."""
    embzarr.save(tmp_path / "other", ["x"], np.ones((1, 16), np.float32))
    embzarr.Run(tmp_path / "other").tag("best")
    done = ask("cp", own_run, tmp_path / "other", "--append")
    assert "the tag best means something else there" in done.err


def test_ls_lists_the_runs_of_a_folder(ask: Ask, ask_on_terminal: Ask, tmp_path: Path) -> None:
    """With step, size and age; one that cannot be read has its error; none is told."""
    for name in ("a", "team/b", "too/far/down/here/c"):
        embzarr.save(tmp_path / name, ["x"], np.ones((1, 2)), step=7)
    (tmp_path / "broken/commits").mkdir(parents=True)
    (tmp_path / "broken/commits" / f"{1:020}.json").write_text("no")

    found = ask("ls", tmp_path)
    shown = ask_on_terminal("ls", tmp_path)

    assert (found.code, found.err) == (0, "")
    assert [row[0] for row in found.rows] == ["run", "a", "broken", "team/b"]
    assert found.rows[1][1:3] == ["7", "1"]
    assert "json-invalid" in found.rows[2][-1]
    assert re.search(r" \d+ (s|min)$", shown.out, re.MULTILINE)
    assert ask("ls", tmp_path / "too", "--depth", 1).code == 2
    assert "too/far/down/here/c".partition("/")[2] in ask("ls", tmp_path / "too", "--depth", 9).out


def test_the_format_to_write_is_asked_for_by_its_option(ask: Ask, tmp_path: Path) -> None:
    """--to, since --format is that of the file to read; nothing is written."""
    source = tmp_path / "a.txt"
    source.write_text("king 1 2\nqueen 3 4\n")
    untold = ask("convert", source, tmp_path / "a.xyz", "--format", "glove")
    wrong = ask("convert", source, tmp_path / "a.xyz", "--to", "glov")

    assert (untold.code, wrong.code) == (2, 2)
    assert "so that --to must: word2vec" in untold.err
    assert "--to: expected one of word2vec" in wrong.err
    assert [*tmp_path.iterdir()] == [source]


def test_what_would_not_be_packed_gets_no_name_that_says_so(ask: Ask, tmp_path: Path) -> None:
    """Whoever asks for .gz is told how to have it, and finds no plain text of that name."""
    source = tmp_path / "a.txt"
    source.write_text("king 1 2\nqueen 3 4\n")
    for choice in ([], ["--to", "glove"]):
        answer = ask("convert", source, tmp_path / "a.vec.gz", *choice)
        assert answer.code == 2
        assert "'a.vec.gz' would not be packed" in answer.err
    assert [*tmp_path.iterdir()] == [source]
