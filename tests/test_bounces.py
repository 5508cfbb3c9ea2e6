"""Bounces collected: proven, recorded once, and acted on."""

import email
import io
import json
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Result
from imap_server import Folder, imap
from sending import SLUG, Desk, people
from sentletter import CAMPAIGN, NOW, Sent, send
from servers import CERTIFICATE, Postbox, free_port, postbox
from test_bounce import EXPECTED, sample

from buzz import config
from buzz.config import Settings
from buzz.core import bounce
from buzz.core.delivery import address_hash
from buzz.edges import mailbox
from buzz.edges.store import Store, events, suppressions
from buzz.errors import BuzzError, ConfigurationError, LockHeld, TemporaryFailure, UsageError
from buzz.model import BounceKind, Delivery, DeliveryId, EventKind
from buzz.pipeline import bounces

both_databases = pytest.mark.both_databases
TEMPLATE = "bounces+*@parti.example"


class Post:
    """A Maildir to which bounces about letters come, and what collecting makes of them."""

    def __init__(self, settings: Settings, store: Store, sent: Sent, folder: Path) -> None:
        self.settings, self.store, self.sent, self.folder = settings, store, sent, folder
        for name in ("tmp", "new", "cur"):
            (folder / name).mkdir(parents=True)
        self._count = 0

    def word(self, delivery: Delivery) -> bytes:
        made = bounce.return_path(
            self.settings.secret, "*@x", campaign=delivery.campaign, delivery=delivery.id
        )
        return made.partition("@")[0].encode()

    def about(self, name: str, blog: str, *, sent: Sent | None = None) -> bytes:
        """Return a sample as it would come back about a blog's letter."""
        delivery = (sent or self.sent).deliveries[blog]
        return sample(name).replace(b"TOKEN", self.word(delivery))

    def arrives(self, raw: bytes) -> Path:
        self._count += 1
        path = self.folder / "new" / f"17725.{self._count:04d}.mx"
        path.write_bytes(raw)
        return path

    def collect(self, **options: object) -> bounces.Collected:
        return bounces.collect(
            self.settings,
            self.store,
            NOW,
            source=str(self.folder),
            **options,  # type: ignore[arg-type]  # keywords of collect
        )

    def suppressed(self) -> dict[str, str]:
        """Return who is suppressed, blog by reason."""
        hashes = {
            address_hash(self.settings.secret, delivery.email): blog
            for blog, delivery in self.sent.deliveries.items()
        }
        with self.store.read() as tx:
            found = suppressions.all_suppressions(tx)
        return {hashes[one.address_hash]: one.reason for one in found}

    def happened(self) -> list[tuple[EventKind, str]]:
        with self.store.read() as tx:
            return [(event.kind, event.blog) for event in events.of_campaign(tx, CAMPAIGN)]


@pytest.fixture
def post(settings: Settings, store: Store, tmp_path: Path) -> Post:
    return Post(settings, store, send(settings, store), tmp_path / "Maildir")


@both_databases
def test_a_hard_bounce_is_the_last_letter_to_the_address(post: Post) -> None:
    post.arrives(post.about("postfix-user-unknown", "karim"))
    done = post.collect()
    assert (done.read, done.kinds[BounceKind.HARD], done.suppressed) == (1, 1, 1)
    assert post.suppressed() == {"karim": "hard-bounce"}
    assert post.happened() == [(EventKind.BOUNCE, "karim")]
    (listed,) = bounces.listed(post.store, CAMPAIGN)
    assert (listed.address, listed.bounce.status) == ("karim@karim.example", "5.1.1")
    assert bounces.listed(post.store, "another") == ()


def test_a_complaint_is_the_last_letter_to_the_reader(post: Post) -> None:
    post.arrives(post.about("arf-yahoo", "lea"))
    assert post.collect().kinds[BounceKind.COMPLAINT] == 1
    assert post.suppressed() == {"lea": "complaint"}
    assert post.happened() == [(EventKind.COMPLAINT, "lea")]


