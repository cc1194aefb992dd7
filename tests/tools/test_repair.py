from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import embzarr
from damage import WORDS, make_foreign_run
from embzarr_tools._commands import gc, repair
from tools.asking import Ask, flip_bit

VECTORS = "steps/30-*/vectors/c/0/0"
NAMES = ["what", "object", "chunk", "rows", "code", "message"]


def files(folder: Path) -> dict[str, bytes]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_a_sound_run_is_code_zero(ask: Ask, run_folder: Path) -> None:
    """Nothing to do is no row, and no error."""
    answer = ask("repair", run_folder)
    assert (answer.code, answer.rows) == (0, [NAMES])


def test_a_dry_run_writes_nothing(ask: Ask, own_run: Path) -> None:
    """It tells what it would do, by exit code too; without --dry-run it does that."""
    sound = files(own_run)
    key = flip_bit(own_run, "steps/30-*/lookup/blocks/c/0/0", at=100)
    broken = files(own_run)

    told = ask("repair", own_run, "--dry-run")
    assert told.code == 1
    assert [row[:2] for row in told.rows[1:]] == [["restore", str(key)]]
    assert files(own_run) == broken

    done = ask("repair", own_run)
    assert (done.code, done.rows) == (0, told.rows)
    assert files(own_run) == sound
    assert ask("repair", own_run).rows == [NAMES]


@pytest.mark.parametrize(
    "function",
    [embzarr.repair, embzarr.Run.gc, gc.gc, repair.repair],
    ids=["repair", "Run.gc", "embzarr gc", "embzarr repair"],
)
def test_what_is_called_is_done(function: Callable[..., object]) -> None:
    """What changes a store has one habit, in Python and in the shell: it acts, or tries dry."""
    assert inspect.signature(function).parameters["dry_run"].default is False


def test_what_is_lost_is_code_one(ask: Ask, own_run: Path) -> None:
    """Rows that cannot be restored are told, and the newest sound step can be read."""
    key = flip_bit(own_run, VECTORS, at=100)

    answer = ask("repair", own_run)

    assert answer.code == 1
    assert [row[0] for row in answer.rows[1:]] == ["quarantine", "commit", "restore", "lost"]
    assert answer.rows[-1][1:5] == [str(key), "0", "0:2009", "chunk-checksum"]
    assert ask("verify", own_run).rows[1][:2] == ["sound", "20"]


def test_a_mirror_brings_everything_back(ask: Ask, own_run: Path, tmp_path: Path) -> None:
    """With --from a damaged run is as it was."""
    mirror = Path(shutil.copytree(own_run, tmp_path / "mirror"))
    flip_bit(own_run, VECTORS, at=100)

    answer = ask("repair", own_run, "--from", mirror)

    assert answer.code == 0
    assert files(own_run) == files(mirror)


def test_json_tells_the_same(ask: Ask, own_run: Path) -> None:
    """Programs can have it as one document."""
    flip_bit(own_run, VECTORS, at=100)

    answer = ask("repair", own_run, "--json", "--dry-run")

    document = json.loads(answer.out)
    assert (answer.code, document["ok"], document["dry_run"]) == (1, False, True)
    assert [action["kind"] for action in document["actions"]] == ["quarantine", "commit", "restore"]
    (lost,) = document["lost"]
    assert (lost["rows"], lost["words"][:2]) == ([0, 2009], ["w0", "w1"])


def test_as_people_see_it(ask_on_terminal: Ask, own_run: Path) -> None:
    """People get a sentence at the end that says what to do next."""
    assert ask_on_terminal("repair", own_run).out.startswith("Sound: 3 commits. Nothing to do.")
    flip_bit(own_run, VECTORS, at=100)

    told = ask_on_terminal("repair", own_run, "--dry-run").out
    assert "mark as damaged" in told
    assert "Would take 3 writes. 1 not restored." in told
    assert "Done: 3 writes. 1 not restored." in ask_on_terminal("repair", own_run).out


def test_no_run_is_code_two(ask: Ask, tmp_path: Path) -> None:
    """A wrong place is not a damaged run."""
    answer = ask("repair", tmp_path / "none")
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("[checkpoint-missing]\n")


def test_what_is_written_anew_is_told(ask: Ask, tmp_path: Path) -> None:
    """What our libraries would compress otherwise is written for a new commit of the same step."""
    for name, data in make_foreign_run().items():
        if not name.endswith("lookup/blocks/c/0/0"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    told = ask("repair", tmp_path, "--dry-run")
    done = ask("repair", tmp_path)

    kinds = [row[0] for row in told.rows[1:] if row[0] not in {"quarantine", "lost"}]
    assert kinds == ["rewrite", "commit", "restore"]
    assert done.rows == told.rows
    assert ask("verify", tmp_path).rows[1][:2] == ["sound", "30"]
    assert ask("get", tmp_path, WORDS[3]).code == 0
