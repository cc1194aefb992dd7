"""The port to storage, and everything that stands behind it."""

from embzarr.objects._bounded import get_at_most
from embzarr.objects._capabilities import KNOWN, Capabilities, capabilities_of, known_of
from embzarr.objects._counting import CountingStore, Traffic
from embzarr.objects._identity import Identity, identity_of
from embzarr.objects._open import open_store
from embzarr.objects._port import (
    MOST_WHOLE_BYTES,
    PIECE_BYTES,
    Body,
    Create,
    Data,
    Delete,
    Get,
    GetRange,
    Head,
    Leftover,
    Leftovers,
    List,
    ObjectInfo,
    Put,
    Readable,
    Store,
    parts_of,
    pieces,
    size_of,
)
from embzarr.objects._read_only import ReadOnlyStore
from embzarr.objects._retry import persistently

__all__ = [
    "KNOWN",
    "MOST_WHOLE_BYTES",
    "PIECE_BYTES",
    "Body",
    "Capabilities",
    "CountingStore",
    "Create",
    "Data",
    "Delete",
    "Get",
    "GetRange",
    "Head",
    "Identity",
    "Leftover",
    "Leftovers",
    "List",
    "ObjectInfo",
    "Put",
    "ReadOnlyStore",
    "Readable",
    "Store",
    "Traffic",
    "capabilities_of",
    "get_at_most",
    "identity_of",
    "known_of",
    "open_store",
    "parts_of",
    "persistently",
    "pieces",
    "size_of",
]
