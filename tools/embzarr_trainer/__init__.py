"""The reference trainer: word2vec on text files, saved as embzarr checkpoints while it runs.

    import embzarr_trainer

    checkpoint = embzarr_trainer.train("corpus.txt", "s3://bucket/run", epochs=5, checkpoints=3)
    checkpoint.most_similar("king")

It reaches the store through ``import embzarr`` alone, as any other trainer can. The inner loops
are compiled by numba: ``pip install 'embzarr[train]'``.
"""

from embzarr_trainer._docstrings import library_prose
from embzarr_trainer._options import SaveOptions, TrainOptions
from embzarr_trainer._progress import Metrics, Progress
from embzarr_trainer._record import MODEL
from embzarr_trainer._train import train

__all__ = ["MODEL", "Metrics", "Progress", "SaveOptions", "TrainOptions", "library_prose", "train"]
