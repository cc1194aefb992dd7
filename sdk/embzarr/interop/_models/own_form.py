"""Models that a library writes to one file of its own form, and reads from one."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embzarr._format import arguments
from embzarr.errors import DamagedError, EmbzarrError, InvalidInputError, UnsupportedError
from embzarr.interop._models import storing
from embzarr.interop._models.storing import ModelParts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from embzarr._checkpoint import Checkpoint
    from embzarr.interop._door import Source
    from embzarr.interop._models.storing import HowToSave, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnForm:
    """The one file in which a framework keeps a model, and what is recorded beside it."""

    framework: str
    version: str
    """Of the framework that is here."""
    form: str
    file: str
    """Name of the file in the checkpoint."""
    failures: tuple[type[Exception], ...]
    """What the library raises where it cannot write, or read, a model."""
    harm: str = ""
    """What reading a file that a stranger made can do; nothing, of most forms."""

    def save(
        self,
        url: object,
        name: str,
        write: Callable[[], bytes],
        how: HowToSave,
        record: Mapping[str, Any] | None = None,
    ) -> Checkpoint:
        """Save what a library writes of a model, under the name of its class.

        Raises:
            InvalidInputError: the library cannot save it.
        """
        return storing.save_model(url, self.parts(name, write, record), how=how)

    def parts(
        self, name: str, write: Callable[[], bytes], record: Mapping[str, Any] | None = None
    ) -> ModelParts:
        """Return what a library writes of a model as a checkpoint holds it; errors as of `save`."""
        try:
            data = write()
        except self.failures as exc:
            raise InvalidInputError(
                "input-argument", f"model: {self.framework} cannot save it: {exc}"
            ) from exc
        return ModelParts(
            framework=self.framework,
            version=self.version,
            name=name,
            form=self.form,
            files={self.file: data},
            record=record or {},
        )

    def open(
        self, source: Source, where: Where, *, allow_unsafe: bool = False
    ) -> tuple[Checkpoint, dict[str, Any]]:
        """Open a checkpoint of a model, and return its record; nothing of the file is read.

        Raises:
            UnsupportedError: codes ``model-foreign``, and ``model-unsafe`` for a form that can do
                harm, which nobody has allowed.
        """
        arguments.check_flags(allow_unsafe=allow_unsafe)
        own, version = self.framework, self.version
        checkpoint, record = storing.open_model(source, own, where, version=version)
        if self.harm and not allow_unsafe:
            raise UnsupportedError(
                "model-unsafe",
                f"{checkpoint.url}: {self.file} is {self.harm}: where you trust who wrote it, "
                "load(..., allow_unsafe=True)",
            )
        return checkpoint, record

    @contextmanager
    def reading(self, checkpoint: Checkpoint, record: Mapping[str, Any]) -> Iterator[None]:
        """Say of what the library raises inside which versions wrote and read.

        Raises:
            DamagedError: code ``model-invalid``.
        """
        try:
            yield
        except EmbzarrError:
            raise
        except self.failures as exc:
            raise DamagedError(
                "model-invalid",
                f"{checkpoint.url}: {self.framework} {self.version} cannot read a model of "
                f"{record.get('version')!r:.40}: {exc}",
            ) from exc


def written(save: Callable[[str], object], name: str) -> bytes:
    """Return the bytes of the file that a library saves under a path."""
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        path = Path(folder) / name
        save(str(path))
        return path.read_bytes()


@contextmanager
def file_of(checkpoint: Checkpoint, name: str) -> Iterator[str]:
    """Lend the path of a model's file, for a library that reads no bytes.

    Raises:
        MemberNotFoundError: code ``file-missing``.
    """
    with tempfile.TemporaryDirectory(prefix="embzarr-model-") as folder:
        yield str(checkpoint.files[name].save(Path(folder) / name))


def save_folder(checkpoint: Checkpoint, folder: Path, *, below: str = "") -> None:
    """Save files under a folder by their names, of which none may lead out of it.

    Args:
        checkpoint: of a model that is a folder.
        folder: where to; it is made.
        below: only files whose names begin so.

    Raises:
        DamagedError: code ``model-invalid``: a name that leads elsewhere, or below a file.
        InvalidInputError: a file cannot be written.
    """
    names = [name for name in checkpoint.files if name.startswith(below)]
    for name in names:  # all of them, before anything is written
        parts = name.split("/")
        if {"", ".", ".."} & set(parts) or any(letter in name for letter in "\\:\0"):
            raise DamagedError("model-invalid", f"{checkpoint.url}: a file named {name[:120]!r}")
    for name in names:
        target = folder / name
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError) as exc:
            message = f"{checkpoint.url}: a file named {name!r:.120}: {exc}"
            raise DamagedError("model-invalid", message) from exc
        except OSError as exc:
            raise InvalidInputError("input-argument", f"path: {target.parent}: {exc}") from exc
        checkpoint.files[name].save(target)
