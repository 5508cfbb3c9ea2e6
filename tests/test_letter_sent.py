"""Letters as they leave: case by case, and as readers' programs see them."""

import contextlib
import email
import email.policy
import json
import os
import pty
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import mailparser
import pytest
from conftest import Result
from sending import SLUG, Desk, people
from servers import Postbox, postbox
from test_dkim import signed
from test_letter import RECIPIENT, SOURCES, compiled, message, parts, urls_for
from test_letter_cases import LETTER_MD, PEOPLE

from buzz.config import Settings
from buzz.core import letter as letters
from buzz.edges.store import Store, campaigns
from buzz.model import CampaignState
from buzz.pipeline.campaign import loading

MUTT = shutil.which("mutt")
BODY = '<h1 class="title">'
CASES = '{% if recipient.name in ["Blog 1", "Blog 3"] %}<p class="odd">impair</p>{% endif %}'


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    return Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)


def override(desk: Desk, added: str) -> None:
    """Let the workspace's own template say more, above the title."""
    folder = desk.settings.workspace / "templates"
    folder.mkdir(exist_ok=True)
    source = SOURCES["lettre.html.j2"]
    assert BODY in source
    (folder / "lettre.html.j2").write_text(source.replace(BODY, added + BODY), encoding="utf-8")


def line_of(text: str) -> int:
    source = SOURCES["lettre.html.j2"]
    return source.count("\n", 0, source.index(text)) + 1


# --- case by case -------------------------------------------------------------------------------


def test_the_check_says_where_a_template_decides_by_its_recipient(desk: Desk) -> None:
    desk.campaign(people(4))
    assert "template-cases" not in desk.run("campaign", "check", SLUG, "--offline").out
    override(desk, CASES)
    found = json.loads(desk.run("campaign", "check", SLUG, "--offline", "--json").out)
    (told,) = [one for one in found["findings"] if one["rule"] == "template-cases"]
    assert told["level"] == "warning"
    assert told["place"] == f"templates/lettre.html.j2:{line_of(BODY)}"


def test_each_recipient_gets_their_case_as_it_was_checked(desk: Desk) -> None:
    desk.campaign(people(5))
    override(desk, CASES)
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        desk.plan()
        with desk.store.read() as tx:
            frozen = campaigns.letters(tx, SLUG)
        assert desk.start().state is CampaignState.FINISHED
    assert frozen["fr"].source is not None
    hashes = {row.email: row.message_hash for row in desk.rows}
    odd = set()
    for mail in box.received:
        assert letters.message_hash(mail.content) == hashes[mail.rcpt_to]
        _text, html = parts(mail.content)
        if "impair" in html:
            odd.add(mail.rcpt_to)
    assert odd == {"blog0001@blogs.example", "blog0003@blogs.example"}


# The end of its time may fall into a destructor, where Python reports it instead of raising it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("added", "said"),
    [
        pytest.param(
            '{% if recipient.name == "Blog 2" %}'
            "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
            "{% endif %}",
            "s of computing (b0002)",
            id="loops",
        ),
        pytest.param(
            '{% if recipient.name == "Blog 2" %}{{ "%1000000000d" % 1 }}{% endif %}',
            "MB of memory (b0002)",
            id="memory",
        ),
        pytest.param(
            '{{ 1 // (0 if recipient.name == "Blog 2" else 1) }}', "by zero (b0002)", id="zero"
        ),
        pytest.param(
            '{{ {"Blog 0": 1, "Blog 1": 1, "your blog": 1, "votre blog": 1}[recipient.name] + 1 }}',
            "(b0002)",
            id="subscript",
        ),
    ],
)
def test_what_a_template_does_to_one_recipient_alone_stops_the_letter(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, added: str, said: str
) -> None:
    monkeypatch.setattr(loading, "COMPILE_CPU_S", 0.5)
    desk.campaign(people(3))
    override(desk, added)
    found = desk.run("campaign", "check", SLUG, "--offline", "--json")
    assert found.code == 5
    (told,) = json.loads(found.out)["findings"]
    assert told["rule"] == "templates"
    assert told["place"] == f"templates/lettre.html.j2:{line_of(BODY)}"
    assert said in told["what"]
    assert desk.run("send", "start", SLUG, "--confirm", SLUG).code == 5


