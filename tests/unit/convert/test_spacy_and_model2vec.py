"""Folders of spaCy and of model2vec, with their tables of words."""

from __future__ import annotations

import gzip
import io
import json
import struct
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._reading import HashedGrams
from embzarr.convert import _vocabulary as vocabulary_reader
from embzarr.convert import import_vectors
from embzarr.convert._readers import spacy as spacy_reader
from unit.convert.others import MATRIX, WORDS, check, needs


@needs("spacy")
@pytest.mark.filterwarnings("ignore")
def test_spacys_own_folders_are_imported(tmp_path: Path) -> None:
    """A pipeline's vocabulary, and vectors alone; names of its own are known while it is there."""
    import spacy  # noqa: PLC0415 - it may not be there

    words = [*WORDS[:5], "NOUN", "long " * 9]
    pipeline = spacy.blank("en")
    for word, row in zip(words, MATRIX, strict=True):
        pipeline.vocab.set_vector(word, row)
    pipeline.to_disk(tmp_path / "pipeline")
    pipeline.vocab.vectors.to_disk(tmp_path / "vectors")

    for name in ("pipeline", "pipeline/vocab", "vectors"):
        found = import_vectors(tmp_path / name, tmp_path / f"run-{name.replace('/', '-')}")
        check(found, "spacy", words)
    for word in ["", "a", "é", "猫" * 40, *WORDS]:
        assert spacy_reader.key_of(word.encode()) == pipeline.vocab.strings[word]


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("", 0),
        ("apple", 8566208034543834098),
        ("coffee", 3197928453018144401),
        ("12345678", 9871996032675327904),
        ("123456789", 2056675840866671865),
        ("a" * 16, 17247622914660140996),
        ("é", 16256712947286012828),
    ],
)
def test_keys_are_those_of_spacy(word: str, key: int) -> None:
    """As spaCy 3.8 has them; the second and the third stand in its documentation."""
    assert spacy_reader.key_of(word.encode()) == key


def spacy_folder(
    folder: Path, *, rows: int = 2, strings: Any = ("a", "b"), cut: int = 0, first: int = 0
) -> Path:
    """Write what spaCy writes: of two words, or of a key that is given and the second."""
    folder.mkdir()
    file = io.BytesIO()
    np.save(file, MATRIX[:rows])
    (folder / "vectors").write_bytes(file.getvalue()[: len(file.getvalue()) - cut])
    keys = [first or spacy_reader.key_of(b"a"), spacy_reader.key_of(b"b")]
    packed = b"\x82" + b"".join(
        b"\xcf" + struct.pack(">Q", key) + bytes([n]) for n, key in enumerate(keys)
    )
    (folder / "key2row").write_bytes(packed)
    (folder / "strings.json").write_text(json.dumps(strings))
    return folder


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"strings": ["a"]}, "no text in strings.json has it"),
        ({"strings": {"a": 1}}, "strings.json: Expected `array`"),
        ({"rows": 1}, "row 1 of 1"),
        ({"rows": 0}, "row 0 of 0"),
        ({"cut": 1}, "cut short"),
    ],
)
def test_spacys_folder_that_is_not_sound_is_told(
    tmp_path: Path, how: dict[str, Any], told: str
) -> None:
    """Which file, and which key."""
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(spacy_folder(tmp_path / "v", **how), tmp_path / "run")


def test_words_of_spacy_without_a_text_may_be_passed_over(tmp_path: Path) -> None:
    """And are counted."""
    folder = spacy_folder(tmp_path / "v", strings=["a"])
    found = import_vectors(folder, tmp_path / "run", on_error="skip")
    assert (list(found.checkpoint.words), found.skipped) == (["a"], 1)


