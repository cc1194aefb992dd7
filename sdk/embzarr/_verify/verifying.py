"""Reads all that a commit names and says what is not as it was written.

Source of the checks: spec section "Verification".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from embzarr._format import arguments, keys, manifests, spec, zarr_json
from embzarr._history import Expired, history, records
from embzarr._reading import Files, link_of, pages
from embzarr._storage import get_at_most, parallel
from embzarr._verify import losses, root, words
from embzarr._verify.objects import IN_FLIGHT_BYTES, LayerCheck
from embzarr._verify.report import Findings, VerifyReport
from embzarr._verify.shards import Shards
from embzarr.errors import DamagedError, NotFoundError, UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from embzarr._format import Layer, Parent
    from embzarr._history import Commit
    from embzarr._storage import Data, Readable


def verify(
    store: Readable,
    commit: Commit,
    *,
    quick: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Compare every object and chunk of a commit with its manifest.

    Args:
        store: where it lies.
        commit: what to verify.
        quick: ask for sizes only.
        progress: called with the bytes done and the bytes in all.
    """
    arguments.check_flags(quick=quick)
    layers = commit.manifest.layers
    findings = Findings(sum(layer.bytes_stored for layer in layers), progress)
    _check_manifests(store, commit, findings)
    if not quick:
        root.check(store, commit.manifest.store, findings)
    for at, layer in enumerate(layers):
        if quick:
            check_sizes(store, layer, findings)
        else:
            check_layer(store, layers[: at + 1], findings)
    return VerifyReport(
        commit=commit.number,
        step=commit.manifest.step,
        quick=quick,
        objects=sum(layer.object_count for layer in layers),
        chunks=findings.chunks,
        bytes=findings.done,
        problems=tuple(losses.with_words(store, layers, findings.problems())),
        warnings=() if quick else root.hint_faults(store),
    )


def check_layer(store: Readable, layers: Sequence[Layer], findings: Findings) -> None:
    """Read the last of `layers`; what names its rows is compared with them at the same time."""
    link = link_of(store)
    layer, faults = pages.known(store, layers[-1])
    is_known = not faults and not layer.pages
    check = LayerCheck(
        store=store,
        layer=layer,
        shards=Shards(store, layer, link),
        # Where a page is lost, the problem is that page: what it told of cannot be looked for.
        documents=zarr_json.documents_of(layers, whole=layer) if is_known else {},
        findings=findings,
        budget=parallel.ByteBudget(IN_FLIGHT_BYTES),
    )
    _report_pages(layers[-1], faults, findings)
    wrong = Findings(0, None)
    alone = parallel.is_quick(store, sum(digest.size for digest in layer.objects.values()))
    parallel.together(check.run, lambda: check_words(store, layers, wrong), alone=alone)
    if not findings.problems():  # else the lookup may be said to be wrong for their sake
        findings.add(wrong.problems())
        check_files(store, layer, findings)


def _report_pages(
    layer: Layer, faults: Sequence[tuple[str, DamagedError]], findings: Findings
) -> None:
    for name, fault in faults:
        findings.report(fault.code, f"{layer.path}/{name}", str(fault.args[0]))


def check_files(store: Readable, layer: Layer, findings: Findings) -> None:
    """Compare the files of a layer, whose objects are sound, with their own digests."""
    members = {name: (layer, member) for name, member in layer.files.items()}
    files = Files(store, members, link_of(store))
    for name in layer.files:
        try:
            files[name].check()
        except DamagedError as exc:
            key = f"{layer.path}/{layer.files[name].array}"
            findings.report(exc.code, key, str(exc.args[0]))


def check_words(store: Readable, layers: Sequence[Layer], findings: Findings) -> None:
    """Compare what names the rows of the last of `layers` with the rows."""
    for array, block, fault in words.faults(store, layers):
        key = f"{layers[-1].path}/{array}"
        findings.report(fault.code, key, str(fault.args[0]), chunk=block)


def check_sizes(store: Readable, layer: Layer, findings: Findings) -> None:
    """Compare sizes: one listing, or a request an object where there is none; pages are read."""
    layer, faults = pages.known(store, layer)
    _report_pages(layer, faults, findings)
    try:
        listed = {info.key: info.size for info in store.list(f"{layer.path}/")}
    except UnsupportedError:
        listed = {}

    def check(name: str) -> None:
        key, expected = f"{layer.path}/{name}", layer.objects[name].size
        try:
            # A listing may lag behind on a few stores: what it lacks is asked for by name.
            size = expected if listed.get(key) == expected else store.head(key).size
        except NotFoundError:
            message = "the manifest lists it, it is not there"
            findings.report("object-missing", key, message)
        else:
            if size != expected:
                findings.report("object-size", key, f"expected {expected} bytes, found {size}")
        findings.advance(expected)

    parallel.each(check, list(layer.objects), alone=parallel.is_quick(store))


def _check_manifests(store: Readable, commit: Commit, findings: Findings) -> None:
    """Compare the stored manifest with the one in hand, perhaps from a hint, and its parent."""
    key = keys.commit_key(commit.number)
    try:
        data = get_at_most(store, key, spec.MAX_MANIFEST_BYTES)
        is_another = manifests.identity(data) != commit.sha256
        if is_another:
            history.read(store, commit.number)  # which may say more
    except NotFoundError as exc:
        if exc.code == "commit-expired":
            findings.report(exc.code, key, str(exc.args[0]))
        else:
            findings.report("object-missing", key, "the manifest was opened from a hint alone")
    except (DamagedError, UnsupportedError) as exc:
        findings.report(exc.code, key, str(exc.args[0]))
    else:
        if is_another:
            message = "is not the manifest that was opened"
            findings.report("manifest-mismatch", key, message)
    if commit.manifest.parent:
        _check_parent(store, commit.manifest.parent, findings)


def _check_parent(store: Readable, parent: Parent, findings: Findings) -> None:
    key = keys.commit_key(parent.commit)
    try:
        data = get_at_most(store, key, spec.MAX_MANIFEST_BYTES)
    except NotFoundError:
        return  # a store may have been pruned by hand; its name stays with us
    except DamagedError as exc:
        findings.report(exc.code, key, str(exc.args[0]))
    else:
        is_other = parent.sha256 != manifests.identity(data)
        if is_other and parent.sha256 != _buried_identity(data, key):
            message = "is not the commit that this one followed"
            findings.report("manifest-mismatch", key, message)


def _buried_identity(data: Data, key: str) -> str | None:
    """Return the identity of the commit that a tombstone stands for."""
    try:
        found = records.parse(data, key)
    except (DamagedError, UnsupportedError):
        return None
    return found.sha256 if isinstance(found, Expired) else None
