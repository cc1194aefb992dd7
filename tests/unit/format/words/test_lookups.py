"""What `lookups` promises: a word, a range or a prefix names its blocks, and they hold it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from embzarr._format import lookups, spec, word_table
from embzarr.errors import DamagedError, InvalidInputError
from oracle import make_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from embzarr._format.words.lookups import LookupBlock, LookupImage

WORDS = (
    st.text("\x00ab\U0001f418", max_size=12)
    | st.text(max_size=6)
    | st.builds("{}{}".format, st.just("a common beginning, "), st.text("xy\x00", max_size=5))
)
VOCABULARIES = st.lists(WORDS, unique=True, max_size=60)


@pytest.fixture(autouse=True, scope="module")
def _small_blocks() -> Any:
    """Let sixty words fill many blocks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spec, "BLOCK_BYTES", 128)
        yield


def image_of(words: Sequence[str]) -> LookupImage:
    table = word_table.from_words(words)
    return lookups.encode(table, table.argsort())


class Model:
    """A lookup, read block by block as a checkpoint reads it."""

    def __init__(self, words: Sequence[str]) -> None:
        image = image_of(words)
        self.rows = len(words)
        self.image = image
        self.fences = [fence.encode() for fence in image.fences]
        self.blocks = lookups.decode(image.blocks(), rows=self.rows, what=str)

    def find(self, words: Sequence[str]) -> list[int]:
        """Look for all words at once."""
        asked = word_table.from_words(words)
        fences = word_table.from_words(self.image.fences)
        found = lookups.find(self.blocks, asked, lookups.blocks_of(fences, asked))
        return [int(row) for row in found]

    def between(self, first: bytes, last: bytes | None) -> list[tuple[str, int]]:
        found: list[tuple[str, int]] = []
        for number in lookups.blocks_of_range(self.fences, first, last):
            block = self.blocks[number]
            stop = len(block.rows) if last is None else block.place(last)
            found += entries(block)[block.place(first) : stop]
        return found


def entries(block: LookupBlock) -> list[tuple[str, int]]:
    return list(zip(block.words, block.rows.tolist(), strict=True))


def decode(block: NDArray[np.uint8], *, rows: int, what: str = "b") -> LookupBlock:
    """Take apart one block."""
    (found,) = lookups.decode(block[None], rows=rows, what=lambda _: what)
    return found


def pack(
    words: Iterable[bytes],
    *,
    rows: Sequence[int] | None = None,
    ends: Sequence[int] | None = None,
    count: int | None = None,
    size: int = 128,
) -> NDArray[np.uint8]:
    """Lay out a block by the specification, or wrongly where told."""
    listed = list(words)
    rows = range(len(listed)) if rows is None else rows
    ends = list(itertools.accumulate(map(len, listed))) if ends is None else ends
    parts = [
        np.array([len(listed) if count is None else count, 0], "<u4").tobytes(),
        np.array(rows, "<u8").tobytes(),
        np.array(ends, "<u4").tobytes(),
        *listed,
    ]
    return np.frombuffer(b"".join(parts).ljust(size, b"\x00"), np.uint8)


# A lookup as a dictionary -------------------------------------------------------------------------
@given(VOCABULARIES.filter(bool), st.lists(WORDS))
def test_every_word_is_found_and_no_other(words: list[str], others: list[str]) -> None:
    """A lookup answers as a dictionary from words to rows does."""
    model = Model(words)
    rows = {word: row for row, word in enumerate(words)}
    asked = [*words, *others, *(word + "\x00" for word in words), *(word[:-1] for word in words)]

    expected = [rows.get(word, -1) for word in asked]
    assert model.find(asked) == expected
    assert [model.find([word]) for word in asked] == [[row] for row in expected]


@given(VOCABULARIES, WORDS, WORDS)
def test_a_range_holds_its_words_in_byte_order(words: list[str], a: str, b: str) -> None:
    """A half-open range gives just the words that a sorted list has there, with their rows."""
    model = Model(words)
    ordered = sorted((word, row) for row, word in enumerate(words))
    for first, last in [(a, b), (b, a), (a, a), ("", b)]:
        expected = [pair for pair in ordered if first <= pair[0] < last]

        assert model.between(first.encode(), last.encode()) == expected


