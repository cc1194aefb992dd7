"""What reading models promises: fastText's, finalfusion's and gensim's."""

from __future__ import annotations

import importlib.util
import io
import pickle
import struct
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
import vector_files
from embzarr.convert import import_vectors
from embzarr.convert._readers import fasttext as fasttext_reader

WORDS = ["</s>", "the", "émigré", "of", "x"]
ROWS = vector_files.vectors(5 + 7, 3)
NORMS = np.array([1, 2, 3, 4, 5], np.float32)


def fasttext(
    words: list[str] = WORDS,
    rows: np.ndarray = ROWS,
    *,
    dim: int = 3,
    bucket: int = 7,
    maxn: int = 4,
    quantised: bool = False,
    version: int = 12,
    trained: int = 2,
) -> bytes:
    """Return a model as the source of fastText tells it; the last of `words` may be labels."""
    labels = [word for word in words if word.startswith("__label__")]
    head = struct.pack("<ii", 793712314, version)
    head += struct.pack("<12id", dim, 5, 5, 1, 5, 1, 2, trained, bucket, 2, maxn, 100, 1e-4)
    head += struct.pack("<iiiqq", len(words), len(words) - len(labels), len(labels), 100, -1)
    for number, word in enumerate(words):
        kind = int(word in labels)
        head += word.encode() + b"\0" + struct.pack("<qb", max(100 - number, 1), kind)
    return head + struct.pack("<?qq", quantised, *rows.shape) + rows.astype("<f4").tobytes()


def ngrams(word: str, minn: int, maxn: int) -> list[str]:
    """Return the n-grams of a word, as fastText's paper tells it."""
    marked = f"<{word}>"
    found = [
        marked[start : start + length]
        for start in range(len(marked))
        for length in range(minn, maxn + 1)
        if start + length <= len(marked)
    ]
    return [gram for gram in found if gram not in {"<", ">"}]


def fnv(text: str) -> int:
    """Return fastText's hash: FNV-1a on bytes that are taken for signed."""
    found = 2166136261
    for byte in text.encode():
        signed = byte | 0xFFFFFF00 if byte > 127 else byte
        found = ((found ^ signed) * 16777619) % 2**32
    return found


def expected(bucket: int, minn: int, maxn: int) -> np.ndarray:
    """Return means of rows, added one by one."""
    found = []
    for row, word in enumerate(WORDS):
        grams = [] if word == "</s>" else ngrams(word, minn, maxn)
        total = ROWS[row].copy()
        for gram in grams:
            total += ROWS[len(WORDS) + fnv(gram) % bucket]
        found.append(total * np.float32(1 / (len(grams) + 1)))
    return np.array(found)


def fifu(
    words: list[str] = WORDS, *, norms: bool = True, first: int = 1, number: int = 10
) -> bytes:
    """Return a file as the page of finalfusion's format tells it."""
    texts = b"".join(struct.pack("<I", len(w.encode())) + w.encode() for w in words)
    chunks = [(first, struct.pack("<Q", len(words)) + texts)]
    data = b"FiFu" + struct.pack("<II", 0, 3 if norms else 2)
    data += struct.pack("<III", first, 2, 6)[: 12 if norms else 8]
    for kind, head, body in (
        (2, struct.pack("<QII", 5, 3, number), ROWS[:5].tobytes()),
        (6, struct.pack("<QI", 5, number), NORMS.tobytes()),
    ):
        chunks.append((kind, head + body))
    for kind, chunk in chunks[: 3 if norms else 2]:
        at = len(data) + 12 + {1: 0, 2: 16, 6: 12}.get(kind, 0)
        padding = b"\0" * (-at % 4)
        split = {2: 16, 6: 12}.get(kind, len(chunk))
        body = chunk[:split] + (padding if kind in {2, 6} else b"") + chunk[split:]
        data += struct.pack("<IQ", kind, len(body)) + body
    return data


def imported(folder: Path, data: bytes, **choices: Any) -> embzarr.Checkpoint:
    """Import bytes as a file."""
    (folder / "model").write_bytes(data)
    return import_vectors(folder / "model", folder / "run", **choices).checkpoint


# fastText -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("maxn", [0, 1, 2, 4, 9])
def test_a_word_of_fasttext_is_the_mean_of_its_row_and_its_ngrams(
    tmp_path: Path, maxn: int
) -> None:
    """To the bit, added in fastText's order; the end of a sentence has no n-grams."""
    checkpoint = imported(tmp_path, fasttext(maxn=maxn))

    assert list(checkpoint.words) == WORDS
    assert checkpoint.to_numpy().tobytes() == expected(7, 2, maxn).tobytes()
    counts = checkpoint.load_rows(0, 5, columns=("counts",)).columns["counts"]
    assert counts.tolist() == [100, 99, 98, 97, 96]
    assert checkpoint.metadata["import"]["file"]["maxn"] == maxn


