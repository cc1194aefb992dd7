"""Embedding matrices as checksummed, atomically committed Zarr v3 checkpoints, read by word.

    import embzarr

    embzarr.save("s3://bucket/run", words, vectors, step=100)
    checkpoint = embzarr.open("s3://bucket/run")
    checkpoint["king"]                              # one vector, in three round trips
    checkpoint.load_prefix("inter").vectors         # of many, with .words and .rows

The format is specified in ``spec/v1/embzarr.md``.
"""

from embzarr._checkpoint import Checkpoint
from embzarr._copying import CopyReport, copy
from embzarr._gc import GcReport
from embzarr._history import (
    CheckpointInfo,
    ColumnInfo,
    CommitInfo,
    FileInfo,
    LayerInfo,
    ProbeReport,
    TensorInfo,
)
from embzarr._history import probe_url as probe
from embzarr._open import find_runs
from embzarr._open import open_checkpoint as open  # noqa: A004 - as gzip.open, tarfile.open
from embzarr._parts import PartWriter, StepPlan, missing_parts, plan_step, publish, write_part
from embzarr._reading import Cache, File, Files, Loaded, Plan, Tensor, Tensors
from embzarr._repair import RepairAction, RepairReport, repair
from embzarr._run import Run
from embzarr._storage import ObjectInfo, Traffic
from embzarr._verify import Problem, VerifyReport
from embzarr._version import __version__
from embzarr._writing import DeltaPolicy, Writer, create, save
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    DamagedError,
    EmbzarrError,
    InvalidInputError,
    MemberNotFoundError,
    NotFoundError,
    StoreError,
    UnsupportedError,
    WordNotFoundError,
)

__all__ = [
    "AccessDeniedError",
    "Cache",
    "Checkpoint",
    "CheckpointInfo",
    "ColumnInfo",
    "CommitInfo",
    "ConflictError",
    "CopyReport",
    "DamagedError",
    "DeltaPolicy",
    "EmbzarrError",
    "File",
    "FileInfo",
    "Files",
    "GcReport",
    "InvalidInputError",
    "LayerInfo",
    "Loaded",
    "MemberNotFoundError",
    "NotFoundError",
    "ObjectInfo",
    "PartWriter",
    "Plan",
    "ProbeReport",
    "Problem",
    "RepairAction",
    "RepairReport",
    "Run",
    "StepPlan",
    "StoreError",
    "Tensor",
    "TensorInfo",
    "Tensors",
    "Traffic",
    "UnsupportedError",
    "VerifyReport",
    "WordNotFoundError",
    "Writer",
    "__version__",
    "copy",
    "create",
    "find_runs",
    "missing_parts",
    "open",
    "plan_step",
    "probe",
    "publish",
    "repair",
    "save",
    "write_part",
]
