"""Routes: one for each question and order, and the page's own files."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

import embzarr
from embzarr_view import _plotly
from embzarr_view._answers import Answers, Asked
from embzarr_view._guard import Guard
from embzarr_view._jobs import told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Sequence

    from starlette.requests import Request

    from embzarr_view._opened import Opened

STATIC: Final = Path(__file__).parent / "static"
_FOR_A_DAY: Final = {"Cache-Control": "private, max-age=86400, immutable"}
_STATUS: Final = (
    (embzarr.InvalidInputError, 400),
    (embzarr.AccessDeniedError, 403),
    (embzarr.NotFoundError, 404),
    (embzarr.WordNotFoundError, 404),
    (embzarr.MemberNotFoundError, 404),
    (embzarr.DamagedError, 422),
    (embzarr.UnsupportedError, 501),
    (embzarr.StoreError, 502),
)


def application(
    opened: Opened,
    files: Sequence[Path],
    ready: Callable[[], None],
    *,
    token: str,
    hosts: Collection[str],
) -> Guard:
    """Return the page's server as an ASGI application.

    Args:
        opened: the run.
        files: of word pairs or analogies.
        ready: is called as soon as it answers.
        token: the first part of every path.
        hosts: values of the header ``Host`` that are ours.
    """
    answers = Answers(opened, files)

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        answers.read_ahead()
        ready()
        yield

    asked = [_route(f"/api/{name}", "GET", ask) for name, ask in answers.questions.items()]
    ordered = [_route(f"/api/{name}", "POST", order) for name, order in answers.orders.items()]
    script = Route("/plotly.js", lambda _: FileResponse(_plotly.script(), headers=_FOR_A_DAY))
    page = Mount("/", StaticFiles(directory=STATIC, html=True))
    app = Starlette(routes=[*asked, *ordered, script, page], lifespan=living)
    return Guard(app, token=token, hosts=hosts, sheets=_plotly.sheets())


def _route(path: str, method: str, answer: Callable[[Asked], Any]) -> Route:
    async def respond(request: Request) -> Response:
        asked = Asked(request.query_params)
        return await run_in_threadpool(partial(_answered, answer, asked))

    return Route(path, respond, methods=[method])


def _answered(answer: Callable[[Asked], Any], asked: Asked) -> Response:
    """Return an answer as JSON; an error is one, with its code, and no trace of where."""
    try:
        return _json(answer(asked), 200)
    except embzarr.EmbzarrError as exc:
        status = next((code for kind, code in _STATUS if isinstance(exc, kind)), 500)
        return _json({"error": {"code": exc.code, "message": exc.args[0]}}, status)
    except IndexError:
        return _json({"error": {"code": "member-missing", "message": "there is no such one"}}, 404)
    except Exception as exc:  # noqa: BLE001 - a page must be told of it, too
        logging.getLogger(__name__).warning("%s", told(exc))
        return _json({"error": {"code": "internal", "message": told(exc)}}, 500)


def _json(document: Any, status: int) -> Response:  # noqa: ANN401 - any JSON
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text.encode(), status, media_type="application/json")
