from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.asking import Ask, flip_bit

VECTORS = "steps/30-*/vectors/c/0/0"
NAMES = ["status", "step", "commit", "code", "object", "chunk", "rows", "message"]


def test_sound_is_code_zero(ask: Ask, run_folder: Path) -> None:
    """A sound checkpoint is one line."""
    answer = ask("verify", run_folder)
    assert answer.code == 0
    names, row = answer.rows
    assert names == NAMES
    assert row[:3] == ["sound", "30", "3"]


def test_damage_is_code_one_and_named(ask: Ask, own_run: Path) -> None:
    """Object, chunk and rows are named, in numbers that `get --rows` takes."""
    key = flip_bit(own_run, VECTORS, at=100)
    answer = ask("verify", own_run)
    assert answer.code == 1
    _, row = answer.rows
    assert row[:6] == ["damaged", "30", "3", "chunk-checksum", str(key), "0"]
    assert ask("get", own_run, "--rows", row[6]).code == 1


def test_damage_as_people_see_it(ask_on_terminal: Ask, own_run: Path) -> None:
    """People get a summary and a block for each problem."""
    key = flip_bit(own_run, VECTORS, at=100)
    answer = ask_on_terminal("verify", own_run)
    assert answer.code == 1
    assert answer.out.startswith("Damaged: step 30, commit 3. 1 problem; read ")
    assert f"\nobject   {key}\n" in answer.out
    assert "\nchunk    0\nrows     0:" in answer.out
    assert "\nwords    w0, w1, w2, w3, w4, w5, w6, w7 and " in answer.out
    assert "[chunk-checksum]" in answer.out


def test_sound_as_people_see_it(ask_on_terminal: Ask, run_folder: Path) -> None:
    """People get one sentence."""
    answer = ask_on_terminal("verify", run_folder, "--tag", "best")
    assert answer.code == 0
    assert answer.out.startswith("Sound: step 20, commit 2. All is as written: ")


def test_all_looks_at_every_commit(ask: Ask, own_run: Path) -> None:
    """Damage in one commit is told beside the others, and decides the exit code."""
    flip_bit(own_run, "steps/10-*/words/data/c/0", at=3)
    answer = ask("verify", own_run, "--all")
    assert answer.code == 1
    assert [row[:2] for row in answer.rows[1:]] == [
        ["damaged", "10"],
        ["sound", "20"],
        ["sound", "30"],
    ]


def test_json_tells_the_same(ask: Ask, own_run: Path) -> None:
    """Programs can have it as one document."""
    key = flip_bit(own_run, VECTORS, at=100)
    answer = ask("verify", own_run, "--all", "--json")
    document = json.loads(answer.out)
    assert (answer.code, document["sound"]) == (1, False)
    assert [entry["sound"] for entry in document["checkpoints"]] == [True, True, False]
    (problem,) = document["checkpoints"][2]["problems"]
    told = {"code", "key", "message", "chunk", "rows", "words", "column", "places"}
    assert problem.keys() == told
    assert (problem["key"], problem["chunk"]) == (str(key), 0)


@pytest.mark.parametrize("arguments", [(), ("--all",), ("--commit", "3")])
def test_a_damaged_manifest_is_damage(ask: Ask, own_run: Path, arguments: tuple[str, ...]) -> None:
    """A manifest that cannot be read is code one, though its copy in latest.json can."""
    (own_run / "commits" / f"{3:020}.json").write_text("{")
    answer = ask("verify", own_run, *arguments)
    assert answer.code == 1
    assert answer.rows[-1][0] == "damaged"
    assert answer.rows[-1][3] == "json-invalid"


def test_all_goes_on_where_the_newest_manifest_is_lost(ask: Ask, own_run: Path) -> None:
    """With manifest and copy unreadable, the older commits are still verified."""
    (own_run / "commits" / f"{3:020}.json").write_text("{")
    (own_run / "latest.json").write_text("{")
    answer = ask("verify", own_run, "--all")
    assert answer.code == 1
    assert [row[0] for row in answer.rows[1:]] == ["sound", "warning", "sound", "damaged"]


@pytest.mark.parametrize("chosen", [("--step", "11"), ("--tag", "no"), ("--commit", "9")])
def test_nothing_to_look_at_is_code_two(
    ask: Ask, run_folder: Path, chosen: tuple[str, str]
) -> None:
    """A step, tag or commit that is not there is not damage."""
    answer = ask("verify", run_folder, *chosen)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("-missing]\n")


def test_all_and_one_are_not_both(ask: Ask, run_folder: Path) -> None:
    """Options that contradict each other are refused."""
    answer = ask("verify", run_folder, "--all", "--step", 10)
    assert answer.code == 2
    assert answer.err.endswith("[usage]\n")


def test_quick_finds_what_is_gone_or_cut_and_nothing_else(ask: Ask, own_run: Path) -> None:
    """Only sizes are compared, so that a flipped bit passes and a cut object does not."""
    key = flip_bit(own_run, VECTORS, at=100)
    assert ask("verify", own_run, "--quick").code == 0
    (own_run / key).write_bytes((own_run / key).read_bytes()[:-1])
    answer = ask("verify", own_run, "--quick", "--all")
    assert answer.code == 1
    assert [row[0] for row in answer.rows[1:]] == ["sound", "sound", "damaged"]
    assert answer.rows[-1][3:5] == ["object-size", str(key)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (lambda _: b"{", "json-invalid"),
        (lambda found: found.replace(b'"step":30', b'"step":31'), "manifest-mismatch"),
        (lambda found: found.replace(b'"commit":3', b'"commit":9'), "manifest-invalid"),
    ],
    ids=["no JSON", "another step", "another commit"],
)
def test_a_damaged_hint_is_a_warning(
    ask: Ask, own_run: Path, data: Callable[[bytes], bytes], code: str
) -> None:
    """What costs readers a round trip is named, and damages nothing."""
    hint = own_run / "latest.json"
    assert [row[0] for row in ask("verify", own_run).rows] == ["status", "sound"]
    sound = hint.read_bytes()
    hint.write_bytes(data(sound))
    assert hint.read_bytes() != sound

    answer = ask("verify", own_run)
    assert (answer.code, [row[0] for row in answer.rows]) == (0, ["status", "sound", "warning"])
    assert answer.rows[2][3:5] == [code, "latest.json"]
    document = json.loads(ask("verify", own_run, "--json").out)
    assert document["sound"]
    assert document["checkpoints"][0]["warnings"][0]["code"] == code
    hint.unlink()
    assert [row[0] for row in ask("verify", own_run).rows] == ["status", "sound"]
