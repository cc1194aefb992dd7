"""What `manifests` promises: what a layer's members say together, with pages and without."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

import embzarr
from embzarr._format import Layer
from embzarr._format.documents.manifests import ObjectDigest, Page


@pytest.fixture(scope="module", params=["none", "zstd"])
def layer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Layer:
    """Of 300 rows in several chunks, uncompressed and not."""
    saved = embzarr.save(
        tmp_path_factory.mktemp("run"),
        [str(row) for row in range(300)],
        np.arange(300 * 64, dtype="f4").reshape(300, 64),
        compression=request.param,
        chunk_bytes=16384,
    )
    return saved._commit.manifest.base


def paged(layer: Layer) -> Layer:
    """Return the same whose objects stand in two pages."""
    pages = [
        Page(kind="objects", size=10 + at, sha256=f"{at}" * 64, count=3, bytes=1000)
        for at in range(2)
    ]
    return msgspec.structs.replace(layer, objects={}, pages=pages)


def test_a_layer_knows_the_sizes_of_its_shards(layer: Layer) -> None:
    """To the byte; with pages the most that they can be, which uncompressed is the same."""
    sizes = layer.shard_sizes("vectors")
    most = paged(layer).shard_sizes("vectors")

    assert sizes.tolist() == [layer.objects[layer.shard_name("vectors", 0)].size]
    if layer.arrays["vectors"].codec.name == "none":
        assert most.tolist() == sizes.tolist()
    else:
        assert (most > 1.5 * sizes).all()


def test_a_layer_counts_its_objects(layer: Layer) -> None:
    """And their bytes, pages and what those list included."""
    listed = layer.objects.values()

    assert (layer.object_count, layer.bytes_stored) == (len(listed), sum(o.size for o in listed))
    assert (paged(layer).object_count, paged(layer).bytes_stored) == (2 * 3 + 2, 2 * 1000 + 21)
    assert list(paged(layer).page_objects.values()) == [
        ObjectDigest(size=10, sha256="0" * 64),
        ObjectDigest(size=11, sha256="1" * 64),
    ]


def test_a_shard_is_told_from_another_of_its_key(layer: Layer) -> None:
    """By its bytes, or by the page that lists it."""
    key = f"{layer.path}/vectors/c/0/0"

    assert layer.shard_key("vectors", 0) == key
    assert layer.shard("vectors", 0) == (key, layer.objects["vectors/c/0/0"].sha256)
    assert paged(layer).shard("vectors", 0) == (key, "0" * 64)


def test_a_layer_holds_words(layer: Layer) -> None:
    """The last of its rows."""
    assert (layer.has_words, layer.new_words, layer.first_new_row) == (True, 300, 0)
    bare = msgspec.structs.replace(layer, arrays={})
    assert (bare.has_words, bare.new_words, bare.first_new_row) == (False, 0, 300)
