"""A real YARN on an HDFS: a ResourceManager and a NodeManager, and jobs of Hadoop Streaming."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from embzarr_bench.servers import _program
from servers import hdfs as hadoop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from servers.hdfs import Program

_MAIN = "org.apache.hadoop.yarn.server"
_STREAMING = "org.apache.hadoop.streaming.HadoopStreaming"
_SMALL = (
    "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true"
    " --add-opens=java.base/java.lang=ALL-UNNAMED"
)
_JOB_ENDS_WITHIN = 300.0
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Yarn:
    """A running cluster of one node."""

    program: Program
    settings: Mapping[str, str]
    home: str
    """Java's."""

    def stream(
        self,
        place: Path,
        options: Mapping[str, str],
        arguments: Sequence[str],
        files: Sequence[Path],
    ) -> str:
        """Run a job of Hadoop Streaming to its end; return what it said.

        Raises:
            AssertionError: it failed.
        """
        told = [x for name, value in options.items() for x in ("-D", f"{name}={value}")]
        command = hadoop.command_of(self.program, place, _STREAMING, self.settings)
        (place / "configuration" / "log4j.properties").write_text(
            (place / "configuration" / "log4j.properties").read_text().replace("WARN", "INFO")
        )
        done = subprocess.run(  # noqa: S603 - our own command
            [*command, *told, "-files", ",".join(map(str, files)), *arguments],
            env={
                "PATH": os.environ["PATH"],
                "JAVA_HOME": self.home,
                **hadoop.environment_of(place),
            },
            cwd=place,
            check=False,
            capture_output=True,
            text=True,
            timeout=_JOB_ENDS_WITHIN,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr


@contextmanager
def running_yarn(program: Program, hdfs: str) -> Iterator[Yarn]:
    """Run both until the block ends, then end them and every container that they started."""
    home = str(program.java.resolve().parent.parent)
    with ExitStack() as ends:
        settings = ends.enter_context(
            _program.running("resourcemanager", lambda place: _manager(program, place, hdfs, home))
        )
        ends.enter_context(
            _program.running("nodemanager", lambda place: _node(program, place, settings, home))
        )
        ends.callback(_kill_node)
        yield Yarn(program=program, settings=settings, home=home)


def _kill_node() -> None:
    """Kill the NodeManager and its containers.

    One that ran a job takes seventeen seconds to end by itself, and killed alone it would leave
    them, who are in sessions of their own.
    """
    parents = {
        int(place.name): int(stat.rsplit(")", 1)[1].split()[1])
        for place in Path("/proc").glob("[0-9]*")
        if (stat := _read(place / "stat"))
    }
    left = [
        process
        for process, parent in parents.items()
        if parent == os.getpid()
        and "nodemanager.NodeManager" in _read(_PROC / f"{process}/cmdline")
    ]
    for process in left:  # grows: children of children, too
        left += [child for child, parent in parents.items() if parent == process]
    for process in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""  # it has ended meanwhile


def _manager(
    program: Program, place: Path, hdfs: str, home: str
) -> _program.Launch[Mapping[str, str]]:
    settings = _settings(program, place, hdfs)
    command = hadoop.command_of(
        program, place, f"{_MAIN}.resourcemanager.ResourceManager", settings
    )
    queues = {
        "yarn.scheduler.capacity.root.queues": "default",
        "yarn.scheduler.capacity.root.default.capacity": "100",
        "yarn.scheduler.capacity.maximum-am-resource-percent": "0.5",
    }
    (place / "configuration" / "capacity-scheduler.xml").write_text(hadoop.xml_of(queues))
    return _program.Launch(
        command=command,
        environment={"JAVA_HOME": home, **hadoop.environment_of(place)},
        health=f"http://{settings['yarn.resourcemanager.webapp.address']}/ws/v1/cluster/info",
        server=settings,
    )


def _node(
    program: Program, place: Path, settings: Mapping[str, str], home: str
) -> _program.Launch[None]:
    web = f"127.0.0.1:{_program.free_port()}"
    own = {
        **settings,
        "hadoop.tmp.dir": str(place / "tmp"),
        "yarn.nodemanager.webapp.address": web,
        "yarn.nodemanager.local-dirs": str(place / "local"),
        "yarn.nodemanager.log-dirs": str(place / "logs"),
    }
    return _program.Launch(
        command=hadoop.command_of(program, place, f"{_MAIN}.nodemanager.NodeManager", own),
        environment={"JAVA_HOME": home, **hadoop.environment_of(place)},
        health=f"http://{web}/ws/v1/node/info",
        server=None,
    )


def _settings(program: Program, place: Path, hdfs: str) -> dict[str, str]:
    """Return what all of YARN and its jobs are told."""
    ports = {
        f"yarn.resourcemanager.{name}address": f"127.0.0.1:{_program.free_port()}"
        for name in ("", "scheduler.", "resource-tracker.", "admin.", "webapp.")
    }
    classes = f"{place}/configuration,{program.jars}/*"
    return {
        **ports,
        "fs.defaultFS": hdfs,
        "dfs.replication": "1",
        "hadoop.tmp.dir": str(place / "tmp"),
        "yarn.node-attribute.fs-store.root-dir": (place / "attributes").as_uri(),
        "yarn.resourcemanager.hostname": "127.0.0.1",
        "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": "100",
        "yarn.nodemanager.hostname": "127.0.0.1",
        "yarn.nodemanager.address": "127.0.0.1:0",
        "yarn.nodemanager.localizer.address": "127.0.0.1:0",
        "yarn.nodemanager.aux-services": "mapreduce_shuffle",
        "yarn.nodemanager.aux-services.mapreduce_shuffle.class": (
            "org.apache.hadoop.mapred.ShuffleHandler"
        ),
        "mapreduce.shuffle.port": "0",
        "yarn.nodemanager.resource.memory-mb": "4096",
        "yarn.nodemanager.resource.cpu-vcores": "8",
        "yarn.nodemanager.vmem-check-enabled": "false",
        "yarn.nodemanager.pmem-check-enabled": "false",
        "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": "100",
        "yarn.scheduler.minimum-allocation-mb": "64",
        "yarn.application.classpath": classes,
        "mapreduce.application.classpath": classes,
        "mapreduce.framework.name": "yarn",
        "yarn.app.mapreduce.am.staging-dir": "/staging",
        "yarn.app.mapreduce.am.scheduler.heartbeat.interval-ms": "100",
        "yarn.app.mapreduce.am.resource.mb": "512",
        "yarn.app.mapreduce.am.command-opts": f"-Xmx256m {_SMALL}",
        "mapreduce.map.memory.mb": "512",
        "mapreduce.reduce.memory.mb": "512",
        "mapreduce.map.java.opts": f"-Xmx128m {_SMALL}",
        "mapreduce.reduce.java.opts": f"-Xmx128m {_SMALL}",
        "mapreduce.task.io.sort.mb": "16",
    }
