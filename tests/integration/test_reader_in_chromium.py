"""The reader in JavaScript, and its page, in a Chromium without a window."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import embzarr
from integration import node
from integration.chromium import OTHER_HOST, running_chromium
from servers.http_folder import running_http_folder
from servers.untrusted import running_untrusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from integration.chromium import Page

pytestmark = pytest.mark.browser

SPEC = Path(__file__).parents[2] / "spec" / "v1"
HOSTILE = [
    "<script>document.title='caught'</script>",
    "<img src=x onerror=\"document.title='caught'\">",
    "\x1b[31mred\x1b[0m",
    "abc\u202edef",
    "猫",
    "x" * 2**20,
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the specification's folder, in which the reader finds zstd beside it."""
    folder = tmp_path_factory.mktemp("chromium")
    for name in ("reader", "checkpoints", "invalid"):
        shutil.copytree(SPEC / name, folder / name)
    node.link_packages(folder, "fzstd")
    shutil.copy(folder / "node_modules/fzstd/esm/index.mjs", folder / "reader" / "fzstd.mjs")
    return folder


@pytest.fixture(scope="module")
def url(root: Path) -> Iterator[str]:
    """Where that folder is served."""
    with running_http_folder(root) as address:
        yield address


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A fresh page."""
    with running_chromium(tmp_path / "profile") as one:
        yield one


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose words, metadata and writer's words are made to do harm on a page."""
    folder = tmp_path_factory.mktemp("hostile")
    vectors = np.eye(len(HOSTILE), 8, dtype="float32") + 0.25
    metadata = {"<b>": "</pre><script>document.title='caught'</script>"}
    embzarr.save(folder, HOSTILE, vectors, step=1, metadata=metadata)
    return folder


def _corpus(root: Path) -> str:
    """Return the paths of all files of the corpus, as JSON."""
    found = [
        path.relative_to(root).as_posix()
        for name in ("checkpoints", "invalid")
        for path in (root / name).rglob("*")
        if path.is_file()
    ]
    return json.dumps(sorted(found))


def _text(page: Page, selector: str) -> str:
    return str(page.ask(f"document.querySelector({selector!r}).innerText"))


def _click(page: Page, selector: str) -> None:
    page.ask(f"document.querySelector({selector!r}).click()")


def _complaints(page: Page) -> list[str]:
    """Return what went wrong, but for answers that a walk of the commits waits for."""
    return [told for told in page.complaints if "404" not in told]


def test_the_corpus_is_passed_in_a_browser(page: Page, root: Path, url: str) -> None:
    """Every frozen and broken store from files, some over HTTP; and 300 damaged ones."""
    over_http = ["chunk-table", "collected", "deltas", "history", "texts-and-times"]
    page.go(f"{url}/reader/test/browser.html")
    page.wait_for("globalThis.checkStores !== undefined")

    found = page.ask(f"checkStores({_corpus(root)}, {over_http})")
    damaged = page.ask(f"damage({_corpus(root)}, 300, 7)")

    assert found["failures"] == []
    assert found["checkpoints"] == sum(1 for _ in (SPEC / "checkpoints").iterdir())
    assert found["invalid"] == sum(1 for _ in (SPEC / "invalid").iterdir())
    assert found["http"] == len(over_http)
    assert damaged["told"] == []
    assert damaged["damages"] == 300


def test_a_store_is_looked_at_by_its_address(page: Page, url: str) -> None:
    """Steps, words, neighbours and the validator's verdict come from the address alone."""
    page.go(f"{url}/reader/index.html#url={url}/checkpoints/deltas/store")
    page.wait_for("document.querySelector('#status').textContent.includes('5 commits')")
    page.wait_for("document.querySelector('#found button') !== null")

    assert "delta, 4 layers" in _text(page, "#steps tbody")
    assert "vectors" in _text(page, "#checkpoint")

    page.ask(
        "document.querySelector('#prefix').value = 'ki';"
        "document.querySelector('#prefix').dispatchEvent(new Event('input'))"
    )
    page.wait_for("document.querySelectorAll('#found li').length === 2")
    assert "king" in _text(page, "#found")

    _click(page, "#found button")
    page.wait_for("document.querySelectorAll('#word ol li').length === 10")
    assert "kin" in _text(page, "#word h3")

    _click(page, "#verify")
    page.wait_for("document.querySelector('#verdict').textContent.startsWith('Sound')")
    assert _complaints(page) == []
    assert all(asked.startswith(url) for asked in page.requests)