@pytest.mark.parametrize("key", [1, 92, 2**16 - 1])
def test_names_of_spacys_own_are_known_by_spacy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: int
) -> None:
    """Their keys are small numbers, of which it is said that spaCy would know them."""
    folder = spacy_folder(tmp_path / "v", first=key)
    monkeypatch.setitem(sys.modules, "spacy.symbols", None)
    with pytest.raises(embzarr.InvalidInputError, match=f"key {key}: .* if spaCy is installed"):
        import_vectors(folder, tmp_path / "run")

    monkeypatch.setitem(sys.modules, "spacy", types.ModuleType("spacy"))
    monkeypatch.setitem(sys.modules, "spacy.symbols", types.SimpleNamespace(IDS={"NOUN": key}))
    found = import_vectors(folder, tmp_path / "run")
    assert list(found.checkpoint.words) == ["NOUN", "b"]


def test_other_keys_are_known_by_their_texts_alone(tmp_path: Path) -> None:
    """Nothing but the text is missing, whoever is installed."""
    with pytest.raises(embzarr.InvalidInputError, match=r"json has it \[input-file\]\n"):
        import_vectors(spacy_folder(tmp_path / "v", first=2**16), tmp_path / "run")


FLORET = {"mode": "floret", "minn": 2, "maxn": 3, "hash_count": 2, "hash_seed": 7}
FLORET |= {"bow": "<", "eow": ">", "attr": 65}


def test_words_are_made_of_spacys_vectors_of_floret(tmp_path: Path) -> None:
    """Those of a vocabulary, of its rows of n-grams, which are kept for others."""
    folder = spacy_folder(tmp_path / "v", rows=7)
    (folder / "vectors.cfg").write_text(json.dumps(FLORET))
    (tmp_path / "words.txt").write_text("the\némigré\n")

    found = import_vectors(folder, tmp_path / "run", vocabulary=tmp_path / "words.txt").checkpoint

    assert list(found.words) == ["the", "émigré"]
    grams = HashedGrams(
        bucket=7,
        minn=2,
        maxn=3,
        hash_count=2,
        hash_seed=7,
        begin="<",
        end=">",
    )
    for word in ("the", "émigré", "unseen"):
        expected = MATRIX[grams.rows_of(word)].mean(axis=0)
        np.testing.assert_allclose(found.get_vector(word), expected, rtol=1e-5, atol=1e-6)


@needs("spacy")
@pytest.mark.filterwarnings("ignore")
def test_spacy_itself_answers_so_of_floret(tmp_path: Path) -> None:
    """Of a folder that it wrote, words that no one named included."""
    import spacy  # noqa: PLC0415 - it may not be there
    from spacy.vectors import Vectors  # noqa: PLC0415

    pipeline = spacy.blank("en")
    rows = np.random.default_rng(1).standard_normal((50, 6), np.float32)
    told = {name: value for name, value in FLORET.items() if name != "attr"}
    pipeline.vocab.vectors = Vectors(strings=pipeline.vocab.strings, data=rows, **told)
    pipeline.to_disk(tmp_path / "pipeline")
    (tmp_path / "words.txt").write_text("the\némigré\n")

    found = import_vectors(
        tmp_path / "pipeline", tmp_path / "run", vocabulary=tmp_path / "words.txt"
    ).checkpoint

    for word in ("the", "émigré", "猫"):
        expected = pipeline.vocab[word].vector
        np.testing.assert_allclose(found.get_vector(word), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (FLORET, "vocabulary="),
        ({**FLORET, "minn": 4}, "no sound parameters of floret"),
        ({"mode": "floret"}, "no sound parameters of floret"),
        ([], "vectors.cfg: Expected"),
    ],
)
def test_spacys_vectors_of_floret_that_cannot_be_are_told(
    tmp_path: Path, told: Any, expected: str
) -> None:
    """They need words, and to be known how they were hashed."""
    folder = spacy_folder(tmp_path / "v")
    (folder / "vectors.cfg").write_text(json.dumps(told))
    with pytest.raises(embzarr.InvalidInputError, match=expected):
        import_vectors(folder, tmp_path / "run")


