"""The one module that imports numba, which is an optional dependency (extra ``train``)."""

from __future__ import annotations

import hashlib
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from embzarr_trainer._loops.requirement import INSTALLED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import numpy as np
    import numpy.typing as npt

if INSTALLED:
    from llvmlite import ir
    from numba import njit, types
    from numba.core import cgutils
    from numba.extending import intrinsic

_P = ParamSpec("_P")
_R = TypeVar("_R")


def compiled(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile to machine code that runs without the GIL; kept on disk where a folder is writable.

    Sums may be reordered (``fastmath``), so that they vectorise; indices are not checked.
    numba's disk cache looks only at the file of the outermost function: where that calls functions
    or freezes constants of other files, it must be a closure over their ``stamp_of``. Without numba
    the function is returned as it is: ``require_numba`` refuses before it would be called.
    """
    if not INSTALLED:
        return function
    try:
        return _compiled(function, cache=True)
    except RuntimeError:  # neither __pycache__ nor the user's cache folder can be written
        return _compiled(function, cache=False)


def inlined(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Compile as part of every compiled function that calls it."""
    return _compiled(function, cache=False, forceinline=True) if INSTALLED else function


def _compiled(function: Callable[_P, _R], **more: bool) -> Callable[_P, _R]:
    # Without numba's runtime (_nrt) nothing can allocate, and no array's references are counted:
    # threads that share arrays would wait for each other's counts.
    options: dict[str, Any] = {
        "nogil": True,
        "fastmath": True,
        "boundscheck": False,
        "_nrt": False,
        **more,
    }
    return cast("Callable[_P, _R]", njit(error_model="numpy", **options)(function))


def _as_instruction(
    function: Callable[[npt.NDArray[np.float32], int, int], None],
) -> Callable[[npt.NDArray[np.float32], int, int], None]:
    """Compile to LLVM's ``prefetch``, for reading, into the second level of the cache.

    Of the first level, which holds the rows at work, rows that are asked for early would push some
    out: at 300 dimensions that took 8 % of all training.
    """
    if not INSTALLED:
        return function

    def typed(_: Any, array: Any, _row: Any, _column: Any) -> Any:  # noqa: ANN401 - numba's own
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
            kind = signature.args[0]
            found = context.make_array(kind)(context, builder, arguments[0])
            at = cgutils.get_item_pointer(  # type: ignore[no-untyped-call]
                context, builder, kind, found, list(arguments[1:]), wraparound=False
            )
            byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            told = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
            called = builder.module.declare_intrinsic("llvm.prefetch", (byte,), told)
            reading, second_level, data = number(0), number(2), number(1)
            builder.call(called, [builder.bitcast(at, byte), reading, second_level, data])
            return context.get_dummy_value()

        return types.void(array, types.int64, types.int64), generate

    return cast("Callable[[npt.NDArray[np.float32], int, int], None]", intrinsic(typed))


@_as_instruction
def prefetch(matrix: npt.NDArray[np.float32], row: int, column: int) -> None:
    """Ask for the cache line of a number, which nothing waits for."""


def stamp_of(*modules: ModuleType) -> int:
    """Return a number that is another one when the source of one of these modules is."""
    sha256 = hashlib.sha256()
    for module in modules:
        sha256.update(inspect.getsource(module).encode())
    return int.from_bytes(sha256.digest()[:6])
