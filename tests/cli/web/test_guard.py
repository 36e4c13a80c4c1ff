"""Who may ask for what: requests that no page of ours makes."""

import http.client
import re
import signal
from collections.abc import Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.web.conftest import Serve, Served


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status, self.headers = response.status, response.headers
        self.text = response.read().decode()


def ask(
    served: Served, path: str, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Answer:
    place = urlsplit(served.base)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
    connection.putrequest(method, path, skip_host="Host" in (headers or {}))
    for name, value in (headers or {}).items():
        connection.putheader(name, value)
    connection.endheaders()
    try:
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def token(incident: Served) -> str:
    return incident.address.partition("token=")[2]


@pytest.fixture(scope="module")
def cookie(incident: Served, token: str) -> dict[str, str]:
    answer = ask(incident, f"/?token={token}")
    return {"Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_a_token_becomes_a_cookie_and_leaves_the_address(incident: Served, token: str) -> None:
    answer = ask(incident, f"/?term=comm%3Dcat&token={token}")
    assert (answer.status, answer.headers["location"]) == (303, "/?term=comm%3Dcat")
    assert re.search("(?i)httponly", answer.headers["set-cookie"])
    assert re.search("(?i)samesite=strict", answer.headers["set-cookie"])
    assert token not in answer.headers["set-cookie"]


@pytest.mark.parametrize("path", ["/", "/rows", "/event?boot_id=x&boot_ns=1&pid=1", "/live", "/x"])
@pytest.mark.parametrize("query", ["", "token=", "token=%ff", "token=wrong"])
def test_nothing_is_shown_without_the_token(incident: Served, path: str, query: str) -> None:
    answer = ask(incident, f"{path}{'&' if '?' in path else '?'}{query}")
    assert answer.status == 403
    assert "incident" not in answer.text
    assert "kworkerd" not in answer.text


def test_the_cookie_of_another_server_is_none(incident: Served, cookie: dict[str, str]) -> None:
    name, _, secret = cookie["Cookie"].partition("=")
    for other in (f"{name}x={secret}", f"{name}={secret[:-1]}", f"{name}={secret}x", "\x01=", ";"):
        assert ask(incident, "/", {"Cookie": other}).status == 403
    assert ask(incident, "/", cookie).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.0.2.1", "", "[::1"]
)
def test_another_name_is_refused(incident: Served, cookie: dict[str, str], host: str) -> None:
    """A name of someone else's that leads here, DNS rebinding."""
    answer = ask(incident, "/", {**cookie, "Host": host})
    assert answer.status in (400, 421)
    assert "kworkerd" not in answer.text


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8765"])
def test_a_forwarded_port_is_allowed(incident: Served, cookie: dict[str, str], host: str) -> None:
    assert ask(incident, "/", {**cookie, "Host": host}).status == 200


def test_another_origin_is_refused(incident: Served, cookie: dict[str, str]) -> None:
    for origin in ("http://evil.example", "null", incident.base.replace("http", "https")):
        assert ask(incident, "/", {**cookie, "Origin": origin}).status == 403
    assert ask(incident, "/", {**cookie, "Origin": incident.base}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_only_get(incident: Served, cookie: dict[str, str], method: str) -> None:
    answer = ask(incident, "/", cookie, method)
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/", "/static/page.js", "/nothing", "/?term=frobnicate"])
def test_every_answer_has_the_policy(incident: Served, cookie: dict[str, str], path: str) -> None:
    headers = ask(incident, path, cookie).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "server" not in headers


def test_no_page_has_a_script_or_style_of_its_own(incident: Served, cookie: dict[str, str]) -> None:
    for path in ("/", "/?term=comm%3Dkworkerd", "/?term=nonsense"):
        text = ask(incident, path, cookie).text
        assert re.findall(r"<script(?! src=)", text) == []
        assert re.findall(r"<style|\sstyle=|\son\w+=", text) == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/?term=frobnicate", 400, "is no term"),
        ("/?term=comm~%3D(", 400, "character 7"),
        ("/?term=cmm%3Dgcc", 400, "did you mean comm?"),
        ("/?term=--frobnicate", 400, "No such option"),
        ("/?term=--help", 400, "No such option"),
        ("/?after=x", 400, "no place in the list"),
        ("/?" + "term=a&" * 101, 400, "parameters"),
        ("/event?boot_id=x&boot_ns=1&pid=1", 404, "no such event"),
        ("/event?boot_id=x&boot_ns=1e9&pid=1", 400, "boot_ns"),
        ("/children?boot_id=x", 400, "boot_ns"),
        ("/?line='", 400, "quotation"),
        ("/live?term=--until%3D2h", 400, "no end"),
        ("/?term=pid%3D" + "9" * 400, 400, "is not a number"),
    ],
)
def test_what_makes_no_sense_is_said(
    incident: Served, cookie: dict[str, str], path: str, status: int, words: str
) -> None:
    answer = ask(incident, path, cookie)
    assert answer.status == status
    assert words in answer.text


def test_an_expression_that_never_ends_is_ended(incident: Served, cookie: dict[str, str]) -> None:
    answer = ask(incident, "/?term=command~%3D%28.%2A%29%2A%28.%2A%29%2A%28.%2A%29%2AX", cookie)
    assert answer.status == 503
    assert "took longer than" in answer.text
    assert ask(incident, "/", cookie).status == 200


def test_requests_that_come_as_it_ends_are_told_so(incident_db: Path, serve: Serve) -> None:
    """And no more is said on stderr than is looked at where it ends."""
    served = serve(incident_db)
    place, begun = urlsplit(served.base), ask(served, f"/?{urlsplit(served.address).query}")
    cookie = {"Cookie": begun.headers["set-cookie"].partition(";")[0]}
    with ExitStack() as stack:
        connections = [
            stack.enter_context(
                closing(http.client.HTTPConnection(place.hostname or "", place.port, timeout=60))
            )
            for _ in range(7)
        ]
        for each in connections:
            each.request("GET", "/static/page.css", headers=cookie)
            assert each.getresponse().read()
        served.process.send_signal(signal.SIGSTOP)
        for each in connections:
            each.request("GET", "/", headers=cookie)
        served.process.send_signal(signal.SIGTERM)
        served.process.send_signal(signal.SIGCONT)
        found = {each.getresponse().status for each in connections}
    assert 503 in found
    assert found <= {200, 503}  # some are answered before


def test_a_token_leads_to_no_other_server(incident: Served, token: str) -> None:
    for path in (f"//evil.example/?token={token}", f"/%5C/evil.example?token={token}"):
        location = ask(incident, path).headers.get("location", "/")
        assert urlsplit(location).netloc == ""
        assert not location.startswith(("//", "/\\"))
