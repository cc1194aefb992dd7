"""Object stores behind one port, and requests side by side."""

from embzarr._storage import forks, interrupts, parallel
from embzarr._storage.backends.durable import sync_folder
from embzarr._storage.backends.web import guard_redirects
from embzarr._storage.capabilities import Capabilities, known_of
from embzarr._storage.identity import identity_of
from embzarr._storage.interrupts import Latch, Task, interruptible
from embzarr._storage.open import given_options, open_store, refuse_collapsed
from embzarr._storage.parallel import WORKERS, ByteBudget, Crew, Later
from embzarr._storage.port import (
    Body,
    Data,
    GetRange,
    Head,
    Leftover,
    Leftovers,
    ObjectInfo,
    Put,
    Readable,
    Store,
    folders_of,
    parts_of,
    pieces,
    size_of,
)
from embzarr._storage.requests.bounded import get_at_most
from embzarr._storage.requests.failures import detached, unless_missing
from embzarr._storage.requests.retry import persistently
from embzarr._storage.wrappers.counting import CountingStore, Traffic
from embzarr._storage.wrappers.read_only import ReadOnlyStore

__all__ = [
    "WORKERS",
    "Body",
    "ByteBudget",
    "Capabilities",
    "CountingStore",
    "Crew",
    "Data",
    "GetRange",
    "Head",
    "Latch",
    "Later",
    "Leftover",
    "Leftovers",
    "ObjectInfo",
    "Put",
    "ReadOnlyStore",
    "Readable",
    "Store",
    "Task",
    "Traffic",
    "detached",
    "folders_of",
    "forks",
    "get_at_most",
    "given_options",
    "guard_redirects",
    "identity_of",
    "interruptible",
    "interrupts",
    "known_of",
    "open_store",
    "parallel",
    "parts_of",
    "persistently",
    "pieces",
    "refuse_collapsed",
    "size_of",
    "sync_folder",
    "unless_missing",
]
