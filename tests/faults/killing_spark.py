"""Kills workers, executors and drivers of a real Spark that writes; a program.

One session with two executors writes step upon step, and is told by a file whom to kill: the Python
of a task, or the Java of its executor, once that task has made so many writes. Drivers are programs
of their own, which die before, in or after their commit. Whatever Spark says, plain zarr then reads
what is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark import TaskContext

import embzarr
from embzarr._storage.open import open_store
from embzarr._storage.port import Body, Store
from embzarr.interop._spark.write import Writer
from embzarr.interop.spark import EmbzarrSource
from faulty import PassThrough
from interop.sparking import Place, running_spark, store_of, told
from oracle import read_step

ROWS, DIM, TASKS = 600, 8, 3
ATTEMPTS = 2
"""That Spark makes of a task."""
PILE = 20
"""Kills on one store before a fresh one."""
KINDS = ("worker", "executor", "driver before", "driver in", "driver after")
SHARES = (10, 4, 1, 3, 1)
"""Of the kills, by kind: a driver starts anew for each of its own."""
BETWEEN, AFTER = "between the first write and the last", "after the last write"

Options = Mapping[str, Any] | None
Settings = {
    "spark.task.maxFailures": str(ATTEMPTS),
    "spark.deploy.maxExecutorRetries": "-1",
    "spark.executorEnv.PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    "spark.sql.execution.arrow.maxRecordsPerBatch": "50",
}


def vectors_of(step: int) -> NDArray[np.float32]:
    """The vectors of a step; no two steps have a number in common."""
    numbers = np.arange(ROWS * DIM, dtype=np.float32).reshape(ROWS, DIM)
    return numbers + np.float32(ROWS * DIM * step)


def frame_of(spark: Any, step: int) -> Any:
    """The same as a data frame, which its tasks compute."""
    first = ROWS * DIM * step
    numbers = f"transform(sequence(0, {DIM - 1}), x -> float(id * {DIM} + x + {first}))"
    return spark.range(ROWS, numPartitions=TASKS).selectExpr(
        "concat('w', id) AS word", f"{numbers} AS vectors"
    )


# Who is killed ------------------------------------------------------------------------------------
@dataclass(frozen=True, kw_only=True)
class Orders:
    """Whom to kill, and when; nobody, by default."""

    folder: str
    """Where is told who was killed, and how many writes there were."""
    kind: str = ""
    task: int = 0
    attempts: int = 0
    """So many of the task are killed."""
    writes: int = 0
    """After so many writes."""
    seconds: float = 0
    """And so much later."""

    def tell(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        part = Path(self.folder, f".{name}")
        part.write_text(text)
        part.replace(Path(self.folder, name))


class Deadly(PassThrough):
    """Counts the writes of one attempt, and ends a process after one of them, or a little later."""

    def __init__(
        self, store: Store, after: int, seconds: float, end: Callable[[int], None]
    ) -> None:
        super().__init__(store)
        self._after = after
        self._seconds = seconds
        self._end = end
        self._lock = threading.Lock()
        self.writes = 0

    def put(self, key: str, data: Body) -> None:
        super().put(key, data)
        self._count()

    def create(self, key: str, data: Body) -> None:
        super().create(key, data)
        self._count()

    def delete(self, key: str) -> None:
        super().delete(key)
        self._count()

    def _count(self) -> None:
        with self._lock:  # so that no thread begins another write while this one has it ended
            self.writes += 1
            if self.writes == self._after and not self._seconds:
                self._end(self.writes)
        if self.writes == self._after:
            threading.Timer(self._seconds, lambda: self._end(self.writes)).start()


def parent_of(process: int) -> int:
    """Return who started a process."""
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


def end_java() -> None:
    """End the Java whose child's child this Python is: the executor's, or the driver's."""
    os.kill(parent_of(os.getppid()), signal.SIGKILL)


def end_worker() -> None:
    """End this Python."""
    os.kill(os.getpid(), signal.SIGKILL)