def tokenizer(vocab: Any, added: Any = ()) -> str:
    return json.dumps({"version": "1.0", "model": {"vocab": vocab}, "added_tokens": list(added)})


def static_model(folder: Path, text: str) -> Path:
    """Write a matrix and its tokenizer, as static models of Hugging Face have them."""
    folder.mkdir()
    header = {"embeddings": {"dtype": "F32", "shape": [7, 6], "data_offsets": [0, 168]}}
    told = json.dumps(header).encode()
    data = struct.pack("<Q", len(told)) + told + MATRIX.tobytes()
    (folder / "model.safetensors").write_bytes(data)
    (folder / "tokenizer.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    "text",
    [
        tokenizer({word: row for row, word in enumerate(WORDS)}),
        tokenizer([[word, -1.5] for word in WORDS]),
        tokenizer(
            {word: row for row, word in enumerate(WORDS[:6])}, [{"id": 6, "content": WORDS[6]}]
        ),
    ],
)
def test_a_static_model_has_the_words_of_its_tokenizer(tmp_path: Path, text: str) -> None:
    """By their ids, or in their order; tokens that were added are words, too."""
    check(import_vectors(static_model(tmp_path / "m", text), tmp_path / "run"), "safetensors")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{}", "input-file"),
        (tokenizer({"a": 0, "b": 2}), "input-rows"),
        (tokenizer({"a": 0, "b": 0}), "input-rows"),
        (tokenizer({"a": 0}), "input-rows"),
        (tokenizer({"a": "0"}), "input-file"),
    ],
)
def test_an_odd_tokenizer_is_refused(tmp_path: Path, text: str, code: str) -> None:
    """Ids that are left out or stand twice, and fewer than there are rows."""
    with pytest.raises(embzarr.InvalidInputError) as caught:
        import_vectors(static_model(tmp_path / "m", text), tmp_path / "run")
    assert caught.value.code == code


