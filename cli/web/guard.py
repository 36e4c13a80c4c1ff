"""Who may ask: an ASGI middleware that looks at each request before anything else does.

A page on another site cannot read ours or ask in the user's name: it has no token, the cookie stays
away from its requests (SameSite), and a name that was made to point here is refused (DNS
rebinding). Sources: RFC 6265bis (cookies), CSP Level 3, Fetch (Origin).
"""

import ipaddress
import secrets
import socket
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_OPEN = "/static/"  # nothing of the history is there
_NO_COOKIE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>execdb</title>
<meta name="viewport" content="width=device-width"><main><h1>This page needs its token</h1>
<p>Open the address that <code>execdb web</code> has printed. If you have done so and came here from
another site, <a href="">continue</a>.</p></main></html>"""


class Guard:
    """Lets through what has the cookie. The token in an address is exchanged for the cookie."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Iterable[str]) -> None:
        """`hosts` are names that may stand in Host, besides localhost; with "*" also the addresses
        of this machine."""
        self._app, self._token = app, token
        self._cookie, self._secret = f"execdb_{port}", secrets.token_urlsafe(32)
        self._hosts = {"localhost", *hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        answer = self._refusal(scope) or self._app
        await answer(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        """What to answer instead, None to let the request through."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if not self._is_ours(host):
            return PlainTextResponse("this server has no such name", 421)
        if origin is not None and origin != f"http://{host}":
            return PlainTextResponse("requests from other sites are refused", 403)
        if scope["method"] != "GET":
            return PlainTextResponse("only GET", 405, headers={"allow": "GET"})
        if scope["path"].startswith(_OPEN):
            return None
        query = scope["query_string"].decode("latin-1")
        pairs = parse_qsl(query, keep_blank_values=True, errors="surrogateescape")
        given = [value for name, value in pairs if name == "token"]
        if given and _same(given[0], self._token):
            rest = [pair for pair in pairs if pair[0] != "token"]
            return self._with_cookie(scope["path"], urlencode(rest, errors="surrogateescape"))
        if _same(_cookies(headers).get(self._cookie, ""), self._secret):
            return None
        return HTMLResponse(_NO_COOKIE, 403)

    def _with_cookie(self, path: str, query: str) -> Response:
        # One slash: two would begin the name of another server.
        where = "/" + path.lstrip("/\\") + (f"?{query}" if query else "")
        answer = RedirectResponse(where, 303)
        answer.set_cookie(self._cookie, self._secret, httponly=True, samesite="strict", path="/")
        return answer

    def _is_ours(self, host: str) -> bool:
        """A name can be made to point anywhere, an address cannot."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        if name in self._hosts:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return address.is_loopback or "*" in self._hosts


def allowed_hosts(host: str) -> list[str]:
    """The names by which a server that listens at `host` may be called."""
    try:
        if ipaddress.ip_address(host).is_unspecified:
            return ["*", socket.gethostname().lower(), socket.getfqdn().lower()]
    except ValueError:
        pass
    return [host.lower()]


def _cookies(headers: Headers) -> dict[str, str]:
    jar = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def _same(given: str, secret: str) -> bool:
    return secrets.compare_digest(given.encode("utf-8", "surrogateescape"), secret.encode())
