"""Every block of code of every guide runs, in order, and prints what the guide says."""

from __future__ import annotations

import re
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import numpy as np
import pytest

from guided import GUIDES, follow
from servers.hdfs import Hdfs
from servers.minio import Minio

WORDS = (
    "the of and king queen man woman paris france berlin germany interest internal international"
)


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


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be where a reader begins: a folder of his own, with the files that he holds."""
    monkeypatch.chdir(tmp_path)
    _files_that_a_reader_holds(tmp_path)
    return tmp_path


QUICK = ["first-steps.md", "partial-loads.md", "save-from-your-trainer.md", "the-format.md"]
LONGER = ["models.md", "moving-in-and-out.md", "retention-and-repair.md", "train-and-resume.md"]


ELSEWHERE = ["s3-and-minio.md", "hdfs.md", "spark.md"]
"""On servers, below; of Spark in tests/interop, in its environment."""


@pytest.mark.parametrize(
    "guide", [*QUICK, *(pytest.param(guide, marks=pytest.mark.slow) for guide in LONGER)]
)
@pytest.mark.usefixtures("empty_folder")
def test_a_guide_is_true(guide: str) -> None:
    """What it says to type works, and answers as it says."""
    follow(guide)


@pytest.mark.servers
@pytest.mark.usefixtures("empty_folder")
def test_the_guide_to_s3_is_true(minio: Minio, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to type works on a MinIO that the environment names."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", minio.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    boto3.client("s3").create_bucket(Bucket="vectors")
    follow("s3-and-minio.md")


@pytest.mark.servers
@pytest.mark.usefixtures("empty_folder")
def test_the_guide_to_hdfs_is_true(hdfs: Hdfs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says to type works on an HDFS that the environment names."""
    monkeypatch.setenv("NAMENODE", hdfs.url)
    follow("hdfs.md")


def test_every_guide_is_followed_and_listed() -> None:
    """None is left untried, and none can be found by its file alone."""
    guides = {file.name for file in GUIDES.glob("*.md")} - {"README.md"}
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (GUIDES / "README.md").read_text()))

    assert guides == {*QUICK, *LONGER, *ELSEWHERE}
    assert listed == guides


@pytest.mark.parametrize("file", sorted(GUIDES.glob("*.md")), ids=lambda file: file.name)
def test_links_of_guides_lead_somewhere(file: Path) -> None:
    """A link to a file of the checkout names one."""
    for link in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert (file.parent / link).exists(), link
