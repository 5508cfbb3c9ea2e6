"""One campaign from the registry to the report, typed as a person would, over real servers.

A feed server and an SMTP server on loopback, ``buzz serve`` as a process of its own, a SQLite
file, a client without a browser for what readers do.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener, urlopen

import pytest
from conftest import SECRET, TOML, Result

from buzz.core import registry
from buzz.demo import documents, readers
from buzz.demo.prose import Prose
from buzz.demo.stage import Stage
from buzz.demo.world import Blogger, Post
from buzz.model import Blog, Consent

Run = Callable[..., Result]

POINT = (
    "Une trésorerie de douze milliards dort dans les fonds de réserve pendant que les couturières"
    " de la filature voient leur pension amputée d'un tiers."
)
PETITION = "https://www.parti.example/signer"
LETTER = f"""---
subject: La retraite à soixante ans
preheader: Trois arguments à reprendre, une pétition à signer et à faire signer.
links: [{PETITION}]
slogans: ["Soixante ans, pas un jour de plus !"]
names: ["La retraite à soixante ans"]
---
Bonjour, voici de quoi écrire.

## Les réserves existent

{POINT}

## Signez

Signez [la pétition]({PETITION}) avant que l'assemblée ne tranche la question des pensions.
"""


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture
def bloggers(stage: Stage) -> dict[str, Blogger]:
    """Four blogs: one relays, one criticises, one unsubscribes, one has no mailbox any more."""
    people = {}
    for name, opens in (
        ("karim", Consent.GRANTED),
        ("josette", Consent.UNKNOWN),
        ("yann", Consent.DENIED),
        ("fatou", Consent.UNKNOWN),
    ):
        address = f"http://{name}.localhost:{stage.feed_port}"
        blog = Blog(
            slug=name,
            name=f"Le blog de {name.title()}",
            url=f"{address}/",
            feed_url=f"{address}/rss",
            email=f"{name}@{name}.example",
            consent_open=opens,
            consent_click=opens,
        )
        people[name] = Blogger(
            blog=blog,
            health="well",
            mailbox="unknown" if name == "fatou" else "takes",
            reaction="silent",
            latency_s=0,
            remembers=True,
        )
        for days in (2, 5, 9):
            words = f"Chronique n° {days} de {name} : le marché, la pluie et le vote des chaises."
            _write(people[name], stage, f"Carnet {days}", words * 2, timedelta(days=-days))
        stage.sites[f"{name}.localhost"] = documents.BlogSite(people[name], stage.now)
        stage.office.mailboxes[blog.email] = people[name].mailbox
    return people


def _write(blogger: Blogger, stage: Stage, title: str, text: str, when: timedelta) -> None:
    published = stage.now() + when
    link = f"{blogger.blog.url}{published:%Y%m%d%H%M%S}.html"
    blogger.posts.append(Post(link=link, published=published, prose=Prose(title, (text,))))


@pytest.fixture
def tracker(workspace: Path, stage: Stage) -> Iterator[str]:
    """``buzz serve`` of the workspace, whose settings name the stage's servers."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = TOML.replace("[smtp]", f"[smtp]\nport = {stage.smtp_port}")
    settings += f'[web]\nbase_url = "http://{address}"\nbind = "{address}"\n'
    (workspace / "buzz.toml").write_text(settings)
    with subprocess.Popen([sys.executable, "-m", "buzz", "serve"], cwd=workspace) as server:
        try:
            _until(lambda: _answers(f"http://{address}/health"))
            yield f"http://{address}"
        finally:
            server.terminate()


def _until(condition: Callable[[], bool], timeout_s: float = 15) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):
            return True
    except OSError:
        return False


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_args: object) -> None:
        return None


def _get(url: str) -> tuple[int, str]:
    """Return the status and the Location of one GET."""
    request = Request(url, headers={"User-Agent": readers.PERSON})
    try:
        with build_opener(_NoRedirect).open(request, timeout=5) as answer:
            return answer.status, ""
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", "")


def _facts(result: Result) -> dict[str, object]:
    facts: dict[str, object] = json.loads(result.out)
    return facts


