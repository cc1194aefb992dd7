"""The reader in JavaScript beside the specification, run under Node."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numcodecs  # type: ignore[import-untyped]  # has no stubs
import numpy as np
import pytest

import embzarr
from conformance import json_patch
from conformance.corpus import load
from embzarr._format import validate
from embzarr._history import quarantine, records, tagging
from integration import node
from integration.altered import altered
from servers.http_folder import running_http_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from servers.minio import Minio

pytestmark = pytest.mark.servers

SPEC = Path(__file__).parents[2] / "spec" / "v1"
CHECKPOINTS = SPEC / "checkpoints"
NAMES = {"lz4", "lz4hc", "blosclz", "zlib", "zstd"}


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the reader's tests, in a copy of it that finds npm's packages."""
    folder = tmp_path_factory.mktemp("reader")
    shutil.copytree(SPEC / "reader", folder / "reader")
    node.link_packages(folder, "fzstd")
    return folder / "reader" / "test"


def _run(script: Path, *arguments: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(node.run_node(script, *arguments).splitlines()[-1])
    return found


def test_the_corpus_is_passed(scripts: Path) -> None:
    """Every case that concerns readers and verifiers, every frozen store and every broken one."""
    found = _run(scripts / "corpus.js", str(SPEC))

    assert found["failed"] == 0
    assert found["fixtures"] > 700
    assert found["checkpoints"] == 2 * sum(1 for _ in CHECKPOINTS.iterdir())
    assert found["invalid"] == sum(1 for _ in (SPEC / "invalid").iterdir())


def test_what_no_corpus_shows(scripts: Path) -> None:
    """Quarantine, walks, limits, links, servers that answer otherwise, arguments."""
    found = _run(scripts / "behaviours.js", str(SPEC))

    assert found["failed"] == 0


def test_the_example_of_its_readme_runs(scripts: Path) -> None:
    """The README's lines do what they say, on the frozen store that they name."""
    found = _run_example(
        scripts,
        0,
        "king.length, vectors.shape, counts.shape, first.vectors.shape, found, words.length, "
        "problems",
    )

    kin = [{"word": "kin", "row": 1}, {"word": "king", "row": 2}]
    assert found == [4, [2, 4], [2], [3, 4], kin, 12, []]


def test_the_example_of_tensors_runs(scripts: Path) -> None:
    """So do its lines on tensors and files, whole and in part."""
    found = _run_example(
        scripts,
        1,
        "kernel.shape, kernel.data.length, kernel.type, rows.shape, "
        "all.size === checkpoint.tensors.size, all.get('q').type, config.length, part.length",
    )

    assert found == [[40, 3], 120, None, [10, 3], True, "float8_e4m3fn", 2, 100]


def _run_example(scripts: Path, number: int, told: str) -> Any:
    """Run an example of the README and return what it `told`, a list in JavaScript, holds then."""
    text = (SPEC / "reader/README.md").read_text("utf-8")
    example = re.findall(r"```js\n(.*?)```", text, re.DOTALL)[number]
    script = scripts.parent / f"example{number}.js"
    script.write_text(
        example.replace("'../checkpoints/", f"'{CHECKPOINTS.as_posix()}/")
        + f"\nconsole.log(JSON.stringify([{told}]))",
        encoding="utf-8",
    )
    return json.loads(node.run_node(script).splitlines()[-1])


def test_what_needs_zstd_says_so(tmp_path: Path) -> None:
    """Without the package, rows and lookup are read, and the list of words names what it needs."""
    shutil.copytree(SPEC / "reader", tmp_path / "reader")
    script = tmp_path / "reader" / "ask.js"
    store = (CHECKPOINTS / "minimal" / "store").as_posix()
    script.write_text(
        f"import {{ open }} from './index.js'\nconst checkpoint = await open('{store}')\n"
        "const king = await checkpoint.get('king')\n"
        "const told = await checkpoint.words().catch((error) => [error.code, error.message])\n"
        "console.log(JSON.stringify([[...king], ...told]))",
        encoding="utf-8",
    )

    king, code, message = json.loads(node.run_node(script))

    assert king == [0, 1, 2, 3]
    assert code == "codec-unsupported"
    assert "this needs zstd (npm install fzstd" in message


def test_damage_gives_no_wrong_data(scripts: Path) -> None:
    """Damaged frozen stores give what is not damaged, and typed errors."""
    found = _run(scripts / "damage.js", str(SPEC), "2000", "1")

    assert found["wrong"] == 0
    assert found["damages"] == 2_000


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 12))
def test_much_damage_gives_no_wrong_data(scripts: Path, seed: int) -> None:
    """The same for 100,000 damages, in ten parts of minutes: by hand, ``-m "faults and slow"``."""
    found = _run(scripts / "damage.js", str(SPEC), "10000", str(seed))

    assert found["wrong"] == 0


def test_hostile_chunks_decode_whole_or_not_at_all(scripts: Path) -> None:
    """Damage behind the checksum meets a decoder that never reads or writes beyond its chunk."""
    found = _run(scripts / "decoders.js", str(SPEC), "50000", "1")

    assert found["wrong"] == 0
    assert found["refused"] > 10_000


