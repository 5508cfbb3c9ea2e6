"""The doctor's findings over recorded answers: each fault is found, and each remedy is sound."""

import base64
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from buzz.core import doctor as core
from buzz.core.doctor import (
    Answer,
    Check,
    Health,
    Key,
    Offer,
    Question,
    SelfTest,
    Sender,
    checks,
    dkim,
    dmarc,
    hosts,
    spf,
)
from buzz.core.doctor.service import Posted
from buzz.pipeline.doctor import answered

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
Zone = Mapping[tuple[str, str], tuple[str, ...]]


def asked(zone: Zone, trouble: frozenset[str] = frozenset()) -> Callable[[Question], Answer]:
    """Return a resolver that knows these records, and no other name."""
    known = {name for name, _kind in zone}

    def ask(question: Question) -> Answer:
        if question.name in trouble:
            return Answer(trouble="no name server answers")
        records = zone.get((question.name, question.kind), ())
        return Answer(records, exists=question.name in known)

    return ask


def rules(found: list[Check] | tuple[Check, ...]) -> dict[str, Health]:
    order = [Health.OK, Health.UNKNOWN, Health.WARNING, Health.ERROR]
    worst: dict[str, Health] = {}
    for check in found:
        worst[check.rule] = max(worst.get(check.rule, Health.OK), check.health, key=order.index)
    return worst


def sound(found: list[Check] | tuple[Check, ...]) -> None:
    """Make sure that each fault says why it matters and what to do."""
    for check in found:
        assert check.what
        assert check.place
        if check.health in {Health.ERROR, Health.WARNING}:
            assert check.why, check
            assert check.remedy or check.record, check


# --- SPF ------------------------------------------------------------------------------------------

DOMAIN = "parti.fr"


def of_spf(*records: str, more: Zone | None = None) -> list[Check]:
    zone = {(DOMAIN, "TXT"): records, **(more or {})}
    found = answered(spf.check(DOMAIN, "mail.parti.fr"), asked(zone))
    sound(found)
    return found


def included(count: int) -> Zone:
    return {(f"i{n}.example.org", "TXT"): ("v=spf1 ip4:192.0.2.1 -all",) for n in range(count)}


def including(count: int) -> str:
    return "v=spf1 " + " ".join(f"include:i{n}.example.org" for n in range(count)) + " -all"


@pytest.mark.parametrize(
    ("records", "more", "rule", "health"),
    [
        (("v=spf1 ip4:192.0.2.25 -all",), {}, "spf-all", Health.OK),
        (("v=spf1 ip4:192.0.2.25 ~all", "google-site=x"), {}, "spf-lookups", Health.OK),
        ((), {}, "spf", Health.ERROR),
        (("v=spf10 -all",), {}, "spf", Health.ERROR),
        (("v=spf1 -all", "v=spf1 a -all"), {}, "spf-one", Health.ERROR),
        (("v=spf1 +all",), {}, "spf-all", Health.ERROR),
        (("v=spf1 all",), {}, "spf-all", Health.ERROR),
        (("v=spf1 ?all",), {}, "spf-all", Health.WARNING),
        (("v=spf1 ip4:192.0.2.25",), {}, "spf-all", Health.WARNING),
        (("v=spf1 ptr -all",), {}, "spf-ptr", Health.WARNING),
        (("v=spf1 ip4:1.2.3.4 nonsense -all",), {}, "spf-syntax", Health.ERROR),
        (("v=spf1 include:nowhere.example.org -all",), {}, "spf-syntax", Health.ERROR),
        (("v=spf1 include:parti.fr -all",), {}, "spf-syntax", Health.ERROR),
        ((including(8),), included(8), "spf-lookups", Health.OK),
        ((including(10),), included(10), "spf-lookups", Health.WARNING),
        ((including(11),), included(11), "spf-lookups", Health.ERROR),
        (("v=spf1 a:x.fr mx:y.fr a:z.fr -all",), {}, "spf-voids", Health.ERROR),
        (
            ("v=spf1 redirect=other.fr",),
            {("other.fr", "TXT"): ("v=spf1 +all",)},
            "spf-all",
            Health.ERROR,
        ),
        (("v=spf1 exp=why.parti.fr exists:%{i}.x.fr -all",), {}, "spf-lookups", Health.OK),
    ],
)  # fmt: skip
def test_spf(records: tuple[str, ...], more: Zone, rule: str, health: Health) -> None:
    assert rules(of_spf(*records, more=more))[rule] is health


