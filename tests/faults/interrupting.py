"""Works and is interrupted, over and over; a program that reads its task from standard input.

Interrupts come to the main thread in two ways: at the k-th bytecode that it executes of a call, by
a trace function that raises there, and at a random time by a real SIGINT, or a SIGTERM whose
handler raises. A watchdog ends the process, with the stacks of all threads, where a call hangs.
"""

from __future__ import annotations

import dis
import faulthandler
import json
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np
import zarr
from numpy.typing import NDArray

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Body
from faulty import PassThrough
from oracle import make_words

ROWS, DIM = 3000, 24
WORDS = make_words(ROWS)
CHANGED = 7
KEPT = 4
PILE = 60
"""Interrupts on one store before a fresh one."""
HANG_SECONDS = 60
SLOW_SECONDS = 0.0008
"""For which a write takes longer than it need, so that there is something to interrupt."""
OPERATIONS = (
    *("save", "async", "async", "async and wait", "async and wait", "delta", "changed"),
    *("async tensors", "async tensors"),
    *("load", "load into", "stream", "gc", "repair", "verify", "compact", "open", "create"),
)
MOST_BYTECODES = 3000
"""Of a call whose length is not known yet."""

_RETURN = dis.opmap["RETURN_VALUE"]
_SIGNALS: Mapping[type[BaseException], signal.Signals] = {
    KeyboardInterrupt: signal.SIGINT,
    SystemExit: signal.SIGTERM,
}
"""What raises each of them in the main thread."""

Options = Mapping[str, Any] | None
Matrix = NDArray[Any]


class Slow(PassThrough):
    """Takes its time to write."""

    def put(self, key: str, data: Body) -> None:
        time.sleep(SLOW_SECONDS)
        super().put(key, data)


