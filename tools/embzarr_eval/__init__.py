"""How good the vectors of a checkpoint are, read in part, and how a run's got so.

    import embzarr, embzarr_eval

    found = embzarr_eval.evaluate(embzarr.open(url), ["wordsim353.tsv", "questions-words.txt"])
    found.similarity[0].spearman, found.analogies[0].total.add
    embzarr_eval.draw(embzarr_eval.curve_of(embzarr.Run(url)), "run.svg")

Only the words that the files name are read, and for analogies the commonest rows, in blocks.
"""

from embzarr_eval._curve import Curve, CurvePoint, LossLine, curve_of
from embzarr_eval._evaluate import Evaluation, evaluate
from embzarr_eval._plot import check_plot, draw
from embzarr_eval._results import Analogies, SectionScore, Similarity
from embzarr_eval._tasks import Pairs, Questions, Section, read_task

__all__ = [
    "Analogies",
    "Curve",
    "CurvePoint",
    "Evaluation",
    "LossLine",
    "Pairs",
    "Questions",
    "Section",
    "SectionScore",
    "Similarity",
    "check_plot",
    "curve_of",
    "draw",
    "evaluate",
    "read_task",
]
