from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr_tools import _get_contents
from tools.asking import DIM, WORDS, Ask, vectors


def test_words_through_a_pipe_are_complete(ask: Ask, run_folder: Path) -> None:
    """A line is a word and all its numbers, exact."""
    answer = ask("get", run_folder, "queen", "king", "猫")
    assert [row[0] for row in answer.rows] == ["queen", "king", "猫"]
    found = np.array([row[1:] for row in answer.rows], np.float32)
    assert np.array_equal(found, vectors()[[2001, 2000, 2004]])


def test_json_is_complete(ask: Ask, run_folder: Path) -> None:
    """A line is an object with word, row and vector, exact."""
    (line,) = ask("get", run_folder, "tab\there", "--json").out.splitlines()
    found = json.loads(line)
    assert (found["word"], found["row"]) == ("tab\there", 2006)
    assert np.array_equal(np.array(found["vector"], np.float32), vectors()[2006])


def test_words_of_standard_input(run_folder: Path) -> None:
    """A dash is where a pipe ends, as in every other program."""
    command = [sys.executable, "-m", "embzarr", "get", str(run_folder), "--words-file", "-"]
    found = subprocess.run(  # noqa: S603 - our own program
        command, check=True, input="queen\nking\n", capture_output=True, text=True
    )
    assert [line.split("\t")[0] for line in found.stdout.splitlines()] == ["queen", "king"]


