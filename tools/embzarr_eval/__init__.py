"""How good the vectors of a checkpoint are: word similarity and analogies, read in part.

    import embzarr, embzarr_eval

    found = embzarr_eval.evaluate(embzarr.open(url), ["wordsim353.tsv", "questions-words.txt"])
    found.similarity[0].spearman, found.analogies[0].total.add

Only the words that the files name are read, and for analogies the commonest rows, in blocks.
"""

from embzarr_eval._evaluate import Evaluation, evaluate
from embzarr_eval._results import Analogies, SectionScore, Similarity
from embzarr_eval._tasks import Pairs, Questions, Section, read_task

__all__ = [
    "Analogies",
    "Evaluation",
    "Pairs",
    "Questions",
    "Section",
    "SectionScore",
    "Similarity",
    "evaluate",
    "read_task",
]
