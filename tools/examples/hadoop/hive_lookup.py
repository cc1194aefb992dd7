r"""Script of Hive's TRANSFORM: looks words up in a run, where it lies, and gives their vectors.

Hive reads what was exported (`embzarr export URL words.parquet`, an external table of `word string,
vector array<float>`). It does not read a run in place; this script does, for the words of a query:

    ADD FILE hive_lookup.py;
    SELECT TRANSFORM (word) ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t'
      USING 'python3 hive_lookup.py hdfs://name:9000/run'
      AS (word string, vector array<float>)
      ROW FORMAT DELIMITED FIELDS TERMINATED BY '\t' COLLECTION ITEMS TERMINATED BY '\002'
    FROM asked

The vector of a word that the run does not have is NULL.
"""

import itertools
import sys
from collections.abc import Iterable, Iterator

import embzarr

BATCH = 10_000
"""Words of one load, which reads each chunk that they need once."""
NULL = r"\N"
BETWEEN_NUMBERS = "\x02"


def vectors_of(checkpoint: embzarr.Checkpoint, words: list[str]) -> Iterator[str]:
    """Yield the vector of each word, as Hive reads an array."""
    found = checkpoint.load(list(dict.fromkeys(words)), missing="skip")
    texts = {
        word: BETWEEN_NUMBERS.join(map(repr, vector.tolist()))
        for word, vector in zip(found.words, found.vectors, strict=True)
    }
    for word in words:
        yield texts.get(word, NULL)


def look_up(url: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield a line of word and vector for each line of a word."""
    with embzarr.open(url) as checkpoint:
        told = iter(lines)
        while batch := list(itertools.islice(told, BATCH)):
            words = [line.rstrip("\n") for line in batch]
            for word, vector in zip(words, vectors_of(checkpoint, words), strict=True):
                yield f"{word}\t{vector}"


if __name__ == "__main__":
    for line in look_up(sys.argv[1], sys.stdin):
        print(line)