def test_people_see_the_first_numbers(ask_on_terminal: Ask, run_folder: Path) -> None:
    """A terminal shows an aligned beginning of each vector, and obeys no word."""
    out = ask_on_terminal("get", run_folder, "king", "[bold]x", "esc\x1b[31m").out
    assert re.search(r"^king +2,000( +-?\d\.\d{4}){5}  … 16 in all$", out, re.MULTILINE)
    assert "\n[bold]x " in out
    assert "\nesc\\x1b[31m " in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--prefix", "kin"), ["kin", "king", "kingdom"]),
        (("--range", "kin", "kingdom"), ["kin", "king"]),
        (("--range", "w998", ""), ["w998", "w999", "猫"]),
        (("--range", "", "["), [""]),
        (("--rows", "3:5"), ["w3", "w4"]),
        (("--rows", "2007:"), ["esc\\x1b[31m", ""]),
        (("--rows", "2007:50000"), ["esc\\x1b[31m", ""]),
        (("--rows", "-2:"), ["esc\\x1b[31m", ""]),
        (("--rows", ":1"), ["w0"]),
        (("--prefix", "nothing"), []),
    ],
)
def test_selections(
    ask: Ask, run_folder: Path, arguments: tuple[str, ...], words: list[str]
) -> None:
    """Prefix, range and rows select what they say."""
    answer = ask("get", run_folder, *arguments)
    assert answer.code == 0
    assert [row[0] for row in answer.rows] == words


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--prefix", "nothing"), "no word begins with 'nothing'"),
        (("--range", "kz", "kz"), "no word from 'kz' up to 'kz'"),
        (("--rows", "9000:"), "no row 9000:: there are 2,009"),
        (("--words-file", "{}"), "no word in {}"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--json",)])
def test_nothing_is_said_to_be_nothing(
    ask: Ask,
    run_folder: Path,
    tmp_path: Path,
    arguments: tuple[str, ...],
    told: str,
    how: tuple[str, ...],
) -> None:
    """On standard error: an empty answer looks like a command that did not work."""
    file = tmp_path / "none.txt"
    file.touch()
    answer = ask("get", run_folder, *(part.format(file) for part in arguments), *how)
    assert (answer.code, answer.out) == (0, "")
    assert told.format(file) in answer.err.replace("\n", "")


def test_a_step_can_be_chosen(ask: Ask, run_folder: Path) -> None:
    """--step reads that step's numbers."""
    (row,) = ask("get", run_folder, "king", "--step", 10).rows
    assert np.array_equal(np.array(row[1:], np.float32), (vectors() - np.float32(20))[2000])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_words_from_any_system(
    ask: Ask, run_folder: Path, tmp_path: Path, encoding: str
) -> None:
    """Byte order marks, UTF-16, Windows line ends, blank lines and blanks around are no matter."""
    file = tmp_path / "words.txt"
    file.write_bytes("king \r\n\r\n猫\r\n[bold]x".encode(encoding))
    answer = ask("get", run_folder, "--words-file", file)
    assert (answer.code, answer.err) == (0, "")
    assert [row[0] for row in answer.rows] == ["king", "猫", "[bold]x"]


def test_words_are_found_as_the_trainer_writes_them(ask: Ask, tmp_path: Path) -> None:
    """Case and form of Unicode are no difference where the trainer made none, and else are."""
    told = {"trainer": {"options": {"tokenizer": "words"}}}
    words = ["king", "caf\u00e9", "i\u0307stanbul", "don't"]
    for name, metadata in (("ours", told), ("theirs", {})):
        embzarr.save(tmp_path / name, words, np.eye(4, dtype="f4"), metadata=metadata)
    asked = ("King", "CAFE\u0301", "\u0130STANBUL", "don\u2019t")

    assert [row[0] for row in ask("get", tmp_path / "ours", *asked).rows] == words
    theirs = ask("get", tmp_path / "theirs", *asked, "cafe\u0301")
    assert (theirs.code, [row[0] for row in theirs.rows]) == (1, ["caf\u00e9"])


def test_verbose_tells_the_cost(ask: Ask, run_folder: Path) -> None:
    """-v says on standard error what was spent, and leaves standard output alone."""
    answer = ask("get", run_folder, "king", "-v")
    assert len(answer.rows) == 1
    pattern = r"embzarr: \d+ requests in \d+ round trips, [\d.]+ kB, \d+\.\d{3} s\n"
    assert re.fullmatch(pattern, answer.err)


def test_what_is_there_is_printed_before_what_is_missing_is_said(
    ask: Ask, run_folder: Path
) -> None:
    """The answer is no for one word alone, with words that are near; the others have theirs."""
    answer = ask("get", run_folder, "w3", "quean", "king", "w3")
    assert (answer.code, [row[0] for row in answer.rows]) == (1, ["w3", "king", "w3"])
    np.testing.assert_array_equal(
        np.array([row[1:] for row in answer.rows], "f4"), vectors()[[3, 2000, 3]]
    )
    assert "'queen'" in answer.err
    assert answer.err.endswith("[word-missing]\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give words, or one of --words-file, --prefix, --range, --rows, --tensor and --file"),
        (
            ("king", "--prefix", "k"),
            "give words, or one of --words-file, --prefix, --range, --rows, --tensor and --file",
        ),
        (("--rows", "5"), "--rows expects A:B, found '5'"),
        (("--rows", "5:2"), "--rows expects A:B with A before B, found '5:2': 2:5?"),
        (("--rows", "-1:-3"), "--rows expects A:B with A before B, found '-1:-3': -3:-1?"),
        (("--rows", "a:b"), "--rows expects A:B, found 'a:b'"),
    ],
)
def test_wrong_selections(
    ask: Ask, run_folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    """What cannot be meant is refused in one line."""
    answer = ask("get", run_folder, *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err == f"embzarr: {message} [usage]\n"


def test_numbers_that_are_none(ask: Ask, tmp_path: Path) -> None:
    """NaN and infinity come through both ways."""
    table = np.full((1, 3), [np.nan, np.inf, 0], np.float16)
    embzarr.save(tmp_path, ["odd"], table, allow_nonfinite=True)
    assert json.loads(ask("get", tmp_path, "odd", "--json").out)["vector"] == ["NaN", "Infinity", 0]
    assert ask("get", tmp_path, "odd").out == "odd\tnan\tinf\t0.0\n"


def test_all_rows_are_the_matrix(ask: Ask, run_folder: Path) -> None:
    """--rows : prints everything."""
    rows = ask("get", run_folder, "--rows", ":").rows
    assert len(rows) == len(WORDS)
    assert {len(row) for row in rows} == {DIM + 1}


@pytest.mark.parametrize(
    "arguments", [("king", "w3"), ("--prefix", "kin"), ("--range", "a", "z"), ("--rows", "3:500")]
)
def test_explain_says_what_is_fetched(
    ask: Ask, run_folder: Path, arguments: tuple[str, ...]
) -> None:
    """--explain tells chunks, requests, bytes, and expected and real time, beside the answer."""
    answer = ask("get", run_folder, *arguments, "--explain")
    assert answer.code == 0
    assert answer.rows
    assert re.search(
        r"\d+ chunks, .* in \d+ requests of .*; gaps up to .* are read over; "
        r"expected \d+\.\d+ s, took \d+\.\d+ s",
        answer.err,
    )
    assert re.search(r"another chunk_bytes .* wanted: .* of 4096, .* of 131072", answer.err)


def test_missing_words_are_zeros_or_left_out_as_asked(
    ask: Ask, run_folder: Path, tmp_path: Path
) -> None:
    """In their place among the others, and named; the exit code is 0 then."""
    (tmp_path / "mine.txt").write_text("king\nnowhere\nqueen\n")
    asked = ("get", run_folder, "--words-file", tmp_path / "mine.txt", "--missing")

    zeros, skip, error = (ask(*asked, how) for how in ("zeros", "skip", "raise"))

    assert (zeros.code, skip.code, error.code) == (0, 0, 1)
    assert [row[0] for row in zeros.rows] == ["king", "nowhere", "queen"]
    assert set(zeros.rows[1][1:]) == {"0.0"}
    assert [row[0] for row in skip.rows] == [row[0] for row in error.rows] == ["king", "queen"]
    assert zeros.err == skip.err == "embzarr: 1 of 3 words are not there: nowhere\n"
    assert "'nowhere'" in error.err
    assert ask(*asked, "else").code == 2


def test_a_tensor_and_a_file(ask: Ask, tmp_path: Path) -> None:
    """Indices of a tensor, a line each; a single number; the bytes of a file."""
    tensors: dict[str, Any] = {
        "w": np.arange(12, dtype="f4").reshape(3, 2, 2),
        "b": np.float32(0.1),
    }
    embzarr.save(tmp_path / "m", tensors=tensors, files={"c": b"\x00\xff\n"})

    assert ask("get", tmp_path / "m", "--tensor", "w", "--rows", "1:").out.splitlines() == [
        "1\t4.0\t5.0\t6.0\t7.0",
        "2\t8.0\t9.0\t10.0\t11.0",
    ]
    line = ask("get", tmp_path / "m", "--tensor", "w", "--rows", "0:1", "--json").out
    assert json.loads(line) == {"tensor": "w", "index": 0, "values": [[0, 1], [2, 3]]}
    assert ask("get", tmp_path / "m", "--tensor", "b").out == "0.1\n"
    file = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-m", "embzarr", "get", tmp_path / "m", "--file", "c"],
        check=True,
        capture_output=True,
    )
    assert file.stdout == b"\x00\xff\n"
    for kind in ("tensor", "file"):
        answer = ask("get", tmp_path / "m", f"--{kind}", "x")
        assert answer.code == 1
        assert f"[{kind}-missing]" in answer.err


def test_people_see_the_beginning_of_a_tensor(ask_on_terminal: Ask, tmp_path: Path) -> None:
    """Twenty indices at most and eight numbers of each; a file goes to no terminal."""
    tensors = {
        "long": np.arange(21 * 9, dtype="f4").reshape(21, 3, 3),
        "short": np.arange(16, dtype="i4").reshape(2, 8),
    }
    embzarr.save(tmp_path / "m", tensors=tensors, files={"c": b"\x00\xff\n"})

    title, head, _, *lines = ask_on_terminal("get", tmp_path / "m", "--tensor", "long").out.split(
        "\n"
    )
    assert (title, head) == ("long: 21 x 3 x 3 float32", "index  numbers")
    assert lines[0] == "    0  0.0  1.0  2.0  3.0  4.0  5.0  6.0  7.0  … 9 in all"
    assert lines[19].startswith("   19  171.0  172.0 ")
    assert not any(lines[20:])
    whole = ask_on_terminal("get", tmp_path / "m", "--tensor", "short").out
    assert whole.split("\n")[3:5] == [
        "    0  0  1  2  3  4  5  6  7",
        "    1  8  9  10  11  12  13  14  15",
    ]
    assert (
        ask_on_terminal("get", tmp_path / "m", "--tensor", "long", "--json").out.count("index")
        == 21
    )
    answer = ask_on_terminal("get", tmp_path / "m", "--file", "c")
    assert answer.code == 2
    assert answer.err.startswith("embzarr: --file 'c' has 3 bytes of any kind")


@pytest.mark.parametrize("at_once", [1, 17, 10**6])
def test_all_of_a_tensor_is_told_piece_by_piece(
    ask: Ask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However little is read at once, each index comes once, in order."""
    monkeypatch.setattr(_get_contents, "_ROWS_AT_ONCE_BYTES", at_once)
    embzarr.save(tmp_path / "m", tensors={"t": np.arange(10, dtype="u1").reshape(5, 2)})

    answer = ask("get", tmp_path / "m", "--tensor", "t")

    assert answer.rows == [[str(at), str(2 * at), str(2 * at + 1)] for at in range(5)]


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (np.bool_(True), True),  # noqa: FBT003 - a value
        (np.float32(0.1), 0.1),
        (np.float64(np.nan), "NaN"),
        (np.complex64(1 + 2j), "(1+2j)"),
        (np.datetime64(1, "D"), "1970-01-02"),
        (np.str_("é"), "é"),
    ],
)
def test_numbers_of_all_kinds_are_json(
    ask: Ask, tmp_path: Path, number: np.generic, told: object
) -> None:
    """As JSON's own kinds where it has them, in the digits of their own type; else as text."""
    embzarr.save(tmp_path / "m", tensors={"one": np.asarray(number), "two": np.array([[number]])})

    one, two = (
        json.loads(ask("get", tmp_path / "m", "--tensor", name, "--json").out)
        for name in ("one", "two")
    )

    assert one == {"tensor": "one", "index": None, "values": told}
    assert two == {"tensor": "two", "index": 0, "values": [told]}


def test_what_a_checkpoint_without_words_has_is_told(ask: Ask, tmp_path: Path) -> None:
    """The options that print it, which then do."""
    embzarr.save(tmp_path, tensors={"w": np.eye(2)}, files={"f": b"x"})
    refused = ask("get", tmp_path, "king")

    assert refused.code == 2
    for option, name in (("--tensor", "w"), ("--file", "f")):
        assert option in refused.err
        assert ask("get", tmp_path, option, name).code == 0
