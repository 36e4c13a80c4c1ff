"""Of one host every address of the page says what that of the host's own file says, but for ids of
runs."""

import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from random import Random
from urllib.parse import urlencode

import pytest
from markupsafe import escape

from execdb.cli import main
from execdb.cli.output.escape import quote
from execdb.store.central.url import CentralUrl
from tests.central.asking.histories import a_build, oddities
from tests.central.conftest import Central, another
from tests.central.server import Server
from tests.central.stores import RECENT_NS
from tests.central.web.asking import Asking
from tests.cli.web.conftest import serving
from tests.running.thorough import first
from tests.story import tell

HISTORIES = {"oddities": oddities, "build": a_build, "story": tell}
_EACH = 20  # addresses of a path
# On a busy machine a search would end earlier, elsewhere in a file than in a store.
_PATIENT = (
    sys.executable,
    "-c",
    "import sys; from execdb.cli import main; from execdb.cli.commands.history import web;"
    "from execdb.cli.web import overview;"
    "overview._SURVEY_S = overview._LIST_S = overview._MORE_S = 3_600;"
    "web._LIMIT_S = web._ANSWER_S = 3_600; sys.exit(main.run(sys.argv[1:]))",
)


class Both:
    """The page of a file, and that of a central store that it was shipped to."""

    def __init__(self, central: Central, path: Path, own: Asking, far: Asking) -> None:
        self._own, self._far = own, far
        rows = central.rows("SELECT run_id, local_run_id FROM execdb.run")
        self._runs = {str(run_id): str(local) for run_id, local in rows}
        url = CentralUrl(central.reader)
        given = url.without_password()[0].text
        self._names = {str(escape(str(url))): str(path), str(escape(quote(given))): str(path)}

    def compare(self, own: str, far: str | None = None) -> Iterator[tuple[str, str]]:
        """Where both pages lead to."""
        said, other = self._own(own), self._far(own if far is None else far)
        lines = unified_diff(
            _plain(said.text).splitlines(), self.local(other.text).splitlines(), n=0, lineterm=""
        )
        assert (other.status, own, [*lines]) == (said.status, own, [])
        self.status = said.status
        return zip(said.links, other.links, strict=True)

    def local(self, text: str) -> str:
        """With the file's numbers of runs and its name."""
        for shown, name in self._names.items():
            text = text.replace(shown, name)
        text = re.sub(r"(?<!\d)\d{10,}(?!\d)", lambda n: self._runs.get(n[0], n[0]), text)
        return _plain(text)


def _plain(text: str) -> str:
    """Without what is said of the store itself, and without the run in a place of the list, which a
    file does not need."""
    text = re.sub(r'<p class="state">.*</p>', "", text)
    return re.sub(r"(after=-?\d+_-?\d+_-?\d+)_\d+", r"\1", text)


@pytest.fixture(scope="module", params=first(1, HISTORIES))
def both(
    request: pytest.FixtureRequest,
    server: Server,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Both]:
    central = another(server, template_database)
    path = tmp_path_factory.mktemp("shipped") / "execdb.db"
    HISTORIES[request.param](path)
    assert main.run(["ship", "--db", str(path), "--to", central.url, "--once"]) == 0
    with serving(path, program=_PATIENT) as own, serving(central.reader, program=_PATIENT) as far:
        yield Both(central, path, Asking(own), Asking(far))


def test_every_address_that_it_leads_to_is_the_same(both: Both) -> None:
    """A sample of them, as many of each path as there are or will do."""
    waiting: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    waiting["/"].append(("/", "/"))
    met, visited, chance = {"/"}, Counter[str](), Random(7)
    while paths := [path for path, some in waiting.items() if some and visited[path] < _EACH]:
        path = min(paths, key=visited.__getitem__)
        some = waiting[path]
        addresses = some.pop(chance.randrange(len(some)))
        for link in both.compare(*addresses):
            if link[0] not in met and not link[0].startswith("/static"):
                met.add(link[0])
                waiting[link[0].partition("?")[0]].append(link)
        visited[path] += 1
    assert visited["/"] == visited["/event"] == _EACH


@pytest.mark.parametrize(
    "words",
    [
        ["comm=cc1,true"], ["--failed"], ["--running"], ["argv~=-c|true", "exit_code=0"],
        ["uid!=0"],
        ["--descendants-of=1"], ["--since=@1735689600", f"--until=@{RECENT_NS // 10**9}"],
        ["comm=nothing"],
        ["command~=hello", "comm!=sed"], ["time=2026-01-01..2026-01-02"], ["argv~=("],
        ["nonsense"],
        ["container!=null"], ["errno!=null"], ["message!=Hello World"], ["host!=nobody"],
    ],
    ids=lambda words: " ".join(words).partition("=@")[0],
)  # fmt: skip
@pytest.mark.parametrize("how", [{}, {"order": "oldest", "redact": "1"}], ids=["newest", "oldest"])
def test_every_question_has_the_same_answer(
    both: Both, words: list[str], how: dict[str, str]
) -> None:
    query = urlencode([*(("term", word) for word in words), *how.items()])
    for path in ("/", "/rows"):
        both.compare(f"{path}?{query}")


@pytest.mark.parametrize(
    "address",
    ["/event", "/event?boot_id=x&boot_ns=1&pid=1", "/event?boot_id=x&boot_ns=y&pid=1", "/children",
     "/rows?after=x", "/children?behind=x", "/nothing", "/?line=comm%3Dtrue"],
)  # fmt: skip
def test_what_makes_no_sense_is_said_alike(both: Both, address: str) -> None:
    both.compare(address)
    assert both.status in (303, 400, 404)
