"""The layers of all commits: each is read once, and restored as far as can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import spec
from embzarr._reading import pages
from embzarr._repair import rewriting
from embzarr._repair.layer import LayerRepair
from embzarr._repair.manifests import chain_id, chains
from embzarr._verify import Findings, Problem, losses, verifying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from embzarr._format import Layer, ObjectDigest
    from embzarr._history import Commit
    from embzarr._repair.rewriting import Rewrite
    from embzarr._repair.sources import Sources
    from embzarr._repair.store import RepairStore


class Layers:
    """What is wrong with the layers that commits name; commits may share some."""

    def __init__(self, store: RepairStore, sources: Sources) -> None:
        """Prepare; nothing is read yet."""
        self._store = store
        self._sources = sources
        self._problems: dict[str, list[Problem]] = {}
        """By `chain_id`."""
        self._damaged: dict[str, list[Layer]] = {}
        """Those with problems, upon those below; sound ones are not kept in memory."""
        self._of_commit: dict[int, list[str]] = {}

    def verify(
        self, commits: Iterable[Commit], total: int, progress: Callable[[int, int], None] | None
    ) -> None:
        """Read every layer of every commit, each once.

        Args:
            commits: all that can be read.
            total: bytes of all layers.
            progress: called with the bytes done and the bytes in all.
        """
        before = 0

        def advance(done: int, _: int) -> None:
            if progress:
                progress(before + done, total)

        for commit in commits:
            for layers in chains(commit.manifest):
                before += self._verify(layers, advance)
            self._of_commit[commit.number] = list(map(chain_id, chains(commit.manifest)))

    def mend(self) -> None:
        """Restore what can be; what is left stays in `problems_of`."""
        self._sources.forget()
        keys: list[str] = []
        for layers, objects in self._damaged_objects():
            self._sources.want(objects.values())
            keys += [f"{layers[-1].path}/{name}" for name in objects]
        self._sources.search(keys)
        # Deltas need the words of the layers below them: those are restored first.
        is_told_more = False
        for layers, objects in sorted(self._damaged_objects(), key=lambda item: len(item[0])):
            is_told_more |= self._mend(layers, frozenset(objects))
        if is_told_more:
            self.mend()  # a page that was restored tells of objects that were not looked at

    def adopt(self, commit: Commit) -> bool:
        """Take `commit` for what its number stands for if all its layers are sound."""
        for layers in chains(commit.manifest):
            self._verify(layers, None)
        ids = list(map(chain_id, chains(commit.manifest)))
        if any(self._problems[name] for name in ids):
            return False
        self._of_commit[commit.number] = ids
        return True

    def is_sound(self, number: int) -> bool:
        """Tell whether a commit could be read and nothing of it is damaged."""
        return number in self._of_commit and not self.problems_of(number)

    def problems_of(self, number: int) -> list[Problem]:
        """Return what is wrong with the layers of a commit."""
        return [problem for name in self._of_commit[number] for problem in self._problems[name]]

    def rewrites(self, commit: Commit) -> list[Rewrite] | None:
        """Return how a damaged commit's layers can be written anew; None where a value is lost."""
        found: list[Rewrite] = []
        for layers in chains(commit.manifest):
            problems = self._problems[chain_id(layers)]
            if any(below.damaged for below in found):
                problems = [p for p in problems if not _follows_from_below(p, layers[-1])]
            rewrite = rewriting.plan(self._store, self._sources, layers, problems)
            if rewrite is None:
                return None
            found.append(rewrite)
        return found

    def lost(self) -> Iterator[Problem]:
        """Yield what is damaged, once for each layer that a commit names, with words of rows."""
        named = {name for names in self._of_commit.values() for name in names}
        for name, layers in self._damaged.items():
            if name in named:
                yield from losses.with_words(self._store, layers, self._problems[name])

    def missing(self) -> frozenset[str]:
        """Return the SHA-256 of all objects that are damaged."""
        found = self._damaged_objects()
        return frozenset(one.sha256 for _, objects in found for one in objects.values())

    def _verify(self, layers: list[Layer], progress: Callable[[int, int], None] | None) -> int:
        """Read the last layer unless it was read before; return how many bytes were looked at."""
        name = chain_id(layers)
        if name in self._problems:
            return 0
        findings = Findings(0, progress)
        verifying.check_layer(self._store, layers, findings)
        self._problems[name] = findings.problems()
        if self._problems[name]:
            self._damaged[name] = layers
        return findings.done

    def _damaged_objects(self) -> Iterator[tuple[list[Layer], dict[str, ObjectDigest]]]:
        """Yield each damaged layer, upon those below, with its damaged objects by their names."""
        for name, layers in self._damaged.items():
            layer = layers[-1]
            start = len(layer.path) + 1
            within = [p for p in self._problems[name] if p.key.startswith(f"{layer.path}/")]
            objects = pages.known(self._store, layer)[0].objects
            names = {p.key[start:] for p in within} & objects.keys()
            if names:
                yield layers, {name: objects[name] for name in names}

    def _mend(self, layers: list[Layer], names: frozenset[str]) -> bool:
        """Restore objects of a layer; return whether pages are among those that were."""
        left = LayerRepair(self._store, layers, self._sources).run(names)
        if (names - left) & layers[-1].page_objects.keys():
            findings = Findings(0, None)
            verifying.check_layer(self._store, layers, findings)
            self._problems[chain_id(layers)] = findings.problems()
            return True
        restored = {f"{layers[-1].path}/{name}" for name in names - left}
        problems = self._problems[chain_id(layers)]
        remaining = [problem for problem in problems if problem.key not in restored]
        if not remaining:  # lookup and words could not be compared before
            findings = Findings(0, None)
            verifying.check_words(self._store, layers, findings)
            remaining = findings.problems()
        self._problems[chain_id(layers)] = remaining
        return False


def _follows_from_below(problem: Problem, layer: Layer) -> bool:
    """Tell whether words could not be compared with those below: not that they are wrong."""
    lookup = f"{layer.path}/{spec.LOOKUP_BLOCKS}"
    is_own = problem.code == "lookup-invalid" or problem.chunk is not None
    return problem.key == lookup and not is_own