@pytest.mark.parametrize("name", ["pages", "pages-of-another-writer"])
def test_the_size_of_a_split_manifest_is_that_of_all_objects(
    page: Page, url: str, name: str
) -> None:
    """Those that pages list, and the pages themselves, are counted as the SDK counts them."""
    expected = embzarr.open(SPEC / "checkpoints" / name / "store").info().bytes_stored
    page.go(f"{url}/reader/index.html#url={url}/checkpoints/{name}/store")
    page.wait_for("document.querySelector('#status').textContent.includes('commits')")

    assert f"\n{expected:,}\n" in _text(page, "#checkpoint dl")


def test_a_dropped_folder_is_looked_at(page: Page, root: Path, url: str) -> None:
    """A folder is read where it lies: after the drop nothing is asked of the server."""
    damaged = root / "invalid" / "flipped-bit-in-third-chunk" / "store"
    page.go(f"{url}/reader/index.html")
    page.wait_for("document.querySelector('#status').textContent.startsWith('No store')")
    asked = len(page.requests)

    page.drop(damaged)
    page.wait_for("document.querySelector('#status').textContent.includes('1 commit ')")
    _click(page, "#verify")
    page.wait_for("document.querySelector('#verdict').textContent === '1 problem.'")

    assert "chunk-checksum" in _text(page, "#health tbody")
    assert "vectors/c/0/0" in _text(page, "#health tbody")
    later = [name for name in page.requests[asked:] if not name.endswith((".js", ".mjs"))]
    assert later == []
    assert _complaints(page) == []


def test_hostile_words_do_nothing(page: Page, url: str, hostile: Path) -> None:
    """What a store holds is shown as text, spelled out where it cannot be seen, and cut."""
    page.go(f"{url}/reader/index.html")
    page.wait_for("document.querySelector('#status').textContent.startsWith('No store')")
    page.drop(hostile)
    page.wait_for("document.querySelectorAll('#found li').length === 6")
    for at in range(len(HOSTILE)):
        page.ask(f"document.querySelectorAll('#found button')[{at}].click()")
        page.wait_for("document.querySelectorAll('#word ol li').length === 5")
        page.ask("document.querySelector('#word ol').replaceChildren()")

    shown = _text(page, "#found")
    assert "<script>" in shown
    assert "⟨U+001B⟩[31mred" in shown
    assert "abc⟨U+202E⟩def" in shown
    assert len(shown) < 2_000
    assert (
        page.ask("document.querySelectorAll('#found script, #found img, pre script').length") == 0
    )
    assert page.ask("document.title") == "embzarr: look into a store"
    assert _complaints(page) == []


def test_a_server_that_denies_other_pages_is_told(page: Page, root: Path, url: str) -> None:
    """A bucket without CORS is named as such; with CORS it is read."""
    store = root / "checkpoints" / "history" / "store"
    with (
        running_http_folder(store) as closed,
        running_http_folder(store, allow_origin="*") as open_,
    ):
        page.go(f"{url}/reader/index.html#url={closed}")
        page.wait_for("document.querySelector('#status').textContent.includes('store-failed')")
        told = _text(page, "#status")

        page.go(f"{url}/reader/index.html?2#url={open_}")
        page.wait_for("document.querySelector('#status').textContent.includes('3 commits')")

    assert "it must allow CORS with GET and HEAD and the header Range" in told


def test_a_certificate_that_nobody_vouches_for_is_told(
    page: Page, url: str, tmp_path: Path
) -> None:
    """A browser does not say why it did not ask: the page names that, too."""
    with running_untrusted(tmp_path) as untrusted:
        page.go(f"{url}/reader/index.html#url={untrusted}/run")
        page.wait_for("document.querySelector('#status').textContent.includes('store-failed')")

    assert "certificate" in _text(page, "#status")


