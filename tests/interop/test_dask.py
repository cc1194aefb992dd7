"""Data frames of dask hold what was saved, and each partition reads its share of it alone."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from oracle import make_vectors
from servers.minio import Minio

pytestmark = pytest.mark.peers
dask = pytest.importorskip("dask")
dd = pytest.importorskip("dask.dataframe")
pd = pytest.importorskip("pandas")
from embzarr.interop.dask import to_dask  # noqa: E402 - where its libraries are

ROWS, DIM = 5000, 32
WORDS = [f"w{row}" for row in range(ROWS - 1)] + [""]
VECTORS = make_vectors(ROWS, DIM)
COUNTS = np.arange(ROWS, dtype=np.int64)[::-1].copy()
PLACES = np.arange(ROWS * 6, dtype="i4").reshape(ROWS, 3, 2)
KINDS = np.array(["noun", "verb"] * (ROWS // 2))


def save(url: Any, **more: Any) -> embzarr.Checkpoint:
    columns = {"place": PLACES, "kind": KINDS}
    return embzarr.save(
        url, WORDS, VECTORS, counts=COUNTS, columns=columns, chunk_bytes=16 * DIM * 4, **more
    )


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of chunks of 16 rows, in 8 groups."""
    path = tmp_path_factory.mktemp("run")
    save(path, placement="hash:8")
    return path


def expected(checkpoint: embzarr.Checkpoint) -> Any:
    """The same rows as pandas itself makes them of the arrays that were saved."""
    rows = np.array([WORDS.index(word) for word in checkpoint.words])
    frame = pd.DataFrame(VECTORS, columns=range(DIM)).assign(counts=COUNTS)
    for at in range(6):
        frame[f"place.{at}"] = PLACES.reshape(ROWS, 6)[:, at]
    frame["kind"] = pd.Series(KINDS.tolist(), dtype=str)
    return frame.iloc[rows].set_axis(pd.Index(list(checkpoint.words), dtype=str, name="word"))


@pytest.mark.parametrize("scheduler", ["synchronous", "threads", "processes"])
def test_every_scheduler_reads_the_same(url: Path, scheduler: str) -> None:
    """All rows and columns, in order, and what is computed of them."""
    with dask.config.set({"scheduler": scheduler, "num_workers": 2}):
        frame = to_dask(url, partitions=3)
        found, mean = dask.compute(frame, frame[[0, 1]].mean())
    pd.testing.assert_frame_equal(found, expected(embzarr.open(url)), check_column_type=False)
    np.testing.assert_allclose(mean, VECTORS[:, :2].mean(axis=0), atol=1e-5)