@given(VOCABULARIES, st.data())
def test_a_prefix_holds_all_words_that_begin_with_it(words: list[str], data: st.DataObject) -> None:
    """Any text, the beginnings of words above all, gives what ``startswith`` picks."""
    beginnings = st.sampled_from(words).flatmap(
        lambda word: st.integers(0, len(word)).map(lambda end: word[:end])
    )
    prefix = data.draw(beginnings | WORDS if words else WORDS)
    ordered = sorted((word, row) for row, word in enumerate(words))
    begin = prefix.encode()

    found = Model(words).between(begin, lookups.prefix_end(begin))

    assert found == [pair for pair in ordered if pair[0].startswith(prefix)]


@given(VOCABULARIES.filter(bool))
def test_the_ends_of_a_range_may_be_words(words: list[str]) -> None:
    """A range from one word to another takes the first and leaves the last."""
    model = Model(words)
    ordered = sorted(words)
    first, last = ordered[len(ordered) // 3], ordered[-1]

    found = [word for word, _ in model.between(first.encode(), last.encode())]

    assert found == ordered[ordered.index(first) : -1]


@given(VOCABULARIES)
def test_a_range_without_an_end_holds_the_rest(words: list[str]) -> None:
    """No upper bound means all words from the first on."""
    ordered = sorted((word, row) for row, word in enumerate(words))

    assert Model(words).between(b"", None) == ordered
    assert Model(words).between(b"b", None) == [pair for pair in ordered if pair[0] >= "b"]


@given(VOCABULARIES.filter(bool), WORDS, WORDS)
def test_no_block_is_read_that_a_range_cannot_touch(words: list[str], a: str, b: str) -> None:
    """Of the blocks that a range names, all but the outermost hold nothing else."""
    model = Model(words)
    first, last = sorted([a.encode(), b.encode()])

    inner = list(lookups.blocks_of_range(model.fences, first, last))[1:-1]

    for number in inner:
        held = [word.encode() for word, _ in entries(model.blocks[number])]
        assert [word for word in held if first <= word < last] == held


# The stored form ----------------------------------------------------------------------------------
@given(VOCABULARIES)
def test_fences_separate_blocks(words: list[str]) -> None:
    """The first fence is empty; each next lies above the block before and not above its own."""
    model = Model(words)
    held = [[word.encode() for word, _ in entries(block)] for block in model.blocks]

    assert len(model.fences) == len(held)
    assert model.fences[:1] in ([], [b""])
    assert [word for block in held for word in block] == sorted(word.encode() for word in words)
    for before, fence, after in zip(held, model.fences[1:], held[1:], strict=False):
        assert before[-1] < fence <= after[0]


def test_fences_are_as_short_as_they_can_be() -> None:
    """A fence is no longer than what tells two neighbours apart."""
    words = ["a" * 70, "a" * 69 + "b", "c" * 70, "c" * 70 + "d", "国" * 24, "国" * 23 + "外"]

    fences = image_of(sorted(words)).fences

    assert fences == ("", "a" * 69 + "b", "c", "c" * 70 + "d", "国", "国" * 23 + "外")


def test_the_layout_is_that_of_the_specification() -> None:
    """A block is count, zero, rows, ends, text and zero padding, all little-endian."""
    image = image_of(["b", "", "é"])

    assert image.fences == ("",)
    assert image.blocks().shape == (1, 128)
    assert image.blocks().dtype == np.uint8
    assert image.blocks().tobytes() == (
        b"\x03\x00\x00\x00\x00\x00\x00\x00"
        b"\x01\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x00\x00\x00\x00"
        b"\x02\x00\x00\x00\x00\x00\x00\x00"
        b"\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00"
        b"b\xc3\xa9"
    ).ljust(128, b"\x00")


def test_no_words_have_no_blocks() -> None:
    """An empty vocabulary stores no block and no fence, and no range names one."""
    image = image_of([])

    assert image.blocks().shape == (0, 128)
    assert image.fences == ()
    assert lookups.blocks_of_range([], b"", None) == range(0)
    assert lookups.blocks_of_range([], b"a", b"b") == range(0)


def test_blocks_are_made_one_by_one_as_all_at_once() -> None:
    """Who writes them asks for some at a time, the last of which may be fewer."""
    image = image_of(make_words(100))
    every = image.blocks()

    assert len(every) == len(image) > 4
    parts = [image.blocks(start, start + 3) for start in range(0, len(image), 3)]
    assert np.concatenate(parts).tobytes() == every.tobytes()


def test_one_word_is_one_block() -> None:
    """A single word, even the empty one, is found, and its neighbours are not."""
    model = Model([""])

    assert model.image.fences == ("",)
    assert model.find(["", "\x00", "a"]) == [0, -1, -1]


def test_blocks_are_filled_to_the_last_byte() -> None:
    """Words that just fit a block share it; a byte more begins the next."""
    fitting = ["a" * 48, "b" * 48]
    spilling = ["a" * 48, "b" * 49]

    assert image_of(fitting).blocks().shape == (1, 128)
    assert image_of(spilling).blocks().shape == (2, 128)


@pytest.mark.parametrize(("length", "size"), [(108, 128), (109, 256), (2**20, 2**21)])
def test_blocks_double_until_the_longest_word_fits(length: int, size: int) -> None:
    """Twelve bytes of entry and eight of header go with a word; a mebibyte is no limit."""
    words = ["x" * length, "short"]
    model = Model(words)

    assert model.image.blocks().shape[1] == size
    assert model.find(words) == [0, 1]


def test_blocks_double_until_fences_are_few(monkeypatch: Any) -> None:
    """A vocabulary of many blocks gets larger ones, not more fences than a manifest may hold."""
    words = make_words(200)
    many = len(Model(words).fences)
    monkeypatch.setattr(spec, "MAX_FENCES", 4)

    model = Model(words)

    assert many > 4 >= len(model.fences)
    assert model.find(words) == list(range(200))


def test_just_as_many_fences_as_allowed_are_kept(monkeypatch: Any) -> None:
    """The limit itself doubles nothing; one block more does."""
    monkeypatch.setattr(spec, "MAX_FENCES", 4)
    word = "{:0100d}".format

    assert image_of([word(n) for n in range(4)]).blocks().shape == (4, 128)
    assert image_of([word(n) for n in range(5)]).blocks().shape == (3, 256)


def test_blocks_double_until_fences_are_short(monkeypatch: Any) -> None:
    """Words that begin alike for long need long fences, and so get fewer of them."""
    monkeypatch.setattr(spec, "MAX_FENCE_BYTES", 100)
    words = ["p" * 60 + f"{number:02}" for number in range(20)]
    model = Model(words)

    assert sum(map(len, model.fences)) <= 100
    assert model.image.blocks().shape == (2, 1024)
    assert model.find(words) == list(range(20))


def test_words_that_no_fence_table_can_divide_are_refused(monkeypatch: Any) -> None:
    """What a reader would refuse as too large a block is not written, but named."""
    monkeypatch.setattr(spec, "MAX_FENCE_BYTES", 50)
    monkeypatch.setattr(spec, "MAX_BLOCK_BYTES", 1024)
    words = ["p" * 60 + f"{number:02}" for number in range(20)]

    with pytest.raises(InvalidInputError, match="50 bytes of fences") as caught:
        image_of(words)

    assert caught.value.code == "input-word"
    monkeypatch.setattr(spec, "MAX_BLOCK_BYTES", 2048)
    assert image_of(words).blocks().shape == (1, 2048)


def test_a_vocabulary_of_usual_size_has_blocks_of_64_kib(monkeypatch: Any) -> None:
    """With the format's own sizes, every one of ten thousand words has its row."""
    monkeypatch.setattr(spec, "BLOCK_BYTES", 64 * 1024)
    words = make_words(10_000)
    model = Model(words)
    found = dict(pair for block in model.blocks for pair in entries(block))

    assert model.image.blocks().shape == (4, 65_536)
    assert found == {word: row for row, word in enumerate(words)}
    assert model.find(words[::100]) == list(range(0, 10_000, 100))


# Fences -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("word", "block"),
    [(b"", 0), (b"a", 0), (b"b", 1), (b"b\x00", 1), (b"cz", 1), (b"d", 2), (b"\xf4", 2)],
)
def test_one_block_can_hold_a_word(word: bytes, block: int) -> None:
    """A fence belongs to the block that it opens."""
    assert lookups.block_of([b"", b"b", b"d"], word) == block


