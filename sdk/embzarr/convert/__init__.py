"""Other people's files: vectors out of a checkpoint, as the libraries that they use read them.

    from embzarr import convert

    convert.export_vectors("s3://bucket/run", "vectors.bin")

Imported only when used.
"""

from embzarr.convert._export import Exported, ExportedFile, export_vectors
from embzarr.convert._writers import EXPORT_FORMATS

__all__ = ["EXPORT_FORMATS", "Exported", "ExportedFile", "export_vectors"]
