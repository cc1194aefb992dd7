"""``embzarr probe``: whether a store does what a commit needs."""

from dataclasses import asdict

import typer

from embzarr_tools._failures import NO
from embzarr_tools._options import AsJson, Place
from embzarr_tools._screen import Column, say, show_json, show_table

EXAMPLES = """
embzarr probe s3://bucket/run --endpoint-url http://localhost:9000
embzarr probe runs --json
"""

COLUMNS = (Column("tried"), Column("answer", wrap=True))


def probe(place: Place, *, as_json: AsJson = False) -> None:
    """Try on a store all that saving needs.

    Small objects are written, read and removed again. Saving does this by itself, once for each
    server and bucket, where nothing is known of them.
    """
    import embzarr  # noqa: PLC0415 - slow to import, see _options

    report = embzarr.probe(place.url, storage_options=place.storage_options)
    if as_json:
        show_json({**asdict(report), "ok": report.ok})
    else:
        show_table(COLUMNS, [[name, told] for name, told in report.answers.items()])
        verdict = "many writers may commit here" if report.ok else "this store must not be used"
        say(f"{report.url} is {report.kind} ({report.known}): {verdict}; {report.seconds:.2f} s")
    if not report.ok:
        raise typer.Exit(NO)
