"""Arrays that plans are made of."""

from __future__ import annotations

import numpy as np
import pytest

import embzarr
from embzarr._format import Layer


@pytest.fixture(scope="module")
def layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Layer]:
    """Of 400 rows in 4 chunks, uncompressed and not."""
    path, found = tmp_path_factory.mktemp("run"), {}
    vectors = np.arange(400 * 64, dtype="f4").reshape(400, 64)
    for name in ("none", "zstd"):
        saved = embzarr.save(
            path, map(str, range(400)), vectors, compression=name, chunk_bytes=32768
        )
        found[name] = saved._commit.manifest.base
    return found
