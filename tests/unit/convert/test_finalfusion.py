"""finalfusion, quantised and with n-grams."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embzarr
from embzarr.convert import import_vectors
from embzarr.convert._readers import finalfusion
from unit.convert.others import MATRIX, WORDS, check


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


def vocabulary(kind: int, words: list[str]) -> tuple[int, bytes, None]:
    """Return a vocabulary of words, or with buckets or names of n-grams."""
    if kind == 8:
        ngrams = b"".join(texts([gram]) + struct.pack("<Q", 0) for gram in ("ab", "bc"))
        return kind, struct.pack("<QQII", len(words), 2, 2, 3) + texts(words) + ngrams, None
    buckets = b"" if kind == 1 else struct.pack("<III", 2, 3, 4)
    return kind, struct.pack("<Q", len(words)) + buckets + texts(words), None


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


@pytest.mark.parametrize("kind", [3, 7, 8])
def test_words_of_finalfusion_come_without_the_rows_of_ngrams(tmp_path: Path, kind: int) -> None:
    """Their own rows, as finalfusion answers for them; what is left out is counted."""
    matrix = np.concatenate((MATRIX, np.ones((4, 6), np.float32)))
    (tmp_path / "a.fifu").write_bytes(chunked([vocabulary(kind, WORDS), plain(matrix)]))
    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run")
    check(found, "finalfusion")
    assert found.checkpoint.metadata["import"]["file"] == {"rows_of_ngrams_left_out": 4}


def test_norms_that_the_header_does_not_tell_of_are_used(tmp_path: Path) -> None:
    """finalfusion itself writes and reads such files."""
    lengths = np.arange(1, len(WORDS) + 1, dtype=np.float32)
    told = chunked([vocabulary(1, WORDS), plain(MATRIX)])
    norms = chunked([(6, struct.pack("<QI", len(WORDS), 10), lengths.tobytes())])[16:]
    (tmp_path / "a.fifu").write_bytes(told + norms)

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    np.testing.assert_array_equal(found.to_numpy(), MATRIX * lengths[:, None])


@pytest.mark.parametrize("kind", [1, 3])
@pytest.mark.parametrize("turn", [False, True])
@pytest.mark.parametrize("norms", [False, True])
def test_a_quantised_matrix_is_put_together(
    tmp_path: Path, kind: int, *, turn: bool, norms: bool
) -> None:
    """Part by part, turned back, and made as long as it was."""
    words = WORDS if kind == 1 else WORDS[:5]
    chunks = [vocabulary(kind, words), quantised(turn=turn, norms=norms)]
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))

    found = import_vectors(tmp_path / "a.fifu", tmp_path / "run").checkpoint

    expected = []
    for row in range(len(words)):
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
        ([(9, struct.pack("<IIIIIII", 2, 3, 4, 5, 6, 1, 1), None), plain(MATRIX)], None),
    ],
)
def test_an_odd_file_of_finalfusion_is_told(
    tmp_path: Path, chunks: list[Any], code: str | None
) -> None:
    """A code that stands for nothing, other lengths, and floret's table, which has no words."""
    (tmp_path / "a.fifu").write_bytes(chunked(chunks))
    with pytest.raises(embzarr.EmbzarrError) as caught:
        import_vectors(tmp_path / "a.fifu", tmp_path / "run")
    assert caught.value.code == (code or "feature-unsupported")


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