def test_a_campaign_from_registry_to_report(
    run: Run, workspace: Path, stage: Stage, bloggers: dict[str, Blogger], tracker: str
) -> None:
    # The registry, the poll, the ranking.
    table = workspace / "ours.csv"
    table.write_bytes(registry.write([b.blog for b in bloggers.values()]))
    assert run("blogs", "import", str(table), "--yes").code == 0
    first = _facts(run("poll", "--all", "--json"))
    assert (first["fetched"], first["failed"], first["entries_new"]) == (4, 0, 12)
    again = _facts(run("poll", "--all", "--json"))
    assert (again["not_modified"], again["entries_new"]) == (4, 0)
    ranking = _facts(run("rank", "run", "--json"))
    assert (ranking["ranked"], ranking["listed"]) == (4, 4)

    # The letter: checked, then sent; one mailbox is unknown.
    letter = workspace / "campaigns" / "retraite" / "letter.md"
    letter.parent.mkdir(parents=True)
    letter.write_text(LETTER)
    checked = run("campaign", "check", "retraite")
    assert checked.code == 0, checked.out + checked.err
    sent = run("send", "start", "retraite", "--confirm", "retraite", "--json")
    assert sent.code == 3, sent.err
    account = _facts(sent)
    assert (account["accepted"], account["refused"], account["targeted"]) == (3, 1, 4)
    assert sorted(stage.office.arrived) == [
        f"{name}@{name}.example" for name in ("josette", "karim", "yann")
    ]

    # The readers: only the one who agreed has a pixel and personal links.
    mails = {
        to.partition("@")[0]: readers.read(to, messages[0], tracker)
        for to, messages in stage.office.arrived.items()
    }
    assert [bool(mails[name].pixel) for name in ("karim", "josette", "yann")] == [
        True,
        False,
        False,
    ]
    assert _get(mails["karim"].pixel)[0] == 200
    statuses = {_get(url) for url in mails["karim"].clicks}
    assert (302, PETITION) in statuses
    assert _get(mails["yann"].unsubscribe)[0] == 200  # a GET only shows
    one_click = Request(mails["yann"].unsubscribe, data=b"List-Unsubscribe=One-Click")
    with urlopen(one_click, timeout=5) as answer:
        assert answer.status == 200

    # What the bloggers make of it, found at the next poll.
    copied = f"Je recopie ceci, à faire circuler. {POINT} Signez : {mails['karim'].relay}"
    _write(bloggers["karim"], stage, "Je relaie", copied, timedelta())
    about = "La gare, les bus et le conseil municipal de mardi : " + "rien de neuf. " * 10
    _write(bloggers["josette"], stage, "Autre chose", about, timedelta())
    assert _facts(run("poll", "--all", "--json"))["entries_new"] == 2
    scanned = _facts(run("relays", "scan", "retraite", "--json"))
    assert scanned["relayed"] == 1, (scanned, run("relays", "list", "retraite", "--json").out)
    relays = _facts(run("relays", "list", "retraite", "--json"))["relays"]
    assert isinstance(relays, list)
    found = next(relay for relay in relays if relay["verdict"] == "relayed")
    assert found["blog"] == "karim"
    assert 1 in found["talking_points"]
    shown = run("relays", "show", str(found["id"]))
    assert shown.code == 0
    assert "couturières" in shown.out

    # The report adds up, and is a file that stands alone.
    report = _facts(run("report", "show", "retraite", "--json"))
    assert (report["targeted"], report["accepted"], report["refused"]) == (4, 3, 1)
    opened = report["opened"]
    assert isinstance(opened, dict)
    assert (opened["person"], opened["tracked"]) == (1, 1)
    page = workspace / "report.html"
    assert run("report", "html", "retraite", "-o", str(page)).code == 0
    html = page.read_text()
    assert "<svg" in html
    assert "<script" not in html
    assert "couturières" in html

    # A second letter does not reach the one who left.
    second = workspace / "campaigns" / "suite" / "letter.md"
    second.parent.mkdir()
    second.write_text(LETTER.replace("à soixante ans", "à soixante ans, la suite"))
    account = _facts(run("send", "start", "suite", "--confirm", "suite", "--json"))
    assert account["suppressed"] >= 1  # type: ignore[operator]
    assert len(stage.office.arrived["yann@yann.example"]) == 1
    assert len(stage.office.arrived["karim@karim.example"]) == 2

    # What is left behind is private, and holds no secret and nothing of who asked.
    for path in (workspace / "data").rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
        if path.is_file() and path.name != "secret.key":
            content = path.read_bytes()
            assert SECRET.encode() not in content, path
            assert readers.PERSON.encode() not in content, path