def test_a_redacted_complaint_is_proven_by_the_address_to_unsubscribe(post: Post) -> None:
    link = post.sent.urls["omar"].unsubscribe
    raw = sample("arf-redacted").replace(
        b"https://lettre.parti.example/u/UNSUBSCRIBE", link.encode()
    )
    post.arrives(raw)
    post.collect()
    assert post.suppressed() == {"omar": "complaint"}


@pytest.mark.parametrize(
    "name",
    [
        "orange-spam",
        "postfix-delayed",
        "postfix-success",
        "vacation-rfc3834",
        "left-the-organisation",
    ],
)
def test_what_says_nothing_of_the_address_suppresses_nobody(post: Post, name: str) -> None:
    for blog in post.sent.deliveries:
        post.arrives(
            post.about(name, blog).replace(b"Message-ID: <2", f"Message-ID: <{blog}".encode())
        )
    done = post.collect()
    assert done.kinds[BounceKind(EXPECTED[name]["kind"])] == 3
    assert post.suppressed() == {}


@both_databases
def test_every_sample_goes_through_and_the_counts_add_up(post: Post) -> None:
    for name in EXPECTED:
        post.arrives(post.about(name, "karim"))
    done = post.collect()
    assert done.read == len(EXPECTED)
    assert done.kinds.total() + done.unproven + done.repeated == done.read
    unknown = sum(row["kind"] == "unknown" for row in EXPECTED.values())
    automatic = sum(row["kind"] == "automatic" for row in EXPECTED.values())
    assert (done.kinds[BounceKind.UNKNOWN], done.kinds[BounceKind.AUTOMATIC]) == (
        unknown,
        automatic,
    )
    # One of each kind counts for one letter, however many servers say it again.
    assert all(done.kinds[k] <= 1 for k in bounces.ABOUT_A_LETTER)
    assert post.happened() == [(EventKind.BOUNCE, "karim"), (EventKind.COMPLAINT, "karim")]


# --- soft bounces ---------------------------------------------------------------------------------


def soft(post: Post, campaigns: int, blog: str = "karim") -> None:
    for number in range(campaigns):
        sent = send(post.settings, post.store, f"letter-{number}")
        raw = post.about("orange-quota", blog, sent=sent)
        post.arrives(raw.replace(b"Message-ID: <2", f"Message-ID: <{number}.".encode()))


@both_databases
def test_the_third_soft_bounce_in_a_month_suppresses(post: Post) -> None:
    soft(post, 2)
    assert post.collect().suppressed == 0
    sent = send(post.settings, post.store, "letter-9")
    post.arrives(post.about("exim-quota", "karim", sent=sent))
    assert post.collect().suppressed == 1
    assert post.suppressed() == {"karim": "soft-bounces"}


@both_databases
def test_soft_bounces_of_more_than_a_month_ago_are_forgotten(post: Post) -> None:
    soft(post, 2)
    post.collect()
    later = NOW + timedelta(days=bounce.SOFT_DAYS, seconds=1)
    post.arrives(
        post.about("exim-quota", "karim", sent=send(post.settings, post.store, "letter-9"))
    )
    done = bounces.collect(post.settings, post.store, later, source=str(post.folder))
    assert (done.kinds[BounceKind.SOFT], done.suppressed) == (1, 0)


def test_one_letter_that_comes_back_three_times_counts_once(post: Post) -> None:
    for name in ("orange-quota", "laposte-quota", "exim-quota"):
        post.arrives(post.about(name, "karim"))
    done = post.collect()
    assert (done.kinds[BounceKind.SOFT], done.repeated, done.suppressed) == (1, 2, 0)


# --- forged, repeated, foreign --------------------------------------------------------------------