def test_lookups_of_included_records_count() -> None:
    more = {
        ("a.fr", "TXT"): ("v=spf1 a mx include:b.fr -all",),
        ("b.fr", "TXT"): ("v=spf1 a:c.fr ptr ~all",),
        ("a.fr", "A"): ("192.0.2.1",),
        ("a.fr", "MX"): ("10 a.fr.",),
        ("c.fr", "A"): ("192.0.2.2",),
    }
    (count,) = (c for c in of_spf("v=spf1 include:a.fr -all", more=more) if c.rule == "spf-lookups")
    assert count.what.startswith("6 ")


def test_a_record_that_includes_itself_for_ever_ends() -> None:
    more = {(f"{n}.fr", "TXT"): (f"v=spf1 include:{n + 1}.fr -all",) for n in range(50)}
    assert rules(of_spf("v=spf1 include:0.fr -all", more=more))["spf-lookups"] is Health.ERROR


def test_a_dns_that_is_away_says_nothing_against_us() -> None:
    ask = asked({(DOMAIN, "TXT"): ("v=spf1 include:a.fr -all",)}, frozenset({"a.fr"}))
    assert rules(answered(spf.check(DOMAIN, ""), ask))["spf-lookups"] is Health.UNKNOWN


def test_the_record_to_publish_is_one_that_passes() -> None:
    (missing,) = of_spf()
    value = re.findall(r'"([^"]*)"', missing.record)[0]
    again = of_spf(value, more={("mail.parti.fr", "A"): ("192.0.2.25",)})
    assert set(rules(again).values()) == {Health.OK}


def test_a_machine_without_a_name_is_not_to_be_published() -> None:
    (missing,) = answered(spf.check(DOMAIN, "localhost"), asked({}))
    assert "localhost" not in missing.record
    assert "include:" in missing.record


# --- DKIM -----------------------------------------------------------------------------------------


def der(bits: int) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits).public_key()
    raw = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