def test_bytes_and_texts_are_those_of_pandas(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 stay bytes, whatever dask is set to make of objects."""
    raw = np.array([b"\xff\xfe", b"ok", b""])
    texts = np.array(["é", "", "x"])
    embzarr.save(tmp_path, ["a", "b", "c"], np.eye(3), columns={"raw": raw, "text": texts})
    for converts in (True, False):
        with dask.config.set({"dataframe.convert-string": converts, "scheduler": "synchronous"}):
            frame = to_dask(tmp_path, partitions=2)
            found = frame.compute()
            assert frame.raw.compute().tolist() == raw.tolist()
        assert found.raw.tolist() == raw.tolist()
        assert found.text.tolist() == texts.tolist()
        pd.testing.assert_series_equal(found.dtypes, frame.dtypes)


def test_rows_are_divided_as_asked(url: Path) -> None:
    """Equal rows; equal counts; whole groups, as `load_part` has them; no part without a row."""
    checkpoint = embzarr.open(url)
    for by, parts in (("rows", 7), ("weight", 3), ("hash", 4), ("rows", 10**9)):
        frame = to_dask(checkpoint, ["counts"], partitions=parts, by=by)
        if parts > ROWS:
            assert frame.npartitions == ROWS
            continue
        words = [frame.partitions[at].compute().index.tolist() for at in range(parts)]
        shares = [checkpoint.load_part(at, parts, by=by) for at in range(parts)]  # type: ignore[arg-type]  # as given
        assert words == [list(share.words) for share in shares]
    assert to_dask(checkpoint).npartitions == 1


def test_what_is_not_looked_at_is_not_read(url: Path) -> None:
    """A column of many, and a partition of many: that much, and words for the index."""
    checkpoint = embzarr.open(url)
    frame = to_dask(checkpoint, partitions=10)
    made = checkpoint.traffic.bytes_read
    with dask.config.set(scheduler="synchronous"):
        assert frame["counts"].sum().compute() == COUNTS.sum()
        assert checkpoint.traffic.bytes_read - made < VECTORS.nbytes / 4
        part = frame.partitions[3][[5, "place.4", "kind"]].compute()
    assert part.columns.tolist() == [5, "place.4", "kind"]
    assert len(part) == ROWS // 10
    assert part[5].tolist() == checkpoint.load(list(part.index)).vectors[:, 5].tolist()
    assert checkpoint.traffic.bytes_read < VECTORS.nbytes / 2


def test_a_frame_keeps_its_commit_and_its_name(tmp_path: Path) -> None:
    """Whatever is committed later, also in other processes; what is made twice is named once."""
    save(tmp_path)
    frame = to_dask(tmp_path, ["vectors"], partitions=2)
    unread = to_dask(tmp_path, ["vectors"], partitions=3)
    assert frame._name == to_dask(tmp_path, ["vectors"], partitions=2)._name != unread._name
    embzarr.save(tmp_path, ["new"], VECTORS[:1])
    for scheduler in ("synchronous", "processes"):
        with dask.config.set(scheduler=scheduler, num_workers=2):
            assert frame.compute().to_numpy().tobytes() == VECTORS.tobytes()
    assert to_dask(tmp_path, ["vectors"], partitions=2)._name != frame._name
    embzarr.Run(tmp_path).gc(keep_last=1, older_than=0)
    with pytest.raises(embzarr.NotFoundError) as caught:
        unread.compute(scheduler="synchronous")
    assert caught.value.code == "commit-expired"


def test_columns_are_chosen(url: Path) -> None:
    """By their names in the checkpoint; words alone too, of which dask counts."""
    frame = to_dask(url, ["kind", "counts"], partitions=2)
    assert frame.columns.tolist() == ["kind", "counts"]
    assert frame.groupby("kind")["counts"].sum().compute().to_dict() == {
        "noun": int(COUNTS[::2].sum()),
        "verb": int(COUNTS[1::2].sum()),
    }
    words = to_dask(url, [], partitions=2)
    assert (len(words), words.index.compute().tolist()) == (ROWS, embzarr.open(url).words)


def test_what_cannot_be_used_is_told(tmp_path: Path) -> None:
    """At the door, before dask has anything."""
    embzarr.save(tmp_path, WORDS[:3], VECTORS[:3])
    refused: list[tuple[dict[str, Any], str]] = [
        ({"partitions": 0}, "partitions: expected a whole number from 1"),
        ({"by": "words"}, "by: expected rows, weight or hash"),
        ({"by": "weight"}, "no column 'counts'"),
        ({"by": "hash"}, "parts by hash need placement"),
        ({"columns": ["nope"]}, "no column 'nope'"),
    ]
    for how, message in refused:
        with pytest.raises(embzarr.InvalidInputError, match=message):
            to_dask(tmp_path, **how)


@pytest.mark.servers
def test_tasks_hold_no_credentials(
    minio: Minio, minio_bucket_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not in a repr, not in a pickle: processes find them in their environment."""
    embzarr.save(minio_bucket_url, WORDS, VECTORS, storage_options=minio.options)
    checkpoint = embzarr.open(minio_bucket_url, storage_options=minio.options)
    frame = to_dask(checkpoint, partitions=2)
    shown = f"{frame!r} {frame.expr!r} {frame.dask!r} {dict(frame.dask)!r} {frame.expr.tree_repr()}"
    sent = pickle.dumps(dict(frame.optimize().dask))
    for secret in (minio.secret_key, minio.access_key):
        assert secret not in shown
        assert secret.encode() not in sent
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", minio.access_key)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", minio.secret_key)
    found = frame.compute(scheduler="processes", num_workers=2)
    assert found.to_numpy().tobytes() == VECTORS.tobytes()
