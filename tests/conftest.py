"""What all tests share: a clean environment, servers that run once, hypothesis profiles."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from servers import hdfs as hadoop
from servers import versitygw as gateway
from servers.minio import MISSING, Minio, find_minio, running_minio
from servers.moto import Moto, running_moto

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = ["faults.tally", "in_turn", "servers.no_skip"]

# Whatever the environment says: what pytest makes of tests takes ten seconds of every worker.
sys.dont_write_bytecode = False

settings.register_profile("default", deadline=None, max_examples=25)
settings.register_profile("many", deadline=None, max_examples=500)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_FOREIGN = ("AWS_", "AZURE_", "GOOGLE_")
"""Variables by which storage libraries find the tester's own accounts."""


@pytest.fixture(scope="session", autouse=True)
def _clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide the tester's accounts, profiles and proxies from every test and its subprocesses.

    A shell has what it starts in the background ignore Ctrl-C, and so would the subprocesses.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    nowhere = tmp_path_factory.mktemp("no-account")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_FOREIGN)]:
            patch.delenv(name)
        # Hundreds of subprocesses need not compile every module anew.
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("AWS_CONFIG_FILE", str(nowhere / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(nowhere / "credentials"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once, for tests that are not about how long that takes."""
    monkeypatch.setattr("embzarr._storage.interrupts.pause", lambda _: None)


@pytest.fixture(scope="session")
def minio(_clean_environment: None) -> Iterator[Minio]:
    """One MinIO for all tests; each test takes its own bucket."""
    program = find_minio()
    if program is None:
        pytest.skip(MISSING)
    with running_minio(program) as server:
        yield server


@pytest.fixture(scope="session")
def versitygw(_clean_environment: None) -> Iterator[gateway.Versitygw]:
    """One versitygw for all tests; each test takes its own bucket."""
    program = gateway.find_versitygw()
    if program is None:
        pytest.skip(gateway.MISSING)
    with gateway.running_versitygw(program) as server:
        yield server


@pytest.fixture(scope="session")
def hdfs(_clean_environment: None) -> Iterator[hadoop.Hdfs]:
    """One HDFS for all tests; each test takes its own folder."""
    pytest.importorskip("hdfs_native")
    program = hadoop.find_hdfs()
    if program is None:
        pytest.skip(hadoop.MISSING)
    with hadoop.running_hdfs(program) as server:
        yield server


@pytest.fixture(scope="session")
def moto_s3(_clean_environment: None) -> Iterator[Moto]:
    """One moto server for all tests; each test takes its own bucket."""
    with running_moto() as server:
        yield server


@pytest.fixture
def minio_bucket(minio: Minio) -> Iterator[str]:
    """The name of an empty bucket on MinIO, removed after the test."""
    with minio.bucket() as name:
        yield name


@pytest.fixture
def minio_bucket_url(minio: Minio, minio_bucket: str) -> str:
    """The address of an empty folder on MinIO; ``minio.options`` opens it."""
    return minio.url(minio_bucket, "runs/one")


@pytest.fixture
def moto_bucket(moto_s3: Moto) -> Iterator[str]:
    """The name of an empty bucket in moto, removed after the test."""
    with moto_s3.bucket() as name:
        yield name


@pytest.fixture
def moto_bucket_url(moto_s3: Moto, moto_bucket: str) -> str:
    """The address of an empty folder in moto; ``moto_s3.options`` opens it."""
    return moto_s3.url(moto_bucket, "runs/one")
