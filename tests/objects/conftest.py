"""Stores of every kind: *filled* ones hold `objects.places.OBJECTS`, *free* ones are empty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from objects.places import CACHED, RACING, WEB, WRITABLE, filled_place, free_place, params

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from embzarr._storage.port import Store


@pytest.fixture(params=params(*WRITABLE))
def free(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store that can be written."""
    return free_place(request.param, request, tmp_path)


@pytest.fixture(params=params(*RACING))
def racing(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty store on whose exclusive create a race may be judged."""
    return free_place(request.param, request, tmp_path)


@pytest.fixture(params=params(*WRITABLE, *CACHED, *WEB))
def filled(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store to read."""
    with filled_place(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture(params=params(*WRITABLE, *CACHED))
def listable(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store to read and to list."""
    with filled_place(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture(params=params(*CACHED, *WEB))
def read_only(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store to read that cannot be written."""
    with filled_place(request.param, request, tmp_path) as store:
        yield store


@pytest.fixture(params=params(*WEB))
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A folder of a web server."""
    with filled_place(request.param, request, tmp_path) as store:
        yield store
