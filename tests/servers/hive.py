"""A real HiveServer2 on an HDFS, with its metastore in a Derby of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from embzarr_bench.servers import _program
from servers import hdfs as hadoop
from servers.hdfs import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

MISSING = (
    "no `java`, or no jars in $EMBZARR_SERVERS_BIN/hive (`bash .ci/run` gets them, as it says in "
    "provide_hive)"
)
_MAIN = "org.apache.hive.service.server.HiveServer2"
_READY_WITHIN = 120.0
SCRATCH = "/scratch/hive"
"""A folder of the HDFS, which must be there for everybody to write to."""
_OPENED = (
    *(f"java.base/java.{name}" for name in ("lang", "util", "net", "io", "nio", "time", "math")),
    *(f"java.base/java.util.{name}" for name in ("concurrent", "concurrent.atomic", "regex")),
    *("java.base/java.lang.reflect", "java.base/java.text", "java.base/sun.nio.ch"),
    "java.sql/java.sql",
)
_LOG = """status=WARN
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.target=SYSTEM_ERR
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %p %c{2} %m%n
"""


def find_hive() -> Program | None:
    """Return Java and the jars, or None where this machine lacks either."""
    java = shutil.which("java")
    jars = Path(os.environ.get(_program.FOLDERS, os.devnull)) / "hive"
    found = java and next(jars.glob("hive-service-[0-9]*.jar"), None)
    return Program(java=Path(java), jars=jars) if java and found else None


@contextmanager
def running_hive(program: Program, hdfs: str) -> Iterator[Any]:
    """Run it until the block ends; yield a cursor of impyla."""
    from impala.dbapi import connect  # noqa: PLC0415 - of the extra `peers`

    with tempfile.TemporaryDirectory(prefix="embzarr-hive-", ignore_cleanup_errors=True) as folder:
        place, port = Path(folder), _program.free_port()
        command = _command(program, place, hdfs, port)
        with (place / "log").open("wb") as log:
            server = subprocess.Popen(  # noqa: S603 - our own command
                command,
                env={"PATH": os.environ["PATH"], **hadoop.environment_of(place)},
                cwd=place,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        try:
            _wait(server, port, place / "log")
            connection = connect("127.0.0.1", port, auth_mechanism="NOSASL")
            yield connection.cursor()
            connection.close()
        finally:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"HiveServer2 does not answer; it said:\n{log.read_text()[-3000:]}")


def _command(program: Program, place: Path, hdfs: str, port: int) -> tuple[str, ...]:
    opened = [x for name in _OPENED for x in ("--add-opens", f"{name}=ALL-UNNAMED")]
    settings = _settings(place, hdfs, port)
    configuration = place / "configuration"
    hadoop.write_configuration(configuration, settings)
    for name in ("hive-site.xml", "hiveserver2-site.xml"):
        (configuration / name).write_text(hadoop.xml_of(settings))
    for name in ("hive-log4j2.properties", "log4j2.properties", "hive-exec-log4j2.properties"):
        (configuration / name).write_text(_LOG)
    return (
        str(program.java),
        *("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
        "-Djava.net.preferIPv4Stack=true",
        *opened,
        f"-Dderby.stream.error.file={place}/derby.log",
        *("-cp", f"{configuration}:{program.jars}/*", _MAIN),
    )


def _settings(place: Path, hdfs: str, port: int) -> dict[str, str]:
    return {
        "fs.defaultFS": hdfs,
        "hadoop.tmp.dir": str(place / "tmp"),
        "mapreduce.framework.name": "local",
        "mapreduce.jobtracker.staging.root.dir": str(place / "staging"),
        "hive.execution.engine": "mr",
        "javax.jdo.option.ConnectionURL": f"jdbc:derby:;databaseName={place}/metastore;create=true",
        "javax.jdo.option.ConnectionDriverName": "org.apache.derby.jdbc.EmbeddedDriver",
        "datanucleus.schema.autoCreateAll": "true",
        "hive.metastore.schema.verification": "false",
        "hive.metastore.warehouse.dir": f"{hdfs}/warehouse",
        "hive.metastore.warehouse.external.dir": f"{hdfs}/external",
        "hive.exec.scratchdir": SCRATCH,
        "hive.exec.local.scratchdir": str(place / "scratch"),
        "hive.downloaded.resources.dir": str(place / "resources"),
        "hive.server2.logging.operation.enabled": "false",
        "hive.server2.thrift.bind.host": "127.0.0.1",
        "hive.server2.thrift.port": str(port),
        "hive.server2.authentication": "NOSASL",
        "hive.server2.enable.doAs": "false",
        "hive.server2.webui.port": "0",
        "hive.support.concurrency": "false",
        "hive.txn.manager": "org.apache.hadoop.hive.ql.lockmgr.DummyTxnManager",
        "hive.stats.autogather": "false",
        "hive.server2.materializedviews.registry.impl": "DUMMY",
        "hive.server2.tez.initialize.default.sessions": "false",
        "metastore.metadata.transformer.class": " ",
        "hive.metastore.event.db.notification.api.auth": "false",
        "hive.scheduled.queries.executor.enabled": "false",
        "hive.compactor.initiator.on": "false",
        "hive.notification.event.poll.interval": "0s",
        "metastore.housekeeping.threads.on": "false",
        "hive.metastore.try.direct.sql": "false",
        "hive.security.authorization.enabled": "false",
        "hive.query.results.cache.enabled": "false",
    }