def test_a_tokenizer_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the byte: more is not held in memory."""
    text = tokenizer({word: row for row, word in enumerate(WORDS)})
    monkeypatch.setattr(vocabulary_reader, "_MOST_TOKENIZER_BYTES", len(text))
    check(import_vectors(static_model(tmp_path / "m", text), tmp_path / "run"), "safetensors")
    monkeypatch.setattr(vocabulary_reader, "_MOST_TOKENIZER_BYTES", len(text) - 1)
    with pytest.raises(embzarr.InvalidInputError, match=r"tokenizer\.json: no tokenizer"):
        import_vectors(tmp_path / "m", tmp_path / "other")


@needs("model2vec")
def test_model2vec_itself_wrote_it(tmp_path: Path) -> None:
    """Its folder is read to the bit."""
    from model2vec import StaticModel  # noqa: PLC0415 - it may not be there
    from tokenizers import Tokenizer  # noqa: PLC0415
    from tokenizers.models import WordLevel  # noqa: PLC0415
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415

    words = ["[UNK]", *WORDS[:6]]
    made = Tokenizer(WordLevel({word: row for row, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    StaticModel(MATRIX, made, {}).save_pretrained(tmp_path / "m")
    check(import_vectors(tmp_path / "m", tmp_path / "run"), "safetensors", words)


@needs("model2vec")
@pytest.mark.parametrize("weights", [None, np.linspace(0.5, 2, 7)])
@pytest.mark.parametrize("rows", [None, [0, 2, 1, 0, 3, 2, 0]])
def test_a_quantised_vocabulary_has_the_vectors_that_model2vec_answers(
    tmp_path: Path, weights: Any, rows: Any
) -> None:
    """Fewer rows than tokens, each multiplied by a number of the token's own; also packed."""
    from model2vec import StaticModel  # noqa: PLC0415 - it may not be there
    from tokenizers import Tokenizer  # noqa: PLC0415
    from tokenizers.models import WordLevel  # noqa: PLC0415
    from tokenizers.pre_tokenizers import Whitespace  # noqa: PLC0415

    words = ["[UNK]", *WORDS[:6]]
    made = Tokenizer(WordLevel({word: row for row, word in enumerate(words)}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    mapping = None if rows is None else np.array(rows)
    matrix = MATRIX if rows is None else MATRIX[:4]
    model = StaticModel(matrix, made, {}, weights=weights, token_mapping=mapping)
    model.save_pretrained(tmp_path / "m")
    packed = tmp_path / "model.safetensors.gz"
    packed.write_bytes(gzip.compress((tmp_path / "m" / "model.safetensors").read_bytes()))

    expected = matrix[range(7) if rows is None else rows] * (
        1 if weights is None else weights[:, None]
    )
    tokens = tmp_path / "m" / "tokenizer.json"
    for number, found in enumerate(
        [
            import_vectors(tmp_path / "m", tmp_path / "run"),
            import_vectors(packed, tmp_path / "packed", vocabulary=tokens),
        ]
    ):
        assert (found.format, list(found.checkpoint.words)) == ("safetensors", words), number
        np.testing.assert_array_equal(np.asarray(found.checkpoint), expected.astype("f4"))
    for row, word in enumerate(words[1:], 1):
        asked = model.encode(word) if word.isalpha() else expected[row]
        np.testing.assert_allclose(asked, expected[row], rtol=1e-6)


@pytest.mark.parametrize(
    ("further", "told"),
    [
        ({"mapping": ("I64", [7], np.full(7, 7))}, "7 rows of 7, and 7 weights"),
        ({"mapping": ("I64", [7], np.full(7, -1))}, "7 rows of 7"),
        ({"weights": ("F64", [3], np.ones(3))}, "7 rows of 7, and 3 weights"),
        ({"mapping": ("F64", [7], np.ones(7))}, "'mapping': F64 of shape"),
        ({"weights": ("F32", [1, 7], np.ones(7, "f4"))}, "'weights': F32 of shape"),
        ({"weights": ("F8_E4M3", [7], np.ones(7, "u1"))}, "'weights': F8_E4M3 is not read"),
        ({"weights": ("F64", [7], np.ones(6))}, "'weights': .7,. do not fit bytes 168 to 216"),
        ({"mapping": ("I64", [7], np.arange(7)), "cut": 1}, "'mapping': cut short: it ends at"),
    ],
)
def test_a_quantised_vocabulary_that_is_not_sound_is_told(
    tmp_path: Path, further: dict[str, Any], told: str
) -> None:
    """With the tensor that it is about, and nothing is stored."""
    folder = static_model(tmp_path / "m", tokenizer({word: row for row, word in enumerate(WORDS)}))
    cut = further.pop("cut", 0)
    header: dict[str, Any] = {
        "embeddings": {"dtype": "F32", "shape": [7, 6], "data_offsets": [0, 168]}
    }
    data, at = MATRIX.tobytes(), 168
    for name, (dtype, shape, numbers) in further.items():
        stop = at + numbers.nbytes
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, stop]}
        data, at = data + numbers.tobytes(), stop
    head = json.dumps(header).encode()
    whole = struct.pack("<Q", len(head)) + head + data
    (folder / "model.safetensors").write_bytes(whole[: len(whole) - cut])
    with pytest.raises(embzarr.InvalidInputError, match=told):
        import_vectors(folder, tmp_path / "run")
    assert not (tmp_path / "run" / "latest.json").exists()


def test_a_folder_of_something_else_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is expected, and its name, also where that is a dot."""
    (tmp_path / "f").mkdir()
    with pytest.raises(embzarr.InvalidInputError, match="/f: a folder of no kind that is read"):
        import_vectors(tmp_path / "f", tmp_path / "run")
    monkeypatch.chdir(tmp_path / "f")
    with pytest.raises(embzarr.InvalidInputError, match=r"^\.: a folder of no kind"):
        import_vectors(".", tmp_path / "run")
