"""What `keys` promises: names that sort, and no key that leaves the root."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from embzarr._format import keys as key_names
from embzarr._format import spec
from embzarr.errors import DamagedError, InvalidInputError

LARGEST = 2**53 - 1


@pytest.mark.parametrize(
    ("number", "key"),
    [
        (1, "commits/00000000000000000001.json"),
        (42, "commits/00000000000000000042.json"),
        (LARGEST, "commits/00009007199254740991.json"),
    ],
)
def test_commits_have_twenty_digits(number: int, key: str) -> None:
    """A commit's key is its number in twenty digits, and tells it again."""
    assert key_names.commit_key(number) == key
    assert key_names.commit_number(key) == number


@given(st.lists(st.integers(1, LARGEST), min_size=2))
def test_names_of_commits_sort_as_their_numbers(numbers: list[int]) -> None:
    """A listing in name order is the history in order."""
    keys = sorted(map(key_names.commit_key, numbers))

    assert [key_names.commit_number(key) for key in keys] == sorted(numbers)


@pytest.mark.parametrize(
    "key",
    [
        "commits/1.json",
        "commits/0000000000000000001.json",
        "commits/000000000000000000001.json",
        "commits/00000000000000000001.json.tmp",
        "commits/00000000000000000001.json\n",
        "commits/0000000000000000000x.json",
        "commits/" + "\u0661" * 20 + ".json",
        "commits/-0000000000000000001.json",
        "x/commits/00000000000000000001.json",
        "commits/zarr.json",
        "latest.json",
        "",
    ],
)
def test_other_keys_are_no_commits(key: str) -> None:
    """A half-written or foreign object below ``commits/`` is not taken for a commit."""
    assert key_names.commit_number(key) is None


@pytest.mark.parametrize("number", [1, 42, LARGEST])
def test_a_record_of_damage_is_named_as_the_commit_is(number: int) -> None:
    """Its key is the commit's number in twenty digits, and tells it again."""
    assert key_names.quarantine_key(number) == f"quarantine/{number:020d}.json"
    assert key_names.quarantine_number(f"quarantine/{number:020d}.json") == number


@pytest.mark.parametrize(
    "key",
    [
        "quarantine/7.json",
        "quarantine/00000000000000000000.json",
        "quarantine/99999999999999999999.json",
        "quarantine/00000000000000000007.json.tmp",
        "quarantine/kept/" + "0" * 64,
        "commits/00000000000000000007.json",
        "quarantine/",
    ],
)
def test_other_keys_mark_no_commit(key: str) -> None:
    """A foreign object below ``quarantine/`` makes no commit a damaged one."""
    assert key_names.quarantine_number(key) is None


@pytest.mark.parametrize("name", ["a", "best", "v1.0_rc-2", "9", "a" * 128, "x.json", "A.b"])
def test_tags_are_files_below_one_folder(name: str) -> None:
    """A tag's key holds its name, and tells it again."""
    assert key_names.tag_key(name) == f"tags/{name}.json"
    assert key_names.tag_name(f"tags/{name}.json") == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", ".a", "_a", "-a", "a/b", "../a", "a\n", "a b", "é", "a%2f", "a\\b", "a" * 129],
)
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    """No tag leaves its folder, hides itself, or needs quoting on any store."""
    with pytest.raises(InvalidInputError, match="a tag is 1 to 128") as caught:
        key_names.tag_key(name)

    assert caught.value.code == "input-argument"


@pytest.mark.parametrize(
    "key",
    ["tags/a", "tags/.json", "tags/a/b.json", "x/a.json", "a.json", "tags", "tags/_a.json", ""],
)
def test_other_keys_are_no_tags(key: str) -> None:
    """A foreign object below ``tags/`` is not taken for a tag."""
    assert key_names.tag_name(key) is None


def test_a_write_has_a_folder_of_its_own() -> None:
    """Two writes of one step never meet: the folder is named by the write, too."""
    assert key_names.layer_path(100, "ab" * 16) == f"steps/100-{'ab' * 16}"


@pytest.mark.parametrize(
    ("array", "shard", "rank", "key"),
    [
        ("counts", 0, 1, "counts/c/0"),
        ("vectors", 12, 2, "vectors/c/12/0"),
        ("words/data", 3, 1, "words/data/c/3"),
        ("image", 7, 4, "image/c/7/0/0/0"),
    ],
)
def test_shards_have_the_keys_of_zarr(array: str, shard: int, rank: int, key: str) -> None:
    """A shard's key is Zarr's default encoding: one index for each dimension, rows first."""
    assert key_names.shard_name(array, shard, rank) == key


