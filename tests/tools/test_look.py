"""Commands that look at what is stored: inspect, ls, tag, similar."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import embzarr
from tools.asking import DIM, WORDS, Ask, flip_bit

INSPECT_MEMBERS = {
    "step": int,
    "commit": int,
    "created": str,
    "writer": str,
    "kind": str,
    "rows": int,
    "dim": int,
    "dtype": str,
    "placement": str,
    "bytes_stored": int,
    "bytes_raw": int,
    "ratio": float,
    "tags": list,
    "first_words": list,
    "layers": list,
    "arrays": list,
    "tensors": list,
    "files": list,
    "model": type(None),
    "metadata": dict,
    "history": list,
}
ARRAY_MEMBERS = {
    "name",
    "shape",
    "dtype",
    "codec",
    "chunk_rows",
    "shard_chunks",
    "chunks",
    "bytes_stored",
    "bytes_raw",
    "source_dtype",
    "max_abs_error",
    "rms_error",
    "relative_error",
    "layer",
    "ratio",
}
HISTORY_MEMBERS = {
    "commit",
    "quarantined",
    "step",
    "created",
    "kind",
    "rows",
    "dim",
    "dtype",
    "bytes_stored",
    "write_id",
    "tags",
}


def test_inspect_json_has_its_members(ask: Ask, run_folder: Path) -> None:
    """The JSON document has a fixed shape."""
    document = json.loads(ask("inspect", run_folder, "--json").out)
    assert {name: type(value) for name, value in document.items()} == INSPECT_MEMBERS
    assert document["layers"][0].keys() == {"kind", "path", "rows", "objects", "bytes_stored"}
    assert all(array.keys() == ARRAY_MEMBERS for array in document["arrays"])
    assert all(entry.keys() == HISTORY_MEMBERS for entry in document["history"])


def test_inspect_json_tells_what_was_saved(ask: Ask, run_folder: Path) -> None:
    """Numbers, words and metadata are those of the step asked for."""
    document = json.loads(ask("inspect", run_folder, "--json", "--tag", "best").out)
    assert (document["step"], document["commit"], document["tags"]) == (20, 2, ["best"])
    assert (document["rows"], document["dim"], document["dtype"]) == (len(WORDS), DIM, "float32")
    assert document["bytes_raw"] == len(WORDS) * (DIM * 4 + 8)
    assert document["ratio"] == round(document["bytes_raw"] / document["bytes_stored"], 4)
    assert document["first_words"] == WORDS[:10]
    assert document["metadata"] == {"trainer": {"window": 5, "alpha": 0.025}, "note": "a\nb"}
    assert [array["name"] for array in document["arrays"]][:2] == ["vectors", "counts"]
    assert [entry["step"] for entry in document["history"]] == [30, 20, 10]


def test_inspect_through_a_pipe_is_plain(ask: Ask, run_folder: Path) -> None:
    """A program gets names, tabs and numbers: no lines drawn, no colour, no thousands marks."""
    answer = ask("inspect", run_folder)
    fields = {row[0]: row[1] for row in answer.rows if len(row) == 2}
    assert fields["rows"] == str(len(WORDS))
    assert fields["metadata.trainer.alpha"] == "0.025"
    assert fields["metadata.note"] == "a\\nb"
    assert answer.out.isascii()
    assert "\x1b" not in answer.out
    assert answer.err == ""


def test_inspect_on_a_terminal_is_a_table(ask_on_terminal: Ask, run_folder: Path) -> None:
    """People get headings, aligned columns, units and thousands marks."""
    out = ask_on_terminal("inspect", run_folder).out
    assert "rows         2,009\n" in out
    assert "\nArrays\narray " in out
    assert "─────" in out
    assert "note            a\\nb\n" in out


def test_inspect_shows_a_step_whose_neighbour_is_damaged(ask: Ask, own_run: Path) -> None:
    """What can be read is shown; what cannot is told beside it."""
    (own_run / "commits" / f"{2:020}.json").write_text("{")
    answer = ask("inspect", own_run, "--commit", 1, "--json")
    assert answer.code == 0
    assert json.loads(answer.out)["history"] is None
    assert answer.err.startswith("embzarr: history left out: commits/")


def test_ls_lists_newest_first(ask: Ask, run_folder: Path) -> None:
    """A line of names, then a line a commit."""
    names, *rows = ask("ls", run_folder).rows
    assert names == [
        *("commit", "step", "created", "rows", "dim", "type", "stored", "kind", "tags")
    ]
    assert [row[0] + row[1] for row in rows] == ["330", "220", "110"]
    assert [row[-1] for row in rows] == ["", "best", ""]


def test_ls_marks_deltas_and_what_is_damaged(ask: Ask, own_run: Path) -> None:
    """What reads other layers, and what repair has put in quarantine, is told from the rest."""
    embzarr.Run(own_run).save_delta(np.array([0]), np.ones((1, DIM), "f4"), step=40)
    flip_bit(own_run, "steps/20-*/vectors/c/0/0", at=100)
    assert ask("repair", own_run).code == 1

    kinds = {row[1]: row[7] for row in ask("ls", own_run).rows}
    assert kinds["40"] == "delta"
    assert kinds["20"] == "full, damaged"
    assert (kinds["30"], kinds["10"]) == ("full", "full")
    history = json.loads(ask("ls", own_run, "--json").out)
    assert {entry["step"] for entry in history if entry["quarantined"]} == {20}
    assert embzarr.Run(own_run).quarantined() == [2]


def test_ls_keeps_tags_on_a_narrow_terminal(
    ask_on_terminal: Ask, own_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At 60 columns other columns make room; step, kind and tags are whole."""
    embzarr.Run(own_run).tag("best-of-the-week", step=30)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("LINES", raising=False)  # as in a shell inside of an editor
    lines = ask_on_terminal("ls", own_run).out.splitlines()
    assert max(map(len, lines)) <= 60
    assert lines[0].split()[-2:] == ["kind", "tags"]
    assert lines[2].split()[:2] == ["3", "30"]
    assert lines[2].split()[-2:] == ["full", "best-of-the-week"]