class DeadlyWriter(Writer):
    """Writes as ours does, and has somebody killed where its orders say so."""

    orders: Orders

    def write(self, iterator: Iterator[Any]) -> Any:
        """Store the rows of a partition, or die of it."""
        orders, task = self.orders, TaskContext.get()
        number, attempt = task.partitionId(), task.attemptNumber()
        meant = orders.kind in KINDS[:2] and number == orders.task and attempt < orders.attempts
        end = end_worker if orders.kind == "worker" else end_java
        store = self._armed(orders.writes if meant else 0, f"killed-{attempt}", end)
        found = super().write(iterator)
        orders.tell(f"wrote-{number}-{attempt}", str(store.writes))
        return found

    def commit(self, messages: list[Any]) -> None:
        """Make the commit, or die before, in or after it."""
        kind = self.orders.kind
        is_meant = kind == "driver in"
        store = self._armed(self.orders.writes if is_meant else 0, "killed-0", end_java)
        if kind == "driver before":
            self._end(end_java, "killed-0", 0)
        super().commit(messages)
        self.orders.tell("committed", str(store.writes))
        if kind == "driver after":
            self._end(end_java, "killed-0", store.writes)

    def _armed(self, after: int, mark: str, end: Callable[[], None]) -> Deadly:
        target = self._target
        store = open_store(target.url, storage_options=target.options)
        deadly = Deadly(store, after, self.orders.seconds, partial(self._end, end, mark))
        self._target = replace(target, url=deadly, options=None)
        return deadly

    def _end(self, end: Callable[[], None], mark: str, writes: int) -> None:
        self.orders.tell(mark, str(writes))
        end()
        time.sleep(60)  # until it has taken effect


def source_of(file: Path) -> type:
    """Return the data source, which takes its orders from a file."""

    class Source(EmbzarrSource):
        def writer(self, schema: Any, overwrite: bool) -> DeadlyWriter:  # noqa: FBT001 - Spark's call
            made = DeadlyWriter(self._options, schema, overwrite=overwrite)
            made.orders = Orders(**json.loads(file.read_text()))
            return made

    return Source


# What is there ------------------------------------------------------------------------------------
@dataclass(kw_only=True)
class Pile:
    """One store, and what must stand in it."""

    url: str
    options: Options
    steps: list[int] = field(default_factory=list)

    def look(self, step: int) -> str | None:
        """Say what is wrong; the step is there, whole, or not at all, and all others are."""
        run = embzarr.Run(self.url, storage_options=self.options)
        found = [info.step for info in reversed(run.commits())] if self.steps or step else []
        if found == [*self.steps, step] != self.steps:
            self.steps.append(step)
        if found != self.steps:
            return f"steps {found} instead of {self.steps}"
        checkpoint = run.open()
        if problems := checkpoint.verify().problems:
            return str(problems[0])
        words, vectors = read_step(self._zarr(), checkpoint.info().layers[0].path)
        same = np.array_equal(vectors, vectors_of(self.steps[-1]))
        return None if same and words == [f"w{row}" for row in range(ROWS)] else "other rows"

    def collect(self) -> str | None:
        """Give up what no commit names, and look whether that is all that was there beside."""
        run = embzarr.Run(self.url, storage_options=self.options)
        run.gc(older_than=0)
        if left := run.gc(older_than=0, dry_run=True).objects:
            return f"{len(left)} objects belong to nothing"
        return self.look(self.steps[-1])

    def _zarr(self) -> Any:
        if self.options is None:
            return self.url
        from zarr.storage import ObjectStore  # noqa: PLC0415 - slow to import

        return ObjectStore(store_of(Place(None, self.url, dict(self.options))), read_only=True)


# Jobs ---------------------------------------------------------------------------------------------
def write(spark: Any, url: str, options: Options, step: int) -> None:
    """Write a step by Spark.

    Raises:
        Exception: whatever Spark makes of its failure.
    """
    writer = told(frame_of(spark, step).write, {"step": step, **(options or {})})
    writer.mode("overwrite").save(url)


