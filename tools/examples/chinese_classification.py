"""Chinese text classification, from raw texts to held-out accuracy.

    pip install 'embzarr[examples]'
    cd tools/examples
    python chinese_classification.py reviews.csv runs/reviews --text review --label cat
    python chinese_classification.py train.txt s3://bucket/titles --held-out dev.txt

What happens, step by step:

1. Read texts with labels: a CSV file whose first line names its columns, or lines of
   ``text<TAB>label``. Without ``--held-out``, a fifth of the texts is held out by chance.
2. Segment them: Chinese writes no blanks between words, so jieba finds the words.
3. Train word vectors on the training texts alone, and save them to URL. If there are vectors at
   URL already, of this or of any other text, they are used instead.
4. A text's features are the mean of its words' vectors, of which only those are loaded, whatever
   else the checkpoint holds.
5. Logistic regression learns the labels.
6. Print how many held-out texts get their label, beside what guessing the commonest would give.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import jieba  # type: ignore[import-untyped]  # it comes without types
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import embzarr
import embzarr_trainer
from embzarr.interop.sklearn import WordVectorizer

if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """Segmented texts and their labels."""

    words: list[list[str]]
    labels: list[str]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the example and print each step's figures."""
    options = _parser().parse_args(arguments)
    train, held_out = split(options)
    print(f"{len(train.words)} texts to learn from, {len(held_out.words)} held out")

    checkpoint = vectors_at(options.url, train, options)
    print(f"{checkpoint}")

    vectorizer = WordVectorizer(checkpoint)
    learner = make_pipeline(vectorizer, StandardScaler(), LogisticRegression(max_iter=1000))
    learner.fit(train.words, train.labels)
    print(f"{len(vectorizer.vocabulary_)} of {len(checkpoint)} words loaded")
    accuracy = learner.score(held_out.words, held_out.labels)
    guess, _ = Counter(train.labels).most_common(1)[0]
    print(f"commonest label: {held_out.labels.count(guess) / len(held_out.labels):.4f}")
    print(f"held-out accuracy: {accuracy:.4f}")


def split(options: argparse.Namespace) -> tuple[Texts, Texts]:
    """Return the texts to learn from and those held out, segmented."""
    texts, labels = read_texts(options.file, text=options.text, label=options.label)
    if options.held_out:
        others, their_labels = read_texts(options.held_out, text=options.text, label=options.label)
    else:
        texts, others, labels, their_labels = train_test_split(
            texts, labels, test_size=0.2, random_state=options.seed, stratify=labels
        )
    return (
        Texts(words=[segment(text) for text in texts], labels=labels),
        Texts(words=[segment(text) for text in others], labels=their_labels),
    )


def read_texts(file: Path, *, text: str, label: str) -> tuple[list[str], list[str]]:
    """Return the texts of a file and their labels; empty texts are left out."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        if file.suffix == ".csv":
            rows = [(row[text], row[label]) for row in csv.DictReader(stream)]
        else:
            rows = [(found[0], found[-1]) for found in (line.rsplit("\t", 1) for line in stream)]
    kept = [(words.strip().lstrip(_BYTE_ORDER_MARK), name.strip()) for words, name in rows]
    kept = [(words, name) for words, name in kept if words]
    return [words for words, _ in kept], [name for _, name in kept]


def segment(text: str) -> list[str]:
    """Return the words of a Chinese text, lower-cased as the trainer does; no blanks."""
    return [word for word in jieba.lcut(text.lower()) if not word.isspace()]


def vectors_at(url: str, train: Texts, options: argparse.Namespace) -> embzarr.Checkpoint:
    """Open the newest checkpoint at `url`, after training one if there is none."""
    try:
        return embzarr.open(url)
    except embzarr.NotFoundError:
        pass
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus.txt"
        corpus.write_text("\n".join(" ".join(words) for words in train.words), encoding="utf-8")
        return embzarr_trainer.train(
            corpus,
            url,
            vector_size=options.vector_size,
            epochs=options.epochs,
            alpha=0.05,
            min_count=2,
            workers=options.workers,
            seed=options.seed,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Chinese text classification with word vectors, from raw texts to accuracy."
    )
    parser.add_argument("file", type=Path, help="texts with labels: a CSV file, or text<TAB>label")
    parser.add_argument("url", help="where the vectors are, or are to be saved")
    parser.add_argument("--held-out", type=Path, help="texts to be judged by; else a fifth of FILE")
    parser.add_argument("--text", default="text", help="CSV column of the texts")
    parser.add_argument("--label", default="label", help="CSV column of the labels")
    parser.add_argument("--vector-size", type=int, default=100, help="dimensions")
    parser.add_argument("--epochs", type=int, default=10, help="times through the texts")
    parser.add_argument("--workers", type=int, help="threads; 1 gives the same figures each time")
    parser.add_argument("--seed", type=int, default=1, help="of the split and of training")
    return parser


if __name__ == "__main__":
    main()
