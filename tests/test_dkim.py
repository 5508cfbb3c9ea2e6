"""Signatures: made here and judged by another program, spoilt in every way, and never leaking."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import dkim as another  # dkimpy
import pytest
from conftest import Result
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given, settings
from sending import SLUG, Desk, people
from servers import Postbox, postbox
from test_letter import NAMES, NOW, RECIPIENT, TINY, message, urls_for
from test_letter_cases import looking

from buzz import config
from buzz.config import Settings
from buzz.core import dkim
from buzz.core import letter as letters
from buzz.edges import files, keys
from buzz.edges.store import Store
from buzz.errors import ConfigurationError
from buzz.model import CampaignState

RSA_PEM = keys.signing_key()
ED25519_PEM = keys.signing_key(is_ed25519=True)
SIGNERS = tuple(
    dkim.Signer(domain="parti.example", selector=selector, key=dkim.read_key(pem, "data/dkim.key"))
    for selector, pem in (("buzz", RSA_PEM), ("buzz-ed25519", ED25519_PEM))
)
RECORDS = {signer.record_name: signer.record for signer in SIGNERS}


def record_of(name: str) -> str:
    return RECORDS.get(name, "")


def judged_by_another(
    octets: bytes, records: Mapping[str, str] = RECORDS, count: int = 2
) -> list[bool]:
    """Return dkimpy's verdict on each signature."""

    def record(name: bytes, timeout: int = 5) -> bytes:
        return records.get(name.decode().rstrip("."), "").encode()

    verifier = another.DKIM(octets)
    verdicts = []
    for number in range(count):
        try:
            verdicts.append(verifier.verify(number, dnsfunc=record))
        except another.DKIMException:
            verdicts.append(False)
    return verdicts


def judged(octets: bytes) -> list[bool]:
    return [verdict.holds for verdict in dkim.verify(octets, record_of)]


def signed(octets: bytes) -> bytes:
    return dkim.sign(octets, SIGNERS, NOW)


# --- what holds ---------------------------------------------------------------------------------


@given(name=NAMES, source=NAMES)
@settings(max_examples=25, deadline=None)
def test_another_program_verifies_every_letter_of_ours(name: str, source: str) -> None:
    recipient = dataclasses.replace(RECIPIENT, name=name, source=source, needs_notice=True)
    octets = signed(message(recipient, reply_to="La rédaction <desk@parti.example>"))
    assert judged_by_another(octets) == judged(octets) == [True, True]
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.isascii()


def test_another_program_verifies_letters_rendered_case_by_case() -> None:
    for kind in ("equal", "filters", "loop"):
        _campaign, letter, _sources = looking(kind)
        octets = signed(message(letter=letter, urls=urls_for(RECIPIENT, letter)))
        assert judged_by_another(octets) == judged(octets) == [True, True]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\r\n\r\n", id="empty lines"),
        pytest.param(b"a  b\t c \t\r\n\r\n\r\n", id="blanks"),
        pytest.param(b"a", id="no line end"),
        pytest.param(b" \r\n a\r\n \r\n", id="a blank line at the end"),
    ],
)
def test_bodies_that_are_not_ours_are_read_as_the_standard_says(body: bytes) -> None:
    octets = signed(b"From:  x@y.example\r\nSubject: a\r\n\tb \r\n\r\n" + body)
    assert judged_by_another(octets) == judged(octets) == [True, True]


def test_what_another_program_signed_holds_here() -> None:
    octets = message().replace(b"\r\n\r\n--", b"\r\n\r\n-- \t x\r\n--", 1)
    header = another.sign(
        octets,
        b"buzz",
        b"parti.example",
        RSA_PEM.encode(),
        canonicalize=(b"relaxed", b"relaxed"),
    )
    assert judged(header + octets) == [True]


# RFC 8463 appendix A: the message, its first signature and the key that was published.
RFC_8463 = b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")
RFC_8463_RECORD = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def test_the_example_of_the_standard_holds() -> None:
    (verdict,) = dkim.verify(RFC_8463, lambda _name: RFC_8463_RECORD)
    assert verdict == dkim.Verdict(
        domain="football.example.com", selector="brisbane", algorithm="ed25519-sha256"
    )


# --- what is signed -----------------------------------------------------------------------------


def tags(octets: bytes) -> list[dict[str, str]]:
    heads = re.findall(
        r"^DKIM-Signature:(.*?)\r\n(?=\S)", octets.decode(), re.DOTALL | re.MULTILINE
    )
    return [dict(re.findall(r"(\w+)=([^;]*)", "".join(head.split()))) for head in heads]


