"""The next hop: what is said on the wire, and what each way of going wrong looks like."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers import (
    DROP,
    HOST,
    PASSWORD,
    STALL,
    USER,
    Act,
    BadServer,
    Postbox,
    bad,
    client_context,
    free_port,
    postbox,
)

from buzz.core.delivery import Exchange, enhanced_code, judge
from buzz.edges import smtp
from buzz.edges.smtp.replies import Cutter, Malformed
from buzz.errors import BuzzError, ConfigurationError, TemporaryFailure
from buzz.model import DeliveryState, Phase

MESSAGE = b"Subject: bonjour\r\n\r\n" + b"une ligne\r\n.un point\r\n" * 50
SENDER = "lettre@parti.example"
S = DeliveryState


@dataclass
class Story:
    """What one delivery did."""

    exchange: Exchange
    dots: int  # how often the body was allowed to begin
    still_open: bool


BOTH_LANES = pytest.mark.parametrize("pipelining", [False, True], ids=["plain", "pipelined"])


def server(port: int, **values: Any) -> smtp.Server:
    given: dict[str, Any] = {"host": HOST, "tls": "none", "timeout_s": 10} | values
    return smtp.Server(port=port, **given)


def deliver(to: smtp.Server, rcpt_to: str = "karim@blog.example", body: bytes = MESSAGE) -> Story:
    """Deliver one message over a fresh connection."""
    story = Story(Exchange(phase=Phase.CONNECT), 0, False)

    async def before_body() -> None:
        story.dots += 1

    async def run() -> Story:
        connection = await smtp.connect(to)
        assert isinstance(connection, smtp.Connection), connection
        story.exchange = await connection.deliver(SENDER, rcpt_to, body, before_body)
        story.still_open = connection.is_open
        await connection.close()
        return story

    return asyncio.run(run())


def no_connection(to: smtp.Server) -> smtp.NoConnection:
    result = asyncio.run(smtp.connect(to))
    assert isinstance(result, smtp.NoConnection), result
    return result


# --- the good server ---------------------------------------------------------------------------


@BOTH_LANES
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_the_bytes_that_arrive_are_the_bytes_sent(tls: str, *, pipelining: bool) -> None:
    box = Postbox()
    with postbox(box, tls=tls) as port:
        where: dict[str, Any] = {"tls": tls, "host": "localhost", "tls_context": client_context()}
        story = deliver(server(port, pipelining=pipelining, **where))
    assert story.exchange == Exchange(phase=Phase.REPLY, reply_code=250, text="2.0.0 queued as 1")
    assert (story.dots, story.still_open) == (1, True)
    assert [(m.mail_from, m.rcpt_to, m.content) for m in box.received] == [
        (SENDER, "karim@blog.example", MESSAGE)
    ]


@BOTH_LANES
def test_one_connection_carries_many_messages_also_after_a_refusal(*, pipelining: bool) -> None:
    box = Postbox()
    seen = []

    async def nothing() -> None:
        pass

    async def run(port: int) -> None:
        connection = await smtp.connect(server(port, pipelining=pipelining))
        assert isinstance(connection, smtp.Connection)
        assert connection.pipelines is pipelining
        for rcpt_to in ("a@x.example", "550@x.example", "dot-451@x.example", "b@x.example"):
            exchange = await connection.deliver(SENDER, rcpt_to, MESSAGE, nothing)
            seen.append((exchange.phase, exchange.reply_code, judge(exchange).state))
        await connection.close()

    with postbox(box) as port:
        asyncio.run(run(port))
    assert seen == [
        (Phase.REPLY, 250, S.ACCEPTED),
        (Phase.RCPT, 550, S.REFUSED),
        (Phase.REPLY, 451, S.DEFERRED),
        (Phase.REPLY, 250, S.ACCEPTED),
    ]
    assert box.sessions == 1
    assert [m.rcpt_to for m in box.received] == ["a@x.example", "b@x.example"]


@BOTH_LANES
def test_what_before_body_raises_keeps_every_byte_of_the_body_back(*, pipelining: bool) -> None:
    box = Postbox()

    async def run(port: int) -> bool:
        async def fails() -> None:
            raise TemporaryFailure("no commit")

        connection = await smtp.connect(server(port, pipelining=pipelining))
        assert isinstance(connection, smtp.Connection)
        with pytest.raises(TemporaryFailure, match="no commit"):
            await connection.deliver(SENDER, "a@x.example", MESSAGE, fails)
        return connection.is_open

    with postbox(box) as port:
        assert asyncio.run(run(port)) is False
    assert box.received == []


def test_login() -> None:
    box = Postbox()
    with postbox(box, tls="starttls", auth=True) as port:
        right = {"tls": "starttls", "host": "localhost", "tls_context": client_context()}
        story = deliver(server(port, username=USER, password=PASSWORD, **right))
        assert story.exchange.reply_code == 250
        refused = no_connection(server(port, username=USER, password="wrong", **right))
    assert refused.phase is Phase.AUTH
    assert isinstance(refused.error, ConfigurationError)
    assert "wrong" not in str(refused.error) + repr(server(1, password="wrong"))


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_an_untrusted_certificate_is_refused(tls: str) -> None:
    box = Postbox()
    with postbox(box, tls=tls) as port:
        found = no_connection(server(port, tls=tls, host="localhost"))
    assert isinstance(found.error, ConfigurationError)
    assert "SSL_CERT_FILE" in str(found.error)


@BOTH_LANES
def test_an_address_that_needs_smtputf8_is_refused_where_the_server_has_none(
    *, pipelining: bool
) -> None:
    with bad(BadServer({})) as port:
        story = deliver(server(port, pipelining=pipelining), "josé@blog.example")
    assert (story.exchange.reply_code, enhanced_code(story.exchange)) == (553, "5.6.7")
    assert (judge(story.exchange).state, story.dots, story.still_open) == (S.REFUSED, 0, True)
    box = Postbox()
    with postbox(box) as port:
        there = server(port, pipelining=pipelining)
        assert deliver(there, "josé@blog.example").exchange.reply_code == 250
    assert box.received[0].rcpt_to == "josé@blog.example"


@BOTH_LANES
@pytest.mark.parametrize("address", ['"b\r\n"@y.example', "a b@y.example", "a>@y.example", "x"])
def test_an_unsafe_address_is_refused_and_not_rewritten(address: str, *, pipelining: bool) -> None:
    host = BadServer({})
    with bad(host) as port:
        story = deliver(server(port, pipelining=pipelining), address)
    assert judge(story.exchange).state is S.REFUSED
    assert not [line for line in host.commands if line.startswith(("MAIL", "RCPT"))]


@BOTH_LANES
def test_a_letter_larger_than_the_server_takes_stops_the_run_before_mail(
    *, pipelining: bool
) -> None:
    host = BadServer({}, extensions=("SIZE 100", "PIPELINING"))
    with bad(host) as port:
        story = deliver(server(port, pipelining=pipelining))
    assert judge(story.exchange).stops_run
    assert not [line for line in host.commands if line.startswith("MAIL")]


@given(st.lists(st.sampled_from([b".", b"..", b"a", b"\r\n", b"\r\n."]), max_size=30))
def test_dots_are_stuffed_so_that_a_server_reads_what_was_meant(parts: list[bytes]) -> None:
    message = b"".join(parts)
    body = smtp.wire(message)
    assert body.endswith(b"\r\n.\r\n") or body == b".\r\n"
    lines = body.removesuffix(b".\r\n").split(b"\r\n")
    assert b"." not in lines
    read = b"\r\n".join(line.removeprefix(b".") for line in lines)
    assert read in {message, message + b"\r\n"}


@pytest.mark.parametrize("message", [b"a\nb\r\n", b"a\rb\r\n", b"\n.\n", b"a\r\n.\r.\r"])
def test_a_bare_line_end_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match="bare CR or LF"):
        smtp.wire(message)


# --- no connection -----------------------------------------------------------------------------


def test_nobody_listens() -> None:
    found = no_connection(server(free_port()))
    assert (found.phase, found.is_temporary) == (Phase.CONNECT, True)
    assert "refused" in str(found.error)


@pytest.mark.parametrize("host", ["a" * 64 + ".example"], ids=["label-too-long"])
def test_a_host_name_that_cannot_exist_is_a_setting_to_mend(host: str) -> None:
    found = no_connection(server(25, host=host))
    assert isinstance(found.error, ConfigurationError)


@dataclass(frozen=True)
class Opening:
    """One row of the matrix: what the server does before MAIL."""

    act: Act
    phase: Phase
    temporary: bool
    settings: dict[str, Any] = field(default_factory=dict)
    extensions: tuple[str, ...] = ("STARTTLS", "AUTH PLAIN")


OPENINGS = {
    "4-no-greeting": Opening(STALL, Phase.GREETING, True, {"timeout_s": 0.1}),
    "5-greeting-421": Opening(Act(b"421 busy\r\n", "drop"), Phase.GREETING, True),
    "5-greeting-554": Opening(Act(b"554 go away\r\n", "drop"), Phase.GREETING, False),
    "6-greeting-then-drop": Opening(Act(b"220 hello\r\n", "drop"), Phase.GREETING, True),
    "6-drop": Opening(DROP, Phase.GREETING, True),
    "19-greeting-gibberish": Opening(Act(b"hello\r\n"), Phase.GREETING, True),
    "ehlo-drop": Opening(DROP, Phase.EHLO, True),
    "ehlo-stall": Opening(STALL, Phase.EHLO, True, {"timeout_s": 0.1}),
    "ehlo-421": Opening(Act(b"421 busy\r\n"), Phase.EHLO, True),
    "19-ehlo-endless": Opening(Act(b"250-x\r\n" * 60 + b"250 x\r\n"), Phase.EHLO, True),
    "19-ehlo-long": Opening(Act(b"250 " + b"x" * 9000 + b"\r\n"), Phase.EHLO, True),
    "7-no-starttls": Opening(Act(), Phase.CONNECT, False, {"tls": "starttls"}, ("SIZE",)),
    "starttls-454": Opening(Act(b"454 no TLS now\r\n"), Phase.STARTTLS, True, {"tls": "starttls"}),
    "8-text-after-starttls": Opening(
        Act(b"220 go ahead\r\n250 injected\r\n"), Phase.STARTTLS, False, {"tls": "starttls"}
    ),
    "starttls-drop": Opening(DROP, Phase.STARTTLS, True, {"tls": "starttls"}),
    "10-auth-535": Opening(
        Act(b"535 5.7.8 no\r\n"), Phase.AUTH, False, {"username": "u", "password": "p"}
    ),
    "10-auth-454": Opening(
        Act(b"454 4.7.0 later\r\n"), Phase.AUTH, True, {"username": "u", "password": "p"}
    ),
    "auth-not-offered": Opening(Act(), Phase.CONNECT, False, {"username": "u"}, ("SIZE",)),
}


@pytest.mark.parametrize("row", OPENINGS.values(), ids=OPENINGS.keys())
def test_a_server_that_cannot_be_used_says_so_and_gets_no_mail(row: Opening) -> None:
    host = BadServer({row.phase: row.act}, times=99, extensions=row.extensions)
    with bad(host) as port:
        found = no_connection(server(port, **row.settings))
    assert found.is_temporary is row.temporary
    assert isinstance(found.error, TemporaryFailure if row.temporary else ConfigurationError)
    assert found.error.place
    assert found.error.remedy
    assert not [line for line in host.commands if line.startswith("MAIL")]
    assert sum(line.startswith("AUTH") for line in host.commands) <= 1


# --- one recipient -----------------------------------------------------------------------------


def say(text: str, then: str = "go on") -> Act:
    return Act(text.encode() + b"\r\n", then)


# Where the server does what, what that makes of the recipient, and: where it ended, with which
# reply or for want of one, and whether the connection can still be used.
TRANSACTIONS = {
    "12-mail-451": (Phase.MAIL, say("451 4.3.0 x"), S.DEFERRED, "mail 451 open"),
    "12-mail-550": (Phase.MAIL, say("550 5.1.8 x"), S.PLANNED, "mail 550 open"),
    "12-mail-530": (Phase.MAIL, say("530 5.7.0 x"), S.PLANNED, "mail 530 open"),
    "13-rcpt-450": (Phase.RCPT, say("450 4.2.0 x"), S.DEFERRED, "rcpt 450 open"),
    "13-rcpt-452": (Phase.RCPT, say("452 4.5.3 x"), S.DEFERRED, "rcpt 452 open"),
    "14-rcpt-421-close": (Phase.RCPT, say("421 4.3.2 x", "drop"), S.DEFERRED, "rcpt 421 closed"),
    "14-rcpt-421": (Phase.RCPT, say("421 4.3.2 x"), S.DEFERRED, "rcpt 421 closed"),
    "15-rcpt-550": (Phase.RCPT, say("550 5.1.1 x"), S.REFUSED, "rcpt 550 open"),
    "16-rcpt-552": (Phase.RCPT, say("552 5.2.2 x"), S.DEFERRED, "rcpt 552 open"),
    "17-rcpt-554": (Phase.RCPT, say("554 5.7.1 x"), S.REFUSED, "rcpt 554 open"),
    "rcpt-lines": (Phase.RCPT, say("550-5.1.1 a\r\n550 5.1.1 b"), S.REFUSED, "rcpt 550 open"),
    "19-mail-gibberish": (Phase.MAIL, say("ok then"), S.PLANNED, "mail malformed closed"),
    "19-rcpt-minus-one": (Phase.RCPT, say("-1 what"), S.PLANNED, "rcpt malformed closed"),
    "19-rcpt-endless": (Phase.RCPT, say("250-x\r\n" * 99), S.PLANNED, "rcpt malformed closed"),
    "20-data-554": (Phase.DATA, say("554 5.5.1 x"), S.REFUSED, "data 554 open"),
    "data-451": (Phase.DATA, say("451 4.3.0 x"), S.DEFERRED, "data 451 open"),
    "data-250": (Phase.DATA, say("250 x"), S.PLANNED, "data 250 open"),
    "21-mail-drop": (Phase.MAIL, DROP, S.PLANNED, "mail lost closed"),
    "21-rcpt-drop": (Phase.RCPT, DROP, S.PLANNED, "rcpt lost closed"),
    "21-data-drop": (Phase.DATA, DROP, S.PLANNED, "data lost closed"),
    "21-half-354": (Phase.DATA, Act(b"35", "drop"), S.PLANNED, "data lost closed"),
    "22-body-drop": (Phase.BODY, DROP, S.UNCERTAIN, "body lost closed"),
    "22-dot-drop": (Phase.REPLY, DROP, S.UNCERTAIN, "body lost closed"),
    "22-half-reply": (Phase.REPLY, Act(b"250-a\r\n25", "drop"), S.UNCERTAIN, "body lost closed"),
    "22-no-reply": (Phase.REPLY, STALL, S.UNCERTAIN, "body timeout closed"),
    "19-reply-gibberish": (Phase.REPLY, say("fine"), S.UNCERTAIN, "body malformed closed"),
    "19-reply-999": (Phase.REPLY, say("999 x"), S.UNCERTAIN, "body malformed closed"),
    "23-dot-451": (Phase.REPLY, say("451 4.3.0 x"), S.DEFERRED, "reply 451 open"),
    "23-dot-421": (Phase.REPLY, say("421 4.3.2 x"), S.DEFERRED, "reply 421 closed"),
    "24-dot-550": (Phase.REPLY, say("550 5.7.1 x"), S.REFUSED, "reply 550 open"),
    "24-dot-552": (Phase.REPLY, say("552 5.3.4 x"), S.REFUSED, "reply 552 open"),
    "24-dot-554": (Phase.REPLY, say("554 x"), S.REFUSED, "reply 554 open"),
    "25-quit-drop": (Phase.QUIT, DROP, S.ACCEPTED, "reply 250 open"),
    "26-stall-mail": (Phase.MAIL, STALL, S.PLANNED, "mail timeout closed"),
    "27-250-with-354": (Phase.DATA, say("354 x\r\n250 x"), S.PLANNED, "data unsolicited closed"),
    "27-354-with-250": (Phase.RCPT, say("250 x\r\n354 x"), S.PLANNED, "rcpt unsolicited closed"),
}


# The lane that sends ahead knows more or less at these: DATA has been sent already when RCPT is
# refused, and replies are matched by their order. None: where it ended depends on how the
# server's words were cut into packets.
PIPELINED = {
    "data-250": (S.PLANNED, "data 250 closed"),  # out of step
    "19-mail-gibberish": (S.PLANNED, "mail malformed closed"),
    "27-250-with-354": (S.PLANNED, None),
    "27-354-with-250": (None, None),
}


@BOTH_LANES
@pytest.mark.parametrize("row", TRANSACTIONS)
def test_what_becomes_of_a_recipient(row: str, *, pipelining: bool) -> None:
    at, act, state, ends = TRANSACTIONS[row]
    wanted: tuple[DeliveryState | None, str | None] = (state, ends)
    if pipelining:
        wanted = PIPELINED.get(row, wanted)
    host = BadServer({at: act})
    with bad(host) as port:
        story = deliver(server(port, pipelining=pipelining, timeout_s=0.1 if act is STALL else 10))
    exchange = story.exchange
    found = (
        exchange.phase,
        str(exchange.reply_code or exchange.text),
        "open" if story.still_open else "closed",
    )
    if wanted[1] is None:
        assert found[2] == "closed"
    else:
        assert found == tuple(wanted[1].split())
    if wanted[0] is None:
        assert judge(exchange).state in {S.PLANNED, S.UNCERTAIN}
    else:
        assert judge(exchange).state is wanted[0]
    assert judge(exchange).stops_run is (at is Phase.MAIL and exchange.reply_code in {550, 530})
    assert story.dots == (exchange.phase in {Phase.BODY, Phase.REPLY})
    if judge(exchange).state is S.PLANNED:
        assert host.complete == []  # surely unsent
    assert host.accepted == [] or judge(exchange).state is S.ACCEPTED


# --- the lane that sends ahead ---------------------------------------------------------------


def sequence(host: BadServer, addresses: list[str], **values: Any) -> list[Exchange]:
    """Deliver to these over one connection as a lane does, each envelope sent ahead."""

    async def run(port: int) -> list[Exchange]:
        connection = await smtp.connect(server(port, **values))
        assert isinstance(connection, smtp.Connection)
        found = []
        body = smtp.wire(MESSAGE)
        envelopes = [smtp.Envelope.of(SENDER, address, MESSAGE) for address in addresses]
        for envelope, following in zip(envelopes, [*envelopes[1:], None], strict=True):
            stopped = await connection.begin(envelope)
            found.append(stopped or await connection.finish(body, following))
            if not connection.is_open:
                break
        await connection.close()
        return found

    with bad(host) as port:
        return asyncio.run(run(port))


PEOPLE = [f"b{n}@x.example" for n in range(4)]


def test_what_is_sent_ahead_is_an_envelope_and_never_a_body() -> None:
    host = BadServer({})
    found = sequence(host, PEOPLE)
    assert {exchange.reply_code for exchange in found} == {250}
    assert host.accepted == PEOPLE
    assert "RSET" not in host.commands
    assert host.connections == 1


@pytest.mark.parametrize(
    ("goes_ahead", "after"), [(False, []), (True, ["."])], ids=["503", "354-and-a-lone-dot"]
)
def test_a_refused_recipient_whose_data_was_sent_ahead(
    *, goes_ahead: bool, after: list[str]
) -> None:
    """RFC 2920 §3.1: where the server says 354 all the same, a lone dot ends what never was."""
    host = BadServer({Phase.RCPT: say("550 5.1.1 x")}, goes_ahead=goes_ahead)
    found = sequence(host, PEOPLE)
    assert [(e.phase, e.reply_code) for e in found] == [
        (Phase.RCPT, 550),
        *[(Phase.REPLY, 250)] * 3,
    ]
    assert host.accepted == host.complete == PEOPLE[1:]
    assert host.commands.count("RSET") == 1  # after a refusal, and only then
    first = host.commands.index("DATA")
    assert host.commands[first + 1 : first + 1 + len(after)] == after


@pytest.mark.parametrize(
    ("at", "act", "state"),
    [
        (Phase.REPLY, say("451 4.3.0 x"), S.DEFERRED),
        (Phase.REPLY, say("554 5.7.1 x"), S.REFUSED),
        (Phase.MAIL, say("451 4.3.0 x"), S.DEFERRED),
        (Phase.DATA, say("451 4.3.0 x"), S.DEFERRED),
    ],
    ids=["dot-451", "dot-554", "mail-451", "data-451"],
)
def test_a_refusal_concerns_one_letter_and_not_the_next(
    at: Phase, act: Act, state: DeliveryState
) -> None:
    host = BadServer({at: act})
    found = sequence(host, PEOPLE)
    assert [judge(exchange).state for exchange in found] == [state, *[S.ACCEPTED] * 3]
    assert host.accepted == PEOPLE[1:]


@pytest.mark.parametrize(
    "act", [say("250 ok\r\n250 ok"), say("250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go")]
)
def test_replies_too_many_close_the_line_and_accept_nobody_else(act: Act) -> None:
    host = BadServer({Phase.REPLY: act})
    found = sequence(host, PEOPLE)
    accepted = [e for e in found if judge(e).state is S.ACCEPTED]
    assert len(accepted) <= len(host.complete)
    assert host.connections == 1
    assert len(found) < len(PEOPLE)


@BOTH_LANES
def test_words_while_nothing_was_asked_close_the_line(*, pipelining: bool) -> None:
    host = BadServer({Phase.REPLY: say("250 ok\r\n421 4.4.2 idle too long", "drop")})
    found = sequence(host, PEOPLE[:1], pipelining=pipelining)
    assert judge(found[0]).state in {S.ACCEPTED, S.UNCERTAIN}


@BOTH_LANES
@pytest.mark.parametrize("at", [Phase.MAIL, Phase.REPLY])
def test_one_byte_at_a_time_does_not_put_the_deadline_off(at: Phase, *, pipelining: bool) -> None:
    """Matrix 26: a reply as a whole has its time, not each of its bytes."""
    host = BadServer({at: Act(b"250 " + b"x" * 1000, "drip")})
    found = sequence(host, PEOPLE[:1], pipelining=pipelining, timeout_s=0.1)
    assert found[0].text == "timeout"


@given(st.data())
def test_replies_are_the_same_however_they_are_cut(data: st.DataObject) -> None:
    said = data.draw(
        st.lists(st.sampled_from([b"250 ok\r\n", b"250-a\r\n250 b\r\n", b"550\r\n", b"354 go\n"]))
    )
    whole = b"".join(said)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)))))
    cutter, found = Cutter(), []
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += list(cutter.feed(whole[begin:end]))
    assert [reply.code for reply in found] == [int(one[:3]) for one in said]
    assert cutter.begun == ""


@given(st.binary(max_size=200))
def test_whatever_a_server_sends_is_replies_or_malformed(data: bytes) -> None:
    with contextlib.suppress(Malformed):
        assert all(200 <= reply.code < 600 for reply in Cutter().feed(data))


def test_what_the_server_said_last_is_kept() -> None:
    half = Act(b"250-queued as 1\r\n250", "drop")
    for pipelining in (True, False):
        for act, said in ((DROP, "354 go ahead"), (half, "354 go ahead")):
            (found,) = sequence(BadServer({Phase.REPLY: act}), PEOPLE[:1], pipelining=pipelining)
            assert found.last_words in {said, "250-queued as 1 250"}
            assert (judge(found).state, found.text) == (S.UNCERTAIN, "lost")


# --- one message that no campaign accounts for -------------------------------------------------


@pytest.mark.parametrize(
    ("rcpt_to", "exit_code"),
    [("550@x.example", BuzzError.exit_code), ("450@x.example", TemporaryFailure.exit_code)],
)
def test_send_one_says_why_not(rcpt_to: str, exit_code: int) -> None:
    """A recipient that is refused is no matter of our settings."""
    said = r"no such user|greylisted"
    with postbox(Postbox()) as port, pytest.raises(BuzzError, match=said) as refused:
        smtp.send_one(server(port), mail_from=SENDER, rcpt_to=rcpt_to, message=MESSAGE)
    assert refused.value.exit_code == exit_code


def test_send_one_says_what_the_server_said() -> None:
    with postbox(Postbox()) as port:
        said = smtp.send_one(server(port), mail_from=SENDER, rcpt_to="a@x.example", message=MESSAGE)
    assert said == "250 2.0.0 queued as 1"


@pytest.mark.parametrize(
    ("acts", "error"),
    [
        ({Phase.REPLY: DROP}, BuzzError),
        ({Phase.MAIL: Act(b"550 no\r\n")}, ConfigurationError),
        ({Phase.GREETING: Act(b"554 no\r\n")}, ConfigurationError),
    ],
    ids=["uncertain", "mail-refused", "greeting"],
)
def test_send_one_fails_clearly(acts: dict[Phase, Act], error: type[BuzzError]) -> None:
    with bad(BadServer(acts)) as port, pytest.raises(error) as found:
        smtp.send_one(server(port), mail_from=SENDER, rcpt_to="a@x.example", message=MESSAGE)
    assert found.type is error
    assert found.value.place
