"""Weka's models come back as they were, where somebody trusts them; run by ``-m frameworks``."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = [
    pytest.mark.frameworks(environment="java"),
    pytest.mark.filterwarnings("ignore"),  # JPype's own
]

TABLE = """
import weka.core.jvm
from weka.core.dataset import create_instances_from_matrices
def table(x):
    made = create_instances_from_matrices(x[:, :3], x[:, 3])
    made.class_is_last()
    return made
"""
START = "weka.core.jvm.start(max_heap_size='200m', logging_level=40)"
PREDICT = "np.array([model[0].classify_instance(row) for row in table(x)])"


@pytest.fixture(scope="module")
def adapter(weka_jvm: Any) -> Any:  # noqa: ARG001 - first
    from embzarr.interop import weka as ours  # noqa: PLC0415 - where the library is

    return ours


@pytest.fixture(scope="module")
def numbers() -> Any:
    x = np.random.default_rng(0).standard_normal((100, 4))
    x[:, 3] = x[:, 0] * x[:, 1]
    return x


@pytest.fixture(scope="module")
def table(weka_jvm: Any, numbers: Any) -> Any:  # noqa: ARG001 - first
    known: dict[str, Any] = {}
    exec(compile(TABLE, "table", "exec"), known)  # noqa: S102 - what a fresh process runs, too
    return known["table"](numbers)


def test_a_classifier_predicts_the_same(
    place: Any, afresh: Any, adapter: Any, numbers: Any, table: Any
) -> None:
    """In a fresh process, with its header; and only where somebody trusts the store."""
    model = adapter.Classifier("weka.classifiers.trees.M5P")
    model.build_classifier(table)
    saved = adapter.save(place[0], model, header=table, storage_options=place[1])
    assert saved.model["java_class"] == "weka.classifiers.trees.M5P"
    with pytest.raises(embzarr.UnsupportedError, match="can run code") as caught:
        adapter.load(saved)
    assert caught.value.code == "model-unsafe"
    expected = np.array([model.classify_instance(row) for row in table])
    again, header = adapter.load(saved, allow_unsafe=True)
    assert [again.classify_instance(row) for row in table] == expected.tolist()
    assert (header.num_attributes, header.num_instances) == (4, 0)
    assert table.num_instances == len(numbers)
    found = afresh("weka", numbers, PREDICT, ", allow_unsafe=True", before=TABLE + START)
    assert np.array_equal(found, expected)


def test_a_clusterer_comes_without_a_header(tmp_path: Path, adapter: Any, table: Any) -> None:
    """It is of its own kind, and groups the same."""
    table.no_class()
    model = adapter.Clusterer("weka.clusterers.SimpleKMeans", options=["-N", "3"])
    model.build_clusterer(table)
    saved = adapter.save(tmp_path / "m", model)
    again, header = adapter.load(saved, allow_unsafe=True)
    assert header is None
    assert [again.cluster_instance(row) for row in table] == [
        model.cluster_instance(row) for row in table
    ]
    table.class_is_last()


def test_what_cannot_be_used_is_told(tmp_path: Path, adapter: Any) -> None:
    """No model, no header, files of something else or of another kind, and kinds unknown here."""
    with pytest.raises(embzarr.InvalidInputError, match="expected a Classifier or Clusterer or"):
        adapter.save(tmp_path / "m", 3)
    model = adapter.Classifier("weka.classifiers.rules.ZeroR")
    with pytest.raises(embzarr.InvalidInputError, match="header: expected Instances of weka"):
        adapter.save(tmp_path / "m", model, header=3)
    saved = adapter.save(tmp_path / "m", model)
    data = saved.files["weka.model"].read()
    for bad, kind in ((b"junk", "Classifier"), (data[:90], "Classifier"), (data, "Clusterer")):
        record = {"framework": "weka", "version": "0.1", "class": kind}
        other = embzarr.save(tmp_path / "o", files={"weka.model": bad}, model=record)
        with pytest.raises(embzarr.DamagedError) as caught:
            adapter.load(other, allow_unsafe=True)
        assert caught.value.code == "model-invalid"
    assert data.startswith(struct.pack(">HH", 0xACED, 5))
    record = {"framework": "weka", "version": "0.1", "class": "Filter"}
    other = embzarr.save(tmp_path / "o", files={"weka.model": data}, model=record)
    with pytest.raises(embzarr.UnsupportedError, match="'Filter'"):
        adapter.load(other, allow_unsafe=True)
