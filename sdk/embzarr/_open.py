"""Finds runs, and the commit that a caller means, and opens it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from embzarr._checkpoint import Checkpoint
from embzarr._format import arguments, keys, spec
from embzarr._history import history, tagging
from embzarr._reading import Cache
from embzarr._storage import CountingStore, folders_of, interruptible, open_store
from embzarr.errors import EmbzarrError, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from embzarr._history import Commit
    from embzarr._storage import Store

_LOOKED_AT = 20
"""Folders of a place that is no run: it may be a bucket of thousands."""


@interruptible
def open_checkpoint(
    url: object,
    *,
    step: int | None = None,
    tag: str | None = None,
    commit: int | None = None,
    cache: Cache | None = None,
    storage_options: Mapping[str, Any] | None = None,
    pickle_secrets: bool = False,
) -> Checkpoint:
    """Open a checkpoint for reading: the newest, or one by step, tag or commit.

    The newest is the one that was saved last, which need not have the highest step.

    It may be used in forked children, and pickled: another process reads the same commit.

    Args:
        url: ``s3://``, ``gs://``, ``az://``, ``http(s)://``, ``file://``, ``memory://``, a path,
            any fsspec URL, an obstore store or an fsspec filesystem.
        step: newest commit of this step.
        tag: the commit that `Run.tag` named.
        commit: its number.
        cache: where to keep chunks that were read, perhaps on disk and for several checkpoints; by
            default 32 MiB in memory.
        storage_options: credentials and endpoint, such as ``{"endpoint_url": ...}``.
        pickle_secrets: let pickles of the checkpoint hold the credentials that it was opened with.
            Else the process that unpickles it takes those of its own environment or profile.

    Raises:
        NotFoundError: codes ``checkpoint-missing``, ``step-missing``, ``tag-missing``,
            ``commit-missing``, ``bucket-missing``.
        AccessDeniedError: the store refused the credentials. Who may read objects, and may not
            list, is given the newest commit that ``latest.json`` leads to.
        DamagedError: the manifest is damaged.
        UnsupportedError: it was written by a newer version.

    Example:
        >>> embzarr.open(url, step=100)["king"]
        array([1., 0., 0., 0.], dtype=float32)
    """
    if cache is not None and not isinstance(cache, Cache):
        raise arguments.refusal("cache", "an embzarr.Cache", cache)
    arguments.check_flags(pickle_secrets=pickle_secrets)
    opened = open_store(url, storage_options=storage_options, pickle_secrets=pickle_secrets)
    store = CountingStore(opened)
    return Checkpoint(store, find(store, step=step, tag=tag, commit=commit), cache=cache)


@interruptible
def find_runs(
    url: object, *, depth: int = 3, storage_options: Mapping[str, Any] | None = None
) -> list[str]:
    """Return where the runs below a folder or a bucket are, as paths from there, in order.

    A folder is a run where it has the folder ``commits``; what lies in it is not looked at, and of
    all others the names of their folders alone, by one request each.

    Args:
        url: the folder or bucket; itself a run, it is told as ``""``, beside those in it.
        depth: how many folders deep to look.
        storage_options: credentials and endpoint.

    Raises:
        UnsupportedError: code ``store-cannot-list``, as of a web server.
        AccessDeniedError: it may not be listed.

    Example:
        >>> _ = embzarr.save(f"{folder}/runs/mine", ["king"], np.ones((1, 4)))
        >>> embzarr.find_runs(folder)
        ['runs/mine']
    """
    depth = arguments.whole("depth", depth, least=0)
    store = open_store(url, storage_options=storage_options)
    return sorted(path.rstrip("/") for path in _runs_in(store, "", depth))


def _runs_in(store: Store, folder: str, depth: int) -> Iterator[str]:
    names = folders_of(store, folder)
    is_run = spec.COMMITS in names
    if is_run:
        yield folder
    if is_run and folder:
        return
    for name in names if depth else ():
        # Of a run at the very top, which may have others beside it, its own folders are none.
        is_own = is_run and name in keys.FOLDERS
        if _is_plain(name) and not is_own:  # no key of ours can name another
            yield from _runs_in(store, f"{folder}{name}/", depth - 1)


def _is_plain(name: str) -> bool:
    return not any(letter in name for letter in "\\:\0") and name not in {"", ".", ".."}


def find(store: Store, *, step: int | None, tag: str | None, commit: int | None) -> Commit:
    """Return the commit that a caller means.

    Raises:
        InvalidInputError: more than one way to name it, or a number or name that cannot be one.
        NotFoundError: there is none.
    """
    if sum(name is not None for name in (step, tag, commit)) > 1:
        raise InvalidInputError("input-argument", "give one of step, tag and commit")
    if step is not None:
        return history.find_step(store, arguments.whole("step", step, least=0))
    if tag is not None:
        return tagging.find_tag(store, arguments.text("tag", tag))
    if commit is not None:
        return history.read(store, arguments.whole("commit", commit, least=1))
    head = history.head(store, reads_only=True)
    if head is None:
        error = history.nothing(store)
        runs = _near(store)
        if runs:
            error.add_note(f"runs in there: {', '.join(map(repr, runs))}")
        raise error
    return head


def _near(store: Store) -> list[str]:
    """Return names of runs in a folder that is none, of the first folders in there."""
    try:
        names = [name for name in folders_of(store, "")[:_LOOKED_AT] if _is_plain(name)]
        return [name for name in names if spec.COMMITS in folders_of(store, f"{name}/")]
    except EmbzarrError:
        return []  # it cannot be listed, and that there is nothing to open is told anyway
