"""What a bounce is: every sample is taken for what it is, and nothing makes the reader fail."""

import csv
import json
import re
import string
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buzz.core import bounce
from buzz.core.bounce import judging
from buzz.model import BounceKind, DeliveryId

SAMPLES = Path(__file__).parent / "data" / "bounces"
with (SAMPLES / "expected.csv").open(encoding="utf-8", newline="") as _table:
    EXPECTED = {row["file"]: row for row in csv.DictReader(_table)}
SECRET = b"a secret"


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", EXPECTED)
def test_sample_is_taken_for_what_it_is(name: str) -> None:
    found, wanted = bounce.read(sample(name)), EXPECTED[name]
    assert (found.kind, found.form, found.status, found.recipient) == (
        BounceKind(wanted["kind"]),
        wanted["form"],
        wanted["status"],
        wanted["recipient"],
    )


def test_there_are_enough_samples_and_each_is_in_the_table() -> None:
    assert {path.stem for path in SAMPLES.glob("*.eml")} == set(EXPECTED)
    assert len(EXPECTED) >= 60
    assert {row["kind"] for row in EXPECTED.values()} == {kind.value for kind in BounceKind}


@pytest.mark.parametrize("name", EXPECTED)
def test_line_ends_do_not_matter(name: str) -> None:
    raw = sample(name).replace(b"\r\n", b"\n")
    for other in (raw, raw.replace(b"\n", b"\r\n")):
        found = bounce.read(other)
        assert (found.kind, found.status) == (
            BounceKind(EXPECTED[name]["kind"]),
            EXPECTED[name]["status"],
        )
        assert bounce.digest(other) == bounce.digest(raw)


@pytest.mark.parametrize("name", ["postfix-user-unknown", "exim-rcpt-550", "arf-yahoo"])
def test_a_message_cut_off_anywhere_is_still_a_value(name: str) -> None:
    raw = sample(name)
    for end in range(0, len(raw), 7):
        assert bounce.read(raw[:end]).kind in BounceKind


@settings(max_examples=150)
@given(st.binary(max_size=300), st.sampled_from(sorted(EXPECTED)), st.integers(0, 4_000))
def test_whatever_bytes_come_it_is_a_value(noise: bytes, name: str, at: int) -> None:
    raw = sample(name)
    found = bounce.read(raw[:at] + noise + raw[at:])
    assert not any(unicodedata.category(c) == "Cc" for c in found.words)
    assert len(found.words) <= 300
    bounce.digest(raw + noise)


def test_words_of_a_server_cannot_move_a_cursor() -> None:
    raw = sample("postfix-user-unknown").replace(b"User unknown", b"User \x1b[31munknown")
    assert "\x1b" not in bounce.read(raw).words


def test_hostile_repetition_is_read_in_time() -> None:
    for piece in (b"<a@b", b"550-5.1.1 ", b"user ", b"quota ", b"\\x{e9}", b"--x\n", b"a: b\n"):
        raw = b"From: MAILER-DAEMON@x.example\nSubject: failure notice\n\n" + piece * 50_000
        assert bounce.read(raw).kind in BounceKind


# --- the meaning of codes and words ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "words", "kind"),
    [
        ("5.1.1", 550, "", BounceKind.HARD),
        ("5.1.1", 550, "spam", BounceKind.HARD),
        ("5.1.8", 550, "bad sender", BounceKind.POLICY),
        ("5.2.2", 552, "", BounceKind.SOFT),
        ("5.7.1", 550, "user unknown", BounceKind.HARD),
        ("5.7.1", 550, "", BounceKind.POLICY),
        ("5.7.26", 550, "unauthenticated", BounceKind.POLICY),
        ("5.4.1", 550, "Recipient address rejected: Access denied", BounceKind.HARD),
        ("5.4.1", 550, "no answer from host", BounceKind.SOFT),
        ("4.4.7", 550, "user unknown", BounceKind.SOFT),
        ("", 451, "user unknown, try later", BounceKind.SOFT),
        ("", 550, "no such user", BounceKind.HARD),
        ("", 551, "elsewhere", BounceKind.HARD),
        ("", 554, "transaction failed", BounceKind.SOFT),
        ("", None, "", BounceKind.SOFT),
        ("5.99.99", None, "", BounceKind.SOFT),
        ("5.0.0", 554, "La boîte aux lettres du destinataire est pleine", BounceKind.SOFT),
        ("5.0.0", 554, "Cette adresse n'existe pas", BounceKind.HARD),
        ("5.0.0", 554, "Message refusé : considéré comme SPAM", BounceKind.POLICY),
    ],
)
def test_meaning(status: str, code: int | None, words: str, kind: BounceKind) -> None:
    assert bounce.meaning(status, code, words) is kind