class Aim:
    """Interrupts calls at random moments, by bytecode or by signal."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._bytecodes: dict[str, int] = {}
        self._seconds: dict[str, float] = {}
        self._armed = False
        signal.signal(signal.SIGALRM, self._strike)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, _leave)

    def __call__(self, what: str, call: Callable[[], object]) -> str:
        """Make a call and interrupt it; return how, or that it came to its end before."""
        self._raises = self._chance.choice(list(_SIGNALS))
        by_bytecode = self._chance.random() < 0.6
        begun = time.perf_counter()
        try:
            if by_bytecode:
                self._traced(what, call)
            else:
                self._signalled(what, call)
        except (KeyboardInterrupt, SystemExit) as exc:
            assert type(exc) is self._raises  # noqa: PT017 - a program
            return "by bytecode" if by_bytecode else f"by {_SIGNALS[self._raises].name}"
        finally:
            self._armed = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            sys.settrace(None)
        self._seconds[what] = time.perf_counter() - begun
        return "too late"

    def _traced(self, what: str, call: Callable[[], object]) -> None:
        most = self._bytecodes.get(what, MOST_BYTECODES)
        left = self._chance.randint(1, most)
        count = 0

        def trace(frame: FrameType, event: str, _: object) -> Any:
            nonlocal count
            frame.f_trace_opcodes = frame.f_code.co_filename != __file__
            # No signal is looked for between the end of a function and what its caller does next.
            if event == "opcode" and frame.f_code.co_code[frame.f_lasti] != _RETURN:
                count += 1
                if count == left:
                    raise self._raises
            return trace

        sys.settrace(trace)
        try:
            call()
        finally:
            sys.settrace(None)
        self._bytecodes[what] = max(count, 1)

    def _signalled(self, what: str, call: Callable[[], object]) -> None:
        seconds = self._chance.uniform(1e-5, 1.2 * self._seconds.get(what, 0.02))
        self._armed = True
        signal.setitimer(signal.ITIMER_REAL, seconds)
        call()
        self._armed = False

    def _strike(self, *_: object) -> None:
        if self._armed:
            self._armed = False
            signal.raise_signal(_SIGNALS[self._raises])


def _leave(*_: object) -> NoReturn:
    raise SystemExit


@dataclass(kw_only=True)
class Pile:
    """One store, and what stands in it as far as is known."""

    url: str
    options: Options
    truth: dict[int, Matrix] = field(default_factory=dict)
    """The vectors of each step that was ever begun to be saved."""
    acknowledged: dict[int, int] = field(default_factory=dict)
    """The step of each commit that a call has returned."""
    futures: list[Future[embzarr.Checkpoint]] = field(default_factory=list)
    floor: int = 0
    """Commits below may have been collected."""
    step: int = 0

    def __post_init__(self) -> None:
        self.store = Slow(open_store(self.url, storage_options=self.options))
        self.run = embzarr.Run(self.store)
        self.vectors = np.zeros((ROWS, DIM), np.float32)
        self.out = np.empty((ROWS, DIM), np.float32)

    def act(self, what: str) -> Callable[[], object]:
        """Return a call, prepared."""
        name = what.replace(" ", "_")
        prepared: Callable[[], object] = getattr(self, f"_{name}")()
        return prepared

    def _next(self) -> int:
        self.step += 1
        return self.step

    def _full(self) -> int:
        """Change all vectors, in place, as a trainer does; return the step."""
        step = self._next()
        self.vectors[:] = step + np.arange(DIM, dtype=np.float32)
        self.truth[step] = self.vectors.copy()
        return step

    def _some(self, base: Matrix) -> int:
        step = self._next()
        self.vectors[:] = base
        self.vectors[:CHANGED] = -step
        self.truth[step] = self.vectors.copy()
        return step

    def _note(self, checkpoint: embzarr.Checkpoint) -> None:
        self.acknowledged[checkpoint.commit] = checkpoint.step

    def _save(self) -> Callable[[], object]:
        self.run.wait()
        step = self._full()
        return lambda: self._note(embzarr.save(self.store, WORDS, self.vectors, step=step))

    def _create(self) -> Callable[[], object]:
        self.run.wait()
        step = self._full()

        def create() -> None:
            with embzarr.create(self.store, DIM, step=step) as writer:
                for cut in (slice(0, 1000), slice(1000, ROWS)):
                    writer.append(WORDS[cut], self.vectors[cut])
            self._note(writer.checkpoint)

        return create

    def _async(self) -> Callable[[], object]:
        step = self._full()
        return lambda: self.futures.append(self.run.save_async(WORDS, self.vectors, step=step))

    def _async_tensors(self) -> Callable[[], object]:
        step = self._full()
        tensors = {"whole": self.vectors, "row": self.vectors[0]}
        return lambda: self.futures.append(
            self.run.save_async(WORDS, self.vectors, tensors=tensors, step=step)
        )

    def _async_and_wait(self) -> Callable[[], object]:
        step = self._full()

        def save() -> None:
            self.futures.append(self.run.save_async(WORDS, self.vectors, step=step))
            self.futures[-1].result()

        return save

    def _changed(self) -> Callable[[], object]:
        self.run.wait()
        base = self.run.open()
        step = self._some(self.truth[base.step])
        rows = np.arange(CHANGED)
        return lambda: self.futures.append(
            self.run.save_async(WORDS, self.vectors, changed=rows, base=base, step=step)
        )

    def _delta(self) -> Callable[[], object]:
        self.run.wait()
        step = self._some(self.truth[self.run.open().step])
        rows = np.arange(CHANGED)
        return lambda: self._note(self.run.save_delta(rows, self.vectors[rows], step=step))

    def _compact(self) -> Callable[[], object]:
        return lambda: self._note(self.run.compact())

    def _open(self) -> Callable[[], object]:
        return lambda: self.run.open()["".join(WORDS[3])]

    def _load(self) -> Callable[[], object]:
        checkpoint = self.run.open()
        words = WORDS[::3]

        def load() -> None:
            found = checkpoint.load(words).vectors
            assert np.array_equal(found, self.truth[checkpoint.step][::3])

        return load

    def _load_into(self) -> Callable[[], object]:
        checkpoint = self.run.open()

        def load() -> None:
            checkpoint.load_rows(0, ROWS, out=self.out)
            assert np.array_equal(self.out, self.truth[checkpoint.step])

        return load

    def _stream(self) -> Callable[[], object]:
        checkpoint = self.run.open()
        truth = self.truth[checkpoint.step]
        stream = checkpoint.stream(batch_bytes=20_000)
        at = 0

        def take() -> None:
            nonlocal at
            for batch in stream:
                assert np.array_equal(batch.vectors, truth[at : at + len(batch)])
                at += len(batch)
            assert at == ROWS

        def read() -> None:
            try:
                take()
            except (KeyboardInterrupt, SystemExit) as exc:
                if traceback.extract_tb(exc.__traceback__)[-1].filename != __file__:
                    self.resumed.append(lambda: _go_on(take))
                raise

        return read

    resumed: list[Callable[[], object]] = field(default_factory=list)
    """What to try after an interrupt, and not to have interrupted."""

    def _gc(self) -> Callable[[], object]:
        self.run.wait()
        numbers = [info.commit for info in self.run.commits()]
        self.floor = max(self.floor, *numbers[KEPT - 1 : KEPT], 0)
        return lambda: self.run.gc(keep_last=KEPT)

    def _repair(self) -> Callable[[], object]:
        self.run.wait()
        return lambda: embzarr.repair(self.store, dry_run=False)

    def _verify(self) -> Callable[[], object]:
        checkpoint = self.run.open()

        def verify() -> None:
            assert checkpoint.verify().ok

        return verify

    def go_on(self) -> None:
        """Have the next call work, and read the right thing."""
        resumed, self.resumed = self.resumed, []
        for call in resumed:
            call()
        checkpoint = self.run.open()
        loaded = checkpoint.load(WORDS[5:9])
        assert list(loaded) == WORDS[5:9]
        assert np.array_equal(loaded, self.truth[checkpoint.step][5:9])

    def check(self) -> list[str]:
        """Compare all that is visible with the truth by plain Zarr, and look for what is lost."""
        self.run.close()
        for future in self.futures:
            if future.exception() is None:
                self._note(future.result())
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for info in self.store.list(""):
                path = root / info.key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.store.get(info.key))
            return [*self._wrong(root)]

    def _wrong(self, root: Path) -> list[str]:
        found: dict[int, int] = {}
        wrong: list[str] = []
        for path in sorted((root / "commits").glob("*.json")):
            manifest = json.loads(path.read_text())
            if "layers" in manifest:
                found[int(path.stem)] = manifest["step"]
                if not np.array_equal(_plain(root, manifest), self.truth[manifest["step"]]):
                    wrong.append(f"commit {path.stem}, step {manifest['step']}, is torn")
                if any(self._is_torn(whole) for whole in _tensors(root, manifest)):
                    wrong.append(f"commit {path.stem}, step {manifest['step']}: a torn tensor")
        for number, step in self.acknowledged.items():
            if number >= self.floor and found.get(number) != step:
                wrong.append(f"commit {number}, step {step}, was acknowledged and is not there")
        return wrong

    def _is_torn(self, whole: Matrix) -> bool:
        """Tell whether a tensor is not that of the step that its first number names."""
        return not np.array_equal(whole, self.truth[int(whole[0, 0])])


def _go_on(take: Callable[[], object]) -> None:
    """Take up a stream that was interrupted: it goes on where it was, or says that it cannot."""
    try:
        take()
    except embzarr.InvalidInputError as exc:
        assert exc.code == "store-closed"  # noqa: PT017 - a program


def _plain(root: Path, manifest: Mapping[str, Any]) -> Matrix:
    """Return a commit's vectors, read by zarr alone."""
    full, *deltas = manifest["layers"]
    vectors = np.asarray(zarr.open_group(root / full["path"], mode="r")["vectors"])
    for delta in deltas:
        group = zarr.open_group(root / delta["path"], mode="r")
        vectors[np.asarray(group["rows/vectors"])] = np.asarray(group["vectors"])
    return vectors


