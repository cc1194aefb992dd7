"""Every block of code of every guide runs, in order, and prints what the guide says."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import numpy as np
import pytest

from servers.hdfs import Hdfs
from servers.minio import Minio

GUIDES = Path(__file__).resolve().parents[1] / "sdk" / "guides"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
AS_SHOWN = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
WORDS = (
    "the of and king queen man woman paris france berlin germany interest internal international"
)


class Reader:
    """Somebody who types in one guide, from top to bottom, in an empty folder."""

    def __init__(self, name: str) -> None:
        """Open the guide; nothing is run yet."""
        self._name = name
        self._known: dict[str, Any] = {"__name__": "__main__"}
        self._printed = ""

    def run(self, language: str, block: str) -> None:
        """Run a block, or compare what the last one printed with a block of output."""
        if language == "sh":
            self._printed = _shell(block)
        elif language == "text":
            assert doctest.OutputChecker().check_output(block, self._printed, AS_SHOWN), (
                f"{self._name} shows\n{block}\nand there was\n{self._printed}"
            )
        elif ">>> " in block:
            self._check(block)
        else:
            exec(compile(block, self._name, "exec"), self._known)  # noqa: S102 - our own guide

    def _check(self, session: str) -> None:
        example = doctest.DocTestParser().get_doctest(session, self._known, self._name, None, 0)
        told: list[str] = []
        runner = doctest.DocTestRunner(optionflags=AS_SHOWN)
        runner.run(example, out=told.append, clear_globs=False)
        self._known.update(example.globs)
        assert not told, "".join(told)


def _shell(commands: str) -> str:
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(  # noqa: S603 - our own guide
        ["bash", "-euc", commands],  # noqa: S607 - the shell that readers have
        env={**os.environ, "PATH": programs, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _blocks(guide: str) -> Iterator[tuple[str, str]]:
    for found in BLOCK.finditer((GUIDES / guide).read_text()):
        yield found[1], found[2]


def _files_that_a_reader_holds(folder: Path) -> None:
    """Write vectors in GloVe's form, in which a king less a man and more a woman is a queen."""
    words = WORDS.split()
    rows = {word: row for row, word in enumerate(words)}
    vectors = np.random.default_rng(0).standard_normal((len(words), 50), np.float32)
    vectors[rows["queen"]] = (
        vectors[rows["king"]] - 0.5 * vectors[rows["man"]] + 0.5 * vectors[rows["woman"]]
    )
    lines = (
        f"{word} {' '.join(f'{x:.5f}' for x in row)}\n"
        for word, row in zip(words, vectors, strict=True)
    )
    (folder / "glove.6B.50d.txt").write_text("".join(lines))
    drawn = np.random.default_rng(1).choice(words, 5000)
    (folder / "corpus.txt").write_text(" ".join(drawn))


def _follow(guide: str) -> None:
    reader = Reader(guide)
    for language, block in _blocks(guide):
        reader.run(language, block)


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be where a reader begins: a folder of his own, with the files that he holds."""
    monkeypatch.chdir(tmp_path)
    _files_that_a_reader_holds(tmp_path)
    return tmp_path


LOCAL = [
    "first-steps.md",
    "models.md",
    "moving-in-and-out.md",
    "partial-loads.md",
    "retention-and-repair.md",
    "save-from-your-trainer.md",
    "the-format.md",
    "train-and-resume.md",
]


@pytest.mark.parametrize("guide", LOCAL)
@pytest.mark.usefixtures("empty_folder")
def test_a_guide_is_true(guide: str) -> None:
    """What it says to type works, and answers as it says."""
    _follow(guide)


@pytest.mark.servers
@pytest.mark.usefixtures("empty_folder")
def test_the_guide_to_s3_is_true(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to type works on a MinIO that the environment names."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", minio.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    boto3.client("s3").create_bucket(Bucket="vectors")
    _follow("s3-and-minio.md")


@pytest.mark.servers
@pytest.mark.usefixtures("empty_folder")
def test_the_guide_to_hdfs_is_true(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to type works on an HDFS that the environment names."""
    monkeypatch.setenv("NAMENODE", hdfs.url)
    _follow("hdfs.md")


def test_every_guide_is_followed_and_listed() -> None:
    """None is left untried, and none can be found by its file alone."""
    guides = {file.name for file in GUIDES.glob("*.md")} - {"README.md"}
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (GUIDES / "README.md").read_text()))

    assert guides == {*LOCAL, "s3-and-minio.md", "hdfs.md"}
    assert listed == guides


@pytest.mark.parametrize("file", sorted(GUIDES.glob("*.md")), ids=lambda file: file.name)
def test_links_of_guides_lead_somewhere(file: Path) -> None:
    """A link to a file of the checkout names one."""
    for link in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert (file.parent / link).exists(), link