def test_a_signature_is_of_the_kind_that_receivers_want() -> None:
    octets = signed(message(reply_to="desk@parti.example"))
    for found, algorithm in zip(tags(octets), ("rsa-sha256", "ed25519-sha256"), strict=True):
        assert found["a"] == algorithm
        assert found["c"] == "relaxed/relaxed"
        assert found["d"] == "parti.example"
        assert found["t"] == str(int(NOW.timestamp()))
        assert "l" not in found
        names = found["h"].split(":")
        assert {"List-Unsubscribe", "List-Unsubscribe-Post"} <= set(names)  # RFC 8058
        for name in dkim.OVERSIGNED:
            there = 1 if f"\r\n{name}: ".encode() in octets else 0
            assert names.count(name) == there + 1
        present = re.findall(rb"^([A-Za-z-]+):", octets.partition(b"\r\n\r\n")[0], re.MULTILINE)
        signatures = {b"DKIM-Signature"}
        assert {name.decode() for name in set(present) - signatures} <= set(names)


def spoilt(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def spoil(octets: bytes) -> bytes:
        assert old in octets
        return octets.replace(old, new, 1)

    return spoil


SPOILT: dict[str, Callable[[bytes], bytes]] = {
    "another From": spoilt(b"\r\nFrom: ", b"\r\nFrom: <x@y.example>\r\nFrom: "),
    "a From on top": lambda octets: b"From: <x@y.example>\r\n" + octets,
    "another subject": spoilt(b"\r\nSubject: ", b"\r\nSubject: x\r\nSubject: "),
    "a Reply-To": spoilt(b"\r\nFrom: ", b"\r\nReply-To: <x@y.example>\r\nFrom: "),
    "a copy": spoilt(b"\r\nFrom: ", b"\r\nCc: <x@y.example>\r\nFrom: "),
    "another way out": spoilt(b"/u/", b"/u/x"),
    "no one click": spoilt(b"List-Unsubscribe-Post: ", b"X-Unsubscribe-Post: "),
    "another date": spoilt(b"Date: Mon", b"Date: Tue"),
    "another recipient": spoilt(b"jose@", b"jane@"),
    "another body": spoilt(b"<h1", b"<h2"),
    "a longer body": lambda octets: octets + b"x\r\n",
    "another signature": spoilt(b"\r\n b=", b"\r\n b=BBBB"),
    "another domain": spoilt(b"d=parti.example", b"d=autre.example"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_was_changed_on_the_way_does_not_hold(spoil: Callable[[bytes], bytes]) -> None:
    octets = spoil(dkim.sign(message(), SIGNERS[:1], NOW))
    (verdict,) = dkim.verify(octets, record_of)
    assert verdict.reason
    assert judged_by_another(octets, count=1) == [False]


def test_a_key_that_is_not_published_or_is_nonsense_is_said() -> None:
    octets = signed(message(letter=TINY, urls=urls_for(RECIPIENT, TINY)))
    for record in ("", "v=DKIM1; p=", "v=DKIM1; k=rsa; p=AAAA", "v=DKIM1; k=ed25519; p=é"):
        assert not any(verdict.holds for verdict in dkim.verify(octets, lambda _name: record))  # noqa: B023  (used at once)
    assert dkim.verify(message(), record_of) == ()


def test_the_hash_of_a_message_leaves_its_signatures_aside() -> None:
    plain = message()
    later = dkim.sign(message(date=NOW + timedelta(hours=1)), SIGNERS, NOW + timedelta(hours=1))
    assert letters.message_hash(later) == letters.message_hash(plain)
    forged = b"X-" + later
    assert letters.message_hash(forged) != letters.message_hash(plain)


# --- keys ---------------------------------------------------------------------------------------


def test_records_are_those_of_the_standards() -> None:
    assert re.fullmatch(r"v=DKIM1; k=rsa; p=[A-Za-z0-9+/]{392}", SIGNERS[0].record)
    assert re.fullmatch(r"v=DKIM1; k=ed25519; p=[A-Za-z0-9+/]{43}=", SIGNERS[1].record)
    assert SIGNERS[0].record_name == "buzz._domainkey.parti.example"


def pem_of(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, password: bytes = b"") -> str:
    how: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        how = serialization.BestAvailableEncryption(password)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how
    ).decode()


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(
            pem_of(rsa.generate_private_key(65537, 1024)),  # noqa: S505  (what is refused)
            id="1024 bits",
        ),
        pytest.param(pem_of(ec.generate_private_key(ec.SECP256R1())), id="another kind"),
        pytest.param(
            pem_of(ec.generate_private_key(ec.SECP256R1()), b"pass"), id="with a password"
        ),
        pytest.param("canary", id="no key"),
        pytest.param(RSA_PEM[:400], id="half a key"),
        pytest.param("é", id="no ASCII"),
    ],
)
def test_a_key_that_will_not_do_is_refused(pem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        dkim.read_key(pem, "data/dkim.key")
    assert caught.value.place == "data/dkim.key"
    assert pem not in str(caught.value)


# --- in a workspace -----------------------------------------------------------------------------


@pytest.fixture
def desk(
    settings: Settings,
    store: Store,
    run: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
) -> Desk:
    return Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)


