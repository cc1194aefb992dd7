"""Every case of ``spec/v1/fixtures`` against the SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest

import embzarr
from conformance.corpus import Case, cases
from conformance.sdk_operations import run

CASES = cases()


def exact(value: Any) -> str:
    """Return `value` as text that keeps 1, 1.0 and true apart."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize("case", [pytest.param(case, id=case.id) for case in CASES])
def test_fixture(case: Case) -> None:
    """The SDK gives the output, or the code, that the specification gives."""
    kind, expected = case.expected
    if kind == "error":
        with pytest.raises(embzarr.EmbzarrError) as caught:
            run(case)

        assert expected == caught.value.code
    else:
        assert exact(expected) == exact(run(case))