@dataclass(kw_only=True)
class Jobs:
    """Writes steps, by a session that lives on or by drivers that die."""

    spark: Any
    folder: Path
    chance: random.Random
    landed: Counter[str] = field(default_factory=Counter)
    writes: dict[str, int] = field(default_factory=lambda: {"wrote": 11, "committed": 46})
    """That a task and a commit make, as far as known."""

    @property
    def file(self) -> Path:
        """Where orders are."""
        return self.folder / "orders.json"

    def round(self, pile: Pile, kind: str) -> str | None:
        """Write the next step, with a kill, and again where it is not there then."""
        step = pile.steps[-1] + 1
        orders = self._orders(kind)
        ended = self._run(pile, step, orders)
        wrong = pile.look(step)
        is_there = pile.steps[-1] == step
        self._note(orders, is_there)
        if wrong:
            return wrong
        if ended and not is_there:
            return "Spark tells of a step that is not there"
        if is_there != {"driver before": False, "driver after": True}.get(kind, is_there):
            return f"step {step}: there is {is_there}, after a kill of {kind}"
        return None if is_there else self._again(pile, step)

    def _again(self, pile: Pile, step: int) -> str | None:
        self.landed["written again"] += 1
        if not self._run(pile, step, self._orders("")):
            return "a job that nobody killed failed"
        return pile.look(step) or (None if pile.steps[-1] == step else f"step {step} is lost")

    def _orders(self, kind: str) -> Orders:
        place = tempfile.mkdtemp(dir=self.folder)
        chance, most = self.chance, self.writes["committed" if kind == "driver in" else "wrote"]
        if kind == "driver in" and chance.random() < 0.7:
            most //= 3  # after its manifest it only tidies up
        orders = Orders(
            folder=place,
            kind=kind,
            task=chance.randrange(TASKS),
            attempts=1 + (kind == "worker" and chance.random() < 0.3),
            writes=chance.randrange(1, most),
            seconds=chance.choice((0, chance.uniform(0, 0.004))),
        )
        self.file.write_text(json.dumps(vars(orders)))
        return orders

    def _run(self, pile: Pile, step: int, orders: Orders) -> bool:
        """Return whether the job came to its end, so far as Spark says."""
        if orders.kind.startswith("driver"):
            return self._driver(pile, step, orders)
        try:
            write(self.spark, pile.url, pile.options, step)
        except Exception:  # noqa: BLE001 - of whatever kind: a task was killed too often
            return False
        return True

    def _driver(self, pile: Pile, step: int, orders: Orders) -> bool:
        task = {"url": pile.url, "options": pile.options, "step": step, "folder": orders.folder}
        done = subprocess.run(  # noqa: S603 - this very file
            [sys.executable, __file__, "driver", str(self.file)],
            input=json.dumps(task),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0 or Path(orders.folder, "killed-0").exists(), done.stderr
        return done.returncode == 0

    def _note(self, orders: Orders, is_there: bool) -> None:  # noqa: FBT001 - one of two
        """Count where kills landed."""
        place, kind = Path(orders.folder), orders.kind
        for what in self.writes:
            counts = [int(file.read_text()) for file in place.glob(f"{what}*")]
            self.writes[what] = max(counts, default=self.writes[what])
        most = self.writes["committed" if kind == "driver in" else "wrote"]
        for file in place.glob("killed-*"):
            self.landed["kills"] += 1
            self.landed[f"of {kind}"] += 1
            if kind not in {"driver before", "driver after"}:
                self.landed[BETWEEN if int(file.read_text()) < most else AFTER] += 1
            if kind == "driver in":
                self.landed[f"in commit, the step {'there' if is_there else 'not there'}"] += 1


def rounds(url: str, options: Options, count: int, *, seed: int, folder: Path) -> dict[str, Any]:
    """Write steps until so many kills landed; return where, and what failed."""
    failures: list[str] = []
    with running_spark(folder, more=Settings) as spark:
        spark.dataSource.register(source_of(folder / "orders.json"))
        jobs = Jobs(spark=spark, folder=folder, chance=random.Random(seed))
        kinds = jobs.chance.sample(KINDS, len(KINDS))  # each once, then by their shares
        while jobs.landed["kills"] < count and not failures:
            first = jobs.landed["kills"]
            pile = Pile(url=f"{url}-{first}", options=options, steps=[0])
            _begin(pile)
            while jobs.landed["kills"] < min(first + PILE, count) and not failures:
                kind = kinds.pop() if kinds else jobs.chance.choices(KINDS, SHARES)[0]
                if wrong := jobs.round(pile, kind):
                    failures.append(f"{pile.url}, {kind}: {wrong}")
            if not failures and (wrong := pile.collect()):
                failures.append(f"{pile.url}: {wrong}")
    return {"landed": jobs.landed, "failures": failures}


def _begin(pile: Pile) -> None:
    words = [f"w{row}" for row in range(ROWS)]
    embzarr.save(pile.url, words, vectors_of(0), step=0, storage_options=pile.options)


def drive(file: Path, task: Mapping[str, Any]) -> None:
    """Write one step, as a program of its own that is to die."""
    with running_spark(Path(task["folder"]), "local[2]", Settings) as spark:
        spark.dataSource.register(source_of(file))
        write(spark, task["url"], task["options"], task["step"])


if __name__ == "__main__":
    given = json.load(sys.stdin)
    if sys.argv[1:2] == ["driver"]:
        drive(Path(sys.argv[2]), given)
    else:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
            found = rounds(
                given["url"],
                given["options"],
                given["count"],
                seed=given["seed"],
                folder=Path(scratch),
            )
        sys.stdout.write(json.dumps(found))