@pytest.mark.parametrize(
    ("first", "last", "blocks"),
    [
        (b"", b"a", range(1)),
        (b"a", b"b", range(1)),
        (b"a", b"b\x00", range(2)),
        (b"b", b"d", range(1, 2)),
        (b"c", b"e", range(1, 3)),
        (b"", None, range(3)),
        (b"x", None, range(2, 3)),
        (b"d", b"c", range(0)),
        (b"b", b"b", range(0)),
    ],
)
def test_a_range_names_its_blocks(first: bytes, last: bytes | None, blocks: range) -> None:
    """A block that ends where a range begins is left out, and so is one that begins at its end."""
    assert lookups.blocks_of_range([b"", b"b", b"d"], first, last) == blocks


@pytest.mark.parametrize(
    ("prefix", "end"),
    [
        (b"a", b"b"),
        (b"ab", b"ac"),
        (b"a\xff", b"b"),
        (b"a\xff\xff", b"b"),
        (b"\x00", b"\x01"),
        ("\U0010ffff".encode(), b"\xf4\x8f\xbf\xc0"),
        (b"", None),
        (b"\xff", None),
        (b"\xff\xff", None),
    ],
)
def test_the_end_of_a_prefix_is_the_least_beyond_it(prefix: bytes, end: bytes | None) -> None:
    """No text that begins with the prefix lies at or above its end; for some there is no end."""
    assert lookups.prefix_end(prefix) == end