def test_a_browser_without_webcrypto_reads_all_the_same(page: Page, url: str) -> None:
    """Over plain HTTP from another host there is none; digests are computed by own code."""
    elsewhere = url.replace("127.0.0.1", OTHER_HOST)
    store = f"{elsewhere}/checkpoints/deltas/store"
    page.go(f"{elsewhere}/reader/index.html#url={store}")
    page.wait_for("document.querySelector('#status').textContent.includes('5 commits')")
    assert not page.ask("'subtle' in crypto || isSecureContext")

    _click(page, "#verify")
    page.wait_for("document.querySelector('#verdict').textContent.startsWith('Sound')")
    assert _complaints(page) == []


def test_a_page_from_a_file_says_how_it_is_opened(page: Page, root: Path) -> None:
    """A browser runs no module from there: the page's own words say what to do."""
    page.go((root / "reader" / "index.html").as_uri())

    assert "this page was opened from a file" in _text(page, "#status")
    assert "python -m http.server" in _text(page, "#status")


def test_a_store_that_changes_is_told_as_such(page: Page, root: Path, url: str) -> None:
    """A step that was given up meanwhile has its code; opened again, the page shows what is new."""
    run = embzarr.Run(root / "changing")
    run.save(["a", "b"], np.eye(2, 3, dtype="f4"), step=1)
    page.go(f"{url}/reader/index.html#url={url}/changing")
    page.wait_for("document.querySelectorAll('#found button').length === 2")
    run.save(["a", "b", "c"], np.eye(3, dtype="f4"), step=2)
    run.gc(keep_last=1, older_than=0)

    _click(page, "#verify")
    page.wait_for("document.querySelector('#verdict').textContent.includes('problems')")
    assert "object-missing" in _text(page, "#health tbody")
    _click(page, "#found button")
    page.wait_for("document.querySelector('#status').textContent.includes('object-missing')")

    _click(page, "#open button")
    page.wait_for("document.querySelectorAll('#found button').length === 3")
    page.wait_for("document.querySelector('#steps tbody').textContent.includes('expired')")


def test_an_address_of_no_store_is_told(page: Page, url: str) -> None:
    """An address at which no store is ends in the code for it."""
    page.go(f"{url}/reader/index.html#url={url}/reader")
    page.wait_for("document.querySelector('#status').textContent.includes('checkpoint-missing')")


def test_tensors_and_files_are_listed(page: Page, url: str) -> None:
    """All that the SDK finds, by name, and the beginning of one of each is shown when asked for."""
    checkpoint = embzarr.open(SPEC / "checkpoints" / "tensors" / "store")
    page.go(f"{url}/reader/index.html#url={url}/checkpoints/tensors/store")
    page.wait_for("document.querySelector('#status').textContent.includes('1 commit ')")
    page.wait_for("document.querySelector('#files tbody tr') !== null")

    names = "[...document.querySelectorAll('#{} tbody tr td:first-child')].map(x => x.textContent)"
    assert sorted(page.ask(names.format("tensors"))) == sorted(map(_visible, checkpoint.tensors))
    assert sorted(page.ask(names.format("files"))) == sorted(map(_visible, checkpoint.files))
    assert page.ask("document.querySelector('#words').hidden")

    _look(page, "dense/kernel:0")
    first = checkpoint.tensors["dense/kernel:0"][0]
    shown = [float(text) for text in _text(page, "#part pre").split() if text != "…"]
    np.testing.assert_allclose(shown, first[: len(shown)], rtol=1e-6)
    _look(page, "model.json")
    assert _text(page, "#part pre") == checkpoint.files["model.json"].read().decode()
    assert _complaints(page) == []


def _visible(name: str) -> str:
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _look(page: Page, name: str) -> None:
    """Ask for the beginning of a tensor or a file, and wait until it is there."""
    rows = "[...document.querySelectorAll('#contents tr')]"
    row = f"{rows}.find(x => x.innerText.startsWith({name!r}))"
    page.ask(f"{row}.querySelector('button').click()")
    page.wait_for(f"document.querySelector('#part h3').textContent === {name!r}")
