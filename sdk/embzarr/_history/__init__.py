"""What was committed, and committing."""

from embzarr._history import (
    committing,
    describe,
    history,
    probe,
    protocol,
    quarantine,
    records,
    root,
    tagging,
    withdrawing,
)
from embzarr._history.committing import Draft
from embzarr._history.describe import (
    CheckpointInfo,
    ColumnInfo,
    CommitInfo,
    FileInfo,
    LayerInfo,
    TensorInfo,
)
from embzarr._history.expiry import LivingStore
from embzarr._history.probe import ProbeReport, probe_url
from embzarr._history.protocol import NONE, Claim, Entry
from embzarr._history.quarantine import Fault, Quarantine
from embzarr._history.records import Collected, Commit, Expired, Record
from embzarr._history.target import Target

__all__ = [
    "NONE",
    "CheckpointInfo",
    "Claim",
    "Collected",
    "ColumnInfo",
    "Commit",
    "CommitInfo",
    "Draft",
    "Entry",
    "Expired",
    "Fault",
    "FileInfo",
    "LayerInfo",
    "LivingStore",
    "ProbeReport",
    "Quarantine",
    "Record",
    "Target",
    "TensorInfo",
    "committing",
    "describe",
    "history",
    "probe",
    "probe_url",
    "protocol",
    "quarantine",
    "records",
    "root",
    "tagging",
    "withdrawing",
]
