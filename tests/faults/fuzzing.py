"""A fuzzer of our own: sound bytes, changed at random in the ways that break parsers.

As a program: ``python tests/faults/fuzzing.py RUNS`` divides so many executions among the targets,
and keeps below ``corpus/`` what a target took although it had been changed, a few of each.
For guidance by coverage, `fuzz_with_atheris` runs the same targets (extra ``fuzz``).
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random

from faults.fuzz_targets import CORPUS, TARGETS, corpus, run

_SHARES = {
    "record": 8, "tag": 8, "zarr-json": 8, "chunk-table": 8, "lookup-block": 8, "shard-index": 4,
    "zstd-chunk": 4, "blosc-chunk": 4,
}  # fmt: skip
_NUMBERS = (0, 1, 2, 7, 127, 128, 255, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**62,
            2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_TOKENS = (
    b"null", b"true", b"-1", b"0", b"1e999", b"9007199254740992", b"[]", b"{}", b'""', b'"\\ud800"',
    b'"../x"', b"NaN", b'{"must_understand":false}', b"[[[[[[[[[[[[[[[[[", b'"\\u0000"', b"0.5",
)  # fmt: skip
_VALUE = re.compile(rb'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false|null|[\[\]{},:]')
_KEPT = 12
_LONGEST_KEPT = 4000


@dataclass(kw_only=True)
class Fuzzed:
    """What came of fuzzing one target."""

    runs: int = 0
    taken: int = 0
    """How many changed inputs were taken as sound."""
    failures: list[str] = field(default_factory=list)
    kept: dict[str, bytes] = field(default_factory=dict)


def fuzz(name: str, runs: int, *, seed: int) -> Fuzzed:
    """Give a target `runs` changed inputs."""
    chance, target, inputs = Random(seed), TARGETS[name], corpus(name)
    found = Fuzzed()
    for _ in range(runs):
        data = changed(chance, inputs)
        found.runs += 1
        try:
            taken = run(target, data)
        except Exception as exc:  # noqa: BLE001 - the finding
            found.failures.append(f"{name}: {exc!r} from {data.hex()[:2000]}")
            continue
        if taken and data not in inputs:
            found.taken += 1
            if len(found.kept) < _KEPT and len(data) < _LONGEST_KEPT:
                found.kept[hashlib.sha256(data).hexdigest()[:16]] = data
                inputs.append(data)
    return found


def changed(chance: Random, inputs: list[bytes]) -> bytes:
    """Return one of the inputs with a few changes."""
    data = bytearray(chance.choice(inputs))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        chance.choice(_CHANGES)(chance, data, inputs)
    return bytes(data[:100_000])


def _flip(chance: Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _set(chance: Random, data: bytearray, _: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.choice((0, 1, 34, 92, 127, 128, 255))


def _number(chance: Random, data: bytearray, _: list[bytes]) -> None:
    width = chance.choice((1, 2, 4, 8))
    at = chance.randrange(len(data) + 1)
    if chance.random() < 0.7:
        at = at // width * width
    value = chance.choice(_NUMBERS) % 256**width
    data[at : at + width] = value.to_bytes(width, "little")


def _cut(chance: Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 4, 24, len(data)))]


def _repeat(chance: Random, data: bytearray, _: list[bytes]) -> None:
    start = chance.randrange(len(data) + 1)
    part = data[start : start + chance.choice((1, 8, 24, 200))]
    data[start:start] = part * chance.choice((1, 2, 50))


def _splice(chance: Random, data: bytearray, inputs: list[bytes]) -> None:
    other = chance.choice(inputs)
    data[chance.randrange(len(data) + 1) :] = other[chance.randrange(len(other) + 1) :]


def _token(chance: Random, data: bytearray, _: list[bytes]) -> None:
    """Put another value in the place of one of a JSON text, or one of its own."""
    places = _values(bytes(data))
    if places:
        start, stop = chance.choice(places)
        is_new = chance.random() < 0.5
        data[start:stop] = chance.choice(_TOKENS) if is_new else data[slice(*chance.choice(places))]


@lru_cache(maxsize=256)
def _values(data: bytes) -> list[tuple[int, int]]:
    """Return where the values of a JSON text stand: for most changes it is one of the inputs."""
    return [found.span() for found in _VALUE.finditer(data)]


_CHANGES: tuple[Callable[[Random, bytearray, list[bytes]], None], ...] = (
    _flip, _set, _number, _cut, _repeat, _splice, _token,
)  # fmt: skip


def shares(runs: int) -> dict[str, int]:
    """Divide executions among the targets; rounded up, so that it is never fewer in all."""
    return {name: -(-runs * share // sum(_SHARES.values())) for name, share in _SHARES.items()}


def main(runs: int) -> int:
    """Fuzz all targets, keep what was taken, and tell the counts."""
    failures = 0
    for name, share in shares(runs).items():
        begun = time.monotonic()
        found = fuzz(name, share, seed=time.time_ns())
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        if len(list(folder.iterdir())) < _KEPT:
            for key, data in found.kept.items():
                (folder / key).write_bytes(data)
        failures += len(found.failures)
        spent = time.monotonic() - begun
        line = f"{name}: {found.runs:,} run, {found.taken:,} taken, {len(found.failures)} failures"
        sys.stdout.write(f"{line}, {spent:.0f} s\n" + "".join(f"{f}\n" for f in found.failures[:5]))
        sys.stdout.flush()
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
