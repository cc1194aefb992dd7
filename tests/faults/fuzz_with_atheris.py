"""Fuzzes one target with libFuzzer's guidance by coverage; needs the extra ``fuzz``.

``PYTHONPATH=tests python tests/faults/fuzz_with_atheris.py lookup-block -runs=1000000``
"""

from __future__ import annotations

import sys

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]

with atheris.instrument_imports(include=["embzarr"]):
    from faults.fuzz_targets import CORPUS, TARGETS, run, sound


def main() -> None:
    """Run until libFuzzer's options say so; an untyped error ends it with the bytes."""
    name = sys.argv[1]
    target = TARGETS[name]
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(sound(name)):
        (folder / f"sound-{number}").write_bytes(data)
    atheris.Setup(
        [sys.argv[0], *sys.argv[2:], str(folder)], lambda data: run(target, data) and None
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