@pytest.mark.parametrize(("version", "trained", "maxn"), [(11, 3, 0), (11, 2, 4), (12, 3, 4)])
def test_old_classifiers_of_fasttext_have_no_ngrams(
    tmp_path: Path, version: int, trained: int, maxn: int
) -> None:
    """Whatever they say of them; older models of words and newer classifiers have them."""
    checkpoint = imported(tmp_path, fasttext(version=version, trained=trained))

    assert checkpoint.to_numpy().tobytes() == expected(7, 2, maxn).tobytes()
    told = checkpoint.metadata["import"]["file"]
    assert told["model"] == {2: "sg", 3: "supervised"}[trained]
    assert (told["loss"], told["bucket"], told["sample"]) == ("ns", 7, 1e-4)


@pytest.mark.parametrize("minn", [0, 1, 3])
def test_ngrams_of_fasttext_have_a_letter_at_least(tmp_path: Path, minn: int) -> None:
    """A model that says none has those of one."""
    data = MODEL[:44] + struct.pack("<i", minn) + MODEL[48:]

    assert imported(tmp_path, data).to_numpy().tobytes() == expected(7, max(minn, 1), 4).tobytes()


def test_a_model_of_fasttext_without_ngrams_has_no_rows_of_them(tmp_path: Path) -> None:
    """However many buckets it tells of; an old classifier, whatever it says of n-grams."""
    for data in (fasttext(rows=ROWS[:5], maxn=0), fasttext(rows=ROWS[:5], version=11, trained=3)):
        found = imported(tmp_path, data)

        assert found.to_numpy().tobytes() == ROWS[:5].tobytes()
        assert found.tensors.keys() == set()


def test_labels_of_fasttext_are_no_words(tmp_path: Path) -> None:
    """A classifier's dictionary ends with them; they have no rows."""
    data = fasttext([*WORDS, "__label__x", "__label__y"])

    assert list(imported(tmp_path, data).words) == WORDS


@pytest.mark.parametrize(
    "told", [(5, 5, 0, 1), (-1, -1, 0, -1), (5, 4, 0, -1), (5, 6, -1, -1), (4, 5, -1, -1)]
)
def test_a_dictionary_of_fasttext_adds_up(tmp_path: Path, told: tuple[int, ...]) -> None:
    """Entries are words and labels, no fewer than none, of which nothing was left out."""
    whole = MODEL[:64] + struct.pack("<iiiqq", 5, 5, 0, 100, 0) + MODEL[92:]
    assert list(imported(tmp_path, whole).words) == WORDS
    entries, words, labels, pruned = told
    data = MODEL[:64] + struct.pack("<iiiqq", entries, words, labels, 100, pruned) + MODEL[92:]
    with pytest.raises(embzarr.InvalidInputError, match=f"{entries} entries, {words} words"):
        imported(tmp_path, data)


def test_words_of_fasttext_are_as_many_as_it_tells(tmp_path: Path) -> None:
    """One that is marked as a label is none."""
    data = MODEL.replace(b"x\0" + struct.pack("<qb", 96, 0), b"x\0" + struct.pack("<qb", 96, 1))
    with pytest.raises(embzarr.InvalidInputError, match="expected 5 words, found 4"):
        imported(tmp_path, data)


