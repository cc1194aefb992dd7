"""Which tensors and files differ from those of a commit: by their digests, without sending any."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from embzarr._format import chunk_coding
from embzarr._reading import Tensors, link_of, pages
from embzarr._storage import parallel
from embzarr._writing.layers.array import digest_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from embzarr._format import Array, Layer, Manifest, TensorMember
    from embzarr._storage import Store
    from embzarr._writing.given.extras import Extras
    from embzarr._writing.given.given_files import GivenFile
    from embzarr._writing.given.tensor_rows import GivenTensor


def changed(store: Store, manifest: Manifest, extras: Extras) -> Extras:
    """Return those of a caller's tensors and files that a commit does not hold as they are.

    A large tensor is encoded as the commit's was, and its digests compared; small ones are read. A
    file that can be read only once counts as changed.
    """
    if not extras.tensors and not extras.files:
        return extras
    manifest = pages.whole(store, manifest)
    held = manifest.tensors
    known = {
        name: tensor
        for name, tensor in extras.tensors.items()
        if name in held and _is_alike(tensor, *held[name])
    }
    small = [name for name in known if held[name][1].start is not None]
    reader = Tensors(store, held, link_of(store))
    found = reader.load(small, raw=True)
    same = {name for name in small if known[name].flat().tobytes() == found[name].tobytes()}
    large = sorted(known.keys() - set(small))
    equal = parallel.each(lambda name: _is_same(known[name], *held[name]), large)
    same |= {name for name, is_equal in zip(large, equal, strict=True) if is_equal}
    return replace(
        extras,
        tensors={name: one for name, one in extras.tensors.items() if name not in same},
        files={name: one for name, one in extras.files.items() if not _is_held(one, manifest)},
    )


def _is_alike(tensor: GivenTensor, layer: Layer, member: TensorMember) -> bool:
    """Tell whether a tensor has the shape and the type of the one that is stored."""
    stored = (tuple(member.shape), layer.arrays[member.array].dtype, member.type)
    return (tensor.shape, tensor.dtype, tensor.type) == stored


def _is_same(tensor: GivenTensor, layer: Layer, member: TensorMember) -> bool:
    """Tell whether each shard comes out with the digest that the manifest records."""
    array = layer.arrays[member.array]
    names = (layer.shard_name(member.array, at) for at in range(array.grid.shards))
    shards = zip(tensor.rows(array.cut), names, strict=True)
    return all(_digest(rows, array) == layer.objects[name].sha256 for rows, name in shards)


def _digest(rows: NDArray[Any], array: Array) -> str:
    grid = replace(array.grid, rows=len(rows))
    data, _ = chunk_coding.encode_shard(rows, grid, array.codec)
    return digest_of(data).sha256


def _is_held(file: GivenFile, manifest: Manifest) -> bool:
    found = manifest.files.get(file.name)
    if found is None or not file.is_read_again:
        return False
    _, member = found
    return file.size == member.size and file.sha256() == member.sha256
