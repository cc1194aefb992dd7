"""The reference trainer: word2vec on text files, saved as embzarr checkpoints while it runs.

    import embzarr_trainer

    checkpoint = embzarr_trainer.train("corpus.txt", "s3://bucket/run", epochs=5, checkpoints=3)
    checkpoint.most_similar("king")

It reaches the store through ``import embzarr`` alone, as any other trainer can. The inner loops
are compiled by numba: ``pip install 'embzarr[train]'``.

Training by many machines (``embzarr_spark``) takes from here what it does not do otherwise:
`Blocks`, the compiled loops on two matrices of different words, with what goes in, and
`deal_windows`, which deals a text out to them. What is compiled is imported for who uses it: a
driver of Spark, whose tasks train, never does.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

from embzarr_trainer._buffers import MAX_SENTENCE, Method, Weights, Windows
from embzarr_trainer._corpus.docstrings import library_prose
from embzarr_trainer._corpus.text import read_text
from embzarr_trainer._corpus.tokenizers import LINE_END, find_tokenizer
from embzarr_trainer._loops.requirement import require_numba
from embzarr_trainer._options import SaveOptions, TrainOptions, check_integer, check_number, refused
from embzarr_trainer._progress import Metrics, Progress
from embzarr_trainer._record import MODEL
from embzarr_trainer._sampling import build_tables, keep_thresholds
from embzarr_trainer._state import padded, recorded_options, start_weights

if TYPE_CHECKING:
    from embzarr_trainer._corpus.reading import cut_sentences
    from embzarr_trainer._loops.dealing_gate import Chosen, Dealt, Share, deal_windows
    from embzarr_trainer._loops.kernel_gate import Blocks
    from embzarr_trainer._train import train

__all__ = [
    "LINE_END",
    "MAX_SENTENCE",
    "MODEL",
    "Blocks",
    "Chosen",
    "Dealt",
    "Method",
    "Metrics",
    "Progress",
    "SaveOptions",
    "Share",
    "TrainOptions",
    "Weights",
    "Windows",
    "build_tables",
    "check_integer",
    "check_number",
    "cut_sentences",
    "deal_windows",
    "find_tokenizer",
    "keep_thresholds",
    "library_prose",
    "padded",
    "read_text",
    "recorded_options",
    "refused",
    "require_numba",
    "start_weights",
    "train",
]

_COMPILED: Final = {
    "Blocks": "_loops.kernel_gate",
    "Chosen": "_loops.dealing_gate",
    "Dealt": "_loops.dealing_gate",
    "Share": "_loops.dealing_gate",
    "cut_sentences": "_corpus.reading",
    "deal_windows": "_loops.dealing_gate",
    "train": "_train",
}
"""Public names, and the modules that they are of."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 - of the module
    """Import what is compiled, and with it numba."""
    if name not in _COMPILED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_COMPILED[name]}"), name)
