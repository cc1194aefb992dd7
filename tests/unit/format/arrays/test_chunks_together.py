"""What `Chunks` promises of several that are at hand together, wherever they lie."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import Chunks, checksums, chunk_coding, digests
from embzarr.errors import DamagedError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 48
LIE = "expected 48 bytes, found 44|expected 48 uncompressed bytes, its header claims 44"
CODECS = {text: chunk_coding.parse(text, 4) for text in ("none", "lz4", "zstd")}
PARTS = st.lists(st.integers(0, 60), min_size=1, max_size=9)


def content(number: int, size: int = SIZE) -> bytes:
    return np.random.default_rng(number).bytes(size // 2) * 2


def laid(
    text: str, gaps: list[int], sizes: list[int] | None = None
) -> tuple[Chunks, NDArray[np.int64]]:
    """Return chunks one behind the other, each after so many foreign bytes; and their checksums."""
    codec = CODECS[text]
    assert codec is not None
    data, starts, stops, known = b"", [], [], []
    for number, gap in enumerate(gaps):
        raw = np.frombuffer(content(number, sizes[number] if sizes else SIZE), np.uint8)
        body = raw.tobytes() if text == "none" else chunk_coding._compress(raw, codec)
        data += b"\xaa" * gap
        starts.append(len(data))
        known.append(digests.crc32c(body))
        data += body + known[-1].to_bytes(4, "little")
        stops.append(len(data))
    data += b"\xbb" * 200
    chunks = Chunks(memoryview(data), np.array(starts), np.array(stops), "chunk {}".format)
    return chunks, np.array(known)


def marks_of(chunks: Chunks) -> NDArray[np.uint64]:
    return checksums.marks(chunks.stops)


def decoded(chunks: Chunks, text: str) -> list[bytes]:
    codec = CODECS[text]
    assert codec is not None
    rows, slots = chunks.decoded(codec, SIZE)
    # No more slots than up to the last chunk: what lies behind it is no row.
    assert len(rows) == slots[-1] + 1
    return [row.tobytes() for row in rows[slots]]


@pytest.mark.parametrize("text", CODECS)
@given(gaps=PARTS, data=st.data())
def test_chunks_decode_wherever_they_lie(text: str, gaps: list[int], data: st.DataObject) -> None:
    """Close together, a whole number of chunks apart, or any bytes; all of them or some."""
    apart = data.draw(
        st.sampled_from([[0] * len(gaps), [gap % 3 * (SIZE + 4) for gap in gaps], gaps])
    )
    chunks, known = laid(text, apart)
    some = np.array(data.draw(st.lists(st.booleans(), min_size=len(gaps), max_size=len(gaps))))
    some[data.draw(st.integers(0, len(gaps) - 1))] = True
    part, expected = chunks.take(some), [content(int(at)) for at in np.flatnonzero(some)]

    part.check(known[some])
    part.check(known[some], partial(marks_of, part))

    assert decoded(part, text) == expected
    if text != "none":
        out = np.zeros(SIZE * len(expected) + 7, np.uint8)
        places = np.arange(len(expected))[::-1] * SIZE + 7
        part.decode_to(out, places, CODECS[text] or chunk_coding.NONE, SIZE)
        assert out.tobytes() == bytes(7) + b"".join(reversed(expected))


@pytest.mark.parametrize("text", CODECS)
@given(gaps=PARTS, data=st.data())
def test_the_first_that_is_not_as_it_was_written_is_named(
    text: str, gaps: list[int], data: st.DataObject
) -> None:
    """Whichever bit it is, in a run or apart, by the number that it had before some were taken."""
    chunks, known = laid(text, [gap % 2 * gap for gap in gaps])
    changed = bytearray(chunks.data)
    hit = sorted(data.draw(st.sets(st.integers(0, len(gaps) - 1), min_size=1)))
    for number in hit:
        at = data.draw(st.integers(int(chunks.starts[number]), int(chunks.stops[number]) - 1))
        changed[at] ^= 1 << data.draw(st.integers(0, 7))
    broken = Chunks(memoryview(bytes(changed)), chunks.starts, chunks.stops, chunks.what)
    left = slice(data.draw(st.integers(0, hit[0])), None)
    taken = broken.take(left)

    for marks in (None, partial(marks_of, taken)):
        with pytest.raises(DamagedError, match=f"^chunk {hit[0]}: expected CRC-32C") as caught:
            taken.check(known[left], marks)
        assert caught.value.code == "chunk-checksum"


@pytest.mark.parametrize("swapped", [[1, 0, 2, 3, 4, 5], [0, 1, 2, 3, 5, 4]])
def test_a_sound_chunk_at_another_ones_place_is_named(swapped: list[int]) -> None:
    """The checksum that follows it is right, and that which is expected is not."""
    chunks, known = laid("none", [0] * 6)
    first = min(at for at, other in enumerate(swapped) if at != other)

    with pytest.raises(DamagedError, match=f"^chunk {first}: "):
        chunks.check(known[swapped], partial(marks_of, chunks))


@pytest.mark.parametrize("text", CODECS)
@pytest.mark.parametrize("short", [0, 2, 3])
def test_the_first_of_another_size_is_named(text: str, short: int) -> None:
    """Before anything is decoded, wherever it lies."""
    chunks, _ = laid(text, [5, 0, 9, 0], [SIZE if at < short else SIZE - 4 for at in range(4)])

    with pytest.raises(DamagedError, match=f"^chunk {short}: ({LIE}) ") as caught:
        decoded(chunks, text)
    assert caught.value.code == "chunk-decode"


def test_a_chunk_shorter_than_its_checksum_is_named() -> None:
    """It has none, whatever lies before and behind it."""
    chunks, known = laid("none", [0] * 3)
    chunks.stops[1] = chunks.starts[1] + 3

    with pytest.raises(DamagedError, match=r"^chunk 1: .*found 00000000"):
        chunks.check(known)