def _tensors(root: Path, manifest: Mapping[str, Any]) -> Iterator[Matrix]:
    """Yield the large tensor of each layer that has it, read by zarr alone."""
    for layer in manifest["layers"]:
        if "whole" in layer.get("tensors", {}):
            group = zarr.open_group(root / layer["path"], mode="r")
            yield np.asarray(group[layer["tensors"]["whole"]["array"]])


def rounds(url: str, options: Options, count: int, *, seed: int) -> dict[str, Any]:
    """Interrupt `count` calls; return what of them was, and what went wrong."""
    chance = random.Random(seed)
    aim = Aim(chance)
    how: Counter[str] = Counter()
    wrong: list[str] = []
    done = pile_number = 0
    while done < count:
        pile_number += 1
        pile = Pile(url=f"{url}-{pile_number}", options=options)
        pile._save()()
        for _ in range(2 * PILE):
            what = chance.choice(OPERATIONS)
            faulthandler.dump_traceback_later(HANG_SECONDS, exit=True)
            try:
                call = pile.act(what)
                came = aim(what, call)
                pile.go_on()
            except Exception as exc:  # noqa: BLE001 - told
                where = traceback.format_exc(limit=-3)
                wrong.append(f"{what}: {type(exc).__name__}: {exc}\n{where}")
                came = "wrong"
            how[came] += 1
            if came != "too late":
                how[f"of {what}"] += 1
                done += 1
            if done >= count or len(wrong) > 10:
                break
        wrong += pile.check()
        faulthandler.cancel_dump_traceback_later()
        if len(wrong) > 10:
            break
    return {"run": done, "how": how, "wrong": wrong}


if __name__ == "__main__":
    task = json.load(sys.stdin)
    answer = rounds(task["url"], task["options"], task["count"], seed=task["seed"])
    sys.stdout.write(json.dumps(answer))