@both_databases
def test_the_same_message_is_handled_once_however_it_comes(post: Post, tmp_path: Path) -> None:
    raw = post.about("postfix-user-unknown", "karim")
    post.arrives(raw)
    post.arrives(raw.replace(b"Delivered-To", b"X-Forwarded-For: a\nDelivered-To"))
    assert (post.collect().repeated, len(post.happened())) == (1, 1)
    box = tmp_path / "mbox"
    box.write_bytes(b"From MAILER-DAEMON Mon Mar  2 10:00:09 2026\n" + raw.rstrip() + b"\n\n")
    for _again in range(2):
        done = bounces.collect(post.settings, post.store, NOW, source=str(box))
        assert (done.read, done.repeated, done.suppressed) == (1, 1, 0)


@pytest.mark.parametrize("name", ["postfix-user-unknown", "exim-rcpt-550", "arf-yahoo"])
def test_a_forged_bounce_is_counted_and_changes_nothing(post: Post, name: str) -> None:
    word = post.word(post.sent.deliveries["karim"])
    other = b"a" if word[-1:] != b"a" else b"b"
    post.arrives(sample(name).replace(b"TOKEN", word[:-1] + other))
    done = post.collect()
    assert (done.read, done.unproven, done.suppressed) == (1, 1, 0)
    assert (post.suppressed(), post.happened()) == ({}, [])
    assert bounces.listed(post.store) == ()


def test_a_word_of_a_letter_that_was_erased_is_of_nobody(post: Post) -> None:
    gone = replace(post.sent.deliveries["karim"], id=DeliveryId(999))
    post.arrives(sample("postfix-user-unknown").replace(b"TOKEN", post.word(gone)))
    assert post.collect().unproven == 1


def test_what_was_not_understood_is_kept_for_its_owner_alone(post: Post) -> None:
    raw = sample("person-replies")
    post.arrives(raw)
    done = post.collect()
    assert done.kept is not None
    (kept,) = done.kept.iterdir()
    assert kept.read_bytes() == raw
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(done.kept.stat().st_mode) == 0o700


@both_databases
def test_a_dry_run_leaves_no_trace(post: Post) -> None:
    paths = [post.arrives(post.about("postfix-user-unknown", "karim")), post.arrives(b"odd")]
    done = post.collect(dry_run=True)
    assert (done.kinds[BounceKind.HARD], done.kinds[BounceKind.UNKNOWN], done.suppressed) == (
        1,
        1,
        1,
    )
    assert post.suppressed() == {}
    assert all(path.exists() for path in paths)
    assert not (post.settings.data / bounces.FOLDER).exists()
    assert post.collect().kinds == done.kinds


# --- mailboxes ------------------------------------------------------------------------------------


def test_a_maildir_loses_nothing_and_is_marked_as_read(post: Post) -> None:
    post.arrives(b"one")
    (post.folder / "cur" / "2.mx:2,F").write_bytes(b"two")
    (post.folder / "cur" / "3.mx:2,S").write_bytes(b"seen")
    (post.folder / "new" / ".hidden").write_bytes(b"no message")
    assert post.collect().read == 2
    assert sorted(path.name for path in (post.folder / "cur").iterdir()) == [
        "17725.0001.mx:2,S", "2.mx:2,FS", "3.mx:2,S",
    ]  # fmt: skip
    assert post.collect().read == 0


