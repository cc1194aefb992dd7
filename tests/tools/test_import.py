"""``embzarr import``: a file of somebody else's becomes a checkpoint."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest

import embzarr
import vector_files
from embzarr.convert._readers import FORMATS
from tools.asking import Ask

WORDS = ["the", "of", "the", "in"]
MATRIX = vector_files.vectors(4, 5)


def test_a_file_becomes_a_checkpoint(ask: Ask, tmp_path: Path) -> None:
    """One line tells what is there now."""
    file = tmp_path / "a.txt.gz"
    file.write_bytes(gzip.compress(vector_files.text("abcd", MATRIX, header=False)))

    done = ask("import", file, tmp_path / "run", "--step", 3)

    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("step 3 (commit 1): 4 words x 5 from ")
    assert done.out.endswith(" of glove\n")
    assert list(embzarr.open(tmp_path / "run").words) == list("abcd")


def test_what_was_passed_over_is_told(ask: Ask, tmp_path: Path) -> None:
    """As JSON on standard output, or in words on standard error."""
    (tmp_path / "a.bin").write_bytes(vector_files.word2vec_binary(WORDS, MATRIX)[:-9])
    (tmp_path / "only.txt").write_text("the\nof\nelse\n")
    choices = ("--on-error", "skip", "--duplicates", "first", "--only", tmp_path / "only.txt")

    told = ask("import", tmp_path / "a.bin", tmp_path / "run", *choices)
    document = json.loads(ask("import", tmp_path / "a.bin", tmp_path / "b", *choices, "--json").out)

    assert told.code == 0
    assert "1 damaged rows skipped" in told.err
    assert "row 3, byte 78: cut short" in told.err
    assert document["format"] == "word2vec"
    assert (document["rows"], document["rows_read"], document["skipped"]) == (2, 4, 1)
    assert (document["duplicates"], document["missing"]) == (1, 1)


def test_a_damaged_file_is_told_and_nothing_is_there(ask: Ask, tmp_path: Path) -> None:
    """Exit code 2, the place of the damage, and no run."""
    (tmp_path / "a.bin").write_bytes(vector_files.word2vec_binary("abcd", MATRIX)[:-9])

    done = ask("import", tmp_path / "a.bin", tmp_path / "run")

    assert done.code == 2
    assert "a.bin: row 3, byte 73: cut short" in done.err
    assert "[input-file]" in done.err
    assert ask("ls", tmp_path / "run").code == 2


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        ("king 1 2\nking 3 4\n", "--duplicates first"),
        ("king 1 2\nking 3 4\n", "--duplicates last"),
        ("king 1 2\nqueen nan 4\n", "--on-error skip"),
        ("king 1 2\nqueen 3\n", "--on-error skip"),
    ],
)
def test_a_refusal_tells_the_option_that_goes_on(
    ask: Ask, tmp_path: Path, text: str, choice: str
) -> None:
    """And going on so, as it was told, works."""
    (tmp_path / "a.txt").write_text(text)
    refused = ask("import", tmp_path / "a.txt", tmp_path / "run")
    done = ask("import", tmp_path / "a.txt", tmp_path / "run", *choice.split())

    assert refused.code == 2
    assert choice in refused.err.splitlines()[1]
    assert done.code == 0
    assert list(embzarr.open(tmp_path / "run").words) == ["king"]


def test_the_help_names_every_format(ask: Ask) -> None:
    """Nobody has to make an error to see what there is."""
    listed = ask("import", "--help").out.partition("--format NAME")[2].partition("--vocabulary")[0]
    assert set(re.findall(r"[a-z0-9]+(?:-text)?", listed)) >= FORMATS.keys()
