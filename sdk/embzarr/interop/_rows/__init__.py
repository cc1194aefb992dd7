"""Rows of a checkpoint as other libraries take them: batches, matrices, words by index."""
