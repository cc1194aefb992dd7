"""H2O's models and word2vec tables come back as they were; run by ``-m frameworks``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from interop.conftest import h2o_options
from oracle import make_vectors

pytestmark = [
    pytest.mark.frameworks(environment="java"),
    pytest.mark.filterwarnings("ignore"),  # H2O warns of its own age
]

WORDS = ["king", "", " a", "a\nb", "'x'", '"quoted", x', "NA", "1e5", "猫", "\u2028", "e\u0301"]
VECTORS = make_vectors(len(WORDS), 5)
VECTORS[0, 0], VECTORS[1, 1], VECTORS[2, 2] = 1e-42, 3.4e38, -0.0


@pytest.fixture(scope="module")
def adapter(h2o_cluster: Any) -> Any:  # noqa: ARG001 - first
    from embzarr.interop import h2o as ours  # noqa: PLC0415 - where the library is

    return ours


@pytest.fixture(scope="module")
def frame(h2o_cluster: Any) -> Any:
    x = np.random.default_rng(0).standard_normal((100, 3))
    found = h2o_cluster.H2OFrame({name: x[:, at].tolist() for at, name in enumerate("abc")})
    found["y"] = (found["a"] * found["b"] > 0).asfactor()
    return found


def numbers(frame: Any) -> Any:
    return np.array(frame.as_data_frame(use_pandas=False, header=False), float)


@pytest.mark.parametrize("kind", ["GradientBoosting", "GeneralizedLinear"])
def test_a_model_predicts_the_same(
    kind: str, place: Any, afresh: Any, h2o_cluster: Any, adapter: Any, frame: Any
) -> None:
    """In another cluster, which has never seen it; and only where somebody trusts the store."""
    estimators = h2o_cluster.estimators
    model = getattr(estimators, f"H2O{kind}Estimator")()
    model.train(["a", "b", "c"], "y", frame)
    saved = adapter.save(place[0], model, step=1, storage_options=place[1])
    with pytest.raises(embzarr.UnsupportedError, match="can run code") as caught:
        adapter.load(saved)
    assert caught.value.code == "model-unsafe"
    expected = numbers(model.predict(frame))
    again = adapter.load(saved, allow_unsafe=True)
    assert type(again) is type(model)
    assert np.array_equal(numbers(again.predict(frame)), expected)
    if kind == "GradientBoosting":  # another cluster takes seconds
        rows = numbers(frame)
        found = afresh(
            "h2o",
            rows,
            "np.array(model.predict(adapter.h2o.H2OFrame(x.tolist(), column_names=list('abcy')))"
            ".as_data_frame(use_pandas=False, header=False), float)",
            ", allow_unsafe=True",
            before=f"adapter.h2o.init(**{h2o_options()}); adapter.h2o.no_progress()",
            after="adapter.h2o.cluster().shutdown()",
        )
        assert np.array_equal(found, expected)


def test_words_become_a_model_and_a_table_again(tmp_path: Path, adapter: Any) -> None:
    """Odd words and the same numbers, in the caller's order."""
    saved = embzarr.save(tmp_path / "m", WORDS, VECTORS)
    again = adapter.save_embedding(tmp_path / "n", adapter.embedding(saved), step=3)
    assert (list(again.words), again.step) == (WORDS, 3)
    assert np.array_equal(again.load_rows(None, None).vectors, VECTORS)
    part = adapter.embedding(saved, ["猫", "nowhere", "king"], missing="skip")
    assert part.find_synonyms("king", 1).keys() == {"猫"}
    with pytest.raises(embzarr.WordNotFoundError):
        adapter.embedding(saved, ["nowhere"])


def test_what_cannot_be_used_is_told(
    tmp_path: Path, h2o_cluster: Any, adapter: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Models that are none, files of something else, numbers that H2O has not, and no cluster."""
    untrained = h2o_cluster.estimators.H2OGradientBoostingEstimator()
    with pytest.raises(embzarr.InvalidInputError, match="expected a trained model of h2o"):
        adapter.save(tmp_path / "m", untrained)
    with pytest.raises(embzarr.InvalidInputError, match="expected a trained H2OWord2vec"):
        adapter.save_embedding(tmp_path / "m", untrained)
    model = {"framework": "h2o", "version": "1.2.3", "class": "x"}
    junk = embzarr.save(tmp_path / "j", files={"model.bin": b"junk"}, model=model)
    with pytest.raises(embzarr.DamagedError, match=r"cannot read a model of '1\.2\.3'") as caught:
        adapter.load(junk, allow_unsafe=True)
    assert caught.value.code == "model-invalid"
    odd = embzarr.save(tmp_path / "o", ["a"], np.array([[np.nan]], "f4"), allow_nonfinite=True)
    with pytest.raises(embzarr.InvalidInputError, match="1 words and numbers that are not finite"):
        adapter.embedding(odd)
    with pytest.raises(embzarr.InvalidInputError, match="found 0 words"):
        adapter.embedding(odd, [])
    monkeypatch.setattr(h2o_cluster, "connection", lambda: None)
    with pytest.raises(embzarr.InvalidInputError, match=r"h2o\.init"):
        adapter.embedding(odd)
