"""What MXNet keeps of a block besides its numbers: the symbol, from which it is built again."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from embzarr.errors import DamagedError, UnsupportedError
from embzarr.interop._door import needs

if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
    raise UnsupportedError(
        "feature-unsupported",
        f"this adapter needs numpy below 2, as MXNet does; found {np.__version__}",
    )
vars(np).setdefault("bool", np.bool_)  # which MXNet asks of numpy 1.26, and numpy 2 has again
with needs("mxnet", extra="mxnet"):
    import mxnet as mx
    from mxnet import gluon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from embzarr._checkpoint import Checkpoint

_FILE = "symbol.json"
_MEMBER = "symbol"
_HARMFUL = {
    "Custom": "Python code",
    "_npi_Custom": "Python code",
    "_CustomFunction": "Python code",
    "_Native": "an address in memory",
    "_NDArray": "an address in memory",
    "_CachedOp": "an address in memory",
    "_CachedOpThreadSafe": "an address in memory",
    "_cvimread": "a file",
    "_npi_cvimread": "a file",
}
"""Operators that reach out of the graph, and to what."""
_FAILURES = (mx.base.MXNetError, AssertionError, RuntimeError, TypeError, ValueError)


def symbol_of(block: Any) -> tuple[bytes | None, dict[str, Any]]:  # noqa: ANN401 - mxnet is an extra
    """Return the symbol of a block that was traced, as JSON, and whose its names are."""
    graph = getattr(block, "_cached_graph", ())  # `export` has it from there, with all numbers
    if not graph:
        return None, {}
    inputs, symbol = graph
    inside = block._collect_params_with_prefix()  # noqa: SLF001 - as `export` knows them
    asked = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    record = {
        "inputs": [one.name for one in inputs],
        "parameters": {one.name: name for name, one in inside.items() if one.name in asked},
    }
    return symbol.tojson().encode(), {_MEMBER: record}


def block_of(
    checkpoint: Checkpoint, record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> Any:  # noqa: ANN401 - mxnet is an extra
    """Build a block from a symbol and fill it.

    Raises:
        UnsupportedError: code ``model-unsafe``: without a symbol, or one that reaches out of its
            graph.
        DamagedError: code ``model-invalid``: MXNet cannot read it.
    """
    if _FILE not in checkpoint.files:
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: saved without a symbol, of a block that was not hybridized and "
            "called: load(..., into=block)",
        )
    try:
        graph = json.loads(checkpoint.files[_FILE].read())
        _check_operators(checkpoint, graph)
        told = record[_MEMBER]
        inputs = [mx.sym.var(name) for name in told["inputs"]]
        # Of what was checked, not of a text that MXNet may read otherwise.
        symbol = mx.sym.load_json(json.dumps(graph))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Cannot decide type")  # its parameters tell below
            block = gluon.SymbolBlock(symbol, inputs)
        for name, parameter in block.collect_params().items():
            array = arrays[told["parameters"][name]]
            parameter.cast(array.dtype.name)
            set_parameter(parameter, array)
    except UnsupportedError:
        raise
    except (*_FAILURES, KeyError, AttributeError, RecursionError) as exc:
        raise DamagedError(
            "model-invalid",
            f"{checkpoint.url}: mxnet {mx.__version__} cannot build a model of "
            f"{record.get('version')!r:.40}: {exc!r}",
        ) from exc
    return block


def _check_operators(checkpoint: Checkpoint, graph: object) -> None:
    found = sorted({name for name in _operators(graph) if name in _HARMFUL})
    if found:
        raise UnsupportedError(
            "model-unsafe",
            f"{checkpoint.url}: expected a symbol of numbers alone, found {found[0]}, which "
            f"reaches {_HARMFUL[found[0]]}",
        )


def _operators(graph: object) -> Iterator[str]:
    """Yield the names of operators, those of graphs within a graph, too."""
    if isinstance(graph, dict):
        yield str(graph.get("op"))
        for one in graph.values():
            yield from _operators(one)
    elif isinstance(graph, list):
        for one in graph:
            yield from _operators(one)
    elif isinstance(graph, str) and graph.lstrip().startswith(("{", "[")):
        yield from _operators(_of_text(graph))


def _of_text(text: str) -> object:
    """Return what a text holds that may be JSON: attributes of operators hold graphs as texts."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def set_parameter(parameter: Any, array: NDArray[Any]) -> None:  # noqa: ANN401 - mxnet is an extra
    """Set the numbers of a parameter, which gets their shape where it has none, at once."""
    parameter.shape = array.shape
    try:
        parameter.list_data()
    except (RuntimeError, gluon.parameter.DeferredInitializationError):
        parameter.initialize(force_reinit=True)
    parameter.set_data(mx.nd.array(array, dtype=array.dtype))
