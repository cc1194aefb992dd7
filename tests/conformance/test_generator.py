"""The generator still writes the frozen stores, byte for byte; it never writes into ``spec``."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest

from conformance.corpus import CHECKPOINTS, INVALID, Frozen, stores
from embzarr_tools.fixtures.__main__ import main

if TYPE_CHECKING:
    from pathlib import Path

FROZEN = [pytest.param(frozen, id=frozen.name) for frozen in stores(CHECKPOINTS)]
_VERSIONS = re.compile(r"^- .*$", re.MULTILINE)


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the generator writes today."""
    out = tmp_path_factory.mktemp("generated")

    main([str(out)])
    return out


def files(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def same_compressor(frozen: Frozen) -> bool:
    """Tell whether the store was compressed by the numcodecs that is installed."""
    how = (frozen.folder / "HOW.md").read_text(encoding="utf-8")
    return f"- numcodecs {version('numcodecs')}\n" in how


def content(objects: dict[str, bytes]) -> Any:
    """Return a store without what another release of a compressor would change."""
    names = sorted(objects)
    documents = {name: data for name, data in objects.items() if name.endswith("zarr.json")}
    commits = [objects[name] for name in names if name.startswith("commits/")]
    return names, documents, [_without_bytes(json.loads(data)) for data in commits]


def _without_bytes(manifest: dict[str, Any]) -> dict[str, Any]:
    for layer in manifest.get("layers", ()):
        layer["objects"] = sorted(layer["objects"])
        for array in layer["arrays"].values():
            array["index"] = array["index"] if isinstance(array["index"], str) else None
    for named in ("parent", "newest"):
        if manifest.get(named):
            manifest[named] = manifest[named]["commit"]
    manifest.pop("sha256", None)  # of a tombstone
    return manifest


@pytest.mark.parametrize("frozen", FROZEN)
def test_frozen_store_is_written_again(frozen: Frozen, generated: Path) -> None:
    """The SDK writes the same store; with the same compressors, the same bytes."""
    before, now = files(frozen.folder), files(generated / "checkpoints" / frozen.name)
    how_before, how_now = (part.pop("HOW.md").decode() for part in (before, now))

    assert _VERSIONS.sub("-", how_before) == _VERSIONS.sub("-", how_now)
    if same_compressor(frozen):
        assert before == now
    else:
        assert before.pop("EXPECTED.json") == now.pop("EXPECTED.json")
        stored = [{k.removeprefix("store/"): v for k, v in part.items()} for part in (before, now)]
        assert content(stored[0]) == content(stored[1])


def test_generator_knows_every_store(generated: Path) -> None:
    """No store is frozen that cannot be made again, nor the other way round."""
    for folder in (CHECKPOINTS, INVALID):
        made = {path.name for path in (generated / folder.name).iterdir()}

        assert made == {store.name for store in stores(folder)}


def test_broken_stores_are_written_again(generated: Path) -> None:
    """Broken stores need no compressor: the same bytes everywhere."""
    assert files(INVALID) == files(generated / "invalid")


def test_generator_overwrites_nothing(tmp_path: Path) -> None:
    """A folder with something in it is refused, as are other arguments."""
    (tmp_path / "kept").write_text("kept")

    for arguments in ([str(tmp_path)], [], [str(tmp_path / "new"), "more"], ["--force"]):
        with pytest.raises(SystemExit) as refused:
            main(arguments)
        assert refused.value.code == 2

    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