def test_a_run_that_dies_before_it_marks_reads_again_and_counts_once(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.arrives(post.about("postfix-user-unknown", "karim"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            post.collect()
    assert post.suppressed() == {"karim": "hard-bounce"}
    done = post.collect()
    assert (done.read, done.repeated) == (1, 1)
    assert post.happened() == [(EventKind.BOUNCE, "karim")]


def test_an_mbox_is_read_message_by_message(post: Post, tmp_path: Path) -> None:
    box = tmp_path / "mbox"
    names = ("postfix-user-unknown", "vacation-rfc3834", "person-replies")
    box.write_bytes(
        b"".join(
            b"From MAILER-DAEMON Mon Mar  2 10:00:09 2026\n"
            + post.about(name, "karim").replace(b"\nFrom ", b"\n>From ").rstrip()
            + b"\n\n"
            for name in names
        )
    )
    before = box.read_bytes()
    done = bounces.collect(post.settings, post.store, NOW, source=str(box))
    assert dict(done.kinds) == {
        BounceKind.HARD: 1, BounceKind.AUTOMATIC: 1, BounceKind.UNKNOWN: 1,
    }  # fmt: skip
    assert box.read_bytes() == before


@pytest.mark.parametrize("form", ["one message", "an mbox"])
def test_standard_input(post: Post, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    raw = post.about("postfix-user-unknown", "karim")
    if form == "an mbox":
        raw = b"From x Mon Mar  2 10:00:09 2026\n" + raw + b"\n\nFrom y Mon\nSubject: b\n\nb\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(raw)))
    done = bounces.collect(post.settings, post.store, NOW, source="-")
    assert done.read == (2 if form == "an mbox" else 1)
    assert post.suppressed() == {"karim": "hard-bounce"}


def test_imap_over_tls_marks_what_was_written_down(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("BUZZ_BOUNCES_PASSWORD", "mot de passe")
    folder = Folder([post.about("postfix-user-unknown", "karim"), b"odd"])
    with imap(folder) as port:
        place = f"imaps://lettre@localhost:{port}/INBOX"
        done = bounces.collect(post.settings, post.store, NOW, source=place)
        assert (done.read, folder.seen) == (2, {1, 2})
        assert bounces.collect(post.settings, post.store, NOW, source=place).read == 0
    assert post.suppressed() == {"karim": "hard-bounce"}


def test_imap_that_drops_is_read_on_later(post: Post, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    monkeypatch.setenv("BUZZ_BOUNCES_PASSWORD", "mot de passe")
    monkeypatch.setattr(bounces, "BATCH", 1)
    raw = post.about("postfix-user-unknown", "karim")
    folder = Folder([raw, b"odd"], drops_at=2)
    with imap(folder) as port:
        place = f"imaps://lettre@localhost:{port}/INBOX"
        with pytest.raises(TemporaryFailure):
            bounces.collect(post.settings, post.store, NOW, source=place)
        assert folder.seen == {1}
        folder.drops_at = 0
        assert bounces.collect(post.settings, post.store, NOW, source=place).read == 1


@pytest.mark.parametrize(
    ("place", "password", "trusts", "error"),
    [
        ("imaps://lettre@localhost:{port}/INBOX", "wrong", True, ConfigurationError),
        ("imaps://lettre@localhost:{port}/Elsewhere", "mot de passe", True, ConfigurationError),
        ("imaps://lettre@localhost:{port}/INBOX", "mot de passe", False, ConfigurationError),
        ("imaps://lettre@localhost:{closed}/INBOX", "mot de passe", True, TemporaryFailure),
        ("imaps://lettre:secret@localhost:{port}/INBOX", "", True, UsageError),
        ("pop3://lettre@localhost/", "", True, UsageError),
        ("/nowhere/at/all", "", True, UsageError),
    ],
    ids=["password", "folder", "certificate", "closed", "password in it", "pop3", "no file"],
)
def test_a_mailbox_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    password: str,
    trusts: bool,  # noqa: FBT001  (a parameter of the table)
    error: type[BuzzError],
) -> None:
    if trusts:
        monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    with imap(Folder([b"a"])) as port:
        where = place.format(port=port, closed=free_port())
        with pytest.raises(error) as raised, mailbox.opened(where, password) as box:
            list(box.unread())
    assert raised.value.remedy
    assert "secret" not in str(raised.value)
    assert "mot de passe" not in str(raised.value)


def test_two_runs_at_once(post: Post) -> None:
    from buzz.edges import files

    with files.lock(post.settings.lock("bounces")), pytest.raises(LockHeld):
        post.collect()


# --- with real letters ----------------------------------------------------------------------------


def test_each_letter_leaves_with_a_return_path_of_its_own(
    settings: Settings, store: Store, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(settings=settings, store=store, run=run, monkeypatch=monkeypatch)
    desk.campaign(people(3))
    box = Postbox()
    with postbox(box) as port:
        desk.set(smtp_port=port, bounces_address=TEMPLATE)
        desk.plan()
        desk.start()
    letters = {message.rcpt_to: message for message in box.received}
    assert len({message.mail_from for message in letters.values()}) == 3
    for delivery in desk.rows:
        letter = letters[delivery.email]
        ((word, id_),) = bounce.claims(letter.mail_from)
        assert id_ == delivery.id
        assert bounce.is_proven(desk.settings.secret, word, campaign=SLUG, delivery=id_)
        head = email.message_from_bytes(letter.content)
        assert head["From"].endswith("<lettre@parti.example>")
        assert head["Message-ID"].endswith("@parti.example>")


def test_bounces_through_the_front_door(
    post: Post, run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    post.arrives(post.about("postfix-user-unknown", "karim"))
    post.arrives(post.about("sfr-quota", "lea"))
    post.arrives(post.about("person-replies", "lea"))
    monkeypatch.setenv("BUZZ_BOUNCES_MAILBOX", str(post.folder))
    result = run("bounces", "collect", "--json")
    facts = json.loads(result.out)
    assert (result.code, facts["hard"], facts["soft"], facts["unknown"]) == (0, 1, 1, 1)
    again = run("bounces", "collect")
    assert "0 messages read." in again.err
    listed = json.loads(run("bounces", "list", "--json").out)["bounces"]
    assert {(one["blog"], one["kind"]) for one in listed} == {("karim", "hard"), ("lea", "soft")}
    assert "User unknown" in run("bounces", "list", "--campaign", CAMPAIGN).out
    assert "adresse inexistante" in run("bounces", "list", "--lang", "fr").out
    assert json.loads(run("cron", "run", "--json").out)["done"][1]["step"] == "bounces collect"


def test_without_a_mailbox_it_says_what_to_set(workspace: Path, run: Callable[..., Result]) -> None:
    result = run("bounces", "collect")
    assert result.code == 7
    assert "[bounces] mailbox" in result.err


@pytest.mark.parametrize(
    "address",
    [
        "bounces@parti.example",
        "*bounces",
        "b*@",
        "*@*.example",
        "a" * 33 + "*@parti.example",
        "a b*@c",
    ],
)
def test_a_return_path_that_cannot_be(
    workspace: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("BUZZ_BOUNCES_ADDRESS", address)
    with pytest.raises(ConfigurationError, match="bounces"):
        config.load(workspace)


# --- suppressions ---------------------------------------------------------------------------------


def test_suppressions_by_hand(post: Post, run: Callable[..., Result]) -> None:
    assert run("suppress", "add", "Karim@karim.example", "--dry-run").code == 0
    assert json.loads(run("suppress", "list", "--json").out)["suppressions"] == []
    assert run("suppress", "add", "Karim@karim.example").code == 0
    assert "anyway" in run("suppress", "add", "karim@KARIM.example").err
    assert run("suppress", "add", "stranger@else.example").code == 0
    found = json.loads(run("suppress", "list", "--json").out)["suppressions"]
    assert [(one["blog"], one["reason"]) for one in found] == [
        ("karim", "by-hand"),
        ("", "by-hand"),
    ]
    assert "stranger" not in run("suppress", "list").out
    assert run("suppress", "remove", "karim@karim.example").code == 2
    assert run("suppress", "remove", "karim@karim.example", "--dry-run").code == 0
    assert run("suppress", "remove", "karim@karim.example", "--yes").code == 0
    assert "not suppressed" in run("suppress", "remove", "karim@karim.example", "--yes").err
    assert run("suppress", "add", "no address").code == 2