def test_the_frozen_stores_are_read_over_http(scripts: Path) -> None:
    """A server of files that knows ranges and cannot list is all that a reader needs."""
    names = ["bf16", "chunk-table", "collected", "deltas", "history", "shards", "unicode-words"]
    with running_http_folder(CHECKPOINTS) as url:
        found = _run(scripts / "http.js", url, str(SPEC), *names)

    assert found["failed"] == 0
    assert found["stores"] == len(names)


def test_a_public_bucket_is_read(scripts: Path, minio: Minio, minio_bucket: str) -> None:
    """MinIO denies what is missing to those who may read and not list, which ends the walk."""
    names = ["collected", "deltas", "history"]
    for name in names:
        for path in (CHECKPOINTS / name).rglob("*"):
            if path.is_file():
                key = path.relative_to(CHECKPOINTS).as_posix()
                minio.client.put_object(Bucket=minio_bucket, Key=key, Body=path.read_bytes())
    minio.let_everyone_read(minio_bucket)
    url = minio.http_url(minio_bucket, "")

    found = _run(scripts / "http.js", url.rstrip("/"), str(SPEC), *names)

    assert found["failed"] == 0
    assert found["stores"] == len(names)


def test_buffers_of_c_blosc_are_decoded(scripts: Path, tmp_path: Path) -> None:
    """What numcodecs packs comes out, whatever the compressor, shuffle, element and length."""
    cases, expected = [], []
    for cname in sorted(NAMES):
        for shuffle, name in enumerate(["noshuffle", "shuffle", "bitshuffle"]):
            for typesize in (1, 2, 3, 4, 8, 16, 17):
                for size in (typesize, 1_000 * typesize, 40_003, 300_000):
                    raw = _bytes(size)
                    codec = numcodecs.Blosc(cname=cname, clevel=5, shuffle=shuffle)
                    packed = codec.encode(raw.view(f"V{typesize}") if size % typesize == 0 else raw)
                    cases.append(_case(cname, name, typesize, packed, size))
                    expected.append(hashlib.sha256(raw.tobytes()).hexdigest())
    file = tmp_path / "cases.json"
    file.write_text(json.dumps(cases), encoding="utf-8")

    found = json.loads(node.run_node(scripts / "decode.js", str(file)))

    assert found == expected


JUDGES: dict[str, Callable[[bytes], object]] = {
    "manifest": lambda data: validate.parse(data, what="manifest"),
    "record": lambda data: records.parse(data, "record"),
    "tag": lambda data: tagging.parse_tag(data, "tag"),
    "mark": lambda data: quarantine.parse(data, what="mark"),
}
FILES = {
    "manifest": "manifest.json",
    "record": "collections.json",
    "tag": "tags.json",
    "mark": "quarantine.json",
}


@pytest.mark.parametrize("kind", JUDGES)
def test_altered_records_are_judged_as_embzarr_does(
    scripts: Path, tmp_path: Path, kind: str
) -> None:
    """What the one reader lets in, the other does; codes may differ where several rules break."""
    bases = list(_sound(load(SPEC / "fixtures" / FILES[kind])))
    if kind == "manifest":
        paths = sorted(CHECKPOINTS.glob("tensors*/store/commits/*.json"))
        bases += [json.loads(path.read_bytes()) for path in paths]
    texts = [json.dumps(record) for record in altered(bases, 3_000, seed=1)]
    file = tmp_path / "texts.json"
    file.write_text(json.dumps(texts), encoding="utf-8")

    found = json.loads(node.run_node(scripts / "judge.js", kind, str(file)))

    expected = [_code(JUDGES[kind], text) for text in texts]
    different = [
        (text, mine, theirs)
        for text, mine, theirs in zip(texts, expected, found, strict=True)
        if (mine is None) != (theirs is None)
    ]
    assert different == []
    assert sum(code is None for code in expected) > 50
    assert sum(mine == theirs for mine, theirs in zip(expected, found, strict=True)) > 2_850


def _sound(fixture: dict[str, Any]) -> Iterator[Any]:
    """Yield the sound records of a file of fixtures that are not large."""
    for case in fixture["cases"]:
        given = case["input"]
        if "output" not in case or "repeat" in given or len(json.dumps(given)) > 50_000:
            continue
        if isinstance(given, str):
            yield json.loads(given)
        elif "text" in given:
            yield json.loads(given["text"])
        else:
            yield json_patch.patched(fixture["base"], given["patch"])


def _code(parse: Callable[[bytes], object], text: str) -> str | None:
    try:
        parse(text.encode())
    except embzarr.errors.EmbzarrError as exc:
        return str(exc.code)
    return None


def _bytes(size: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Bytes that compress somewhat: a slow wave with noise, of which a stretch repeats."""
    noise = np.random.default_rng(size).integers(0, 4, size)
    wave = (np.sin(np.arange(size) / 50) * 100 + 128 + noise).astype("uint8")
    wave[size // 2 :] = wave[: size - size // 2]
    return wave


def _case(cname: str, shuffle: str, typesize: int, packed: bytes, size: int) -> dict[str, Any]:
    codec = {"name": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "typesize": typesize}
    return {"codec": codec, "size": size, "packed": bytes(packed).hex()}