def with_keys(desk: Desk) -> None:
    files.write(desk.settings.data / "dkim.key", RSA_PEM)
    files.write(desk.settings.data / "dkim-ed25519.key", ED25519_PEM)
    desk.set(
        dkim_domain="parti.example",
        dkim_key_file="data/dkim.key",
        dkim_ed25519_key_file="data/dkim-ed25519.key",
    )


def test_a_campaign_is_signed_and_is_still_what_was_checked(desk: Desk) -> None:
    with_keys(desk)
    desk.campaign(people(12))
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        desk.plan()
        assert desk.start().state is CampaignState.FINISHED
    hashes = {row.email: row.message_hash for row in desk.rows}
    assert len(box.received) == 12
    for mail in box.received:
        assert judged_by_another(mail.content) == [True, True]
        assert letters.message_hash(mail.content) == hashes[mail.rcpt_to]


def test_a_test_message_says_whether_its_signatures_hold(desk: Desk) -> None:
    desk.campaign(people(1))
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        plain = desk.run("campaign", "test", SLUG, "--to", "moi@parti.example")
        assert "DKIM" not in plain.err
        with_keys(desk)
        found = desk.run("campaign", "test", SLUG, "--to", "moi@parti.example")
    assert "DKIM parti.example, buzz (rsa-sha256): the signature holds\n" in found.err
    assert "DKIM parti.example, buzz-ed25519 (ed25519-sha256): the signature holds" in found.err
    assert judged_by_another(box.received[1].content) == [True, True]


@pytest.mark.parametrize("spoil", ["others can read it", "it is gone", "it is no key"])
def test_without_a_good_key_nothing_is_sent(desk: Desk, spoil: str) -> None:
    with_keys(desk)
    path = desk.settings.data / "dkim.key"
    match spoil:
        case "others can read it":
            path.chmod(0o640)
        case "it is gone":
            path.unlink()
        case _:
            path.write_text("canary")
    desk.campaign(people(2))
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port)
        started = desk.run("send", "start", SLUG, "--confirm", SLUG)
    assert started.code == 7
    assert not box.received
    assert "data/dkim.key" in started.err
    checked = desk.run("config", "check")
    assert checked.code == 7
    assert "data/dkim.key" in checked.out
    for text in (started.out, started.err, checked.out, checked.err):
        assert "canary" not in text
        assert "PRIVATE KEY" not in text


@pytest.mark.parametrize("kind", ["", "ed25519"])
def test_a_key_is_made_once_and_its_record_shown(
    workspace: Path, run: Callable[..., Result], kind: str
) -> None:
    options = [f"--{kind}"] if kind else []
    name, selector = (f"dkim-{kind}.key", f"buzz-{kind}") if kind else ("dkim.key", "buzz")
    prefix = f"{kind}_" if kind else ""
    tried = run("config", "dkim-key", *options, "--dry-run")
    path = workspace / "data" / name
    assert (tried.code, path.exists()) == (0, False)
    made = run("config", "dkim-key", *options)
    assert path.stat().st_mode & 0o777 == 0o600
    key = dkim.read_key(path.read_text(), "")
    lines = made.out.splitlines()
    record = dkim.dns_record(key.public_key())
    assert lines[0] == f"{selector}._domainkey.parti.example. TXT {record}"
    toml = (workspace / "buzz.toml").read_text()
    (workspace / "buzz.toml").write_text("\n".join([toml, "[dkim]", *lines[1:], ""]))
    (signer,) = config.load(workspace).signers
    assert (signer.domain, signer.selector, signer.record) == ("parti.example", selector, record)
    assert f'{prefix}key_file = "data/{name}"' in lines
    assert "PRIVATE" not in made.out + made.err
    assert run("config", "dkim-key", *options).code == 2


def test_a_key_is_told_to_programs(run: Callable[..., Result]) -> None:
    said = json.loads(run("config", "dkim-key", "--json").out)
    assert said["path"] == "data/dkim.key"
    assert said["record"].startswith("v=DKIM1; k=rsa; p=")
    assert said["settings"]["domain"] == "parti.example"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"DOMAIN": "parti.example"}, "[dkim] key_file"),
        ({"KEY_FILE": "data/dkim.key"}, "[dkim] domain"),
        ({"DOMAIN": "a b", "KEY_FILE": "x"}, "[dkim] domain"),
        ({"SELECTOR": "a;b"}, "[dkim] selector"),
        ({"SELECTOR": "a", "ED25519_SELECTOR": "a"}, "[dkim] ed25519_selector"),
    ],
)
def test_settings_that_cannot_sign_are_refused(
    workspace: Path, values: Mapping[str, str], said: str
) -> None:
    environ = {f"BUZZ_DKIM_{key}": value for key, value in values.items()}
    with pytest.raises(ConfigurationError) as caught:
        config.load(workspace, environ)
    assert any(said in line for line in caught.value.details)


def test_without_a_domain_nobody_signs(settings: Settings) -> None:
    assert settings.signers == ()
    assert dkim.sign(b"Subject: a\r\n\r\nb", (), NOW) == b"Subject: a\r\n\r\nb"
