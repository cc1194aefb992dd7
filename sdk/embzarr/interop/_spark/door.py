"""What takes a reader or writer to Spark's executors, and says so where embzarr is not there.

pyspark pickles functions of this module by their code, so that an executor need not import it.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

from embzarr.interop._door import needs

with needs("pyspark", extra="spark"):
    from pyspark import cloudpickle


def arrived(data: bytes) -> Any:  # noqa: ANN401 - what was sent
    """Return what was sent to this process.

    Raises:
        ModuleNotFoundError: embzarr, or what it needs, is not installed here.
    """
    try:
        import embzarr.interop.spark  # noqa: F401, PLC0415 - whether it is here
    except ImportError as exc:
        raise ModuleNotFoundError(
            f"{sys.executable} on this executor cannot import embzarr ({exc}): install "
            "'embzarr[spark]' in the Python of every node, or send it by spark.archives"
        ) from None
    kind, state = pickle.loads(data)  # noqa: S301 - of our own driver, as all that Spark sends
    found = kind.__new__(kind)
    vars(found).update(state)
    return found


cloudpickle.register_pickle_by_value(sys.modules[__name__])


class Sent:
    """What Spark sends from the driver to executors."""

    def __reduce__(self) -> tuple[Any, tuple[bytes]]:
        """Pickle so that an executor without embzarr says what it lacks."""
        return arrived, (cloudpickle.dumps((type(self), dict(vars(self)))),)
