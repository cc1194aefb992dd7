"""What the tests compare with, made without embzarr: words, vectors, and a plain zarr reader."""

from __future__ import annotations

import itertools
import json
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from zarr.storage import StoreLike

_ONSETS = "b bl br c ch cr d dr f fl fr g gl gr h j k l m n p pl pr qu r s sh sl st str t th tr v w"
_NUCLEI = "a ai au e ea ee i ie o oa oo ou u y é ö"
_CODAS = "b ck d f g l ll m n nd ng nt p r rd rn s sh ss st t th x"
_SYLLABLES = tuple(
    onset + nucleus + coda
    for onset, nucleus in itertools.product(_ONSETS.split(), _NUCLEI.split())
    for coda in [""] * 23 + _CODAS.split()
)
_CYRILLIC = "абвгдежзиклмнопрстуфхцчшыэюя"
_EMOJI = ("😀", "🚀", "❤️", "👩‍🔬", "🇳🇵", "🐘", "👍🏽", "🌧️", "🎻", "🧬")


def make_words(count: int, *, seed: int = 0) -> list[str]:
    """Return `count` distinct words as vocabularies have them: mostly Latin, some of any script."""
    random = Random(seed)
    kinds = (_latin, _capital, _chinese, _cyrillic, _number, _emoji)
    words: dict[str, None] = {}
    while len(words) < count:
        for kind in random.choices(kinds, weights=(70, 8, 12, 5, 4, 1), k=count - len(words)):
            words[kind(random)] = None
    return list(words)


def make_vectors(
    rows: int, dim: int, *, seed: int = 0, dtype: npt.DTypeLike = "float32"
) -> npt.NDArray[Any]:
    """Return normally distributed vectors, the same for the same seed."""
    vectors = np.random.default_rng(seed).standard_normal((rows, dim), dtype=np.float32)
    return vectors.astype(dtype, copy=False)


def read_step(store: StoreLike, path: str, **options: Any) -> tuple[list[str], npt.NDArray[Any]]:
    """Read the words and vectors of the step group at `path` with plain zarr alone."""
    # Slow to import, and the programs that fork and kill need none of it.
    import zarr  # noqa: PLC0415

    group = zarr.open_group(store, path=path, mode="r", **options)
    return read_arrays(lambda name: np.asarray(group[name]))


def read_arrays(read: Callable[[str], npt.NDArray[Any]]) -> tuple[list[str], npt.NDArray[Any]]:
    """Read words and vectors, given what reads one array of the step group by its path."""
    return decode_words(read("words/data"), read("words/offsets")), read("vectors")


def decode_words(data: npt.NDArray[Any], offsets: npt.NDArray[Any]) -> list[str]:
    """Cut the UTF-8 of all words at the offsets."""
    text, ends = data.tobytes(), offsets.tolist()
    assert ends[0] == 0
    assert ends[-1] == len(text)
    return [text[start:end].decode() for start, end in itertools.pairwise(ends)]


def step_path(manifest: bytes) -> str:
    """Return where the step of a manifest (or of ``latest.json``) lies, below the root."""
    (layer,) = json.loads(manifest)["layers"]
    return str(layer["path"])


def _latin(random: Random) -> str:
    return "".join(random.choices(_SYLLABLES, k=random.choice((1, 2, 2, 2, 3, 3, 4))))


def _capital(random: Random) -> str:
    return _latin(random).capitalize() + random.choice(("", "", "'s", "-" + _latin(random)))


def _chinese(random: Random) -> str:
    return "".join(chr(random.randrange(0x4E00, 0x9FA6)) for _ in range(random.randint(1, 4)))


def _cyrillic(random: Random) -> str:
    return "".join(random.choices(_CYRILLIC, k=random.randint(2, 12)))


def _number(random: Random) -> str:
    return str(random.randrange(10 ** random.randint(1, 7))) + random.choice(("", "%", "th", ".5"))


def _emoji(random: Random) -> str:
    return "".join(random.choices(_EMOJI, k=random.randint(1, 5)))
