"""A real HDFS as child processes, a NameNode and DataNodes, from Hadoop's own jars."""

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
_WEB_APPLICATIONS = ("hdfs", "datanode", "static", "cluster", "node", "jobhistory", "proxy")
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
    data_nodes: tuple[ExitStack, ...]
    """Each ends one DataNode when it is closed; the NameNode goes on, and soon takes notice."""
    processes: tuple[int, ...]
    """The DataNodes' own: another file system of the same test run has others."""

    @property
    def data_node(self) -> ExitStack:
        """The only one."""
        (only,) = self.data_nodes
        return only

    @contextmanager
    def silent(self) -> Iterator[None]:
        """Have its DataNodes say nothing more until the block ends."""
        for process_id in self.processes:
            os.kill(process_id, signal.SIGSTOP)
        try:
            yield
        finally:
            for process_id in self.processes:
                os.kill(process_id, signal.SIGCONT)


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
def running_hdfs(program: Program, *, data_nodes: int = 1) -> Iterator[Hdfs]:
    """Run all until the block ends, then end those processes and remove their data.

    Each DataNode has a copy of every file.
    """
    with ExitStack() as all_of_them:
        url, web = all_of_them.enter_context(
            _program.running("namenode", lambda place: _name_node(program, place, data_nodes))
        )
        others = _data_node_processes()
        nodes = tuple(all_of_them.enter_context(ExitStack()) for _ in range(data_nodes))
        for node in nodes:
            node.enter_context(
                _program.running(
                    "datanode", lambda place: _data_node(program, place, url, data_nodes)
                )
            )
        _wait_for_data_nodes(web, data_nodes)
        ours = tuple(number for number in _data_node_processes() if number not in others)
        assert len(ours) == data_nodes
        yield Hdfs(url=url, data_nodes=nodes, processes=ours)


def _data_node_processes() -> list[int]:
    """Return the numbers of all DataNodes that this process has started."""
    return [
        int(process.name)
        for process in Path("/proc").glob("[0-9]*")
        if f"PPid:\t{os.getpid()}\n" in _told(process / "status")
        and "datanode.DataNode" in _told(process / "cmdline")
    ]


def _told(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def _name_node(program: Program, place: Path, copies: int) -> _program.Launch[tuple[str, str]]:
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
        "dfs.replication": str(copies),
        "dfs.permissions.enabled": "false",
        # A DataNode that is dead is noticed after 2 x recheck + 10 x heartbeat: 12 seconds.
        "dfs.heartbeat.interval": "1",
        "dfs.namenode.heartbeat.recheck-interval": "1000",
        "dfs.namenode.stale.datanode.interval": "3000",
        "dfs.namenode.avoid.read.stale.datanode": "true",
        "dfs.namenode.avoid.write.stale.datanode": "true",
        # Hive asks as whoever its user is.
        "hadoop.proxyuser.tester.hosts": "*",
        "hadoop.proxyuser.tester.groups": "*",
    }
    command = command_of(program, place, f"{_MAIN}.namenode.NameNode", settings)
    subprocess.run(  # noqa: S603 - our own command
        [*command, "-format", "-nonInteractive"], check=True, capture_output=True, timeout=120
    )
    return _program.Launch(
        command=command,
        environment=environment_of(place),
        health=f"http://{web}/jmx?qry=java.lang:type=Runtime",
        server=(url, f"http://{web}"),
    )


def _data_node(program: Program, place: Path, url: str, copies: int) -> _program.Launch[None]:
    web = f"127.0.0.1:{_program.free_port()}"
    settings = {
        "fs.defaultFS": url,
        "dfs.datanode.data.dir": (place / "blocks").as_uri(),
        "dfs.datanode.address": "127.0.0.1:0",
        "dfs.datanode.ipc.address": "127.0.0.1:0",
        "dfs.datanode.http.address": web,
        "dfs.datanode.hostname": "127.0.0.1",
        "dfs.heartbeat.interval": "1",
        "dfs.replication": str(copies),
    }
    return _program.Launch(
        command=command_of(program, place, f"{_MAIN}.datanode.DataNode", settings),
        environment=environment_of(place),
        health=f"http://{web}/jmx?qry=java.lang:type=Runtime",
        server=None,
    )


def command_of(
    program: Program, place: Path, main: str, settings: Mapping[str, str]
) -> tuple[str, ...]:
    """Write the configuration, and return how to run one of Hadoop's programs with it."""
    configuration = place / "configuration"
    write_configuration(configuration, settings)
    classes = f"{configuration}:{program.jars}/*"
    return (str(program.java), *_SMALL, *_OPEN, "-cp", classes, main)


def write_configuration(place: Path, settings: Mapping[str, str]) -> None:
    """Write what programs of Hadoop look for on their class path."""
    for web_application in _WEB_APPLICATIONS:
        (place / "webapps" / web_application / "WEB-INF").mkdir(parents=True, exist_ok=True)
    (place / "log4j.properties").write_text(_LOG)
    for name in ("core-site.xml", "hdfs-site.xml", "yarn-site.xml", "mapred-site.xml"):
        (place / name).write_text(xml_of(settings))


def xml_of(settings: Mapping[str, str]) -> str:
    """Return settings as Hadoop reads them."""
    members = "".join(
        f"<property><name>{escape(name)}</name><value>{escape(value)}</value></property>"
        for name, value in settings.items()
    )
    return f"<configuration>{members}</configuration>"


def environment_of(place: Path) -> dict[str, str]:
    """Return what a program of Hadoop needs to know, with its temporary files in its place."""
    temporary = place / "temporary"
    temporary.mkdir(exist_ok=True)
    options = f"-Djava.io.tmpdir={temporary}"
    return {"HOME": str(place), "HADOOP_USER_NAME": "tester", "JAVA_TOOL_OPTIONS": options}


def _wait_for_data_nodes(web: str, number: int) -> None:
    """Wait until the NameNode knows its DataNodes and lets files be written."""
    deadline = time.monotonic() + _program.READY_WITHIN
    state: Mapping[str, object] = {}
    while time.monotonic() < deadline:
        (state,) = json.loads(_program.fetch(f"{web}{_STATE}", timeout=10))["beans"]
        if state["NumLiveDataNodes"] == number and state["FSState"] == "Operational":
            return
        time.sleep(0.2)
    raise RuntimeError(f"no DataNode came up: {state}")
