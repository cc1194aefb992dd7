from __future__ import annotations

import gzip
import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr import convert
from embzarr_tools import cli
from tools.asking import DIM, Ask, vectors

_WITH_A_LIBRARY = ("parquet", "arrow", "gensim")


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
        (("--part", "1004", "1005"), ["esc\x1b[31m", ""]),
        (("--word", "queen", "--word", "nowhere", "--missing", "skip"), ["queen"]),
    ],
)
def test_export_selects(
    ask: Ask, run_folder: Path, tmp_path: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    """Words, ranges, rows and shares select what they say."""
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


def piped(*arguments: object, given: bytes = b"") -> tuple[int, bytes, str]:
    """Run a command line between pipes."""
    command = [sys.executable, "-m", "embzarr", *map(str, arguments)]
    done = subprocess.run(command, input=given, capture_output=True, check=False)  # noqa: S603
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.parametrize("name", [n for n in convert.EXPORT_FORMATS if n not in _WITH_A_LIBRARY])
def test_standard_output_gets_the_file(
    run_folder: Path, tmp_path: Path, name: str, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The same bytes as a file gets, and nothing else; what is said goes to standard error."""
    chosen = ("--format", name, "--prefix", "kin")
    cli.run(["export", str(run_folder), str(tmp_path / "x"), *chosen, "--json"])
    document = json.loads(capsysbinary.readouterr().out)
    code = cli.run(["export", str(run_folder), "-", *chosen])
    out, said = capsysbinary.readouterr()
    err = said.decode()

    if len(document["files"]) == 1:
        (file,) = document["files"]
        assert (code, hashlib.sha256(out).hexdigest()) == (0, file["sha256"])
        assert file["sha256"] in err
    else:
        assert (code, out) == (2, b"")
        assert "its words in a file beside it" in err


def test_standard_output_for_one_alone(
    ask_on_terminal: Ask,
    ask: Ask,
    run_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A terminal, JSON beside it and a format that nothing tells are refused; no file is made."""
    monkeypatch.chdir(tmp_path)
    terminal = ask_on_terminal("export", run_folder, "-", "--format", "glove")
    both = ask("export", run_folder, "-", "--format", "glove", "--json")
    untold = ask("export", run_folder, "-")

    assert [terminal.code, both.code, untold.code] == [2, 2, 2]
    assert "not for a terminal" in terminal.err
    assert "both want standard output" in both.err
    assert "--format must" in untold.err
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_may_leave(run_folder: Path, unbuffered: str) -> None:
    """As of other programs whose reader ends first: exit code 141, and no complaint."""
    command = [sys.executable, "-m", "embzarr", "export", str(run_folder), "-", "--format", "jsonl"]
    with subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.slow
def test_pipes_convert_there_and_back(run_folder: Path, tmp_path: Path) -> None:
    """What one command writes the next one reads, by way of no file."""
    _, text, _ = piped("export", run_folder, "-", "--format", "word2vec-text", "--rows", "0:5")
    code, out, err = piped("convert", "-", "-", "--to", "word2vec-text", given=gzip.compress(text))
    assert (code, out) == (0, text), err
    code, out, err = piped("import", "-", tmp_path / "run", "--json", given=text)

    assert code == 0, err
    assert json.loads(out)["source"]["name"] == "standard-input"
    found = embzarr.open(tmp_path / "run")
    assert found.words == [f"w{row}" for row in range(5)]
    np.testing.assert_array_equal(
        found.to_numpy(), embzarr.open(run_folder).load_rows(0, 5).vectors
    )


def test_standard_input_is_read_once(ask: Ask, run_folder: Path, tmp_path: Path) -> None:
    """It cannot be two files; words may come from it."""
    answer = ask("import", "-", tmp_path / "run", "--only", "-")
    assert (answer.code, answer.err.count("can be read once")) == (2, 1)

    exported = tmp_path / "x.npy"
    assert ask("export", run_folder, exported, "--rows", "0:2").code == 0
    code, _, err = piped("import", exported, tmp_path / "run", "--vocabulary", "-", given=b"a\nb\n")
    assert code == 0, err
    assert embzarr.open(tmp_path / "run").words == ["a", "b"]


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a shell closes no stream there")
def test_a_closed_stream_is_told(run_folder: Path, tmp_path: Path) -> None:
    """Nothing can be read of it, and what was to be written is not taken for written."""
    for closed, *arguments in (
        ("<&-", "import", "-", tmp_path / "run"),
        ("<&-", "convert", "-", tmp_path / "x.npy"),
        (">&-", "export", run_folder, "-", "--format", "glove"),
        (">&-", "report", run_folder, "-o", "-"),
    ):
        command = shlex.join([sys.executable, "-m", "embzarr", *map(str, arguments)])
        done = subprocess.run(  # noqa: S602 - our own words
            f"{command} {closed}", shell=True, capture_output=True, text=True, check=False
        )
        assert done.returncode == 2, done
        assert "is closed" in done.stderr
        assert "[usage]" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_report_goes_to_standard_output(run_folder: Path) -> None:
    """The HTML alone; how much it is stands on standard error."""
    code, out, err = piped("report", run_folder, "-o", "-")

    assert code == 0, err
    assert out.startswith(b"<!doctype html>")
    assert out.rstrip().endswith(b"</html>")
    assert "3 steps" in err