def test_an_address_is_worn_out_by_the_third_failure() -> None:
    assert [bounce.is_worn_out(n) for n in (0, 2, 3, 4)] == [False, False, True, True]


def test_the_phrases_are_as_texts_are_compared() -> None:
    for pattern in judging._patterns().values():
        assert pattern.pattern.isascii()
        assert not re.search(r"(?<!\\)[A-Z]", pattern.pattern)


# --- return paths ---------------------------------------------------------------------------------

TEMPLATE = "bounces+*@parti.example"


@given(
    st.text(string.ascii_lowercase + "-", min_size=1, max_size=64), st.integers(1, (1 << 40) - 1)
)
def test_a_return_path_is_found_again_and_proven(campaign: str, id_: int) -> None:
    delivery = DeliveryId(id_)
    made = bounce.return_path(SECRET, TEMPLATE, campaign=campaign, delivery=delivery)
    local = made.partition("@")[0]
    assert len(local) <= 64
    for spelt in (made, made.upper(), f"<{made}>:", f"x={made.replace('@', '=')}@else.example"):
        ((word, found),) = bounce.claims(spelt)
        assert found == delivery
        assert bounce.is_proven(SECRET, word, campaign=campaign, delivery=delivery)
        assert not bounce.is_proven(SECRET, word, campaign=campaign + "x", delivery=delivery)
        assert not bounce.is_proven(b"other", word, campaign=campaign, delivery=delivery)


@given(st.integers(0, 31), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_one_other_character_proves_nothing(place: int, character: str) -> None:
    made = bounce.return_path(SECRET, "*@x", campaign="c", delivery=DeliveryId(7))
    word = made.partition("@")[0]
    forged = word[:place] + character + word[place + 1 :]
    for found, id_ in bounce.claims(f"{forged}@x"):
        proven = bounce.is_proven(SECRET, found, campaign="c", delivery=id_)
        assert proven is (forged == word)


def test_an_address_without_a_star_is_everybodys() -> None:
    given = "lettre@parti.example"
    assert bounce.return_path(SECRET, given, campaign="c", delivery=DeliveryId(1)) == given
    assert list(bounce.claims(given)) == []


def test_a_message_full_of_words_is_looked_at_up_to_a_limit() -> None:
    words = (f"{n:032b}".replace("0", "a").replace("1", "b") for n in range(1000))
    assert len(list(bounce.claims(" ".join(words)))) == bounce.MAX_WORDS


# --- the benchmark --------------------------------------------------------------------------------


def test_the_benchmark_finds_what_the_table_has(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import bounces

    (tmp_path / "a.eml").write_bytes(sample("exim-rcpt-550"))
    (tmp_path / "reply.eml").write_bytes(sample("vacation-rfc3834"))
    bounces.main(["--also", str(tmp_path), "--not-bounces", "reply"])
    facts = json.loads(capsys.readouterr().out)
    assert facts["samples"]["ours"]["found"]["share"] == 1
    assert facts["samples"]["ours"]["struck_off"]["n"] == 0
    assert facts["also"]["ours"] == {
        "found": {"share": 1, "n": 1, "of": 1},
        "false_alarms": {"share": 0, "n": 0, "of": 1},
    }
