"""What redaction hides in arguments, what it leaves, and that no argument makes it slow."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.redaction.argv import redact_argv, redact_events
from execdb.store.redaction.shapes import REDACTED, SHAPES
from tests.conftest import an_event

GITHUB = "ghp_" + "a1B2" * 9
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----"

# Each secret contains "hunter2", or is one of the shapes above; `#` stands for `[redacted]`.
HIDDEN: list[tuple[list[str], list[str] | None]] = [
    (["mytool", "--password", "hunter2", "x"], ["mytool", "--password", "#", "x"]),
    (["mytool", "--password=hunter2 and more"], ["mytool", "--password=#"]),
    (["mytool", "--db-passwd", "-hunter2"], ["mytool", "--db-passwd", "#"]),
    (["java", "-Ddb.password=hunter2"], ["java", "-Ddb.password=#"]),
    (["mytool", "-token", "hunter2"], ["mytool", "-token", "#"]),
    (["mytool", "--apiKey", "hunter2"], ["mytool", "--apiKey", "#"]),
    (["curl", "-u", "alice:hunter2", "http://x"], ["curl", "-u", "alice:#", "http://x"]),
    (["curl", "-ualice:hunter2"], ["curl", "-ualice:#"]),
    (["/usr/bin/curl", "-sSu", "alice:hunter2:x"], ["/usr/bin/curl", "-sSu", "alice:#"]),
    (["sudo", "curl", "--user=alice:hunter2"], ["sudo", "curl", "--user=alice:#"]),
    (["curl", "-d", "user=bob&password=hunter2&x=1"], ["curl", "-d", "user=bob&password=#&x=1"]),
    (["curl", "-d", "password=hunter2&user=bob"], ["curl", "-d", "password=#&user=bob"]),
    (["curl", "-d", '{"a": 1, "password": "hunter2", "b": 2}'],
     ["curl", "-d", '{"a": 1, "password": "#", "b": 2}']),
    (["curl", "-H", "Authorization: Bearer hunter2"], ["curl", "-H", "Authorization: Bearer #"]),
    (["curl", "-H", "authorization: hunter2 x"], ["curl", "-H", "authorization: #"]),
    (["curl", "-H", "X-Api-Key: hunter2"], ["curl", "-H", "X-Api-Key: #"]),
    (["curl", "-H", "PRIVATE-TOKEN: hunter2"], ["curl", "-H", "PRIVATE-TOKEN: #"]),
    (["curl", "https://x/?token=hunter2&page=2"], ["curl", "https://x/?token=#&page=2"]),
    (["env", "API_KEY=hunter2", "make"], ["env", "API_KEY=#", "make"]),
    (["env", "PGPASSWORD=hun ter2 hunter2"], ["env", "PGPASSWORD=#"]),
    (["docker", "run", "-e", "AWS_SECRET_ACCESS_KEY=hunter2"],
     ["docker", "run", "-e", "AWS_SECRET_ACCESS_KEY=#"]),
    (["docker", "login", "-u", "bob", "-p", "hunter2"],
     ["docker", "login", "-u", "bob", "-p", "#"]),
    (["mysql", "-u", "root", "-phunter2", "shop"], ["mysql", "-u", "root", "-p#", "shop"]),
    (["sshpass", "-p", "hunter2", "ssh", "x"], ["sshpass", "-p", "#", "ssh", "x"]),
    (["redis-cli", "-a", "hunter2"], ["redis-cli", "-a", "#"]),
    (["smbclient", "-U", "bob%hunter2"], ["smbclient", "-U", "bob%#"]),
    (["openssl", "rsa", "-passin", "pass:hunter2"], ["openssl", "rsa", "-passin", "pass:#"]),
    (["psql", "postgres://bob:hunter2@db/shop"], ["psql", "postgres://bob:#@db/shop"]),
    (["psql", "redis://:hunt@hunter2@db"], ["psql", "redis://:#@db"]),
    (["psql", "host=db password=hunter2 user=bob"], ["psql", "host=db password=# user=bob"]),
    (["psql", "host=db password='hun ter2 hunter2' x=1"], ["psql", "host=db password='#' x=1"]),
    (["mount", "-o", "user=bob,password=hunter2,ro=1"],
     ["mount", "-o", "user=bob,password=#,ro=1"]),
    (["app", "Server=x;Password=hunter2;Db=y"], ["app", "Server=x;Password=#;Db=y"]),
    (["sh", "-c", "curl -u bob:hunter2 http://x | sh"],
     ["sh", "-c", "curl -u bob:# http://x | sh"]),
    (["sh", "-c", "PASSWORD=hunter2 make all"], ["sh", "-c", "PASSWORD=# make all"]),
    (["sh", "-c", "sh -c 'tool --password hunter2 x'"],
     ["sh", "-c", "sh -c 'tool --password # x'"]),
    (["ssh", "x", "mysql -u root '-phunter2'; ls"], None),
    (["sh", "-c", "tool --secret 'hunter2 hunter2' x"], ["sh", "-c", "tool --secret '#' x"]),
    (["sh", "-c", 'curl -H "Authorization: Basic hunter2" x'],
     ["sh", "-c", 'curl -H "Authorization: Basic #" x']),
    (["echo", f"a {GITHUB} b"], ["echo", "a # b"]),
    (["echo", "AKIAIOSFODNN7EXAMPLE"], ["echo", "#"]),
    (["echo", "x=glpat-" + "a1B2-" * 4], ["echo", "x=#"]),
    (["echo", "xoxb-1234567890-abcdef"], ["echo", "#"]),
    (["echo", JWT], ["echo", "#"]),
    (["echo", f"a{PEM}b"],
     ["echo", "a-----BEGIN RSA PRIVATE KEY-----#-----END RSA PRIVATE KEY-----b"]),
    (["echo", PEM[:40]], ["echo", "-----BEGIN RSA PRIVATE KEY-----#"]),
    (["echo", "AIza" + "a1B2-" * 7, "sk_live_" + "a1B2" * 5, "npm_" + "a1B2" * 9],
     ["echo", "#", "#", "#"]),
    (["echo", "Bearer abcdefghijklmnop="], ["echo", "Bearer #"]),
    (["echo", r'{\"password\": \"hunter2\", \"x\": 1}'],
     ["echo", r'{\"password\": \"#\", \"x\": 1}']),
    (["echo", r'{"password": "a\"hunter2", "x": 1}'], ["echo", '{"password": "#", "x": 1}']),
    (["echo", "https://hooks.slack.com/services/T0/B0/xyz"],
     ["echo", "https://hooks.slack.com/services/#"]),
]  # fmt: skip

LEFT = [
    ["make", "-j4", "all"],
    ["env", "PWD=/home/bob", "OLDPWD=/", "PATH=/bin", "make"],
    ["mytool", "--password", "-u", "root"],
    ["mytool", "--password", "--verbose"],
    ["mytool", "--password-file", "/etc/x", "--token-url=https://x", "--no-password", "x"],
    ["mytool", "--ask-password", "x", "--max-tokens", "100"],
    ["sort", "-k2", "--key=2", "file"],
    ["sort", "--key", "2"],
    ["ssh", "-i", "key", "-p", "2222", "bob@host"],
    ["ssh-keygen", "-t", "ed25519", "-f", "/home/bob/.ssh/id_ed25519"],
    ["gpg", "--recv-keys", "ABCDEF12", "--default-key", "bob"],
    ["docker", "run", "-p", "80:80", "-v", "secret:/run/secret", "nginx"],
    ["mkdir", "-p", "a/b"],
    ["mysql", "-p", "shop", "-P3306"],
    ["curl", "-u", "bob", "https://host:8443/a@b?x=1", "-o", "token"],
    ["git", "clone", "ssh://git@host/x.git", "git@host:x"],
    ["git", "commit", "-m", "Rename the password field; key handling: see docs"],
    ["gcc", "-DKEYBOARD=1", "-Dmonkey=2", "tokenizer.c"],
    ["sh", "-c", "PASSWORD=$SECRET make"],
    ["openssl", "rsa", "-passin", "file:/etc/pw"],
    ["python", "-c", "print('a b', 1)"],
    ["grep", "sk-", "eyJ.", "ghp_short"],
    ["tool", ""],
    [],
]


@pytest.mark.parametrize(("argv", "shown"), HIDDEN, ids=str)
def test_a_secret_is_hidden_and_the_rest_stays(argv: list[str], shown: list[str] | None) -> None:
    got = redact_argv(tuple(argv))
    if shown is not None:
        assert [*got] == [word.replace("#", REDACTED) for word in shown]
    assert not any(word in " ".join(got) for word in ("hunter2", GITHUB, JWT, "MIIE"))
    assert redact_argv(got) == got


@pytest.mark.parametrize("argv", LEFT, ids=str)
def test_what_is_no_secret_is_left(argv: list[str]) -> None:
    assert [*redact_argv(tuple(argv))] == argv


@given(st.lists(st.text("ab-=:/@'\"\\ &,{}pk\n"), max_size=5).map(tuple))
def test_nothing_but_words_is_changed(argv: tuple[str, ...]) -> None:
    assert len(redact_argv(argv)) == len(argv)


@given(st.from_regex(r"[A-Za-z0-9]{8,20}", fullmatch=True), st.sampled_from("'\" &;,\\=:"))
def test_an_argument_that_is_all_secret_is_all_hidden(secret: str, odd: str) -> None:
    for argv in (
        ["x", "--token", f"{secret}{odd}{secret}"],
        ["env", f"TOKEN={secret}{odd}{secret}"],
    ):
        if odd not in "&":
            assert secret not in "".join(redact_argv(tuple(argv))[1:])


_PARTS = [
    "a", "=", "'", '"', "\\", '\\"', " ", "a ", "a=", "key=", "key='", 'key="', 'key="\\', "key: ",
    '"key":', "://", "://a:", "a://b:c", "://a:@", "-----BEGIN PRIVATE KEY-----", "-----END ",
    "eyJ", "eyJaaaaaaaaaa.", "xoxb-", "ghp_", "glpat-", "curl ", "-u ", "--password ", "-p",
    "docker ",
    "Bearer ", "Basic a", "&a=", "password=&a", "a,", "key=a,b", "-", "--a-", ".", "'a' ", "' \"",
    "sh -c '", "\n", "aB", "github_pat_", "AKIA", "pypi-AgE", "[", "a[", "\udcff", "sk_live_",
]  # fmt: skip


@pytest.mark.parametrize("part", _PARTS)
def test_a_hostile_argument_takes_no_longer_than_others(part: str) -> None:
    text = (part * 49_152)[:49_152]
    began_s = time.process_time()
    for argv in (("x", text), ("x", "-c", text), ("x", "--password=" + text), ("curl", "-u", text)):
        redact_argv(argv)
    assert time.process_time() - began_s < 4  # a pattern that is not linear takes minutes


def test_many_hostile_arguments_take_no_longer() -> None:
    began_s = time.process_time()
    redact_argv(("curl", "docker", "login") * 8_000 + ("-p",) * 24_000)
    assert time.process_time() - began_s < 4


def test_each_shape_hides_one_of_the_examples() -> None:
    examples = "\n".join(word for argv, _ in HIDDEN for word in argv)
    assert [shape.name for shape in SHAPES if not shape.pattern.search(examples)] == []


def test_events_are_redacted_with_everything_else_unchanged() -> None:
    plain, secret = an_event(1), an_event(2, argv=("x", "--token", "hunter2"))
    shown = [*redact_events([plain, secret, secret])]
    assert shown == [plain, *[secret._replace(argv=("x", "--token", REDACTED))] * 2]
