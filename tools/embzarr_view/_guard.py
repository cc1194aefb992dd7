"""Who may ask: whoever has the token, by a name that is ours."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_ALLOWED: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src-attr": "'unsafe-inline'",  # plotly sets them: no sheet and no script comes by it
    "img-src": "'self' data:",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
_HEADERS: Final = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer. The token is in the address, which no other site is told."""


class Guard:
    """Lets through what comes with the token, to a host of ours, and sets headers."""

    def __init__(
        self, app: ASGIApp, *, token: str, hosts: Collection[str], sheets: Sequence[str]
    ) -> None:
        """Stand before an application.

        Args:
            app: what answers; it finds the path without the token.
            token: the first part of every path.
            hosts: values of the header ``Host`` that are ours. A page of somebody else whose name
                was made to lead here (DNS rebinding) asks by that name.
            sheets: hashes of style sheets that scripts may make.
        """
        allowed = {**_ALLOWED, "style-src": " ".join(("'self'", *sheets))}
        policy = "; ".join(f"{name} {value}" for name, value in allowed.items())
        self._headers = {**_HEADERS, "Content-Security-Policy": policy}
        self._app = app
        self._prefix = f"/{token}"
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # a WebSocket is closed unanswered: there is none
        refused = self._refused(scope)
        if refused is None:
            scope = {**scope, "root_path": self._prefix}
        await (refused or self._app)(scope, receive, _with_headers(send, self._headers))

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        host = Headers(scope=scope).get("host", "").lower()
        if host not in self._hosts:
            return PlainTextResponse("this is not the host that was asked for\n", 421)
        path = str(scope["path"]).encode("utf-8", "replace")
        token = path[: len(self._prefix)]
        given = secrets.compare_digest(token, self._prefix.encode())
        if not given or path[len(self._prefix) :][:1] != b"/":
            told = "open the whole address that embzarr view printed, token and all\n"
            return PlainTextResponse(told, 403)
        return None


def _with_headers(send: Send, added: Mapping[str, str]) -> Any:  # noqa: ANN401 - as Starlette calls it
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in added.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