def test_a_word_of_fasttext_is_looked_for_no_further_than_it_may_be_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that hold no end of a word are not read to the end of the file."""
    monkeypatch.setattr(fasttext_reader, "MOST_WORD_BYTES", 100)
    monkeypatch.setattr(fasttext_reader, "_PIECE_BYTES", 1)
    words = ["a" * 91, "b" * 91, "c", "d", "e"]

    assert list(imported(tmp_path, fasttext(words)).words) == words
    with pytest.raises(embzarr.InvalidInputError, match="word 1: the dictionary is cut short"):
        imported(tmp_path, fasttext([words[0], "b" * 92, *words[2:]]))


@pytest.mark.parametrize(("minn", "maxn"), [(2, 2), (2, 4), (2, 9)])
def test_an_unknown_word_of_fasttext_is_the_mean_of_its_ngrams(
    tmp_path: Path, minn: int, maxn: int
) -> None:
    """To the bit; words that have a row have it, and a word without n-grams is zeros."""
    checkpoint = imported(tmp_path, fasttext(maxn=maxn))
    unknown = ["unbekannt", "ü", "猫猫", "", "unbekannt"]
    totals = []
    for word in unknown:
        grams, total = ngrams(word, minn, maxn), np.zeros(3, np.float32)
        for gram in grams:
            total += ROWS[len(WORDS) + fnv(gram) % 7]
        totals.append(total * np.float32(1 / max(len(grams), 1)))
    loaded = checkpoint.load([*unknown, WORDS[1]], missing="subwords")

    assert loaded.rows.tolist() == [-1] * 5 + [1]
    assert loaded.vectors[:5].tobytes() == np.array(totals).tobytes()
    assert loaded.vectors[5].tobytes() == checkpoint[WORDS[1]].tobytes()
    assert checkpoint.get_vector("unbekannt").tobytes() == totals[0].tobytes()
    assert checkpoint.get_vector(WORDS[1]).tobytes() == checkpoint[WORDS[1]].tobytes()
    table = np.asarray(checkpoint).astype("f8")
    cosines = table @ totals[0] / np.linalg.norm(table, axis=1) / np.linalg.norm(totals[0])
    nearest = checkpoint.most_similar("unbekannt")
    assert [word for word, _ in nearest] == [WORDS[row] for row in np.argsort(-cosines)]
    assert checkpoint.similarity("unbekannt", WORDS[1]) == pytest.approx(cosines[1], abs=1e-6)
    part = checkpoint.load(unknown, missing="subwords", dims=slice(1, None), dtype="f2")
    assert part.vectors.tolist() == np.array(totals, "f4")[:, 1:].astype("f2").tolist()


def test_unknown_words_without_ngrams_are_told(tmp_path: Path) -> None:
    """Or made by a rule of the caller; a rule that makes something else is told too."""
    bare = imported(tmp_path, fasttext(maxn=4), subwords=False)
    assert bare.tensors.keys() == set()
    with pytest.raises(embzarr.InvalidInputError, match="n-grams"):
        bare.load(["nowhere"], missing="subwords")
    with pytest.raises(embzarr.WordNotFoundError):
        bare.get_vector("nowhere")
    with pytest.raises(embzarr.WordNotFoundError):
        bare.most_similar("nowhere")
    assert bare.get_vector("nowhere", lambda word: np.full(3, len(word))).tolist() == [7, 7, 7]
    with pytest.raises(embzarr.InvalidInputError, match="shape"):
        bare.get_vector("nowhere", lambda _: np.ones(4))


@pytest.mark.parametrize("name", ["minn", "maxn", "bucket"])
@pytest.mark.parametrize("value", [0, -1, 2**40, 65, "2", None, 1.5, True, [3]])
def test_ngrams_that_cannot_be_are_told(tmp_path: Path, name: str, value: object) -> None:
    """A record of a stranger decides no allocation."""
    record: dict[str, Any] = {"form": "subwords", "minn": 2, "maxn": 4, "bucket": 7}
    tensors = {"subwords": np.ones((7, 2), "f4")}
    saved = embzarr.save(
        tmp_path / "x", ["a"], np.ones((1, 2), "f4"), tensors=tensors, model={**record, name: value}
    )
    with pytest.raises(embzarr.DamagedError) as caught:
        saved.load(["b"], missing="subwords")
    assert caught.value.code == "model-invalid"


def test_an_unknown_word_reads_the_rows_of_its_ngrams_alone(tmp_path: Path) -> None:
    """Not the whole table of them: some chunks of 16 KiB."""
    rows = np.random.default_rng(0).standard_normal((len(WORDS) + 50_000, 64), dtype="f4")
    checkpoint = imported(tmp_path, fasttext(rows=rows, dim=64, bucket=50_000))
    before = checkpoint.traffic.bytes_read
    checkpoint.get_vector("unbekannt")

    assert checkpoint.traffic.bytes_read - before < rows.nbytes / 10


@pytest.mark.peers
def test_gensim_computes_the_same_of_fasttext(tmp_path: Path) -> None:
    """But for the end of a sentence, to which gensim gives n-grams, and the order of adding."""
    pytest.importorskip("gensim")
    from gensim.models.fasttext import (  # noqa: PLC0415 - no types
        load_facebook_vectors,
    )

    words = [f"wörd{number}" for number in range(200)]
    data = fasttext(words, vector_files.vectors(200 + 50, 4) % 1, dim=4, bucket=50)
    checkpoint = imported(tmp_path, data)

    peer = load_facebook_vectors(tmp_path / "model")

    assert list(checkpoint.words) == peer.index_to_key
    np.testing.assert_allclose(checkpoint.to_numpy(), peer.vectors, rtol=1e-4, atol=1e-6)
    unknown = ["unknown", "wörd", "猫"]
    found = checkpoint.load(unknown, missing="subwords").vectors
    np.testing.assert_allclose(found, [peer[word] for word in unknown], rtol=1e-4, atol=1e-6)


def test_a_long_word_of_fasttext_does_not_take_memory_for_all_its_ngrams(tmp_path: Path) -> None:
    """Rows are added a few MiB at a time."""
    words = ["x" * 40_000]
    rows = np.ones((8, 64), np.float32)

    checkpoint = imported(tmp_path, fasttext(words, rows, dim=64))

    np.testing.assert_allclose(checkpoint[words[0]], 1, rtol=1e-4)


# finalfusion --------------------------------------------------------------------------------------
@pytest.mark.parametrize("norms", [True, False])
def test_a_file_of_finalfusion_is_imported(tmp_path: Path, *, norms: bool) -> None:
    """Each row is as long as its norm says, where there are norms."""
    checkpoint = imported(tmp_path, fifu(norms=norms))

    assert list(checkpoint.words) == WORDS
    expected = ROWS[:5] * NORMS[:, None] if norms else ROWS[:5]
    np.testing.assert_array_equal(checkpoint.to_numpy(), expected)


# gensim -------------------------------------------------------------------------------------------
def keyed_vectors(folder: Path) -> Path:
    """Save a model of gensim whose array lies in a file beside it."""
    pytest.importorskip("gensim")
    from gensim.models import (  # noqa: PLC0415 - no types
        KeyedVectors,
    )

    vectors = KeyedVectors(3, count=0)
    vectors.add_vectors(WORDS, ROWS[:5])
    for number, word in enumerate(WORDS):
        vectors.set_vecattr(word, "count", number + 1)
    vectors.save(str(folder / "a.kv"), sep_limit=1)
    assert (folder / "a.kv.vectors.npy").is_file()
    return folder / "a.kv"


@pytest.mark.peers
def test_a_model_of_gensim_is_imported_if_it_is_trusted(tmp_path: Path) -> None:
    """With its counts, and the files beside it."""
    file = keyed_vectors(tmp_path)

    with pytest.raises(embzarr.InvalidInputError, match="allow_pickle=True"):
        import_vectors(file, tmp_path / "run")
    checkpoint = import_vectors(file, tmp_path / "run", allow_pickle=True).checkpoint

    assert list(checkpoint.words) == WORDS
    assert checkpoint.to_numpy().tobytes() == ROWS[:5].tobytes()
    assert checkpoint.load_rows(0, 5, columns=("counts",)).columns["counts"].tolist() == [
        1,
        2,
        3,
        4,
        5,
    ]


@pytest.mark.peers
def test_files_beside_a_model_of_gensim_come_from_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From an archive or a store, too; and nothing of them stays."""
    file = keyed_vectors(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in (file, file.with_name("a.kv.vectors.npy")):
            archive.write(path, f"in/{path.name}")
    url = f"zip://in/a.kv::{tmp_path}/a.zip"
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    found = import_vectors(url, tmp_path / "run", allow_pickle=True).checkpoint

    assert list(found.words) == WORDS
    assert found.to_numpy().tobytes() == ROWS[:5].tobytes()
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.peers
def test_a_file_that_is_missing_beside_a_model_of_gensim_is_told(tmp_path: Path) -> None:
    """By its ending; it may not have been copied."""
    file = keyed_vectors(tmp_path)
    file.with_name("a.kv.vectors.npy").unlink()

    for source in (file, io.BytesIO(file.read_bytes())):
        with pytest.raises(embzarr.InvalidInputError, match=r"beside it .* ends in \.vectors\.npy"):
            import_vectors(source, tmp_path / "run", allow_pickle=True)


@pytest.mark.parametrize("ending", [".vectors.npy", ".wv.vectors.npy"])
def test_vectors_beside_a_pickle_are_read_without_it(tmp_path: Path, ending: str) -> None:
    """Where the words are given; it is not looked at."""
    (tmp_path / "a.kv").write_bytes(pickle.dumps(Planted()))
    np.save(tmp_path / f"a.kv{ending}", ROWS[:5])
    (tmp_path / "words.txt").write_text("\n".join(WORDS))

    found = import_vectors(
        tmp_path / "a.kv", tmp_path / "run", vocabulary=tmp_path / "words.txt"
    ).checkpoint

    assert list(found.words) == WORDS
    assert found.to_numpy().tobytes() == ROWS[:5].tobytes()


@pytest.mark.peers
@pytest.mark.parametrize("ending", [".model", ".kv"])
def test_a_fasttext_of_gensim_answers_unknown_words_as_gensim_does(
    tmp_path: Path, ending: str
) -> None:
    """Its n-grams are kept, also those of a file beside it; without any there is no such answer."""
    pytest.importorskip("gensim")
    from gensim.models import FastText  # noqa: PLC0415 - no types

    texts = [["king", "queen", f"word{number}"] for number in range(40)]
    for max_n in (4, 0):
        model = FastText(texts, vector_size=4, min_count=1, bucket=300, min_n=2, max_n=max_n)
        saved = model.wv if ending == ".kv" else model
        saved.save(str(tmp_path / f"ft{ending}"), sep_limit=0)
        url = tmp_path / f"run-{max_n}"
        found = import_vectors(tmp_path / f"ft{ending}", url, allow_pickle=True).checkpoint
        assert list(found.words) == model.wv.index_to_key
        assert found.to_numpy().tobytes() == model.wv.vectors.tobytes()
        if not max_n:
            assert list(found.tensors) == []
            continue
        unknown = ["kingdom", "wörd", "猫"]
        answers = [model.wv[word] for word in unknown]
        given = found.load(unknown, missing="subwords").vectors
        np.testing.assert_allclose(given, answers, rtol=1e-4, atol=1e-6)


class Planted:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("planted"),)