RSA_KEY = Key(domain=DOMAIN, selector="s1", algorithm="rsa", public_key=der(2048), bits=2048)
ED = ed25519.Ed25519PrivateKey.generate().public_key()
ED_RAW = base64.b64encode(ED.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()
ED_DER = base64.b64encode(ED.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
ED_KEY = Key(domain=DOMAIN, selector="s2", algorithm="ed25519", public_key=ED_RAW, bits=256)


@pytest.mark.parametrize(
    ("key", "records", "health"),
    [
        (RSA_KEY, (f"v=DKIM1; k=rsa; p={RSA_KEY.public_key}",), Health.OK),
        (RSA_KEY, (f"p={RSA_KEY.public_key[:40]} {RSA_KEY.public_key[40:]}",), Health.OK),
        (ED_KEY, (f"v=DKIM1; k=ed25519; p={ED_RAW}",), Health.OK),
        (ED_KEY, (f"v=DKIM1; k=ed25519; p={ED_DER}",), Health.OK),
        (ED_KEY, (f"v=DKIM1; p={ED_RAW}",), Health.ERROR),
        (RSA_KEY, (), Health.ERROR),
        (RSA_KEY, ("v=DKIM1; p=",), Health.ERROR),
        (RSA_KEY, (f"v=DKIM1; p={der(2048)}",), Health.ERROR),
        (RSA_KEY, ("v=DKIM1; p=not base64!",), Health.ERROR),
        (RSA_KEY, (f"v=DKIM1; h=sha1; p={RSA_KEY.public_key}",), Health.ERROR),
        (RSA_KEY, (f"p={RSA_KEY.public_key}", f"p={ED_RAW}"), Health.ERROR),
        (RSA_KEY, (f"v=DKIM1; t=y; p={RSA_KEY.public_key}",), Health.WARNING),
    ],
)
def test_dkim_key(key: Key, records: tuple[str, ...], health: Health) -> None:
    found = answered(dkim.check((key,)), asked({(key.name, "TXT"): records}))
    sound(found)
    assert rules(found)["dkim-key"] is health


@pytest.mark.parametrize("key", [RSA_KEY, ED_KEY], ids=["rsa", "ed25519"])
def test_the_dkim_record_to_publish_is_one_that_passes(key: Key) -> None:
    assert all(len(piece) <= 255 for piece in re.findall(r'"([^"]*)"', key.record))
    value = "".join(re.findall(r'"([^"]*)"', key.record))
    found = answered(dkim.check((key,)), asked({(key.name, "TXT"): (value,)}))
    assert rules(found) == {"dkim-key": Health.OK}


def test_a_short_key_is_too_short() -> None:
    short = replace(RSA_KEY, public_key=der(1024), bits=1024)
    zone = {(short.name, "TXT"): (f"v=DKIM1; p={short.public_key}",)}
    found = answered(dkim.check((short,)), asked(zone))
    sound(found)
    assert rules(found) == {"dkim-key": Health.OK, "dkim-bits": Health.ERROR}


def test_who_does_not_sign_is_told() -> None:
    found = answered(dkim.check(()), asked({}))
    sound(found)
    assert rules(found) == {"dkim": Health.WARNING}


# --- DMARC ----------------------------------------------------------------------------------------


def policies(**records: str) -> Zone:
    """Return a zone: names with ``__`` for a dot."""
    return {
        (f"_dmarc.{name.replace('__', '.')}", "TXT"): (value,) for name, value in records.items()
    }


@pytest.mark.parametrize(
    ("zone", "start", "organization", "policy"),
    [
        (policies(), "a.mail.parti.fr", "a.mail.parti.fr", None),
        (policies(parti__fr="v=DMARC1;p=reject"), "parti.fr", "parti.fr", "parti.fr"),
        (policies(parti__fr="v=DMARC1;p=reject"), "a.mail.parti.fr", "parti.fr", "parti.fr"),
        (
            policies(mail__parti__fr="v=DMARC1;p=none", parti__fr="v=DMARC1;p=reject"),
            "a.mail.parti.fr", "parti.fr", "parti.fr",
        ),
        (
            policies(mail__parti__fr="v=DMARC1;psd=n", parti__fr="v=DMARC1;p=reject"),
            "a.mail.parti.fr", "mail.parti.fr", "mail.parti.fr",
        ),
        (policies(fr="v=DMARC1;psd=y"), "a.mail.parti.fr", "parti.fr", "fr"),
        (policies(gouv__fr="v=DMARC1;psd=y;p=reject"), "gouv.fr", "gouv.fr", "gouv.fr"),
        (
            policies(gouv__fr="v=DMARC1;psd=y", ville__gouv__fr="v=DMARC1;p=none"),
            "x.ville.gouv.fr", "ville.gouv.fr", "ville.gouv.fr",
        ),
        (policies(parti__fr="V=DMARC1;p=none"), "parti.fr", "parti.fr", None),
        (policies(parti__fr="v=dmarc1;p=none"), "parti.fr", "parti.fr", None),
        (policies(parti__fr="p=none;v=DMARC1"), "parti.fr", "parti.fr", None),
        (policies(parti__fr=" v = DMARC1 ; p = none"), "parti.fr", "parti.fr", "parti.fr"),
    ],
)  # fmt: skip
def test_tree_walk(zone: Zone, start: str, organization: str, policy: str | None) -> None:
    walk = answered(dmarc.walk(start), asked(zone))
    assert walk.organization == organization
    assert (walk.policy and walk.policy[0]) == policy


@given(st.integers(1, 40))
def test_a_walk_asks_at_most_eight_times_and_ends_at_the_top(labels: int) -> None:
    domain = ".".join(f"l{n}" for n in range(labels))
    names = dmarc.names(domain)
    assert len(names) == min(labels, dmarc.MAX_QUESTIONS)
    assert names[0] == domain
    assert names[-1] == f"l{labels - 1}"


FULL = "v=DMARC1; p=reject; rua=mailto:dmarc@parti.fr"


@pytest.mark.parametrize(
    ("record", "rule", "health"),
    [
        (FULL, "dmarc-policy", Health.OK),
        ("v=DMARC1; p=none; rua=mailto:d@parti.fr", "dmarc-policy", Health.WARNING),
        ("v=DMARC1; rua=mailto:d@parti.fr", "dmarc-policy", Health.WARNING),
        ("v=DMARC1; p=rejct; rua=mailto:d@parti.fr", "dmarc-policy", Health.ERROR),
        (f"{FULL}; pct=50", "dmarc-old", Health.WARNING),
        (f"{FULL}; t=y", "dmarc-test", Health.WARNING),
        ("v=DMARC1; p=reject", "dmarc-reports", Health.WARNING),
        ("nothing of the kind", "dmarc", Health.ERROR),
    ],
)
def test_dmarc(record: str, rule: str, health: Health) -> None:
    found = answered(dmarc.check(DOMAIN, DOMAIN, (DOMAIN,)), asked(policies(parti__fr=record)))
    sound(found)
    assert rules(found)[rule] is health


def test_a_subdomain_has_the_policy_for_subdomains() -> None:
    zone = policies(parti__fr="v=DMARC1; p=reject; sp=none; rua=mailto:d@parti.fr")
    found = answered(dmarc.check("lettre.parti.fr", "lettre.parti.fr", ()), asked(zone))
    assert rules(found)["dmarc-policy"] is Health.WARNING


def test_two_records_are_none() -> None:
    zone = {("_dmarc.parti.fr", "TXT"): (FULL, FULL)}
    found = answered(dmarc.check(DOMAIN, DOMAIN, ()), asked(zone))
    sound(found)
    assert rules(found) == {"dmarc-one": Health.ERROR, "dmarc": Health.ERROR}


@pytest.mark.parametrize(
    ("record", "path", "signed", "expected"),
    [
        (FULL, "parti.fr", ("parti.fr",), {"alignment-spf": "ok", "alignment-dkim": "ok"}),
        (FULL, "b.parti.fr", ("m.parti.fr",), {"alignment-spf": "ok", "alignment-dkim": "ok"}),
        (FULL, "esp.net", ("parti.fr",), {"alignment-spf": "warning", "alignment-dkim": "ok"}),
        (FULL, "parti.fr", ("esp.net",), {"alignment-spf": "ok", "alignment-dkim": "warning"}),
        (FULL, "esp.net", ("esp.net",), {"alignment": "error"}),
        (FULL, "parti.fr", (), {"alignment-spf": "ok"}),
        (f"{FULL}; aspf=s", "b.parti.fr", ("parti.fr",), {"alignment-spf": "warning"}),
        (f"{FULL}; adkim=s", "parti.fr", ("m.parti.fr",), {"alignment-dkim": "warning"}),
    ],
)
def test_alignment(
    record: str, path: str, signed: tuple[str, ...], expected: dict[str, str]
) -> None:
    found = answered(dmarc.check(DOMAIN, path, signed), asked(policies(parti__fr=record)))
    sound(found)
    told = rules(found)
    assert expected.items() <= {rule: health.value for rule, health in told.items()}.items()


# --- hosts ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "health"),
    [
        ({(DOMAIN, "MX"): ("10 mx.parti.fr.",)}, Health.OK),
        ({(DOMAIN, "A"): ("192.0.2.25",)}, Health.OK),
        ({(DOMAIN, "MX"): ("0 .",)}, Health.ERROR),
        ({}, Health.ERROR),
    ],
    ids=["mx", "address", "null mx", "nothing"],
)
def test_who_takes_mail(zone: Zone, health: Health) -> None:
    found = answered(hosts.mail_exchangers(DOMAIN, "Parti.FR."), asked(zone))
    sound(found)
    assert [check.health for check in found] == [health]


HOST, IP = "mail.parti.fr", "192.0.2.25"


@pytest.mark.parametrize(
    ("zone", "health"),
    [
        ({(HOST, "A"): (IP,), (IP, "PTR"): (f"{HOST}.",)}, Health.OK),
        ({(HOST, "A"): (IP,)}, Health.ERROR),
        ({(HOST, "A"): (IP,), (IP, "PTR"): ("other.fr.",)}, Health.ERROR),
        ({}, Health.ERROR),
    ],
    ids=["there and back", "no name", "elsewhere", "no address"],
)
def test_reverse_dns(zone: Zone, health: Health) -> None:
    found = answered(hosts.reverse(HOST), asked(zone))
    sound(found)
    assert [check.health for check in found] == [health]


def test_everything_about_a_good_domain_is_well() -> None:
    zone: Zone = {
        (DOMAIN, "TXT"): ("v=spf1 a:mail.parti.fr -all",),
        (HOST, "A"): (IP,),
        (IP, "PTR"): (f"{HOST}.",),
        (RSA_KEY.name, "TXT"): (f"v=DKIM1; p={RSA_KEY.public_key}",),
        (ED_KEY.name, "TXT"): (f"v=DKIM1; k=ed25519; p={ED_RAW}",),
        (DOMAIN, "MX"): ("10 mail.parti.fr.",),
        **policies(parti__fr=FULL),
    }
    asking = core.dns(
        author_domain=DOMAIN, return_domain=DOMAIN, keys=(RSA_KEY, ED_KEY), own_host=HOST
    )
    found = answered(asking, asked(zone))
    assert set(rules(found).values()) == {Health.OK}
    assert {check.area for check in found} == {"dns"}


def test_when_no_name_server_answers_nothing_is_said_to_be_wrong() -> None:
    asking = core.dns(author_domain=DOMAIN, return_domain="b.fr", keys=(RSA_KEY,), own_host=HOST)
    found = answered(asking, lambda _question: Answer(trouble="no name server answers"))
    assert {check.health for check in found} == {Health.UNKNOWN}


def test_the_examples_domain_is_named_and_nothing_is_asked() -> None:
    def ask(question: Question) -> Answer:
        raise AssertionError(question)

    asking = core.dns(author_domain="parti.example", return_domain="x.fr", keys=(), own_host="")
    found = answered(asking, ask)
    sound(found)
    assert rules(found) == {"sender": Health.ERROR}


@given(st.text(max_size=80), st.text(max_size=200))
def test_any_record_can_be_read(name: str, value: str) -> None:
    zone = {
        ("_dmarc.parti.fr", "TXT"): (f"v=DMARC1;{value}",),
        (DOMAIN, "TXT"): (f"v=spf1 {value}",),
    }
    answered(dmarc.check(DOMAIN, name, (name,)), asked(zone))
    answered(spf.check(DOMAIN, ""), asked(zone))
    checks.fold(name)


# --- next hop, service, law -----------------------------------------------------------------------

GOOD = Offer(
    extensions={"size": "35882577", "8bitmime": "", "pipelining": "", "smtputf8": ""},
    tls="TLSv1.3",
    certificate_until=NOW + timedelta(days=60),
)


@pytest.mark.parametrize(
    ("offer", "rule", "health"),
    [
        (GOOD, "smtp", Health.OK),
        (GOOD, "certificate", Health.OK),
        (replace(GOOD, certificate_until=NOW + timedelta(days=13)), "certificate", Health.WARNING),
        (replace(GOOD, tls=""), "tls", Health.OK),
        (replace(GOOD, extensions={**GOOD.extensions, "size": "100000"}), "size", Health.ERROR),
        (replace(GOOD, extensions={**GOOD.extensions, "size": "0"}), "size", Health.OK),
        (replace(GOOD, extensions={"smtputf8": ""}), "8bitmime", Health.WARNING),
        (replace(GOOD, extensions={"8bitmime": ""}), "pipelining", Health.WARNING),
        (replace(GOOD, extensions={}), "smtputf8", Health.WARNING),
    ],
)
def test_next_hop(offer: Offer, rule: str, health: Health) -> None:
    found = core.nexthop.check("mail:25", offer, now=NOW, utf8_addresses=2)
    sound(found)
    assert rules(found)[rule] is health


def test_smtputf8_is_not_missed_where_nobody_needs_it() -> None:
    offer = replace(GOOD, extensions={})
    assert "smtputf8" not in rules(core.nexthop.check("m:25", offer, now=NOW, utf8_addresses=0))


def test_a_python_that_injects_headers_is_named() -> None:
    found = [core.nexthop.interpreter("3.11.7", injects=injects) for injects in (False, True)]
    sound(found)
    assert [check.health for check in found] == [Health.OK, Health.WARNING]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://lettre.parti.fr", {"https": "ok", "own-domain": "ok"}),
        ("https://parti.fr:8443/x", {"https": "ok", "own-domain": "ok"}),
        ("http://lettre.parti.fr", {"https": "error", "own-domain": "ok"}),
        ("https://parti.fr.evil.net", {"https": "ok", "own-domain": "warning"}),
        ("http://127.0.0.1:8025", {"public": "error"}),
    ],
)
def test_address_of_the_service(url: str, expected: dict[str, str]) -> None:
    found = answered(core.service.addresses(url, "www.parti.fr"), asked(policies(parti__fr=FULL)))
    sound(found)
    assert {rule: health.value for rule, health in rules(found).items()} == expected


