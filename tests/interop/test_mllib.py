"""Models of Spark MLlib come back as they were, and Word2Vec's vectors both ways.

On a real Spark and a real MinIO, loaded by a fresh process; run by ``-m frameworks``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr

pytestmark = [
    pytest.mark.frameworks(environment="spark"),
    pytest.mark.filterwarnings("ignore"),
]

TEXTS = [
    (0.0, "spark reads a table of vectors"),
    (1.0, "the queen and the king of the castle"),
    (0.0, "a cluster of executors reads vectors"),
    (1.0, "a king in his castle"),
] * 8
FRESH = """
import json, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from interop.sparking import running_spark
from embzarr.interop.mllib import load
place, url, options = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
with running_spark(place, "local[1]") as spark:
    texts = spark.createDataFrame(json.loads(sys.argv[4]), "label double, text string")
    model = load(url, storage_options=options)
    rows = model.transform(texts).select("probability", "prediction").collect()
    print(json.dumps([[*row.probability.toArray(), row.prediction] for row in rows]))
"""


@pytest.fixture(scope="module")
def texts(spark: Any) -> Any:
    return spark.createDataFrame(TEXTS, "label double, text string").cache()


def test_a_pipeline_predicts_the_same_in_another_process(
    place: Any, texts: Any, tmp_path: Path
) -> None:
    """Word2Vec, a forest and our transformer among the stages: the same numbers, bit for bit."""
    from pyspark.ml import Pipeline  # noqa: PLC0415 - where the library is
    from pyspark.ml.classification import RandomForestClassifier  # noqa: PLC0415
    from pyspark.ml.feature import Tokenizer, VectorAssembler, Word2Vec  # noqa: PLC0415

    from embzarr.interop.mllib import save  # noqa: PLC0415 - where the library is
    from embzarr.interop.spark import MeanVectors  # noqa: PLC0415 - where the library is

    words = sorted({word for _, text in TEXTS for word in text.split()})
    table = embzarr.save(tmp_path / "table", words, np.eye(len(words), 5, dtype="f4"))
    stages = [
        Tokenizer(inputCol="text", outputCol="words"),
        Word2Vec(vectorSize=4, minCount=0, seed=1, inputCol="words", outputCol="learned"),
        MeanVectors(table, inputCol="words", outputCol="stored"),
        VectorAssembler(inputCols=["learned", "stored"], outputCol="features"),
        RandomForestClassifier(numTrees=3, seed=1),
    ]
    model = Pipeline(stages=stages).fit(texts)
    rows = model.transform(texts).select("probability", "prediction").collect()
    expected = [[*row.probability.toArray(), row.prediction] for row in rows]
    url, options = place
    saved = save(url, model, step=4, storage_options=options)
    assert (saved.step, saved.model["framework"], saved.model["form"]) == (4, "mllib", "folder")
    assert saved.verify().ok

    program = FRESH.format(tests=str(Path(__file__).parents[1]))
    given = [str(tmp_path), url, json.dumps(options), json.dumps(TEXTS)]
    done = subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-c", program, *given], check=True, capture_output=True, text=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == expected


def test_word2vec_both_ways(place: Any, texts: Any) -> None:
    """Out of a trained model, exact, and into one that finds the same synonyms."""
    from pyspark.ml.feature import Tokenizer, Word2Vec  # noqa: PLC0415 - where the library is

    from embzarr.interop.mllib import from_word2vec, to_word2vec  # noqa: PLC0415

    cut = Tokenizer(inputCol="text", outputCol="words").transform(texts)
    made = Word2Vec(vectorSize=6, minCount=0, seed=3, inputCol="words", outputCol="mean")
    model = made.fit(cut)
    url, options = place
    saved = from_word2vec(url, model, storage_options=options, metadata={"from": "mllib"})
    for row in model.getVectors().collect():
        assert saved[row.word].tolist() == row.vector.toArray().tolist()
    again = to_word2vec(saved).setInputCol("words").setOutputCol("mean")
    assert again.getVectorSize() == 6
    one, two = ([*m.findSynonymsArray("king", 5)] for m in (model, again))
    assert one == two
    means = (m.transform(cut).select("mean").collect() for m in (model, again))
    assert next(means) == next(means)
    some = to_word2vec(saved, ["king", "castle"])
    assert {row.word for row in some.getVectors().collect()} == {"king", "castle"}


def test_what_is_no_model_of_mllib_is_refused(place: Any, spark: Any) -> None:
    """Something else to save, a foreign store, a class that is not MLlib's, a folder cut short."""
    from embzarr.interop.mllib import from_word2vec, load, save  # noqa: PLC0415

    url, options = place
    for save_it in (save, from_word2vec):
        with pytest.raises(embzarr.InvalidInputError, match="model: expected"):
            save_it(url, object(), storage_options=options)

    def stored(
        metadata: bytes, framework: str = "mllib", name: str = "metadata/part-00000"
    ) -> embzarr.Checkpoint:
        model = {"framework": framework, "version": "9", "class": "x", "form": "folder"}
        files = {name: metadata}
        return embzarr.save(url, files=files, model=model, storage_options=options)

    with pytest.raises(embzarr.UnsupportedError) as caught:
        load(stored(b"{}", "sklearn"))
    assert caught.value.code == "model-foreign"
    foreign = json.dumps({"class": "os.system", "uid": "x", "paramMap": {}}).encode()
    with pytest.raises(embzarr.UnsupportedError, match=r"'os\.system', which is not MLlib's"):
        load(stored(foreign))
    for name in ("../out", "/tmp/embzarr-out", "metadata/../../../out"):  # noqa: S108 - refused
        with pytest.raises(embzarr.DamagedError, match="a file named"):
            load(stored(foreign, name=name))
    for broken in (b"", b"[]", b'{"class": 1}', b'{"class": "pyspark.ml.feature.Nothing"}'):
        with pytest.raises(embzarr.DamagedError) as damaged:
            load(stored(broken))
        assert damaged.value.code == "model-invalid"
    assert spark.range(1).count() == 1  # no failure has ended the session


def test_files_of_strangers_stay_in_their_folder(tmp_path: Path) -> None:
    """A name that leads out of it is refused before anything is written."""
    from embzarr.interop.mllib import load  # noqa: PLC0415 - where the library is

    model = {"framework": "mllib", "version": "9", "class": "x", "form": "folder"}
    for at, name in enumerate(("../../out", str(tmp_path / "out"), "a/../../../out", "nul\0")):
        files = {"metadata/part-00000": b"{}", name: b"x"}
        stored = embzarr.save(tmp_path / str(at), files=files, model=model)
        with pytest.raises(embzarr.DamagedError, match="a file named") as caught:
            load(stored, folder=str(tmp_path))
        assert caught.value.code == "model-invalid"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0", "1", "2", "3"]
