"""Words as people write them: in files of any system, in any case and form of Unicode.

What the trainer, the evaluation and the commands take from people passes here, so that a list of
words means the same to each of them.
"""

from embzarr_words._lines import read_lines
from embzarr_words._spelling import as_trained, composed, spellings

__all__ = ["as_trained", "composed", "read_lines", "spellings"]