# --- what readers' programs say -----------------------------------------------------------------


def samples() -> list[bytes]:
    """Return letters of all kinds as they leave: languages, templates, names, signatures."""
    found = []
    for language in ("fr", "en"):
        for template in ("lettre", "flash"):
            text = LETTER_MD.replace("language: fr", f"language: fr\ntemplate: {template}")
            letter = compiled(text, language=language)[1]
            for recipient in (RECIPIENT, *PEOPLE):
                octets = message(
                    recipient,
                    letter,
                    urls=urls_for(recipient, letter),
                    reply_to="Desk <desk@parti.example>",
                    unsubscribe_mailto="out@parti.example",
                )
                found.append(signed(octets))
    return found


SAMPLES = samples()


def test_no_line_of_a_head_is_longer_than_mail_wants() -> None:
    for octets in SAMPLES:
        for line in octets.partition(b"\r\n\r\n")[0].split(b"\r\n"):
            assert len(line) <= (76 if b"=?" in line else 998)  # RFC 2047 §2, RFC 5322 §2.1.1


def test_pythons_reader_finds_no_defect() -> None:
    for octets in SAMPLES:
        found = email.message_from_bytes(octets, policy=email.policy.default)
        for part in found.walk():
            assert not part.defects
            assert not [value.defects for value in part.values() if value.defects]


def test_mail_parser_reads_every_letter() -> None:
    for octets in SAMPLES:
        found = mailparser.parse_from_bytes(octets)
        assert not found.has_defects
        assert found.from_ == [("La Lettre du Buzz", "lettre@parti.example")]
        assert [address for _name, address in found.to] == ["jose@blog.example"]
        assert found.message_id == "<retraites.7@parti.example>"
        assert len(found.text_plain) == len(found.text_html) == 1
        assert not found.attachments
        text, html = parts(octets)
        assert found.text_plain[0].replace("\r\n", "\n") == text
        assert found.text_html[0].replace("\r\n", "\n") == html


if MUTT is not None:
    PROGRAM = MUTT

    def test_mutt_shows_every_letter(tmp_path: Path) -> None:
        """Its own words for what it cannot read begin with "[--"."""
        keys = "<tag-pattern>~A<enter><tag-prefix><pipe-message>cat >> seen<enter><exit>"
        (tmp_path / "muttrc").write_text(
            'set charset="utf-8"\nset folder="."\nset pipe_decode=yes\nset wait_key=no\n'
            f'set quit=yes\nalternative_order text/plain\npush "{keys}"\n'
        )
        lines = [
            b"From lettre@parti.example Mon Mar  2 09:00:00 2026\n"
            + octets.replace(b"\r\n", b"\n")
            + b"\n"
            for octets in SAMPLES
        ]
        (tmp_path / "box").write_bytes(b"".join(lines))
        ours, its = pty.openpty()
        with subprocess.Popen(
            [PROGRAM, "-n", "-F", "muttrc", "-R", "-f", "box"],
            cwd=tmp_path,
            env={
                "TERM": "xterm",
                "LANG": "C.UTF-8",
                "HOME": str(tmp_path),
                "PATH": "/usr/bin:/bin",
            },
            stdin=its,
            stdout=its,
            stderr=its,
        ) as mutt:
            os.close(its)
            patience = threading.Timer(30, mutt.kill)
            patience.start()
            with contextlib.suppress(OSError):  # what Linux says once mutt has gone
                while os.read(ours, 65_536):
                    pass
            assert mutt.wait() == 0
            patience.cancel()
        os.close(ours)
        seen = (tmp_path / "seen").read_text(encoding="utf-8")
        assert seen.count("Nos deux ans") >= len(SAMPLES)
        assert "[-- " not in seen


# --- what it costs ------------------------------------------------------------------------------


def test_the_benchmark_measures_what_it_names() -> None:
    from benchmarks import letter

    found = letter.measured(recipients=2, rounds=1)
    makers = {"spliced", "tokens", "cases", "spliced, RSA", "EmailMessage, premailer"}
    assert makers <= set(found["cpu_us"])
    assert all(us > 0 for us in found["cpu_us"].values())
    assert found["bytes"] > 20_000