def test_ls_as_json(ask: Ask, run_folder: Path) -> None:
    """The same for programs that read JSON."""
    history = json.loads(ask("ls", run_folder, "--json").out)
    assert [entry["tags"] for entry in history] == [[], ["best"], []]
    assert all(entry.keys() == HISTORY_MEMBERS for entry in history)


def test_ls_without_a_listing_of_tags(
    ask: Ask, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that cannot list, such as a web server, still shows its commits."""

    def no_listing(_: object) -> dict[str, int]:
        raise embzarr.UnsupportedError("store-cannot-list", "no listing")

    monkeypatch.setattr("embzarr.Run.tags", no_listing)
    history = json.loads(ask("ls", run_folder, "--json").out)
    assert [entry["tags"] for entry in history] == [None, None, None]


def test_tag_names_a_step(ask: Ask, own_run: Path) -> None:
    """A name can be given, moved and used."""
    assert ask("tag", own_run, "good").out == "good: step 30, commit 3\n"
    assert ask("tag", own_run, "good", "--step", 10).out == "good: step 10, commit 1\n"
    assert embzarr.open(own_run, tag="good").step == 10


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("bad name",), "input-argument"), (("good", "--step", "11"), "step-missing")],
)
def test_tag_refuses(ask: Ask, run_folder: Path, arguments: tuple[str, ...], code: str) -> None:
    """A wrong name or step is one line with its code."""
    answer = ask("tag", run_folder, *arguments)
    assert answer.code == 2
    assert answer.err.endswith(f"[{code}]\n")


def test_similar_finds_the_neighbour(ask: Ask, run_folder: Path) -> None:
    """The nearest word comes first, with its cosine."""
    (_, nearest) = ask("similar", run_folder, "king", "-n", 1).rows
    assert nearest[0] == "queen"
    assert float(nearest[1]) == pytest.approx(1, abs=1e-6)


def test_similar_as_json(ask: Ask, run_folder: Path) -> None:
    """The same for programs that read JSON."""
    found = json.loads(ask("similar", run_folder, "king", "--json").out)
    assert len(found) == 10
    assert found[0].keys() == {"word", "cosine"}


def test_ls_tells_of_runs_in_the_folder_of_a_run(ask: Ask, own_run: Path) -> None:
    """They are not hidden by the one around them; its own folders are no runs."""
    assert ask("ls", own_run).err == ""
    embzarr.save(own_run / "glove", ["a"], np.ones((1, 2)))

    answer = ask("ls", own_run)
    assert answer.err == "embzarr: other runs lie in its folder: glove\n"
    assert len(answer.rows) == 4
