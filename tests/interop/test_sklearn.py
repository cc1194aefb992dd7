"""The transformer is one of scikit-learn's: its own checks, pipelines, searches and containers."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils import estimator_checks

import embzarr
from embzarr.interop.sklearn import WordVectorizer, embedding, load, save, save_embedding
from oracle import make_vectors

DIM = 12
WORDS = [*(f"w{row}" for row in range(4000)), "good", "bad", "film"]
VECTORS = make_vectors(len(WORDS), DIM)
COUNTS = np.arange(len(WORDS))[::-1] + 1
TEXTS = ["good film w1 w1", "bad film w2", "good w3 nowhere", "", "nowhere", "w7 bad bad"]
OTHERS = ["good w9", "elsewhere nowhere", "w2 w3999"]
ANY = r"\S+"
LABELS = [1, 0, 1, 0, 1, 0]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of many small chunks."""
    path = tmp_path_factory.mktemp("run")
    embzarr.save(path, WORDS, VECTORS, counts=COUNTS, chunk_bytes=1024)
    return path


def weighted(texts: list[str], weight: dict[str, float]) -> Any:
    """Return weighted means, computed word by word."""
    rows = []
    for text in texts:
        known = [word for word in text.split() if word in weight and word in WORDS]
        total = sum(weight[word] for word in known)
        parts = [weight[word] * VECTORS[WORDS.index(word)].astype("f8") for word in known]
        rows.append(np.sum(parts, axis=0) / total if known else np.zeros(DIM))
    return np.array(rows)


def test_a_mean_is_a_mean(url: Path) -> None:
    """Of the words of each text, those of no fitted text too; zeros where none is known."""
    vectorizer = WordVectorizer(url)
    found = vectorizer.fit_transform(TEXTS)
    every = dict.fromkeys(WORDS, 1.0)
    assert (found.dtype, found.shape) == (np.float32, (len(TEXTS), DIM))
    np.testing.assert_allclose(found, weighted(TEXTS, every), atol=1e-6)
    np.testing.assert_allclose(vectorizer.transform(OTHERS), weighted(OTHERS, every), atol=1e-6)
    ignoring = WordVectorizer(url, unseen="ignore").fit(TEXTS)
    fitted = dict.fromkeys(" ".join(TEXTS).split(), 1.0)
    np.testing.assert_allclose(ignoring.transform(OTHERS), weighted(OTHERS, fitted), atol=1e-6)


def test_tfidf_is_sklearns(url: Path) -> None:
    """The weights are those of its TfidfVectorizer over the same words."""
    theirs = TfidfVectorizer(token_pattern=ANY, norm=None).fit(TEXTS)
    weight = dict(zip(theirs.get_feature_names_out(), theirs.idf_, strict=True))
    vectorizer = WordVectorizer(url, weighting="tfidf").fit(TEXTS)
    np.testing.assert_allclose(vectorizer.transform(TEXTS), weighted(TEXTS, weight), atol=1e-6)
    new = {**dict.fromkeys(WORDS, np.log(1 + len(TEXTS)) + 1), **weight}
    np.testing.assert_allclose(vectorizer.transform(OTHERS), weighted(OTHERS, new), atol=1e-6)


@pytest.mark.parametrize("frequencies", ["texts", "counts"])
def test_sif_takes_out_what_is_common(url: Path, frequencies: str) -> None:
    """Weights are a / (a + p), and sklearn's own decomposition finds the same direction."""
    counter = CountVectorizer(token_pattern=ANY).fit(TEXTS)
    times = np.asarray(counter.transform(TEXTS).sum(axis=0)).ravel()
    share = dict(zip(counter.get_feature_names_out(), times / times.sum(), strict=True))
    if frequencies == "counts":
        share = dict(zip(WORDS, COUNTS / COUNTS.sum(), strict=True))
    weight = {word: 0.01 / (0.01 + share.get(word, 0)) for word in WORDS}
    pooled = weighted(TEXTS, weight)
    common = TruncatedSVD(1, algorithm="arpack").fit(pooled).components_

    vectorizer = WordVectorizer(url, weighting="sif", smoothing=0.01, frequencies=frequencies)
    found = vectorizer.fit_transform(TEXTS)

    np.testing.assert_allclose(found, pooled - pooled @ common.T @ common, atol=1e-5)
    others = weighted(OTHERS, weight)
    expected = others - others @ common.T @ common
    np.testing.assert_allclose(vectorizer.transform(OTHERS), expected, atol=1e-5)
    kept = WordVectorizer(
        url, weighting="sif", smoothing=0.01, components=0, frequencies=frequencies
    )
    np.testing.assert_allclose(kept.fit_transform(TEXTS), pooled, atol=1e-6)


