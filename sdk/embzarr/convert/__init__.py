"""Vectors of other programs, in and out: `import_vectors` takes a file of theirs into a checkpoint.

    from embzarr.convert import import_vectors

    import_vectors("glove.6B.300d.txt.gz", "s3://bucket/glove")

Nothing of it is imported by ``import embzarr``, and of other libraries only what a file needs.
"""

from embzarr.convert._importing import import_vectors
from embzarr.convert._provenance import Imported, Provenance

__all__ = ["Imported", "Provenance", "import_vectors"]
