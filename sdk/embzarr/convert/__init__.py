"""Vectors of other programs, in and out.

    from embzarr.convert import export_vectors, import_vectors

    import_vectors("glove.6B.300d.txt.gz", "s3://bucket/glove")
    export_vectors("s3://bucket/glove", "vectors.bin")

Nothing of it is imported by ``import embzarr``, and of other libraries only what a file needs.
"""

from embzarr.convert._export import Exported, ExportedFile, export_vectors
from embzarr.convert._importing import import_vectors
from embzarr.convert._provenance import Imported, Provenance
from embzarr.convert._writers import EXPORT_FORMATS

__all__ = [
    "EXPORT_FORMATS",
    "Exported",
    "ExportedFile",
    "Imported",
    "Provenance",
    "export_vectors",
    "import_vectors",
]