def test_a_pickle_is_not_opened_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even to see what is in it."""
    monkeypatch.chdir(tmp_path)

    with pytest.raises(embzarr.InvalidInputError, match="pickle"):
        imported(tmp_path, pickle.dumps(Planted()), format="gensim")
    assert not (tmp_path / "planted").exists()


@pytest.mark.peers
@pytest.mark.skipif(importlib.util.find_spec("gensim") is None, reason="needs gensim")
def test_a_pickle_of_something_else_is_refused(tmp_path: Path) -> None:
    """Whatever gensim says of it."""
    with pytest.raises(embzarr.InvalidInputError, match="gensim cannot load it"):
        imported(tmp_path, pickle.dumps({"a": 1}), allow_pickle=True)


# Damage -------------------------------------------------------------------------------------------
MODEL, FILE = fasttext(), fifu()


@pytest.mark.parametrize(
    ("data", "kind", "code"),
    [
        (MODEL[:-1], embzarr.InvalidInputError, "input-file"),
        (MODEL[:100], embzarr.InvalidInputError, "input-file"),
        (MODEL[:30], embzarr.InvalidInputError, "input-file"),
        (fasttext(quantised=True), embzarr.UnsupportedError, "feature-unsupported"),
        (fasttext(version=9), embzarr.InvalidInputError, "input-file"),
        (fasttext(maxn=2**30), embzarr.InvalidInputError, "input-file"),
        (fasttext(bucket=2**30), embzarr.InvalidInputError, "input-file"),
        (fasttext(dim=4), embzarr.InvalidInputError, "input-file"),
        (MODEL.replace(struct.pack("<q", 12), struct.pack("<q", 2**62)), ValueError, "input-file"),
        (FILE[:-1], embzarr.InvalidInputError, "input-file"),
        (FILE[:50], embzarr.InvalidInputError, "input-file"),
        (fifu(WORDS[1:]), embzarr.InvalidInputError, "input-rows"),
        (fifu(first=3), embzarr.InvalidInputError, "input-file"),
        (fifu(first=9), embzarr.InvalidInputError, "input-file"),
        (fifu(number=11), embzarr.InvalidInputError, "input-file"),
        (FILE.replace(b"\x04\0\0\0</s>", b"\xff\xff\xff\x7f</s>"), ValueError, "input-file"),
    ],
)
def test_damage_is_told(tmp_path: Path, data: bytes, kind: type[Exception], code: str) -> None:
    """What is cut, absurd or not read is a typed error, and nothing is committed."""
    with pytest.raises(kind) as caught:
        imported(tmp_path, data)

    assert isinstance(caught.value, embzarr.EmbzarrError)
    assert caught.value.code == code
    with pytest.raises(embzarr.NotFoundError):
        embzarr.open(tmp_path / "run")


@pytest.mark.parametrize(
    ("data", "name"),
    [(MODEL, "word2vec"), (vector_files.word2vec_binary(["a"], ROWS[:1]), "fasttext")],
)
def test_one_bin_is_not_taken_for_the_other(tmp_path: Path, data: bytes, name: str) -> None:
    """A .bin of fastText is not word2vec's, nor the reverse, even where a caller says so."""
    with pytest.raises(embzarr.InvalidInputError, match="byte 0: expected"):
        imported(tmp_path, data, format=name)
