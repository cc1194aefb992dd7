"""A peer's process: one for all measurements, or a copy of it for each."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from embzarr_bench import Case
from embzarr_bench._job import Job, Outcome
from embzarr_bench._place import Place
from embzarr_bench._worker import working

PLACE = Place(endpoint_url="http://h", bucket="b", prefix="p", access_key="", secret_key="")


@dataclass(frozen=True)
class Telling:
    """Work that tells which process does it."""

    environment: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> Callable[[Job], Outcome]:
        return lambda _: Outcome(notes={"process": os.getpid()})


@pytest.mark.parametrize("stays", [True, False])
def test_one_process_does_all_or_each_is_new(*, stays: bool) -> None:
    with working(Telling(), stays=stays) as worker:
        assert not worker.ready()
        processes = [
            worker.run(Job(case=Case.LOAD, place=PLACE)).notes["process"] for _ in range(3)
        ]

    assert len(set(processes)) == (1 if stays else 3)
    assert os.getpid() not in processes
