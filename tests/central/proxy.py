"""A network that can be cut, go silent, or swallow the answer to a commit."""

import contextlib
import select
import socket
import threading


class Proxy:
    """Forwards connections to a port of this machine. `silent`: nothing is forwarded any more;
    `cut_after`: bytes from the client after which all connections are cut; `swallow_commit`: the
    next COMMIT arrives, and its answer does not."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.silent = self.swallow_commit = False
        self.cut_after: int | None = None
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections; those that are silent end."""
        self._listener.close()
        self._closed.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._forward, args=(client,), daemon=True).start()

    def _forward(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._to))
        with client, server, contextlib.suppress(OSError):
            while True:
                for source in select.select([client, server], [], [], 0.05)[0]:
                    if self.silent:
                        self._closed.wait()  # `select` would return at once, again and again
                        return
                    data = source.recv(65_536)
                    if not data:
                        return
                    if source is client and self._cuts(len(data)):
                        return
                    (server if source is client else client).sendall(data)
                    if source is client and self.swallow_commit and b"COMMIT" in data:
                        self.swallow_commit = False
                        server.recv(65_536)
                        return

    def _cuts(self, count: int) -> bool:
        if self.cut_after is None:
            return False
        self.cut_after -= count
        if self.cut_after > 0:
            return False
        self.cut_after = None
        return True