def test_each_array_has_a_table_of_its_own() -> None:
    """No two arrays of a layer share a chunk table, whatever a column is called."""
    fixed = [spec.WORDS_DATA, spec.WORDS_OFFSETS]
    tables = {key_names.table_array(array) for array in fixed}
    rivals = [name for name in ("words.data", "words.offsets") if key_names.is_column_name(name)]

    assert tables == {"chunks/words.data", "chunks/words.offsets"}
    assert key_names.table_array("vectors") == "chunks/vectors"
    assert rivals == []


@pytest.mark.parametrize(
    "name", ["vectors", "counts", "a", "_a", "9", "a.b", "a-b", "Word", "c", "a" * 64]
)
def test_plain_names_are_column_names(name: str) -> None:
    """Letters, digits, dots, dashes and underscores name a column, up to 64 of them."""
    assert key_names.is_column_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", ".", "..", ".a", "-a", "a/b", "a b", "é", "a\n", "a" * 65),
        *("words", "lookup", "chunks", "tensors", "files", "zarr.json"),
    ],
)
def test_reserved_and_odd_names_are_no_column_names(name: str) -> None:
    """A column never takes the place of a layer's own parts, nor of Zarr's metadata."""
    assert not key_names.is_column_name(name)


@pytest.mark.parametrize(
    "key",
    [
        "a",
        "zarr.json",
        "steps/100-ab/vectors/c/0/0",
        "...",
        "a..b",
        "-",
        "/".join(["a" * 127] * 4) + "b",
    ],
)
def test_plain_relative_keys_pass(key: str) -> None:
    """Names of letters, digits, dots, dashes and underscores, up to 512 characters, are keys."""
    assert key_names.check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/..",
        "../a",
        "a/../b",
        "a/./b",
        "a\\..\\b",
        "a%2e%2e/b",
        "a b",
        "a\x00",
        "a\n",
        "é",
        "C:/a",
        "~/a",
        "a?x=1",
        "a#b",
        "a" * 513,
    ],
)
def test_a_key_never_leaves_the_root(key: str) -> None:
    """Absolute, climbing, quoted, odd and overlong keys are refused before any store sees them."""
    with pytest.raises(DamagedError, match="relative path of plain names") as caught:
        key_names.check_key(key)

    assert caught.value.code == "key-escapes-root"
    assert len(str(caught.value)) < 400


@given(st.text(max_size=30))
def test_a_key_that_passes_is_its_own_path(key: str) -> None:
    """Whatever passes, no resolving of dots or slashes by a file system moves it."""
    try:
        key_names.check_key(key)
    except DamagedError:
        return
    parts = key.split("/")

    assert key.isascii()
    assert not {"", ".", ".."} & set(parts)


def test_own_keys_pass() -> None:
    """Every key that a writer makes is one that a reader takes."""
    path = key_names.layer_path(LARGEST, "f" * 32)
    name = "a" * 64

    made = [
        key_names.commit_key(LARGEST),
        key_names.tag_key("a" * 128),
        f"{path}/{key_names.shard_name(key_names.table_array(name), LARGEST, 8)}",
        f"{path}/{key_names.shard_name(spec.LOOKUP_BLOCKS, 4095, 2)}",
        f"{path}/{name}/{spec.ZARR_JSON}",
    ]

    assert [key_names.check_key(key) for key in made] == made


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a" * 128, None),
        ("a" * 129, "a" * 64),
        ("A" * 65, "A" * 64),
        ("w/é.b", "w_.b"),
        ("..w..", "w"),
        ("é", "x"),
        ("__a", "a"),
        ("zarr.json", "zarr.json"),
        ("a-0123456789abcdef", "a-0123456789abcdef"),
    ],
)
def test_arrays_have_the_names_of_tensors_where_they_are_plain(
    name: str, shown: str | None
) -> None:
    """Else what a key can show of them, 64 letters of it, and a digest."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]

    expected = name if shown is None else f"{shown}-{digest}"
    assert key_names.tensor_array("tensors", name) == f"tensors/{expected}"
