"""finalfusion, quantised and with n-grams."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr._reading import NAMES, Tensor
from embzarr.convert import import_vectors
from embzarr.convert._readers import finalfusion
from unit.convert.others import MATRIX, WORDS, check, words_file


def chunked(chunks: list[tuple[int, bytes, bytes | None]]) -> bytes:
    """Return a file of chunks: a head, padding as finalfusion counts it, and numbers."""
    data = b"FiFu" + struct.pack("<II", 0, len(chunks))
    data += b"".join(struct.pack("<I", kind) for kind, *_ in chunks)
    for kind, head, numbers in chunks:
        padding = b"" if numbers is None else b"\0" * (4 - (len(data) + 12 + len(head)) % 4)
        body = head + padding + (numbers or b"")
        data += struct.pack("<IQ", kind, len(body)) + body
    return data


def texts(words: list[str]) -> bytes:
    encoded = [word.encode() for word in words]
    return b"".join(struct.pack("<I", len(word)) + word for word in encoded)


NGRAMS = {"<Tü": 1, "Tüb": 0, "üb>": 1}
"""By name, with their rows."""
NGRAM_ROWS = {1: 0, 3: 16, 7: 6, 8: 2}
"""By the kind of vocabulary; in buckets of finalfusion's own the file tells the logarithm."""


def vocabulary(kind: int, words: list[str]) -> tuple[int, bytes, None]:
    """Return a vocabulary of words, or with buckets or names of n-grams."""
    if kind == 8:
        ngrams = b"".join(texts([gram]) + struct.pack("<Q", row) for gram, row in NGRAMS.items())
        return kind, struct.pack("<QQII", len(words), 3, 3, 4) + texts(words) + ngrams, None
    buckets = b"" if kind == 1 else struct.pack("<III", 3, 4, {3: 4, 7: 6}[kind])
    return kind, struct.pack("<Q", len(words)) + buckets + texts(words), None


def with_ngrams(kind: int) -> np.ndarray:
    """Return rows of words, and of n-grams behind them."""
    rows = np.random.default_rng(kind).standard_normal((NGRAM_ROWS[kind], 6), np.float32)
    return np.concatenate((MATRIX, rows))


def hashed(buckets: int = len(WORDS), hashes: int = 2) -> tuple[int, bytes, None]:
    """Return a vocabulary of floret, which has no words."""
    told = struct.pack("<IIQII", 2, 3, buckets, hashes, 2166136261)
    return 9, told + texts(["<", ">"]), None


def ngrams(names: list[tuple[str, int]], minn: int = 2) -> tuple[int, bytes, None]:
    """Return a vocabulary of words and n-grams by name."""
    data = struct.pack("<QQII", len(WORDS), len(names), minn, 3) + texts(WORDS)
    for name, row in names:
        encoded = name.encode(errors="surrogateescape")
        data += struct.pack("<I", len(encoded)) + encoded + struct.pack("<Q", row)
    return 8, data, None


def plain(matrix: np.ndarray) -> tuple[int, bytes, bytes]:
    return 2, struct.pack("<QII", *matrix.shape, 10), matrix.tobytes()


CODES = np.random.default_rng(2).integers(0, 5, (len(WORDS), 3)).astype(np.uint8)
CENTROIDS = np.random.default_rng(3).standard_normal((3, 5, 2), np.float32)
TURN = np.random.default_rng(4).standard_normal((6, 6), np.float32)


def quantised(*, turn: bool, norms: bool, codes: np.ndarray = CODES) -> tuple[int, bytes, bytes]:
    head = struct.pack("<IIIIIQII", turn, norms, 3, 6, 5, len(codes), 1, 10)
    parts = [TURN.tobytes() * turn, CENTROIDS.tobytes()]
    lengths = np.arange(1, len(codes) + 1, dtype=np.float32)
    return 4, head, b"".join([*parts, lengths.tobytes() * norms, codes.tobytes()])


@pytest.mark.parametrize(
    ("kind", "grams"), [(3, [7, 2, 5, 12, 6]), (7, [0, 2, 2, 2, 0]), (8, [1, 0, 1])]
)
def test_an_unknown_word_of_finalfusion_is_made_of_its_ngrams(
    tmp_path: Path, kind: int, grams: list[int]
) -> None:
    """The direction of the sum of their rows, as finalfusion has it; words have rows of their own.

    The rows of each n-gram of <Tüb> are those that finalfusion's Python library gives.
    """
    matrix = with_ngrams(kind)
    (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(kind, WORDS), plain(matrix)]))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run")

    check(found, "finalfusion")
    total = np.add.reduce(matrix[len(WORDS) :][grams], 0)
    computed = found.checkpoint.get_vector("Tüb")
    np.testing.assert_allclose(computed, total / np.linalg.norm(total), rtol=1e-6)
    assert not found.checkpoint.load(["x"], missing="subwords").vectors[0].any() or kind != 8


