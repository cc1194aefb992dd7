"""Training and the demo, on a small text; the demo on its own text is slow."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import embzarr
from embzarr_tools._demo_acts import _damage
from servers.minio import Minio
from tools.asking import Ask

TITLES = ("Train and save", "Open from the URL", "Read parts", "Meaning", "Verify", "Damage a copy")


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of 3,000 lines over 200 words."""
    draws = np.random.default_rng(3)
    words = [f"{kind}{letter}" for kind in ("sea", "sky") for letter in "abcdefghij" * 10]
    lines = [" ".join(draws.choice(words, 10)) for _ in range(3000)]
    path = tmp_path_factory.mktemp("book") / "book.txt"
    path.write_text("\n".join(lines))
    return path


def test_train_saves_and_logs(ask: Ask, book: Path, tmp_path: Path) -> None:
    """Each checkpoint is a line, under gensim's names of the settings."""
    settings = ("--vector-size", 12, "--epochs", 1, "--checkpoints", 2, "--min-count", 1)
    answer = ask("train", book, tmp_path / "run", *settings, "--workers", 1)
    assert (answer.code, answer.err) == (0, "")
    names, *rows = answer.rows
    assert names == ["step", "epoch", "loss", "alpha", "words_per_second", "stall_seconds"]
    commits = embzarr.Run(tmp_path / "run").commits()
    assert [int(row[0]) for row in rows] == [commit.step for commit in reversed(commits)]
    assert embzarr.open(tmp_path / "run").dim == 12


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--epochs", "0"), "input-argument"), (("--compression", "rar"), "input-argument")],
)
def test_train_refuses(
    ask: Ask, book: Path, tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    """A setting out of bounds is one line, and nothing is saved."""
    answer = ask("train", book, tmp_path / "run", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith(f"[{code}]\n")
    assert not (tmp_path / "run").exists()


def test_train_without_a_corpus(ask: Ask, tmp_path: Path) -> None:
    """A file that is not there is named."""
    answer = ask("train", tmp_path / "nothing.txt", tmp_path / "run")
    assert answer.code == 2
    assert "nothing.txt" in answer.err
    assert answer.err.count("\n") == 1


def test_demo_tells_its_story_and_leaves_nothing(
    ask: Ask, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every act is played, in plain lines, and the temporary folder is removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    answer = ask("demo", "--text", book)
    assert (answer.code, answer.err) == (0, "")
    assert re.findall(r"^\d\. (.*?)(?:,.*)?$", answer.out, re.MULTILINE) == [*TITLES]
    assert re.search(r"^Every claim held. \(\d+ s\)$", answer.out, re.MULTILINE)
    assert "verify names chunk 0, rows 0:" in answer.out
    assert list(tmp_path.iterdir()) == []


def test_demo_keeps_what_it_is_asked_to(
    ask: Ask, book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --keep, run and damaged copy stay, and verify tells them apart."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert ask("demo", "--text", book, "--keep").code == 0
    (folder,) = tmp_path.iterdir()
    assert ask("verify", folder / "run", "--all").code == 0
    assert ask("verify", folder / "damaged").code == 1


def test_demo_fails_where_a_claim_fails(
    ask: Ask, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A demo whose damage is not found does not call itself a success."""
    monkeypatch.setattr(_damage, "_flip_one_bit", lambda _: "nothing at all")
    answer = ask("demo", "--text", book)
    assert answer.code == 1
    assert answer.err == (
        "embzarr: a claim did not hold: verify names 0 problems, not one [demo-claim]\n"
    )
    assert "Every claim held" not in answer.out


@pytest.mark.servers
def test_demo_on_minio(
    ask: Ask, book: Path, minio: Minio, minio_bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same story on object storage, credentials from the environment; the run stays there."""
    for name, value in minio.environment.items():
        monkeypatch.setenv(name, value)
    answer = ask("demo", "--text", book, "--url", minio_bucket_url)
    assert (answer.code, answer.err) == (0, "")
    assert "Saved at the URL given" in answer.out
    assert len(ask("ls", minio_bucket_url).rows) == 4


@pytest.mark.servers
def test_wrong_credentials_are_code_two(ask: Ask, minio: Minio, minio_bucket_url: str) -> None:
    """A wrong key is told as such, and not repeated."""
    key = f"secret={minio.secret_key}wrong"
    options = ("--endpoint-url", minio.endpoint_url, "--storage-option", key)
    answer = ask(
        "verify", minio_bucket_url, *options, "--storage-option", f"key={minio.access_key}"
    )
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.endswith("[access-denied]\n")
    assert minio.secret_key not in answer.err


@pytest.mark.slow
def test_demo_on_its_own_text(ask: Ask) -> None:
    """Without any argument: real text, neighbours that make sense, every claim held."""
    answer = ask("demo")
    assert (answer.code, answer.err) == (0, "")
    assert "of 500 plurals" in answer.out
