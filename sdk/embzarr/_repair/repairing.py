"""Repair: restores what can be restored, marks what cannot, and never makes anything worse.

An object is written only with exactly the bytes whose SHA-256 is recorded, or below a fresh folder,
so that a repair may be killed at any moment, run again, and run beside readers and writers. Spec
section "Quarantine and repair".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._format import arguments, keys, spec
from embzarr._history import committing
from embzarr._history import history as committed
from embzarr._repair import gaps, heads, marks, rewriting
from embzarr._repair.heads import Again
from embzarr._repair.layers import Layers
from embzarr._repair.manifests import History
from embzarr._repair.mirror import Mirror
from embzarr._repair.report import RepairReport
from embzarr._repair.sources import Sources
from embzarr._repair.store import RepairStore
from embzarr._storage import CountingStore, interruptible, open_store
from embzarr._verify import Problem
from embzarr.errors import NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from embzarr._format import Parent
    from embzarr._history import Commit
    from embzarr._repair.manifests import Standing
    from embzarr._storage import Store


@interruptible
def repair(
    url: object,
    *,
    source: object | None = None,
    dry_run: bool = False,
    progress: Callable[[int, int], None] | None = None,
    storage_options: Mapping[str, Any] | None = None,
    source_options: Mapping[str, Any] | None = None,
) -> RepairReport:
    """Verify all commits of a run, and restore what is damaged.

    Manifests, metadata, chunk tables, lookup and words are restored from what they can be computed
    from, and every object or chunk from any other place that holds it: another step, or `source`.
    What stays damaged is put in quarantine: its commit is marked, nothing of it is touched, and
    where it was the newest, a new commit lists the layers of the newest sound one. Where its values
    are all there, and only the bytes are not to be had (another version of a library compressed
    them), the new commit lists its own layers, what is damaged being written anew below a fresh
    folder, beside copies of the rest. Nothing else is written but bytes whose SHA-256 is recorded;
    a second repair finds nothing to do. A link that leaves the store is neither followed nor
    replaced: what should stand there is lost, and told of.

    Memory: 64 MiB, the largest damaged object twice, and the vocabulary; 128 MiB where layers are
    written anew.

    Args:
        url: where the run is; see `embzarr.open`.
        source: a mirror of it, or another store that holds some of the same data. What of it
            cannot be read is passed over, and told of.
        dry_run: write nothing, and tell what would be written. As everywhere, without it what is
            called is done.
        progress: called with the bytes verified and the bytes in all.
        storage_options: credentials and endpoint.
        source_options: those of the source.

    Raises:
        NotFoundError: code ``checkpoint-missing``: there is no commit at all.
        UnsupportedError: the newest commit was written by a newer version.
        AccessDeniedError: the store, or the source as a whole, refused the credentials.
        StoreError: one of them does not answer.
        DamagedError: what was written anew reads back as something else; no commit names it.

    Example:
        >>> embzarr.repair(url, dry_run=True).ok
        True
    """
    arguments.check_flags(dry_run=dry_run)
    store = CountingStore(open_store(url, storage_options=storage_options))
    other = None
    if source is not None:
        mirror = CountingStore(open_store(source, storage_options=source_options))
        _require_something(mirror)
        other = Mirror(mirror)
    return _Repair(store, other, dry_run=dry_run).run(progress)


def _require_something(mirror: CountingStore) -> None:
    """Refuse a mirror in which there is nothing of a run: its place was mistaken.

    Raises:
        NotFoundError: code ``checkpoint-missing``.
    """
    prefixes = (f"{spec.COMMITS}/", f"{spec.STEPS}/")
    try:
        is_empty = not any(next(iter(mirror.list(prefix)), None) for prefix in prefixes)
    except UnsupportedError:
        return  # it cannot list
    if is_empty:
        raise NotFoundError(
            "checkpoint-missing",
            f"source: expected a copy of a run, found nothing at {mirror.url}; links are not "
            "followed",
        )


class _Repair:
    def __init__(self, store: Store, other: Mirror | None, *, dry_run: bool) -> None:
        self._target = store
        self._other = other
        self._store = RepairStore(store, dry_run=dry_run)
        self._history = History(self._store, other)
        self._sources = Sources(self._store, other)
        self._layers = Layers(self._store, self._sources)

    def run(self, progress: Callable[[int, int], None] | None) -> RepairReport:
        history, store = self._history, self._store
        history.survey()
        if history.top and isinstance(history.top.error, UnsupportedError):
            raise history.top.error
        self._layers.verify(self._commits(), history.bytes(), progress)
        self._layers.mend()
        if self._try_alternative(history.top):
            self._layers.mend()  # what the commit that was found holds may be missing elsewhere
        if history.top is None:
            raise NotFoundError("checkpoint-missing", f"no checkpoint at {store.url}")
        lost = [*self._layers.lost(), *self._lost_manifests()]
        lost += gaps.close(store, history)
        if history.store_id:
            lost += heads.mend_root(store, history.store_id)
        self._mark()
        head = self._settle(history.top)
        lost += heads.mend_tags(store, self._other, self._names_sound)
        self._sources.discard_kept(self._layers.missing() | history.missing())
        return RepairReport(
            dry_run=store.dry_run,
            commits=len(history.standings),
            head=head,
            actions=tuple(store.actions),
            lost=tuple(_with_links(lost, store.linked)),
            skipped=self._other.skipped if self._other else (),
        )

    def _checkpoints(self) -> list[int]:
        """Return the numbers of the checkpoints that can be read and have not expired."""
        history = self._history
        found = [number for number, x in history.standings.items() if x.is_checkpoint]
        return sorted((n for n in found if not history.is_expired(n)), reverse=True)

    def _commits(self) -> Iterator[Commit]:
        """Yield the checkpoints, newest first; none is kept in memory."""
        for number in self._checkpoints():
            yield committed.read(self._store, number)

    def _try_alternative(self, top: Standing | None) -> bool:
        """Believe ``latest.json`` where its layers are sound and those of the commit are not.

        So it is where it tells of a later commit, unless too many are missing before that.

        Returns:
            Whether it was believed.
        """
        other, newest = self._history.alternative(), top.number if top else 0
        if other is None or other.number > newest + gaps.MOST:
            return False
        is_better = other.number > newest or not self._layers.is_sound(newest)
        if not is_better or not self._layers.adopt(other):
            return False
        self._history.put(other.number, self._store.get(spec.LATEST), spec.LATEST)
        return True

    def _names_sound(self, target: Parent) -> bool:
        standing = self._history.standings.get(target.commit)
        same = standing is not None and standing.identity == target.sha256
        return same and self._layers.is_sound(target.commit)

    def _is_damaged(self, standing: Standing) -> bool:
        """Tell whether a commit stays damaged: it cannot be read, or not all of its layers."""
        if self._history.is_expired(standing.number) or isinstance(
            standing.error, UnsupportedError
        ):
            return False
        is_lost = standing.is_checkpoint and not self._layers.is_sound(standing.number)
        return standing.error is not None or is_lost

    def _mark(self) -> None:
        for number, standing in sorted(self._history.standings.items()):
            if not self._is_damaged(standing):
                marks.release(self._store, number)
            elif standing.stored is not None:
                problems = _problems_of(standing) or self._layers.problems_of(number)
                marks.mark(self._store, number, standing.stored, problems)

    def _settle(self, top: Standing) -> int | None:
        """Let the newest checkpoint be a sound one, and ``latest.json`` a copy of it."""
        standings = self._history.standings.values()
        for number in self._checkpoints():
            again = self._again(committed.read(self._store, number))
            if again is None:
                continue
            head = number
            later = [x for x in standings if number < x.number <= top.number]
            hidden = top.leads_to != number or any(map(self._is_damaged, later))
            if hidden or not self._layers.is_sound(number):
                newest = heads.Top(number=top.number, sha256=top.identity or str(top.stored))
                if not heads.relist(self._target, self._store, again, newest):
                    return None  # somebody else has committed meanwhile
                head = top.number + 1
            heads.mend_hint(self._store, head)
            return head
        self._lead(top)
        return None

    def _lead(self, top: Standing) -> None:
        """Say which checkpoint is the newest where none is sound and the newest commit does not."""
        standings = self._history.standings
        newest = next((standings[number] for number in self._checkpoints()), None)
        if top.error or top.is_checkpoint or (top.leads_now and top.leads_to == _number(newest)):
            return
        here = heads.Top(number=top.number, sha256=str(top.identity))
        there = None
        if newest:
            there = heads.Top(number=newest.number, sha256=str(newest.identity))
        heads.lead(self._target, self._store, self._history.store_id or "", here, there)

    def _again(self, commit: Commit) -> Again | None:
        """Return a checkpoint whose values are all there; what is damaged of it is written anew."""
        what = f"commit {commit.number} (step {commit.manifest.step}) again"
        layers, write_id = commit.manifest.layers, committing.new_id()
        message = f"{what}, as the newest is damaged"
        if not self._layers.is_sound(commit.number):
            rewrites = self._layers.rewrites(commit)
            if rewrites is None:
                return None
            for key in [key for rewrite in rewrites for key in rewrite.damaged]:
                self._store.note("rewrite", key, "from other parts of its layer, in other bytes")
            if not self._store.dry_run:
                layers = rewriting.write(self._store, self._target, rewrites, write_id)
            message = f"{what}, with what was written anew"
        return Again(commit=commit, layers=layers, write_id=write_id, message=message)

    def _lost_manifests(self) -> Iterator[Problem]:
        for _, standing in sorted(self._history.standings.items()):
            if self._history.is_expired(standing.number) or standing.stored is None:
                continue  # what is not there at all is told of where its number is closed
            yield from _problems_of(standing)
            if standing.error is None and self._history.contradicted(standing):
                message = "is not the commit that a later one or a tag names"
                key = keys.commit_key(standing.number)
                yield Problem(code="manifest-mismatch", key=key, message=message)


def _with_links(lost: Sequence[Problem], linked: Sequence[Problem]) -> Iterator[Problem]:
    """Yield what is lost; of what is not there since a link is, that one is."""
    keys_linked = {problem.key for problem in linked}
    kept = [p for p in lost if p.code != "object-missing" or p.key not in keys_linked]
    told = {problem.key for problem in kept}
    yield from kept
    yield from (problem for problem in linked if problem.key not in told)


def _number(standing: Standing | None) -> int | None:
    return standing.number if standing else None


def _problems_of(standing: Standing) -> list[Problem]:
    """Return why a manifest cannot be read, if it cannot."""
    error, key = standing.error, keys.commit_key(standing.number)
    return [Problem(code=error.code, key=key, message=str(error.args[0]))] if error else []
