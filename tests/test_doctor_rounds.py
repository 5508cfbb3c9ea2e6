"""The doctor's rounds over real counterparts: a name server, mail servers, the service itself."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from conftest import Result
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from sentletter import NOW, serving
from servers import PASSWORD, USER, Postbox, client_context, free_port, postbox

from buzz import config
from buzz.config import Settings
from buzz.core.delivery import address_hash
from buzz.core.doctor import Answer, Health, Offer, Question
from buzz.edges import keys, smtp
from buzz.edges.dns import Resolver
from buzz.edges.smtp.looking import look
from buzz.edges.store import Store, campaigns, doctor, suppressions
from buzz.errors import ConfigurationError, UsageError
from buzz.pipeline import doctor as rounds
from buzz.pipeline import privacy
from buzz.pipeline.doctor import selftest


def silence(_question: Question) -> Answer:
    return Answer(trouble="no name server answers")


# --- the DNS --------------------------------------------------------------------------------------


@contextmanager
def name_server(zone: Mapping[tuple[str, str], tuple[str, ...]]) -> Iterator[int]:
    """Answer questions over UDP: NXDOMAIN for unknown names, SERVFAIL below ``broken.``."""
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.bind(("127.0.0.1", 0))
    names = {name for name, _kind in zone}

    def serve() -> None:
        while True:
            data, client = line.recvfrom(4096)
            if not data:
                return
            query = dns.message.from_wire(data)
            asked = query.question[0]
            name, kind = asked.name.to_text(omit_final_dot=True), asked.rdtype.name
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.RA
            if name.startswith("broken."):
                reply.set_rcode(dns.rcode.SERVFAIL)
            elif name not in names:
                reply.set_rcode(dns.rcode.NXDOMAIN)
            elif (name, kind) in zone:
                reply.answer.append(
                    dns.rrset.from_text(asked.name, 60, "IN", kind, *zone[name, kind])
                )
            line.sendto(reply.to_wire(), client)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield line.getsockname()[1]
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", line.getsockname())
        thread.join()
        line.close()


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (Question("parti.fr", "TXT"), Answer(("v=spf1 -all",))),
        (Question("parti.fr", "MX"), Answer(("10 mx.parti.fr.",))),
        (Question("parti.fr", "A"), Answer()),
        (Question("nowhere.fr", "TXT"), Answer(exists=False)),
        (Question("192.0.2.25", "PTR"), Answer(("mail.parti.fr.",))),
    ],
    ids=["strings are joined", "mx", "no such record", "no such name", "reverse"],
)
def test_what_a_name_server_says(question: Question, answer: Answer) -> None:
    zone = {
        ("parti.fr", "TXT"): ('"v=spf1 " "-all"',),
        ("parti.fr", "MX"): ("10 mx.parti.fr.",),
        ("25.2.0.192.in-addr.arpa", "PTR"): ("mail.parti.fr.",),
    }
    with name_server(zone) as port:
        assert Resolver(("127.0.0.1",), port).ask(question) == answer


@pytest.mark.parametrize("name", ["broken.fr", "a..b", "x" * 70 + ".fr", "é\x00.fr"])
def test_what_cannot_be_asked_is_trouble_and_no_error(name: str) -> None:
    with name_server({}) as port:
        found = Resolver(("127.0.0.1",), port).ask(Question(name, "TXT"))
    assert found.trouble or not found.exists


def test_each_question_is_asked_once() -> None:
    with name_server({("parti.fr", "TXT"): ('"a"',)}) as port:
        resolver = Resolver(("127.0.0.1",), port)
        first = resolver.ask(Question("parti.fr", "TXT"))
    assert resolver.ask(Question("parti.fr", "TXT")) == first


# --- keys -----------------------------------------------------------------------------------------


def pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def test_the_public_half_of_our_keys(tmp_path: Path) -> None:
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "rsa.pem").write_bytes(pem(made))
    (tmp_path / "ed.pem").write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    pairs = (("s1", "rsa.pem"), ("s2", "ed.pem"), ("", "other.pem"), ("s3", ""))
    found = rounds.published("parti.fr", pairs, tmp_path)
    assert [(key.selector, key.algorithm, key.bits) for key in found] == [
        ("s1", "rsa", 2048),
        ("s2", "ed25519", 256),
    ]


def test_what_is_no_key_says_so(tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1())
    locked = curve.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for content in (b"nothing", pem(curve), locked):
        (tmp_path / "key.pem").write_bytes(content)
        with pytest.raises(ConfigurationError, match="no key to sign with"):
            keys.public_key(tmp_path / "key.pem")
    with pytest.raises(ConfigurationError):
        keys.public_key(tmp_path / "missing.pem")


# --- the next hop ---------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_what_a_server_offers(tls: str) -> None:
    with postbox(Postbox(), tls=tls, auth=tls != "none") as port:
        server = smtp.Server(
            host="localhost",
            port=port,
            tls=tls,  # type: ignore[arg-type]  # one of the three
            username=USER if tls != "none" else "",
            password=PASSWORD,
            tls_context=client_context(),
        )
        offer = asyncio.run(look(server))
    assert isinstance(offer, Offer)
    assert {"size", "8bitmime", "smtputf8", "pipelining"} <= set(offer.extensions)
    assert bool(offer.tls) is (tls != "none")
    assert (offer.certificate_until is not None) is (tls != "none")


def test_a_server_that_is_away_is_an_error_with_a_remedy(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_SMTP_PORT", str(free_port()))
    found = rounds.examine(config.load(settings.workspace), store, NOW, "smtp")
    (refused,) = (check for check in found if check.rule == "smtp")
    assert refused.health is Health.ERROR
    assert refused.remedy


def test_a_server_that_is_well(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postbox(Postbox()) as port:
        monkeypatch.setenv("BUZZ_SMTP_PORT", str(port))
        found = rounds.examine(config.load(settings.workspace), store, NOW, "smtp")
    assert {check.health for check in found if check.rule != "python"} == {Health.OK}


# --- unsubscribing --------------------------------------------------------------------------------


def at(settings: Settings, port: int) -> Settings:
    web = replace(settings.web, base_url=f"http://127.0.0.1:{port}")
    return replace(settings, web=web)


def left_behind(settings: Settings, store: Store) -> bool:
    with store.read() as tx:
        hash_ = address_hash(settings.secret, doctor.EMAIL)
        return bool(campaigns.all_campaigns(tx) or suppressions.contains(tx, (hash_,)))


@pytest.mark.both_databases
def test_unsubscribing_is_tried_and_leaves_no_trace(settings: Settings, store: Store) -> None:
    with serving(settings, store) as service:
        tried = selftest.run(at(settings, service.port), store, NOW)
    assert (tried.status, tried.stopped_by_get) == (200, False)
    assert {(p.status, p.stopped, p.cookies) for p in tried.posted.values()} == {(200, True, False)}
    assert set(tried.posted) == {"application/x-www-form-urlencoded", "multipart/form-data"}
    assert not left_behind(settings, store)


def test_the_test_can_fail(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privacy, "stop_letter", privacy_reader)
    with serving(settings, store) as service:
        tried = selftest.run(at(settings, service.port), store, NOW)
    assert {(p.status, p.stopped) for p in tried.posted.values()} == {(200, False)}


def privacy_reader(settings: Settings, store: Store, token: object, _now: object) -> object:
    """Show the page and stop nothing."""
    return privacy.reader(settings, store, token)  # type: ignore[arg-type]  # a token's payload


def test_a_get_that_unsubscribes_is_found_out(
    settings: Settings, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = privacy.reader

    def reader(settings: Settings, store: Store, token: object) -> object:
        privacy.stop_letter(settings, store, token, NOW)  # type: ignore[arg-type]  # as above
        return shown(settings, store, token)  # type: ignore[arg-type]  # as above

    monkeypatch.setattr(privacy, "reader", reader)
    with serving(settings, store) as service:
        assert selftest.run(at(settings, service.port), store, NOW).stopped_by_get


@pytest.mark.parametrize("allowed", [True, False])
def test_a_service_that_cannot_be_reached(
    settings: Settings,
    store: Store,
    allowed: bool,  # noqa: FBT001  (a parameter of the table)
) -> None:
    if not allowed:  # the guard lets nobody into private networks
        settings = replace(settings, poll=replace(settings.poll, allow_networks=()))
    tried = selftest.run(at(settings, free_port()), store, NOW)
    assert tried.status == 0
    assert tried.error
    assert not left_behind(settings, store)


def test_whom_a_killed_test_has_left_goes_with_the_next(settings: Settings, store: Store) -> None:
    with store.write() as tx:
        doctor.admit(tx, NOW)
    selftest.run(at(settings, free_port()), store, NOW)
    assert not left_behind(settings, store)


# --- all of it ------------------------------------------------------------------------------------


def test_a_template_that_does_not_tell_is_named(settings: Settings, store: Store) -> None:
    own = settings.workspace / "templates"
    own.mkdir()
    (own / "lettre.txt.j2").write_text("Hello {{ recipient.name }}")
    found = rounds.examine(settings, store, NOW, "legal")
    assert [c.place for c in found if c.rule == "notice"] == [str(own / "lettre.txt.j2")]


def test_every_area_is_looked_at(settings: Settings, store: Store) -> None:
    settings = replace(settings, sender=replace(settings.sender, from_="Lettre <l@parti.fr>"))
    found = rounds.examine(settings, store, NOW, ask=silence)
    assert [*dict.fromkeys(check.area for check in found)] == list(rounds.AREAS)
    with pytest.raises(UsageError):
        rounds.examine(settings, store, NOW, "teeth")


def test_through_the_front_door(workspace: Path, run: Callable[..., Result]) -> None:
    well = run("doctor", "legal", "--json")
    assert (well.code, json.loads(well.out)["errors"]) == (0, 0)
    result = run("doctor", "dns")
    assert result.code == 5
    assert "kept for examples" in result.out
    assert "Gmail" not in run("doctor", "legal").out
    french = run("doctor", "dns", "--lang", "fr")
    assert "réservé aux exemples" in french.out
    assert run("doctor", "teeth").code == 2
