"""What `pages` decides by arithmetic: when tensors and files leave the manifest."""

from __future__ import annotations

import msgspec
import pytest

from embzarr._format import pages, spec
from embzarr._format.documents.manifests import EMPTY, Contents, TensorMember


@pytest.mark.parametrize("count", [1, 3])
def test_tensors_are_heavy_from_half_of_a_manifest_on(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what they all take as JSON, to the byte; none is never heavy."""
    member = TensorMember(array="tensors/a", shape=[3])
    contents = Contents(tensors={f"t{at}": member for at in range(count)}, files={})
    size = sum(len(msgspec.json.encode(one)) for one in contents.tensors.items())

    monkeypatch.setattr(spec, "SPLIT_BYTES", 2 * size)
    assert not pages.is_heavy({}, contents)
    monkeypatch.setattr(spec, "SPLIT_BYTES", 2 * size - 1)
    assert pages.is_heavy({}, contents)
    assert not pages.is_heavy({}, EMPTY)
