"""The server: addresses, answers, and how it listens."""

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from execdb.cli.output.escape import escape
from execdb.cli.output.failures import shortened, unexpected
from execdb.cli.web.detail import NotThere, children_of, detail
from execdb.cli.web.guard import Guard, allowed_hosts
from execdb.cli.web.live import Tail, Tails
from execdb.cli.web.overview import link, next_page, overview
from execdb.cli.web.site import Site
from execdb.cli.web.templates import environment, files_in
from execdb.cli.web.view import View, view_of, words_of
from execdb.cli.web.worker import Busy, TooSlow, Worker
from execdb.store.central.errors import CentralError
from execdb.store.errors import ExecdbError, UsageError

_CONNECTIONS_MAX = 200
_PATIENCE_S = 10.0  # for a request to arrive
_UNAVAILABLE = 503
_STATIC = {"page.css": "text/css", "page.js": "text/javascript"}

Answer = Callable[[View, dict[str, str]], dict[str, Any]]


class _Impatient(H11Protocol):
    """Closes connections on which no request comes: other users of the machine can open them."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(_PATIENCE_S, self._look)

    def _look(self) -> None:
        if self.cycle is None and not self.transport.is_closing():
            self.transport.close()


class Server:
    """Answers for one site. Everything that it needs of the file system is read beforehand: as root
    it becomes someone else before it answers."""

    def __init__(self, site: Site, worker: Worker, token: str, listener: socket.socket) -> None:
        self._site, self._worker, self._listener = site, worker, listener
        self._templates, self._static = environment(), files_in("static")
        self._tails = Tails(worker)
        self._failure: BaseException | None = None
        host, port = listener.getsockname()[:2]
        app = Starlette(
            routes=[
                Route("/", self._overview),
                Route("/rows", partial(self._show, "rows.html", self._next)),
                Route("/event", partial(self._show, "event.html", self._detail)),
                Route("/children", partial(self._show, "children_page.html", self._children)),
                Route("/live", self._live),
                Route("/static/{name}", self._file),
            ]
        )
        guarded = Guard(app, token, port, allowed_hosts(host))
        config = uvicorn.Config(
            guarded, http=_Impatient, ws="none", loop="asyncio", lifespan="off", log_config=None,
            access_log=False, server_header=False, proxy_headers=False,
            limit_concurrency=_CONNECTIONS_MAX, timeout_graceful_shutdown=1,
        )  # fmt: skip
        config.load()
        config.get_loop_factory()  # loads the module that it names
        self._server = uvicorn.Server(config)

    def start(self) -> None:
        """Listens in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="web server", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        except BaseException as error:
            self._failure = error
        finally:
            self._worker.stop()

    def stop(self) -> None:
        """Raises ExecdbError if it has failed before."""
        self._server.should_exit = True
        self._thread.join(3)
        if self._failure is not None:
            raise ExecdbError(f"the server failed: {self._failure}") from self._failure

    async def _overview(self, request: Request) -> Response:
        query = request.url.query
        if "line=" in query:
            return self._typed(query)
        return await self._show("page.html", lambda view, _: overview(self._site, view), request)

    def _typed(self, query: str) -> Response:
        """What was typed becomes part of the address."""
        try:
            _, rest = view_of(query)
            view, _ = view_of(rest.get("state", "").removeprefix("?"))
            view = view.from_start()
            for word in words_of(rest.get("line", "")):
                view = view.with_word(word)
        except UsageError as error:
            return self._problem(400, error, View())
        return Response(status_code=303, headers={"location": view.address("/")})

    async def _show(self, template: str, answer: Answer, request: Request) -> Response:
        query = request.url.query
        try:
            html = await self._worker.run(partial(self._html, template, answer, query))
        except ExecdbError as error:
            return self._failed(error, query)
        except asyncio.CancelledError:  # the server is told to end, and this answer takes long
            return self._failed(Busy("the server is ending"), query)
        except Exception as error:  # the last resort, as for commands
            return self._failed(ExecdbError(shortened(unexpected(error))), query)
        return HTMLResponse(html)

    def _html(self, template: str, answer: Answer, query: str) -> str:
        view, rest = self._site.view(query)
        return self._render(template, {"view": view, **answer(view, rest)})

    def _render(self, template: str, values: dict[str, Any]) -> str:
        common = {"site": self._site, "link": link, "shown": escape}
        return self._templates.get_template(template).render({**common, **values})

    def _failed(self, error: ExecdbError, query: str) -> Response:
        kinds = {UsageError: 400, NotThere: 404, TooSlow: _UNAVAILABLE, Busy: _UNAVAILABLE}
        kinds[CentralError] = _UNAVAILABLE
        code = next((code for kind, code in kinds.items() if isinstance(error, kind)), 500)
        try:
            view, _ = self._site.view(query)
        except UsageError:
            view = View()
        return self._problem(code, error, view)

    def _problem(self, code: int, error: ExecdbError, view: View) -> Response:
        sentence = escape(shortened(str(error)))
        values = {"view": view, "sentence": sentence, "again": code == _UNAVAILABLE}
        return HTMLResponse(self._render("problem.html", values), code)

    def _next(self, view: View, _: dict[str, str]) -> dict[str, Any]:
        return next_page(self._site, view)

    def _detail(self, view: View, rest: dict[str, str]) -> dict[str, Any]:
        return detail(self._site, view, rest)

    def _children(self, view: View, rest: dict[str, str]) -> dict[str, Any]:
        return children_of(self._site, view, rest)

    async def _live(self, request: Request) -> Response:
        query = request.url.query
        try:
            view, rest = self._site.view(query)
            hosts = rest.get("hosts") == "1"
            make = partial(Tail, self._site, view, self._render, hosts=hosts)
            updates = await self._tails.open(make)
        except ExecdbError as error:
            return self._failed(error, query)
        return StreamingResponse(updates, media_type="text/event-stream")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._static:
            return Response(status_code=404)
        return Response(self._static[name], media_type=_STATIC[name])
