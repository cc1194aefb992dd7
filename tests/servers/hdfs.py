"""A real HDFS as two child processes, a NameNode and a DataNode, from Hadoop's own jars."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from embzarr_bench.servers import _program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MISSING = (
    "no `java`, or no jars in $EMBZARR_SERVERS_BIN/hadoop (`bash .ci/run` gets them; or `mvn -f "
    "tests/servers/hadoop dependency:copy-dependencies -DoutputDirectory=...`)"
)
_JARS = "hadoop"
_MAIN = "org.apache.hadoop.hdfs.server"
_STATE = "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystemState"
_OPEN = ("--add-opens", "java.base/java.lang=ALL-UNNAMED")  # WebHDFS needs it since Java 17
_SMALL = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.net.preferIPv4Stack=true",
)
_LOG = """\
log4j.rootLogger=WARN,out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %p %c{2} %m%n
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hdfs:
    """A running file system."""

    url: str
    """``hdfs://127.0.0.1:port``, without a slash at the end."""
    data_node: ExitStack
    """Ends the one DataNode when it is closed; the NameNode goes on, and soon takes notice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What it takes to start Hadoop."""

    java: Path
    jars: Path


def find_hdfs() -> Program | None:
    """Return Java and the jars, or None where this machine lacks either."""
    java = shutil.which("java")
    jars = Path(os.environ.get(_program.FOLDERS, os.devnull)) / _JARS
    found = java and next(jars.glob("hadoop-hdfs-[0-9]*.jar"), None)
    return Program(java=Path(java), jars=jars) if java and found else None


@contextmanager
def running_hdfs(program: Program) -> Iterator[Hdfs]:
    """Run both until the block ends, then end those processes and remove their data."""
    with (
        _program.running("namenode", lambda place: _name_node(program, place)) as (url, web),
        ExitStack() as data,
    ):
        data.enter_context(
            _program.running("datanode", lambda place: _data_node(program, place, url))
        )
        _wait_for_data_node(web)
        yield Hdfs(url=url, data_node=data)


@contextmanager
def silent_data_node() -> Iterator[None]:
    """Have every DataNode that this process has started say nothing more until the block ends."""
    ours = [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if f"PPid:\t{os.getpid()}\n" in _told(process / "status")
        and "datanode.DataNode" in _told(process / "cmdline")
    ]
    assert ours
    for process_id in ours:
        os.kill(process_id, signal.SIGSTOP)
    try:
        yield
    finally:
        for process_id in ours:
            os.kill(process_id, signal.SIGCONT)


def _told(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def _name_node(program: Program, place: Path) -> _program.Launch[tuple[str, str]]:
    """Format an empty name space, and plan its start on ports that are free now."""
    url = f"hdfs://127.0.0.1:{_program.free_port()}"
    web = f"127.0.0.1:{_program.free_port()}"
    names = place / "names"
    shutil.rmtree(names, ignore_errors=True)
    settings = {
        "fs.defaultFS": url,
        "dfs.namenode.name.dir": names.as_uri(),
        "dfs.namenode.http-address": web,
        "dfs.namenode.safemode.extension": "0",
        "dfs.namenode.datanode.registration.ip-hostname-check": "false",
        "dfs.replication": "1",
    }
    command = _command(program, place, f"{_MAIN}.namenode.NameNode", settings)
    subprocess.run(  # noqa: S603 - our own command
        [*command, "-format", "-nonInteractive"], check=True, capture_output=True, timeout=120
    )
    return _program.Launch(
        command=command,
        environment=_environment(place),
        health=f"http://{web}/jmx?qry=java.lang:type=Runtime",
        server=(url, f"http://{web}"),
    )


def _data_node(program: Program, place: Path, url: str) -> _program.Launch[None]:
    web = f"127.0.0.1:{_program.free_port()}"
    settings = {
        "fs.defaultFS": url,
        "dfs.datanode.data.dir": (place / "blocks").as_uri(),
        "dfs.datanode.address": "127.0.0.1:0",
        "dfs.datanode.ipc.address": "127.0.0.1:0",
        "dfs.datanode.http.address": web,
        "dfs.datanode.hostname": "127.0.0.1",
        "dfs.heartbeat.interval": "1",
        "dfs.replication": "1",
    }
    return _program.Launch(
        command=_command(program, place, f"{_MAIN}.datanode.DataNode", settings),
        environment=_environment(place),
        health=f"http://{web}/jmx?qry=java.lang:type=Runtime",
        server=None,
    )


def _command(
    program: Program, place: Path, main: str, settings: Mapping[str, str]
) -> tuple[str, ...]:
    """Write the configuration, and return how to run one of Hadoop's programs with it."""
    configuration = place / "configuration"
    for web_application in ("hdfs", "datanode", "static"):
        (configuration / "webapps" / web_application / "WEB-INF").mkdir(parents=True, exist_ok=True)
    (configuration / "log4j.properties").write_text(_LOG)
    for name in ("core-site.xml", "hdfs-site.xml"):
        (configuration / name).write_text(_xml(settings))
    classes = f"{configuration}:{program.jars}/*"
    return (str(program.java), *_SMALL, *_OPEN, "-cp", classes, main)


def _xml(settings: Mapping[str, str]) -> str:
    members = "".join(
        f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
        for name, value in settings.items()
    )
    return f"<configuration>{members}</configuration>"


def _environment(place: Path) -> dict[str, str]:
    return {"HOME": str(place), "HADOOP_USER_NAME": "tester"}


def _wait_for_data_node(web: str) -> None:
    """Wait until the NameNode knows its DataNode and lets files be written."""
    deadline = time.monotonic() + _program.READY_WITHIN
    state: Mapping[str, object] = {}
    while time.monotonic() < deadline:
        (state,) = json.loads(_program.fetch(f"{web}{_STATE}", timeout=10))["beans"]
        if state["NumLiveDataNodes"] == 1 and state["FSState"] == "Operational":
            return
        time.sleep(0.2)
    raise RuntimeError(f"no DataNode came up: {state}")
