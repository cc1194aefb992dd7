from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from embzarr import convert
from tools.asking import DIM, Ask, vectors


def test_export_writes_the_step_asked_for(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """The file holds the rows of the tag; the table says where it lies, its size and its digest."""
    answer = ask("export", run_folder, tmp_path / "x.npz", "--rows", "1:4", "--tag", "best")
    assert (answer.code, answer.err) == (0, "")
    (header, row) = answer.rows
    assert header == ["file", "size", "rows", "dim", "type", "sha256"]
    assert row[:2] == [str(tmp_path / "x.npz"), str((tmp_path / "x.npz").stat().st_size)]
    with np.load(tmp_path / "x.npz") as found:
        assert found["words"].tolist() == ["w1", "w2", "w3"]
        assert np.array_equal(found["vectors"], (vectors() + np.float32(-10))[1:4])


def test_export_as_json(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """The JSON document has a fixed shape."""
    answer = ask("export", run_folder, tmp_path / "x.npy", "--prefix", "kin", "--json")
    document = json.loads(answer.out)
    assert document.keys() == {"format", "rows", "dim", "dtype", "files"}
    assert (document["format"], document["rows"], document["dim"]) == ("npy", 3, DIM)
    assert [file["name"] for file in document["files"]] == ["x.npy", "x.txt"]
    assert all(file.keys() == {"name", "bytes", "sha256"} for file in document["files"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--word", "queen", "--word", "king"), ["queen", "king"]),
        (("--range", "kin", "kingdom"), ["kin", "king"]),
        (("--range", "w998", ""), ["w998", "w999", "猫"]),
        (("--rows", "-3:-1"), ["tab\there", "esc\x1b[31m"]),
        (("--word", "queen", "--word", "nowhere", "--missing", "skip"), ["queen"]),
    ],
)
def test_export_selects(
    ask: Ask, run_folder: Path, tmp_path: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    """Words, ranges and rows select what they say."""
    assert ask("export", run_folder, tmp_path / "x.jsonl", *arguments).code == 0
    lines = (tmp_path / "x.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["word"] for line in lines] == words


def test_an_export_of_nothing_says_so(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """The file is written, since a job may expect it."""
    answer = ask("export", run_folder, tmp_path / "x.npy", "--prefix", "nothing")
    assert (answer.code, np.load(tmp_path / "x.npy").shape) == (0, (0, DIM))
    assert "no row is meant" in answer.err


def test_export_of_the_words_of_a_file(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """--words-file asks for the words of a file, in its order."""
    (tmp_path / "mine.txt").write_text("queen\n\nking\n")
    ask("export", run_folder, tmp_path / "x.npy", "--words-file", tmp_path / "mine.txt")
    assert (tmp_path / "x.txt").read_text() == "queen\nking\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("x.bin",), 2, "word2vec cannot hold the word 'tab\\there' of row 2006"),
        (("x.what",), 2, "--format must"),
        (("x.bin", "--rows", "1"), 2, "--rows expects A:B"),
        (("x.bin", "--word", "nowhere"), 1, "no word 'nowhere'"),
        (("taken.jsonl",), 2, "taken.jsonl exists; --overwrite replaces it"),
    ],
)
def test_export_refuses(
    ask: Ask,
    run_folder: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    """What cannot be written is told in one line, and no file is left."""
    (tmp_path / "taken.jsonl").write_text("mine")
    answer = ask("export", run_folder, tmp_path / arguments[0], *arguments[1:])
    assert (answer.code, answer.out) == (code, "")
    assert message in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["taken.jsonl"]


def test_export_fits_eighty_columns(ask_on_terminal: Ask, run_folder: Path, tmp_path: Path) -> None:
    """A terminal shows what was written in a table that fits."""
    answer = ask_on_terminal("export", run_folder, tmp_path / "x.npz", "--overwrite")
    assert answer.code == 0
    assert "x.npz" in answer.out
    assert " 2,009 " in answer.out
    assert all(len(line) <= 80 for line in answer.out.splitlines())


def test_help_names_every_format(ask: Ask) -> None:
    """Whoever asks for help learns all names that --format takes."""
    text = " ".join(ask("export", "--help").out.split())
    assert all(name in text for name in convert.EXPORT_FORMATS)