@pytest.mark.parametrize("kind", [3, 7])
def test_ngrams_of_a_quantised_matrix_are_put_together(tmp_path: Path, kind: int) -> None:
    """As the rows of words are."""
    count = 5 + NGRAM_ROWS[kind]
    codes = np.random.default_rng(5).integers(0, 5, (count, 3)).astype(np.uint8)
    chunks = [vocabulary(kind, WORDS[:5]), quantised(turn=True, norms=True, codes=codes)]
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    turned = np.array([TURN @ np.concatenate(CENTROIDS[range(3), row]) for row in codes])
    expected = turned * np.arange(1, count + 1)[:, None]
    np.testing.assert_allclose(found.tensors["subwords"].load(), expected[5:], rtol=1e-5, atol=1e-6)


def test_names_of_ngrams_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often words are asked for."""
    (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(8, WORDS), plain(with_ngrams(8))]))
    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint
    read, load = [], Tensor.load

    def told(tensor: Tensor) -> np.ndarray:
        read.append(tensor.name)
        return load(tensor)

    monkeypatch.setattr(Tensor, "load", told)

    for word in ("Tüb", "Tübingen", "Tüb"):
        found.get_vector(word)

    assert read == [NAMES]


def test_ngrams_are_left_out_on_demand(tmp_path: Path) -> None:
    """And then no word is made of them."""
    (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(3, WORDS), plain(with_ngrams(3))]))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run", subwords=False).checkpoint

    with pytest.raises(embzarr.WordNotFoundError):
        found.get_vector("Tüb")


def test_norms_that_the_header_does_not_tell_of_are_used(tmp_path: Path) -> None:
    """finalfusion itself writes and reads such files."""
    lengths = np.arange(1, len(WORDS) + 1, dtype=np.float32)
    told = chunked([vocabulary(1, WORDS), plain(MATRIX)])
    norms = chunked([(6, struct.pack("<QI", len(WORDS), 10), lengths.tobytes())])[16:]
    (tmp_path / "a.fifu").write_bytes(told + norms)

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    np.testing.assert_array_equal(found.to_numpy(), MATRIX * lengths[:, None])


@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_a_quantised_matrix_is_put_together(tmp_path: Path, *, turn: bool, norms: bool) -> None:
    """Part by part, turned back, and made as long as it was."""
    chunks = [vocabulary(1, WORDS), quantised(turn=turn, norms=norms)]
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    expected = []
    for row in range(len(WORDS)):
        vector = np.concatenate([CENTROIDS[part, CODES[row, part]] for part in range(3)])
        vector = TURN @ vector if turn else vector
        expected.append(vector * (row + 1 if norms else 1))
    np.testing.assert_allclose(found.to_numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([vocabulary(1, WORDS), quantised(turn=False, norms=False, codes=CODES + 3)], "input-file"),
        ([vocabulary(1, WORDS[:3]), quantised(turn=False, norms=False)], "input-rows"),
        ([vocabulary(3, [*WORDS, "more"]), quantised(turn=False, norms=False)], "input-rows"),
        ([vocabulary(7, WORDS), plain(with_ngrams(3))], "input-rows"),
        ([ngrams([("ab", 0), ("ab", 1)]), plain(with_ngrams(8))], "input-file"),
        ([ngrams([("ab", 0), ("bc", 2)]), plain(with_ngrams(8))], "input-file"),
        ([ngrams([]), plain(with_ngrams(8))], "input-file"),
        ([ngrams([("ab", 0), ("bc", 1)], minn=0), plain(with_ngrams(8))], "input-file"),
        ([ngrams([("ab", 0), ("\udc80", 1)]), plain(with_ngrams(8))], "input-file"),
        ([hashed(), plain(MATRIX)], "input-argument"),
        ([hashed(hashes=5), plain(MATRIX)], "input-file"),
        ([hashed(buckets=0), plain(MATRIX[:0])], "input-file"),
        ([hashed(), plain(MATRIX[:6])], "input-rows"),
        ([hashed(), vocabulary(1, WORDS), plain(MATRIX)], "input-rows"),
        ([hashed()], "input-rows"),
    ],
)
def test_an_odd_file_of_finalfusion_is_told(tmp_path: Path, chunks: list[Any], code: str) -> None:
    """A code that stands for nothing, other lengths, n-grams that cannot be; floret's, no words."""
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))
    with pytest.raises(embzarr.EmbzarrError) as caught:
        import_vectors(tmp_path / "a.fifu", tmp_path / "run")
    assert caught.value.code == code