def test_a_part_is_loaded(url: Path) -> None:
    """Of 4,003 words the vectors of 7 are read, once, and none for the same texts again."""
    checkpoint = embzarr.open(url)
    vectorizer = WordVectorizer(checkpoint).fit(TEXTS)
    assert sorted(vectorizer.vocabulary_) == ["bad", "film", "good", "w1", "w2", "w3", "w7"]
    assert vectorizer.vectors_.shape == (7, DIM)
    before = checkpoint.traffic.requests
    vectorizer.transform(TEXTS)
    assert checkpoint.traffic.requests == before


def test_it_works_in_a_pipeline_and_a_search(url: Path) -> None:
    """Parameters are searched by name; clones share the open checkpoint; names go through."""
    checkpoint = embzarr.open(url)
    pipeline = make_pipeline(WordVectorizer(checkpoint), LogisticRegression())
    grid = {
        "wordvectorizer__weighting": ["mean", "tfidf", "sif"],
        "wordvectorizer__components": [0, 1],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise")
    search.fit(TEXTS * 4, LABELS * 4)
    assert len(search.cv_results_["params"]) == 6
    assert search.predict(["good", "bad bad"]).shape == (2,)
    best = search.best_estimator_[0]
    assert best.checkpoint is checkpoint
    assert best.get_feature_names_out().tolist() == [f"wordvectorizer{at}" for at in range(DIM)]


@pytest.mark.peers
def test_it_makes_frames_of_pandas(url: Path) -> None:
    """``set_output`` names columns and keeps the index, in clones too."""
    pandas = pytest.importorskip("pandas")
    vectorizer = clone(WordVectorizer(url).set_output(transform="pandas"))
    texts = pandas.Series(TEXTS, index=list("abcdef"))
    found = vectorizer.fit_transform(texts)
    with pytest.raises(embzarr.InvalidInputError, match="X: expected texts"):
        vectorizer.fit(texts.to_frame())
    assert found.index.tolist() == list("abcdef")
    assert found.columns[0] == "wordvectorizer0"
    np.testing.assert_array_equal(found.to_numpy(), WordVectorizer(url).fit_transform(TEXTS))


@pytest.mark.parametrize("weighting", ["mean", "tfidf", "sif"])
def test_a_fitted_one_travels(url: Path, weighting: str) -> None:
    """A pickle gives the same numbers, words of new texts among them."""
    vectorizer = WordVectorizer(url, weighting=weighting).fit(TEXTS)
    again = pickle.loads(pickle.dumps(vectorizer))  # noqa: S301 - our own
    np.testing.assert_array_equal(again.transform(OTHERS), vectorizer.transform(OTHERS))


@pytest.mark.parametrize("kind", ["place", "open"])
def test_a_fitted_one_is_saved_as_a_model(url: Path, tmp_path: Path, kind: str) -> None:
    """Where its checkpoint is goes along, and which; it is opened for a word that is new."""
    pytest.importorskip("skops")
    run = tmp_path / "run"
    embzarr.copy(url, run)
    first = embzarr.open(run)
    given = str(run) if kind == "place" else first
    model = make_pipeline(WordVectorizer(given), LogisticRegression()).fit(TEXTS, LABELS)
    saved = save(tmp_path / "model", model)
    embzarr.save(run, WORDS, VECTORS + 1, counts=COUNTS)
    with pytest.raises(embzarr.UnsupportedError, match="WordVectorizer") as caught:
        load(saved)
    assert caught.value.code == "model-unsafe"

    again = load(saved, trusted=["embzarr.interop.sklearn.WordVectorizer"])

    np.testing.assert_array_equal(again.predict_proba(TEXTS), model.predict_proba(TEXTS))
    assert not isinstance(again[0].checkpoint_, embzarr.Checkpoint)
    np.testing.assert_array_equal(again.predict_proba(OTHERS), model.predict_proba(OTHERS))
    assert again[0].checkpoint_.commit == first.commit
    again.fit(TEXTS, LABELS)
    assert again[0].checkpoint_.commit == first.commit + (kind == "place")


CHECKS = [
    estimator_checks.check_estimator_cloneable,
    estimator_checks.check_estimator_tags_renamed,
    estimator_checks.check_valid_tag_types,
    estimator_checks.check_estimator_repr,
    estimator_checks.check_no_attributes_set_in_init,
    estimator_checks.check_do_not_raise_errors_in_init_or_set_params,
    estimator_checks.check_mixin_order,
    estimator_checks.check_get_params_invariance,
    estimator_checks.check_set_params,
]
"""Those that fit nothing; the others fit numbers, and sklearn runs none for texts."""


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_sklearns_own_checks(url: Path, check: Any) -> None:
    """As its `check_estimator` runs them."""
    check("WordVectorizer", WordVectorizer(str(url)))


def test_sklearn_checks_what_it_can(url: Path) -> None:
    """`check_estimator` itself finds nothing wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it skips what needs numbers
        estimator_checks.check_estimator(WordVectorizer(str(url)))


@pytest.mark.parametrize("weighting", ["mean", "tfidf", "sif"])
def test_what_its_other_checks_ask_for(url: Path, weighting: str) -> None:
    """Not fitted, fitted twice, rows alone and in another order, and no attribute that changes."""
    vectorizer = WordVectorizer(url, weighting=weighting)
    with pytest.raises(NotFittedError):
        vectorizer.transform(TEXTS)
    assert vectorizer.fit(TEXTS, LABELS) is vectorizer
    expected = vectorizer.transform(TEXTS)
    state = set(vars(vectorizer))
    np.testing.assert_allclose(vectorizer.fit_transform(TEXTS), expected)
    alone = np.concatenate([vectorizer.transform([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, expected, atol=1e-6)
    np.testing.assert_allclose(vectorizer.transform(TEXTS[::-1]), expected[::-1], atol=1e-6)
    assert vectorizer.transform([]).shape == (0, DIM)
    assert set(vars(vectorizer)) == state


def test_texts_may_be_cut_before_or_by_a_function(url: Path) -> None:
    """Lists of words, and a tokenizer, give the same."""
    expected = WordVectorizer(url).fit_transform(TEXTS)
    listed = [text.split() for text in TEXTS]
    np.testing.assert_array_equal(WordVectorizer(url).fit_transform(listed), expected)
    joined = [text.replace(" ", "/") for text in TEXTS]
    cutting = WordVectorizer(url, tokenizer=lambda text: text.split("/"))
    np.testing.assert_array_equal(cutting.fit_transform(np.array(joined)), expected)


@pytest.mark.parametrize(
    ("settings", "texts", "told"),
    [
        ({"weighting": "max"}, TEXTS, "weighting: expected mean, tfidf or sif"),
        ({"unseen": "ask"}, TEXTS, "unseen"),
        ({"frequencies": "all"}, TEXTS, "frequencies"),
        ({"components": -1}, TEXTS, "components"),
        ({"smoothing": 0}, TEXTS, "smoothing: expected a number above 0"),
        ({"tokenizer": "blank"}, TEXTS, "tokenizer"),
        ({}, "one text", "X: expected texts"),
        ({}, [], "at least one text"),
        ({}, ["a", None], r"X\[1\]: expected a text"),
        ({}, ["b", ["a", 3]], r"X\[1\]\[1\]: expected a word"),
        ({}, [[["a"]]], r"X\[0\]\[0\]: expected a word"),
        ({}, csr_matrix(np.eye(3)), r"X\[0\]\[0\]: expected a word"),
        ({}, np.array(TEXTS)[:, None], r"X: expected texts, or lists of words; of a table"),
        ({}, np.array("one text"), "X: expected texts"),
        ({"tokenizer": lambda _: None}, TEXTS, r"tokenizer\(X\[0\]\): expected words, found None"),
        ({"tokenizer": str.lower}, TEXTS, r"tokenizer\(X\[0\]\): expected words, found str"),
        ({}, [b"bytes"], r"X\[0\]"),
    ],
)
def test_what_cannot_be_used_is_told(
    url: Path, settings: dict[str, Any], texts: Any, told: str
) -> None:
    """At `fit`, as scikit-learn wants it, by a `ValueError` of ours."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        WordVectorizer(url, **settings).fit(texts)


@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer])
def test_an_analysis_is_words_with_vectors(kind: Any, tmp_path: Path) -> None:
    """In the order of its features, to the bit; out of the store it says of a text what it did."""
    how = {"norm": None} if kind is TfidfVectorizer else {}
    model = make_pipeline(kind(**how), TruncatedSVD(3, random_state=0)).fit(TEXTS)
    saved = save_embedding(tmp_path / "m", model, step=4)
    assert list(saved.words) == model[0].get_feature_names_out().tolist()
    vectors = saved.load_rows(None, None).vectors
    assert vectors.tobytes() == np.ascontiguousarray(model[1].components_.T).tobytes()
    assert ("idf" in saved.columns, saved.step) == (kind is TfidfVectorizer, 4)
    assert np.array_equal(embedding(saved).transform(TEXTS), model.transform(TEXTS))
    part = embedding(saved, ["w7", "absent", "bad"], missing="skip")
    expected = model.transform(["bad w7", "w7"])
    assert np.array_equal(part.transform(["film bad w7", "w7 absent"]), expected)


def test_what_is_no_analysis_is_refused(url: Path, tmp_path: Path) -> None:
    """Other pipelines, one that was not fitted, no words, and words that are not there."""
    for odd in (
        3,
        make_pipeline(TruncatedSVD(2)),
        make_pipeline(TruncatedSVD(2), CountVectorizer()),
    ):
        with pytest.raises(embzarr.InvalidInputError, match="expected a fitted pipeline"):
            save_embedding(tmp_path / "m", odd)
    with pytest.raises(embzarr.InvalidInputError, match="not fitted"):
        save_embedding(tmp_path / "m", make_pipeline(CountVectorizer(), TruncatedSVD(2)))
    with pytest.raises(embzarr.InvalidInputError, match="expected words, found none"):
        embedding(url, [])
    with pytest.raises(embzarr.WordNotFoundError):
        embedding(url, ["nowhere"])
