"""A Spark session for a training: what its user has set stays as it is."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import embzarr

SOCKETS: Final = {
    "spark.python.unix.domain.socket.enabled": "true",
    # A socket's path may be 107 bytes long; the folders that YARN gives are longer.
    "spark.python.unix.domain.socket.dir": "/tmp",  # noqa: S108 - where Java's own files go
}
"""How Java talks to Python: by TCP each task waits 40 ms for an acknowledgement that is put off."""
JAVA: Final = {"spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xmn32m"}
"""A driver that waits for tasks: other collectors let its heap grow by 100 MB before they look."""


def start_session(master: str | None = None) -> Any:  # noqa: ANN401 - pyspark's
    """Return a Spark session: of the settings that spark-submit gives, or Spark's files, and ours.

    Where this starts Java itself, what its files and PYSPARK_SUBMIT_ARGS leave open is set so that
    tasks start without delay, and that Java keeps less of what it has thrown away.

    Args:
        master: Spark's address; None for the one that is configured.

    Raises:
        embzarr.UnsupportedError: ``feature-unsupported``: pyspark, or Java, is not there.
        embzarr.StoreError: ``store-failed``: the master did not answer.

    Example:
        >>> session = embzarr_spark.start_session("local[1]")  # doctest: +SKIP
    """
    try:
        import pyspark  # noqa: PLC0415 - an extra
        from pyspark.errors import PySparkRuntimeError  # noqa: PLC0415
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ModuleNotFoundError:
        raise embzarr.UnsupportedError(
            "feature-unsupported",
            "this needs pyspark, which is not installed; try: pip install 'embzarr[spark,train]'",
        ) from None
    from py4j.protocol import Py4JError  # noqa: PLC0415 - comes with pyspark

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("embzarr train-spark")
    home = Path(os.environ.get("SPARK_HOME") or Path(pyspark.__file__).parent)
    for name, value in _left_open(home).items():
        builder = builder.config(name, value)
    try:
        return (builder.master(master) if master else builder).getOrCreate()
    except PySparkRuntimeError as exc:
        raise embzarr.UnsupportedError(
            "feature-unsupported", f"Spark needs Java (17) on PATH or in JAVA_HOME: {exc}"
        ) from None
    except Py4JError as exc:
        raise embzarr.StoreError(
            "store-failed",
            f"no Spark session of master {master!r}: it does not answer, or refused ("
            f"{str(exc).partition(chr(10))[0][:200]})",
        ) from None


def _left_open(home: Path) -> dict[str, str]:
    """Return our settings but for those that Spark is given, which they would overrule."""
    if "PYSPARK_GATEWAY_PORT" in os.environ:  # of spark-submit, which has started Java already
        return {}
    given = os.environ.get("PYSPARK_SUBMIT_ARGS", "") + _defaults(home)
    ours = [JAVA, SOCKETS] if os.name == "posix" else [JAVA]
    return {
        name: value
        for settings in ours
        if not any(name in given for name in settings)
        for name, value in settings.items()
    }


def _defaults(home: Path) -> str:
    """Return what Spark's file of settings says, but for remarks."""
    file = Path(os.environ.get("SPARK_CONF_DIR") or Path(home, "conf"), "spark-defaults.conf")
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    return "\n".join(line for line in lines if not line.lstrip().startswith("#"))
