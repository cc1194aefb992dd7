"""The tensors of a checkpoint: a mapping from their names, of which any part may be read."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from embzarr._format import TensorMember, arguments, given_arrays
from embzarr._reading.fetching.executing import execute_apart
from embzarr._reading.mapping import Members, as_array, near
from embzarr._reading.tensors.tensor_reader import UNDER_WAY_BYTES, TensorReader
from embzarr._storage import interruptible, interrupts, parallel
from embzarr.errors import EmbzarrError, InvalidInputError, MemberNotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import ArrayLike, DTypeLike, NDArray


_ROWS_AT_ONCE_BYTES = 8 * 1024 * 1024
_GROUP_BYTES = 8 * 1024 * 1024
"""Small tensors are read so many bytes at a time."""
_GAP_BYTES = 128 * 1024
"""Between small tensors, less is read over."""


class Tensor:
    """One named tensor; nothing of it is read before it is asked for.

    Example:
        >>> weight = embzarr.open(url).tensors["dense/kernel:0"]
        >>> weight.shape, weight.dtype, weight[0]
        ((2, 3), dtype('float32'), array([0., 1., 2.], dtype=float32))
    """

    def __init__(self, reader: TensorReader) -> None:
        """Wrap what reads it."""
        self._reader = reader

    @property
    def name(self) -> str:
        """Its name."""
        return self._reader.name

    @property
    def array(self) -> str:
        """Path of the Zarr array that holds it, alone or beside others, below its layer."""
        return self._reader.member.array

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions; none for a single number."""
        return self._reader.shape

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of its numbers."""
        return self._reader.size

    @property
    def nbytes(self) -> int:
        """Bytes of its numbers in memory."""
        return self._reader.nbytes

    @property
    def type(self) -> str:
        """Name of the data type: a framework's own where numbers have no other."""
        return self._reader.type

    @property
    def dtype(self) -> np.dtype[Any]:
        """Data type of what is read.

        Raises:
            UnsupportedError: code ``dtype-unsupported``: numpy needs the package ml_dtypes for it.
        """
        return self._reader.dtype

    def __repr__(self) -> str:
        """Return name, shape and type."""
        return f"<embzarr.Tensor {self.name!r} {self.shape} {self.type}>"

    def __len__(self) -> int:
        """Return the length of the first dimension."""
        if not self.shape:
            raise TypeError("len() of a tensor without dimensions")
        return self.shape[0]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield what is at each index of the first dimension, some MiB read at a time."""
        step = max(_ROWS_AT_ONCE_BYTES * len(self) // max(self.nbytes, 1), 1)
        for first in range(0, len(self), step):
            yield from self[first : first + step]

    @interruptible
    def __getitem__(self, key: Any) -> NDArray[Any]:  # noqa: ANN401 - as numpy takes it
        """Return a part, as of an array; of the first dimension no more is read than is asked for.

        Raises:
            InvalidInputError: an index that is no number, slice or ``...``, or out of range.
        """
        first, *others = key if isinstance(key, tuple) and key else (key,)
        try:
            if not self.shape or first is Ellipsis or first is None or isinstance(first, tuple):
                return np.asarray(self.load()[key])
            if isinstance(first, list | range) or (isinstance(first, np.ndarray) and first.ndim):
                return np.asarray(self.take(np.asarray(first))[(slice(None), *others)])
            if not isinstance(first, slice):
                at = self._index(arguments.whole("index", first))
                return np.asarray(self._reader.rows(at, at + 1)[(0, *others)])
            rows = range(*first.indices(len(self)))
            low, last = sorted((rows[0], rows[-1])) if rows else (0, -1)
            part = self._reader.rows(low, last + 1)
            turned = part if rows.step > 0 else part[::-1]
            return np.asarray(turned[(slice(None, None, abs(rows.step)), *others)])
        except (IndexError, TypeError, ValueError) as exc:
            if isinstance(exc, EmbzarrError):
                raise
            message = f"tensor {self.name!r} of shape {self.shape}: {exc}"
            raise InvalidInputError("input-argument", message) from exc

    def _index(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range of the first dimension")
        return index % len(self)

    def __array__(
        self, dtype: DTypeLike | None = None, *, copy: bool | None = None
    ) -> NDArray[Any]:
        """Return all of it for ``numpy.asarray(tensor)``."""
        if copy is False:
            raise InvalidInputError("input-argument", "copy=False: reading makes a new array")
        return as_array(self.load(), dtype)

    @interruptible
    def take(self, rows: ArrayLike) -> NDArray[Any]:
        """Return indices of the first dimension, in any order, of which only the chunks are read.

        Args:
            rows: whole numbers, shape (k,), from 0 to below the length; repeats included.

        Raises:
            InvalidInputError: an index out of range, or none.

        Example:
            >>> checkpoint.tensors["dense/kernel:0"].take([1, 1])
            array([[3., 4., 5.],
                   [3., 4., 5.]], dtype=float32)
        """
        found = given_arrays.array_of("rows", rows)
        length = self.shape[0] if self.shape else 0
        is_list = found.ndim == 1 and (found.dtype.kind in "iu" or not len(found))
        if not is_list or (len(found) and not 0 <= found.min() <= found.max() < length):
            raise InvalidInputError(
                "input-rows",
                f"tensor {self.name!r}: expected whole numbers from 0 to below {length}, found "
                f"{found.dtype} of shape {found.shape}",
            )
        return self._reader.take(found.astype(np.int64))

    @interruptible
    def load(self, out: NDArray[Any] | None = None, *, raw: bool = False) -> NDArray[Any]:
        """Return all of it.

        Args:
            out: an array to fill, in C order, of its shape and type.
            raw: return a type that is a framework's own as the bytes that are stored.

        Raises:
            InvalidInputError: codes ``input-shape`` or ``input-dtype``: `out` is not such an array.
            DamagedError: a chunk is missing, cut or changed.

        Example:
            >>> checkpoint.tensors["dense/kernel:0"].load().sum()
            np.float32(15.0)
        """
        arguments.check_flags(raw=raw)
        result = self._reader.target(out, raw=raw, at_once=self._reader.nbytes)
        self._reader.read(0, self._reader.length, result)
        return result


class Tensors(Members[TensorMember, Tensor]):
    """The tensors of a checkpoint by their names: a mapping of which nothing is read before.

    Example:
        >>> tensors = embzarr.open(url).tensors
        >>> sorted(tensors)
        ['dense/bias:0', 'dense/kernel:0']
    """

    _kind, _missing = "tensor", "tensor-missing"

    def _made(self, name: str) -> Tensor:
        return Tensor(self._reader(name))

    def _reader(self, name: str) -> TensorReader:
        layer, member = self._members[name]
        return TensorReader(self._store, layer, name, member, self._link)

    def _bytes(self) -> int:
        return sum(one.nbytes for one in self.values())

    @interruptible
    def load(
        self,
        names: Iterable[str] | None = None,
        *,
        out: Mapping[str, NDArray[Any]] | None = None,
        raw: bool = False,
    ) -> dict[str, NDArray[Any]]:
        """Return many of them, read side by side.

        Args:
            names: which; by default all, or those of `out`.
            out: arrays to fill, by name, in C order.
            raw: return types that are a framework's own as the bytes that are stored.

        Raises:
            MemberNotFoundError: code ``tensor-missing``: names that are not there, all of them.
            InvalidInputError: arrays of `out` of another shape or type.
            DamagedError: a chunk is missing, cut or changed.

        Example:
            >>> checkpoint.tensors.load(["dense/bias:0"])
            {'dense/bias:0': array([0., 0., 0.], dtype=float32)}
        """
        arguments.check_flags(raw=raw)
        given = {} if out is None else out
        wanted = list(given or self) if names is None else arguments.words("names", names)
        lost = [name for name in wanted if name not in self]
        if lost:
            shown = ", ".join(map(repr, lost[:8]))
            raise MemberNotFoundError(
                "tensor-missing", f"no tensors {shown}; {len(lost)} in all{near(lost[0], self)}"
            )
        tensors = {name: self._reader(name) for name in wanted}
        size = sum(one.nbytes for one in tensors.values())
        found = {
            name: one.target(given.get(name), raw=raw, at_once=size)
            for name, one in tensors.items()
        }
        _fill([(one, 0, one.length, found[name]) for name, one in tensors.items()])
        return found


_Part: TypeAlias = "tuple[TensorReader, int, int, NDArray[Any]]"
"""A tensor, first and past-the-last index of what is wanted of it, and where that goes."""


def fill_tensors(tensors: Tensors, parts: Iterable[tuple[str, int, int, NDArray[Any]]]) -> None:
    """Read ranges of the first dimension of many tensors side by side.

    Args:
        tensors: those of a checkpoint.
        parts: of each the name, first and past-the-last index (0 and 1 where there are no
            dimensions), and the array to fill, in C order, of that shape and the tensor's type.
    """
    read = tensors._reader  # noqa: SLF001 - one module
    ready = [(read(name), first, last, out) for name, first, last, out in parts]
    interrupts.apart(lambda: _fill(ready))


def _fill(parts: Sequence[_Part]) -> None:
    """Read all at once: the requests of large tensors side by side, small ones beside them."""
    large = [part for part in parts if part[0].member.start is None]
    small = [part for part in parts if part[0].member.start is not None and part[0].size]
    calls: list[Callable[[], object]] = [partial(_read_large, large)] if large else []
    calls += [partial(parallel.each, _read_group, _stretches(small))] if small else []
    parallel.together(*calls)


def _read_large(parts: Sequence[_Part]) -> None:
    found = parallel.each(lambda part: part[0].plans(*part[1:]), parts, alone=True)
    plans = [planned for some in found for planned in some]
    room = max(UNDER_WAY_BYTES, *(part[0].least for part in parts))
    execute_apart(plans, parts[0][0].store, parts[0][0].link, room)


def _stretches(parts: Sequence[_Part]) -> list[list[_Part]]:
    """Return small tensors in groups, each of which lies so near that it is read at once."""
    groups: list[list[_Part]] = []
    for part in sorted(parts, key=lambda part: _place(part[0])):
        group = groups[-1] if groups else []
        if (
            group
            and _is_near(group[-1][0], part[0])
            and _span(group[0][0], part[0]) <= _GROUP_BYTES
        ):
            group.append(part)
        else:
            groups.append([part])
    return groups


def _place(tensor: TensorReader) -> tuple[str, str, int]:
    return tensor.path, tensor.member.array, tensor.member.start or 0


def _is_near(one: TensorReader, other: TensorReader) -> bool:
    """Tell whether two small tensors are read together."""
    (path, array, start), (other_path, other_array, other_start) = _place(one), _place(other)
    gap = (other_start - start - one.size) * (one.nbytes // one.size)
    return (path, array) == (other_path, other_array) and gap <= _GAP_BYTES


def _span(first: TensorReader, last: TensorReader) -> int:
    """Return the bytes from the beginning of one small tensor to the end of another."""
    count = (last.member.start or 0) + last.size - (first.member.start or 0)
    return count * (last.nbytes // last.size)


def _read_group(group: Sequence[_Part]) -> None:
    """Read small tensors that lie near each other at once."""
    leader, final = group[0][0], group[-1][0]
    start = leader.member.start or 0
    numbers = leader.numbers(start, (final.member.start or 0) + final.size)
    for one, first, last, out in group:
        at = (one.member.start or 0) - start
        each = one.size // max(one.length, 1)
        stored = numbers[at + first * each : at + last * each].reshape(out.shape)
        out[...] = stored if one.member.type is None else stored.view(out.dtype)
