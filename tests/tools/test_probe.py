"""``embzarr probe``: the answers of a store, and the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from servers.tiny_s3 import running_tiny_s3
from tools.asking import Ask


def test_a_folder_is_sound(ask: Ask, tmp_path: Path) -> None:
    """Every question is answered, and nothing is left behind."""
    answer = ask("probe", tmp_path / "run")

    assert answer.code == 0
    assert answer.out.count("ok") == 8
    assert "is local" in answer.out
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_server_that_ignores_the_condition_is_told(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The exit code is that of a claim that does not hold."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    with running_tiny_s3("ignores the condition") as (url, _):
        answer = ask("probe", "s3://bucket/run", "--endpoint-url", url, "--json")

    told = json.loads(answer.out)
    assert (answer.code, told["ok"], told["kind"]) == (1, False, "s3-compatible")
    assert [name for name, said in told["answers"].items() if said != "ok"] == [
        "create a name that is taken"
    ]
