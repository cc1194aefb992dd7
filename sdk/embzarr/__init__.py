"""Embedding matrices as checksummed, atomically committed Zarr v3 checkpoints, read by word.

    import embzarr

    embzarr.save("s3://bucket/run", words, vectors, step=100)
    checkpoint = embzarr.open("s3://bucket/run")
    checkpoint["king"]                              # one vector, in three round trips
    words, vectors = checkpoint.load_prefix("inter")

The format is specified in ``spec/v1/embzarr.md``.
"""

from embzarr._cache import Cache
from embzarr._checkpoint import Checkpoint
from embzarr._gc import GcReport
from embzarr._info import CheckpointInfo, ColumnInfo, CommitInfo, LayerInfo
from embzarr._loaded import Loaded
from embzarr._open import open_checkpoint as open  # noqa: A004 - as gzip.open, tarfile.open
from embzarr._parts_begin import plan_step
from embzarr._parts_plan import StepPlan
from embzarr._parts_publish import missing_parts, publish
from embzarr._parts_write import PartWriter, write_part
from embzarr._plan import Plan
from embzarr._probe import ProbeReport
from embzarr._probe import probe_url as probe
from embzarr._repair import repair
from embzarr._repair_report import RepairAction, RepairReport
from embzarr._run import Run
from embzarr._save import save
from embzarr._save_delta import DeltaPolicy
from embzarr._verify_report import Problem, VerifyReport
from embzarr._version import __version__
from embzarr._writer import Writer, create
from embzarr.errors import (
    AccessDeniedError,
    ConflictError,
    DamagedError,
    EmbzarrError,
    InvalidInputError,
    NotFoundError,
    StoreError,
    UnsupportedError,
    WordNotFoundError,
)
from embzarr.objects import ObjectInfo, Traffic

__all__ = [
    "AccessDeniedError",
    "Cache",
    "Checkpoint",
    "CheckpointInfo",
    "ColumnInfo",
    "CommitInfo",
    "ConflictError",
    "DamagedError",
    "DeltaPolicy",
    "EmbzarrError",
    "GcReport",
    "InvalidInputError",
    "LayerInfo",
    "Loaded",
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
    "Traffic",
    "UnsupportedError",
    "VerifyReport",
    "WordNotFoundError",
    "Writer",
    "__version__",
    "create",
    "missing_parts",
    "open",
    "plan_step",
    "probe",
    "publish",
    "repair",
    "save",
    "write_part",
]
