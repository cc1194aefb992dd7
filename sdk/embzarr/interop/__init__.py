"""Checkpoints in the hands of other libraries: one module each, of the library's own name.

    from embzarr.interop.gensim import LazyKeyedVectors, from_keyed_vectors, to_keyed_vectors
    from embzarr.interop.arrow import dataset, to_arrow, to_reader
    from embzarr.interop.polars import scan, to_polars
    from embzarr.interop.pandas import to_pandas
    from embzarr.interop.dask import to_dask
    from embzarr.interop.ray import to_ray
    from embzarr.interop.torch import load, save  # a model; so do keras, sklearn, xgboost, ...
    from embzarr.interop.sklearn import WordVectorizer
    from embzarr.interop.xarray import to_xarray
    from embzarr.interop.faiss import build_index       # and hnswlib
    from embzarr.interop.torch import RowDataset, embedding, embedding_bag
    from embzarr.interop.keras import embedding, save_embedding  # so have mxnet, chainer, h2o, ...
    from embzarr.interop.spacy import to_vocab
    from embzarr.interop.sentence_transformers import static_embedding
    from embzarr.interop.spark import MeanVectors, placed, register  # a source of data frames
    from embzarr.interop.mllib import from_word2vec, load, save, to_word2vec

Nothing of it is imported by ``import embzarr``, and no library before its own module is. Where one
is not installed, importing its module is an `embzarr.UnsupportedError`, code
``feature-unsupported``, which says what to install. A checkpoint is taken open, or as the place of
a run, whose newest it is then.
"""