@given(st.binary(max_size=4), st.binary(max_size=6))
def test_a_prefix_is_a_range(prefix: bytes, other: bytes) -> None:
    """To begin with a prefix and to lie in its range is the same."""
    end = lookups.prefix_end(prefix)

    assert (prefix <= other and (end is None or other < end)) == other.startswith(prefix)


@given(st.lists(VOCABULARIES.filter(bool), min_size=1, max_size=4))
def test_many_blocks_are_taken_apart_as_each_alone(vocabularies: list[list[str]]) -> None:
    """Blocks of any words, read together, are what each of them is read alone."""
    packed = [pack([word.encode() for word in words], size=4096) for words in vocabularies]

    read = lookups.decode(np.stack(packed), rows=100, what=str)

    assert [entries(block) for block in read] == [
        entries(decode(block, rows=100)) for block in packed
    ]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (pack([b"a"], count=11), "lookup-invalid"),
        (pack([b"ab", b"c"], ends=[2, 1]), "lookup-invalid"),
        (pack([b"a"], rows=[10]), "lookup-invalid"),
        (pack([b"\xa9b"]), "words-invalid"),
    ],
)
def test_of_many_blocks_the_wrong_one_is_named(wrong: NDArray[np.uint8], code: str) -> None:
    """Also where its bytes would go on with a character that the block before it begins."""
    blocks = np.stack([pack([b"a", b"b"]), wrong, pack([b"c"])])
    with pytest.raises(DamagedError, match=r"^block 1: ") as caught:
        lookups.decode(blocks, rows=10, what=lambda at: f"block {at}")

    assert caught.value.code == code