POSTED = Posted(status=200, stopped=True)


@pytest.mark.parametrize(
    ("test", "rule", "health"),
    [
        (SelfTest(status=0, error="refused"), "unsubscribe", Health.ERROR),
        (SelfTest(status=404), "unsubscribe", Health.ERROR),
        (SelfTest(status=200, stopped_by_get=True), "unsubscribe-get", Health.ERROR),
        *(
            (SelfTest(status=200, posted={"form": posted}), "unsubscribe-post", health)
            for posted, health in (
                (POSTED, Health.OK),
                (replace(POSTED, status=302), Health.ERROR),
                (replace(POSTED, stopped=False), Health.ERROR),
                (replace(POSTED, cookies=True), Health.ERROR),
                (replace(POSTED, status=0, error="refused"), Health.ERROR),
            )
        ),
    ],
)
def test_unsubscribing(test: SelfTest, rule: str, health: Health) -> None:
    found = core.service.unsubscribing("https://lettre.parti.fr", test)
    sound(found)
    assert rules(found)[rule] is health


def test_the_law() -> None:
    full = Sender(organisation="Parti", postal_address="1 rue", controller="Parti, dpo@parti.fr")
    well = core.law.check(full, silent_templates=(), without_source=0)
    assert set(rules(well).values()) == {Health.OK}
    empty = Sender(organisation="", postal_address="", controller="")
    found = core.law.check(empty, silent_templates=("lettre.html.j2",), without_source=3)
    sound(found)
    assert rules(found) == {
        "organisation": Health.ERROR,
        "postal-address": Health.ERROR,
        "controller": Health.ERROR,
        "notice": Health.ERROR,
        "source": Health.WARNING,
    }
