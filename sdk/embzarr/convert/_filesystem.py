"""A checkpoint as files of any export format, for whatever reads through fsspec.

    pandas.read_parquet("embzarr://vectors.parquet::s3://bucket/run")

fsspec finds this module by its entry point. The name says the format, as that of an export does;
the file is exported to this machine's temporary folder when it is first opened.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import weakref
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # has no stubs

from embzarr._open import open_checkpoint
from embzarr._storage import forks
from embzarr.convert._export import export_vectors
from embzarr.convert._rows import Part
from embzarr.convert._writers import ENDINGS

if TYPE_CHECKING:
    from collections.abc import Mapping


class CheckpointFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """The files that one checkpoint can be exported as; nothing can be written.

    Not kept by fsspec for the next who asks: a run may have a newer checkpoint then.
    """

    protocol: ClassVar[str] = "embzarr"
    cachable: ClassVar[bool] = False

    def __init__(
        self,
        fo: str = "",
        target_protocol: str | None = None,
        target_options: Mapping[str, Any] | None = None,
        **options: Any,  # noqa: ANN401 - of several kinds
    ) -> None:
        """Open nothing yet.

        Args:
            fo: the place of a run, as fsspec gives it of a chained URL.
            target_protocol: of this place.
            target_options: credentials and endpoint of this place.
            **options: which checkpoint, by ``step``, ``tag`` or ``commit``; ``format``, ``dtype``,
                and which rows, as `export_vectors` takes them.
        """
        super().__init__(**options)
        self._url = fo if target_protocol is None or "://" in fo else f"{target_protocol}://{fo}"
        how = {"format", "dtype", *Part.__annotations__} & options.keys()
        self._how: dict[str, Any] = {name: options[name] for name in how}
        which = {"step", "tag", "commit"} & options.keys()
        self._which: dict[str, Any] = {name: options[name] for name in which}
        self._options = target_options
        self._lock = forks.Lock()
        self._folder: Path | None = None

    def ls(self, path: str, detail: bool = True, **_: object) -> list[Any]:  # noqa: FBT001, FBT002 - as fsspec has it
        """List a name for each format; a size is known once the file was made."""
        if self._strip_protocol(path):
            return [self.info(path) if detail else self._strip_protocol(path)]
        names = [f"vectors{ending}" for ending in ENDINGS]
        return [{"name": name, "size": None, "type": "file"} for name in names] if detail else names

    def info(self, path: str, **_: object) -> dict[str, Any]:
        """Return the size of a file, which is made for it."""
        name = self._strip_protocol(path)
        if not name:
            return {"name": "", "size": 0, "type": "directory"}
        return {"name": name, "size": self._made(name).stat().st_size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """Return when a file was made, which DuckDB asks of all files; it never changes."""
        made = self._made(self._strip_protocol(path))
        return datetime.fromtimestamp(made.stat().st_mtime, UTC)

    def _open(self, path: str, mode: str = "rb", **_: object) -> Any:  # noqa: ANN401 - as fsspec has it
        if mode != "rb":
            raise OSError(errno.EROFS, "a checkpoint is not changed through its files", path)
        return self._made(self._strip_protocol(path)).open("rb")

    def _made(self, name: str) -> Path:
        """Return where a file lies, which is made where it is not yet."""
        if "/" in name:
            raise FileNotFoundError(errno.ENOENT, "a checkpoint has no folders", name)
        with self._lock:
            if self._folder is None:
                self._folder = Path(tempfile.mkdtemp(prefix="embzarr-export-"))
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            made = self._folder / name
            if not made.exists():
                checkpoint = open_checkpoint(
                    self._url, storage_options=self._options, **self._which
                )
                export_vectors(checkpoint, made, **self._how)
            return made
