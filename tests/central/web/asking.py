"""Asks a server of the page, as a browser would."""

import html
import re
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlsplit

from tests.cli.web.conftest import Served

_LINKS = re.compile(r'(?:href|data-rows|data-children)="(/[^"]*)"')


class Said(NamedTuple):
    status: int
    text: str

    @property
    def links(self) -> Iterator[str]:
        """Addresses of the page, in its order."""
        return (html.unescape(found) for found in _LINKS.findall(self.text))


class Asking:
    """A client that has the cookie."""

    def __init__(self, served: Served) -> None:
        where = urlsplit(served.address)
        self.host = where.netloc
        with closing(HTTPConnection(self.host, timeout=60)) as connection:
            connection.request("GET", f"/?{where.query}")
            self.cookie = connection.getresponse().headers["set-cookie"].partition(";")[0]

    def __call__(self, address: str) -> Said:
        with closing(HTTPConnection(self.host, timeout=60)) as connection:
            connection.request("GET", address, headers={"cookie": self.cookie})
            answer = connection.getresponse()
            return Said(answer.status, answer.read().decode())
