from __future__ import annotations

import os
from pathlib import Path

import pytest

import embzarr
from embzarr_eval import Pairs, Questions, Section, read_task
from eval.conftest import WriteFile

_SHARED = Path(
    os.environ.get(
        "EMBZARR_SHARED_DATA", Path(__file__).resolve().parents[2].parent / "shared" / "data"
    )
)
_THIRD = "two words and a number in column 3"
_TWO = ((("love", "sex"), ("tiger", "cat")), (6.77, 7.35))


@pytest.mark.parametrize(
    "text",
    [
        "love\tsex\t6.77\ntiger\tcat\t7.35\n",
        "# a comment\n# Word 1\tWord 2\tHuman (mean)\nlove\tsex\t6.77\n\ntiger\tcat\t7.35",
        "\ufefflove\tsex\t6.77\r\ntiger\tcat\t7.35\r\n",
        "Word 1,Word 2,Human (mean)\nlove,sex,6.77\ntiger,cat,7.35\n",
        "love;sex;6.77\ntiger;cat;7.35\n",
        "love sex 6.77\ntiger  cat 7.35\n",
        "love-n sex-n 6.77\ntiger-n cat-j 7.35\n",
        "word1\tword2\tPOS\tSimLex999\tconc(w1)\nlove\tsex\tN\t6.77\t1\ntiger\tcat\tN\t7.35\t2\n",
        "love\tsex\t6.77\t7\t6\ntiger\tcat\t7.35\t8\t7\n",
    ],
    ids=["tabs", "wordsim", "windows", "csv", "rg65", "blanks", "men", "simlex", "rare-words"],
)
def test_pairs_in_their_usual_formats(text: str, write_file: WriteFile) -> None:
    """Each format gives the same pairs and scores."""
    path = write_file(text)
    words, scores = _TWO
    assert read_task(path) == Pairs(file=str(path), words=words, scores=scores)


def test_words_with_hyphens_keep_them(write_file: WriteFile) -> None:
    """A part of speech is cut off only where all words have one."""
    task = read_task(write_file("vitamin-c\tlemon\t7\nson-in-law\tplan-b\t1\n"))
    assert isinstance(task, Pairs)
    assert task.words == (("vitamin-c", "lemon"), ("son-in-law", "plan-b"))


def test_phrases_may_hold_blanks_between_tabs(write_file: WriteFile) -> None:
    """Tabs divide where there are any."""
    task = read_task(write_file("New York\tBig Apple\t9\n"))
    assert isinstance(task, Pairs)
    assert task.words == (("New York", "Big Apple"),)


def test_analogies_in_sections(write_file: WriteFile) -> None:
    """Sections keep their order, names and questions, with Chinese words and Windows line ends."""
    path = write_file(
        ": family\r\nboy girl he she\r\n\r\n: 首都\r\n雅典 希腊 东京 日本\r\n: empty\r\n"
    )
    assert read_task(path) == Questions(
        file=str(path),
        sections=(
            Section(name="family", questions=(("boy", "girl", "he", "she"),)),
            Section(name="首都", questions=(("雅典", "希腊", "东京", "日本"),)),
            Section(name="empty", questions=()),
        ),
    )


def test_analogies_without_sections(write_file: WriteFile) -> None:
    """Four words a line are analogies; two words, a letter and a score are pairs."""
    analogies = read_task(write_file("boy girl he she\nking queen man woman\n"))
    assert isinstance(analogies, Questions)
    assert [len(section.questions) for section in analogies.sections] == [2]
    assert isinstance(read_task(write_file("take remove V 6.81\n")), Pairs)
    assert isinstance(read_task(write_file("word1 word2 POS score\ntake remove V 6.81\n")), Pairs)


@pytest.mark.parametrize(
    ("text", "code", "line", "expected", "found"),
    [
        ("", "eval-empty", "", "word pairs or analogies", "no line of either"),
        ("# only\n\n", "eval-empty", "", "word pairs or analogies", "no line of either"),
        ("hello\n", "eval-format", "line 1", "two words and a number, four words", "'hello'"),
        (
            "a b\nc d 1\ne f\n",
            "eval-format",
            "line 3",
            "two words and a number in column 3",
            "'e f'",
        ),
        (
            "a\tb\t1\n#\nc\td\tx\n",
            "eval-format",
            "line 3",
            "two words and a number in column 3",
            "'c\\td\\tx'",
        ),
        ("a\tb\tnan\nc\td\tx\n", "eval-format", "line 1", "two words and a number", "'a\\tb\\tnan"),
        ("a\tb\t1\n\tc\t2\n", "eval-format", "line 2", "two words and a number", "'c\\t2'"),
        (": s\na b c d\na b c\n", "eval-format", "line 3", "four words", "'a b c'"),
        (": s\na b c d e\n", "eval-format", "line 2", "four words", "'a b c d e'"),
        (f": s\n{'a' * 200}\n", "eval-format", "line 2", "four words", f"'{'a' * 60}…'"),
    ],
)
def test_a_line_of_no_kind_is_named(
    text: str, code: str, line: str, expected: str, found: str, write_file: WriteFile
) -> None:
    """The error says file, line, what was expected and what was found."""
    path = write_file(text)
    with pytest.raises(embzarr.InvalidInputError) as failure:
        read_task(path)
    message = str(failure.value)
    assert failure.value.code == code
    assert f"{path}{line and ', '}{line}: expected {expected}" in message
    assert message.partition("found ")[2].startswith(found)


def test_bytes_that_are_not_utf8_are_named(tmp_path: Path) -> None:
    """GBK, a usual encoding of Chinese files, is refused with its line and first wrong byte."""
    path = tmp_path / "gbk.txt"
    path.write_bytes(b"king\tqueen\t1\n" + "李白\t诗\t9.2\n".encode("gbk"))
    with pytest.raises(embzarr.InvalidInputError, match=r"line 2: expected UTF-8, found byte 0xc0"):
        read_task(path)


@pytest.mark.parametrize("name", ["nothing.txt", "."])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A path without a file is an error that names it."""
    with pytest.raises(embzarr.NotFoundError, match="expected a file of word pairs") as failure:
        read_task(tmp_path / name)
    assert failure.value.code == "eval-missing"


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("wordsim353.tsv", [353]),
        ("men_dev.txt", [2000]),
        ("wordsim240_zh.txt", [240]),
        ("analogy_zh.txt", [506, 175, 272]),
        ("ca8_morphological_zh.txt", [2554, 2553, 2535, 2535]),
    ],
)
def test_published_files_are_read_whole(name: str, counts: list[int]) -> None:
    """Every line of the published files is a pair or a question."""
    path = _SHARED / "eval" / name
    if not path.exists():
        pytest.skip(f"no {path}")
    task = read_task(path)
    if isinstance(task, Pairs):
        assert [len(task.words)] == counts
        assert not any("-n" in word for pair in task.words for word in pair)
    else:
        assert [len(section.questions) for section in task.sections] == counts