# Hostile blocks -----------------------------------------------------------------------------------
def refusal(block: NDArray[np.uint8], *, rows: int = 10) -> str:
    with pytest.raises(DamagedError, match=r"^lookup block 7: ") as caught:
        decode(block, rows=rows, what="lookup block 7")
    return caught.value.code


def test_a_block_made_by_hand_is_read() -> None:
    """What the specification says is enough to write a block that we read."""
    block = decode(pack([b"a", b"b\x00", "é".encode()], rows=[9, 0, 4]), rows=10)

    assert entries(block) == [("a", 9), ("b\x00", 0), ("é", 4)]
    asked = word_table.from_words(["b\x00", "b"])
    assert lookups.find([block], asked, np.zeros(2, np.int64)).tolist() == [0, -1]


HOSTILE = {
    "no entries": pack([]),
    "more entries than fit": pack([b"a"], count=11),
    "the most entries": pack([b"a"], count=2**32 - 1),
    "ends that fall": pack([b"ab", b"c"], ends=[2, 1]),
    "an end beyond the block": pack([b"ab"], ends=[128]),
    "the last end beyond the block": pack([b"a", b"b"], ends=[1, 2**32 - 1]),
    "ends that fall from far": pack([b"a", b"b"], ends=[2**32 - 1, 1]),
    "a row beyond the layer": pack([b"a"], rows=[10]),
    "the largest row": pack([b"a"], rows=[2**64 - 1]),
    "a row beyond signed numbers": pack([b"a"], rows=[2**63]),
}


@pytest.mark.parametrize("block", HOSTILE.values(), ids=HOSTILE.keys())
def test_blocks_that_lie_are_refused(block: NDArray[np.uint8]) -> None:
    """Counts, ends and rows are judged before anything is cut by them."""
    assert refusal(block) == "lookup-invalid"


@pytest.mark.parametrize(
    "block",
    [pack([b"\xff"]), pack([b"a", b"\xed\xa0\x80"]), pack(["é".encode()[:1], "é".encode()[1:]])],
    ids=["no text", "half a surrogate pair", "cut inside a character"],
)
def test_blocks_that_hold_no_text_are_refused(block: NDArray[np.uint8]) -> None:
    """Words of a block are UTF-8, each for itself."""
    assert refusal(block) == "words-invalid"


@settings(max_examples=200)
@given(st.data())
def test_any_block_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever bytes a block holds, it ends as words with rows of the layer, or as damage."""
    block = bytearray(pack([b"a", "é".encode(), b"xyz"], size=spec.MIN_BLOCK_BYTES + 60))
    for at in data.draw(st.lists(st.integers(0, len(block) - 1), max_size=4)):
        block[at] = data.draw(st.integers(0, 255))
    code, words, rows = "", [""], {0}
    try:
        read = decode(np.frombuffer(block, np.uint8), rows=3)
        words, rows = list(read.words), set(read.rows.tolist())
    except DamagedError as exc:
        code = exc.code

    assert code in {"", "lookup-invalid", "words-invalid"}
    assert rows <= {0, 1, 2}
    assert words


def test_the_smallest_block_that_a_manifest_may_name_can_be_judged() -> None:
    """A block of just a header and an entry holds the empty word, or is refused by its code."""
    size = spec.MIN_BLOCK_BYTES

    assert entries(decode(pack([b""], size=size), rows=1)) == [("", 0)]
    assert refusal(np.zeros(size, np.uint8)) == "lookup-invalid"
    assert refusal(np.full(size, 255, np.uint8)) == "lookup-invalid"


@pytest.mark.parametrize(
    ("asked", "size"),
    [(None, 65536), (2**20, 65536), (65536, 65536), (16384, 16384), (9000, 8192), (1024, 4096)],
)
def test_blocks_are_as_small_as_chunks_were_asked_for(
    asked: int | None, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks scattered words up asks for small chunks, and reads as little of the lookup."""
    monkeypatch.setattr(spec, "BLOCK_BYTES", 65536)
    table = word_table.from_words(["a", "b"])

    assert lookups.encode(table, table.argsort(), chunk_bytes=asked).blocks().shape == (1, size)