@pytest.mark.parametrize("is_quantised", [False, True])
def test_words_are_made_of_a_vocabulary_of_floret(tmp_path: Path, *, is_quantised: bool) -> None:
    """As of floret's own table of the same rows, those that no one named included."""
    matrix = quantised(turn=False, norms=False) if is_quantised else plain(MATRIX)
    (tmp_path / "a.fifu").write_bytes(chunked([hashed(), matrix]))
    words = words_file(tmp_path)
    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run", vocabulary=words).checkpoint

    (tmp_path / "b.fifu").write_bytes(chunked([vocabulary(1, WORDS), matrix]))
    rows = import_vectors(tmp_path / "b.fifu", tmp_path / "rows").checkpoint.to_numpy()
    lines = [f"{at} {' '.join(map(repr, row.tolist()))}\n" for at, row in enumerate(rows)]
    (tmp_path / "a.floret").write_text(f"7 6 2 3 2 2166136261 < >\n{''.join(lines)}")
    same = import_vectors(tmp_path / "a.floret", tmp_path / "same", vocabulary=words).checkpoint

    assert list(found.words) == WORDS
    np.testing.assert_array_equal(found.to_numpy(), same.to_numpy())
    np.testing.assert_array_equal(found.get_vector("unseen"), same.get_vector("unseen"))


@pytest.mark.parametrize(
    "head",
    [
        *((0, 6, 5, 1, 10), (4, 6, 5, 1, 10), (7, 6, 5, 1, 10)),
        *((3, 6, 0, 1, 10), (3, 6, 257, 1, 10), (3, 6, 5, 2, 10), (3, 6, 5, 1, 11)),
    ],
)
def test_a_quantised_matrix_is_whole_parts_of_few_centroids(
    tmp_path: Path, head: tuple[int, ...]
) -> None:
    """Of 256 at most, which a byte can tell; what the head says besides is refused."""
    for parts, dim, centroids, code, number in (
        (3, 6, 256, 1, 10),
        (6, 6, 1, 1, 10),
        (1, 6, 1, 1, 10),
        head,
    ):
        told = struct.pack("<IIIIIQII", 0, 0, parts, dim, centroids, len(WORDS), code, number)
        numbers = np.ones(centroids * dim, np.float32).tobytes() + bytes(len(WORDS) * parts)
        (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(1, WORDS), (4, told, numbers)]))
        if (parts, dim, centroids, code, number) != head:
            found = import_vectors(tmp_path / "a.fifu", tmp_path / f"run-{parts}").checkpoint
            assert found.to_numpy().tolist() == [[1] * dim] * len(WORDS)
    with pytest.raises(embzarr.InvalidInputError, match="no sound quantised matrix of 7 rows"):
        import_vectors(tmp_path / "a.fifu", tmp_path / "run")


@pytest.mark.parametrize("room", [0, 1])
def test_metadata_of_finalfusion_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """As text, whatever its bytes are; where it is too long it is passed over."""
    note = 'x = "é"\n'.encode() + b"\xff"
    monkeypatch.setattr(finalfusion, "_MOST_METADATA_BYTES", len(note) - 1 + room)
    (tmp_path / "a.fifu").write_bytes(
        chunked([(5, note, None), vocabulary(1, WORDS), plain(MATRIX)])
    )

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run")

    check(found, "finalfusion")
    told = {"metadata": 'x = "é"\n\ufffd'} if room else {}
    assert found.checkpoint.metadata["import"].get("file", {}) == told


def test_a_file_of_finalfusion_has_sixteen_chunks_at_most(tmp_path: Path) -> None:
    """More are not looked for."""
    parts = [vocabulary(1, WORDS), plain(MATRIX)]
    (tmp_path / "a.fifu").write_bytes(chunked([(5, b"", None)] * 14 + parts))
    check(import_vectors(tmp_path / "a.fifu", tmp_path / "run"), "finalfusion")
    (tmp_path / "a.fifu").write_bytes(chunked([(5, b"", None)] * 15 + parts))
    with pytest.raises(embzarr.InvalidInputError, match="byte 0: expected a header"):
        import_vectors(tmp_path / "a.fifu", tmp_path / "other")
