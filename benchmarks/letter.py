"""What it costs to make one recipient's message, ours and others', from values to bytes.

    python benchmarks/letter.py [--recipients 1500] [--rounds 7]

Prints JSON: microseconds of CPU a message, the median of so many rounds over all recipients, every
maker in each round (noise hits all alike), the fastest round beside it; then by how many times
ours is faster. Everybody writes the shipped letter with all its links; for the others its page was
put inline beforehand, but for the one that is named for doing that itself, and their headers are
the few that the library makes by itself. ``tokens`` is what the addresses in it cost, which others
do not have.

Peers that are not installed are left out: pip install 'buzz-relay-desk[benchmarks]'.
"""

import argparse
import dataclasses
import email.policy
import random
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, Message
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jinja2

from benchmarks import common
from buzz.core import campaign as campaigns
from buzz.core import dkim, tracking
from buzz.core import letter as letters
from buzz.core.letter import compiling, filling, rendering
from buzz.core.letter.gates import AskingSandbox
from buzz.core.letter.sandbox import rendered
from buzz.edges import files, keys
from buzz.model import (
    Campaign,
    CompiledLetter,
    DeliveryId,
    LetterUrls,
    Link,
    LinkId,
    Recipient,
    Tracking,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BASE = "https://lettre.parti.example"
FROM = "La Lettre du Buzz <lettre@parti.example>"
NAMES = (
    "Le blog de José",
    "Chroniques d'Éléonore",
    "L'écho du 13e",
    "Karim écrit",
    "Billets rouges",
    "Ici et là-bas",
    "Notes de campagne",
)
# What an officer's own template might say above the title.
ASKING = (
    '{% if recipient.federation == "75" %}<p>À Paris, rendez-vous mardi.</p>{% endif %}'
    "{% if recipient.rank and recipient.rank <= 100 %}<p>Merci, {{ recipient.name | upper }}.</p>"
    "{% endif %}"
)

Make = Callable[[Recipient, LetterUrls], bytes]


@dataclasses.dataclass(frozen=True)
class Sender:
    """Who writes."""

    from_: str = FROM
    reply_to: str = ""
    organisation: str = "Parti de l'Exemple"
    postal_address: str = "1 rue de l'Exemple, 75001 Paris"
    controller: str = "dpo@parti.example"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    common.tell(measured(given.recipients, given.rounds))


def measured(recipients: int, rounds: int) -> dict[str, Any]:
    """Return the figures for so many recipients, in so many rounds."""
    everybody = people(recipients)
    letter, asking = compiled(), compiled(ASKING)
    urls = [urls_of(letter, person, number) for number, person in enumerate(everybody, 1)]
    with tempfile.TemporaryDirectory() as folder:
        makers = {**ours(letter, asking), **peers(letter, Path(folder))}
        found = timed(makers, everybody, urls, rounds)
    median = {name: round(statistics.median(times), 1) for name, times in found.items()}
    spliced = form(letter)
    return {
        "recipients": recipients,
        "rounds": rounds,
        "bytes": len(write(spliced, everybody[0], urls[0])),
        "cpu_us": median,
        "fastest_us": {name: round(min(times), 1) for name, times in found.items()},
        "ratio_to_spliced": {
            name: round(us / median["spliced"], 1)
            for name, us in median.items()
            if name not in {"spliced", "tokens"}
        },
    }


def timed(
    makers: Mapping[str, Make],
    everybody: Sequence[Recipient],
    urls: Sequence[LetterUrls],
    rounds: int,
) -> dict[str, list[float]]:
    """Return microseconds of CPU a message, by maker, one for each round."""
    found: dict[str, list[float]] = {name: [] for name in makers}
    for make in makers.values():
        make(everybody[0], urls[0])  # what is compiled once is compiled now
    for _round in range(rounds):
        for name, make in makers.items():
            # The slow ones are as slow for a tenth of them.
            count = (
                len(everybody) if name in {"spliced", "tokens", "cases"} else len(everybody) // 10
            )
            some = list(zip(everybody, urls, strict=True))[: max(1, count)]
            begun = time.process_time()
            for person, addresses in some:
                make(person, addresses)
            found[name].append((time.process_time() - begun) / len(some) * 1e6)
    return found


# --- ours ---------------------------------------------------------------------------------------


def people(count: int) -> list[Recipient]:
    drawn = random.Random(4)
    return [
        Recipient(
            blog=f"b{n}",
            name=f"{drawn.choice(NAMES)} {n}",
            email=f"blog{n}@blogs.example",
            language="fr",
            federation=drawn.choice(("75", "13", "")),
            rank=n if n <= 1000 else None,
            opens=Tracking.PERSONAL,
            clicks=Tracking.PERSONAL,
        )
        for n in range(1, count + 1)
    ]


def sources_of(added: str = "") -> dict[str, str]:
    """Return the shipped templates, the letter's saying more above the title."""
    found = {
        path.name: path.read_text(encoding="utf-8")
        for path in files.shared("templates").glob("*.j2")
    }
    title = '<h1 class="title">'
    found["lettre.html.j2"] = found["lettre.html.j2"].replace(title, added + title)
    return found


def campaign_of() -> Campaign:
    text = (files.shared("campaigns") / "retraites" / "letter.md").read_text(encoding="utf-8")
    return campaigns.parse(text, slug="retraites", path="letter.md")


def compiled(added: str = "") -> CompiledLetter:
    campaign = campaign_of()
    links = [Link(id=LinkId(n), url=url) for n, url in enumerate(letters.urls_in(campaign), 1)]
    return letters.compile_letter(
        campaign, language="fr", sender=Sender(), sources=sources_of(added), links=links
    )


def urls_of(letter: CompiledLetter, person: Recipient, number: int) -> LetterUrls:
    return tracking.letter_urls(
        b"s" * 32,
        BASE,
        campaign="retraites",
        delivery=DeliveryId(number),
        recipient=person,
        links=letter.links,
    )


def form(letter: CompiledLetter) -> letters.FormLetter:
    return letters.FormLetter(letter, from_=FROM, reply_to="", list_id="lettre.parti.example")


def write(spliced: letters.FormLetter, person: Recipient, urls: LetterUrls) -> bytes:
    return spliced.message(person, urls, message_id=f"<{person.blog}@parti.example>", date=NOW)


def ours(letter: CompiledLetter, asking: CompiledLetter) -> dict[str, Make]:
    assert letter.source is None
    assert asking.source is not None
    plain, cases = form(letter), form(asking)
    rsa, ed25519 = (
        dkim.Signer(
            domain="parti.example",
            selector="buzz",
            key=dkim.read_key(keys.signing_key(is_ed25519=newer), ""),
        )
        for newer in (False, True)
    )
    return {
        "spliced": lambda person, urls: write(plain, person, urls),
        "tokens": lambda person, _urls: urls_of(letter, person, 1).unsubscribe.encode(),
        "cases": lambda person, urls: write(cases, person, urls),
        "spliced, RSA": lambda person, urls: dkim.sign(write(plain, person, urls), [rsa], NOW),
        "spliced, RSA and Ed25519": lambda person, urls: dkim.sign(
            write(plain, person, urls), [rsa, ed25519], NOW
        ),
    }


# --- others -------------------------------------------------------------------------------------


def peers(letter: CompiledLetter, folder: Path) -> dict[str, Make]:
    """Return those that are installed."""
    found = {"EmailMessage": email_message(letter), "EmailMessage, premailer": premailed(letter)}
    if find_spec("mailmerge"):
        found["mailmerge"] = mailmerge(letter, folder)
    if find_spec("django"):
        found["Django"] = django(letter)
    return found


def as_jinja(text: str, letter: CompiledLetter, *, is_page: bool) -> str:
    """Return a letter's page or text as a template: a variable for each slot, for those told."""
    for name in ("mail", "pixel", "notice"):
        mark = rf"(?:<!--)?{letter.slots[name]}(?:-->)?\n?"
        kept = "" if name == "notice" else r"\1"
        text = re.sub(f"{mark}(.*?){mark}", kept, text, flags=re.DOTALL)
    for name, word in letter.slots.items():
        escaped = " | e" if is_page else ""
        text = text.replace(word, f'{{{{ said["{name}"]{escaped} }}}}')
    return text


def said_of(letter: CompiledLetter, person: Recipient, urls: LetterUrls) -> dict[str, Any]:
    return filling.said(letter.language, person, letter.links, urls)


def email_message(letter: CompiledLetter) -> Make:
    """Return what renders with Jinja and serialises with Python's own library."""
    page = jinja2.Template(as_jinja(letter.html, letter, is_page=True))
    text = jinja2.Template(as_jinja(letter.text, letter, is_page=False))

    def make(person: Recipient, urls: LetterUrls) -> bytes:
        said = said_of(letter, person, urls)
        return serialised(letter, person, page.render(said=said), text.render(said=said))

    return make


def premailed(letter: CompiledLetter) -> Make:
    """Return the same, with the styles put inline for each recipient."""
    campaign = campaign_of()
    environment = AskingSandbox(sources_of(), letter.slots)
    environment.questions.begin({})
    ids = {link.url: link.id for link in letter.links}
    values = compiling._values(campaign, "fr", Sender(), letter.slots, ids)  # noqa: SLF001  (the page before it is put inline)
    bare = rendered(environment, "lettre.html.j2", values, "fr")
    page = jinja2.Template(as_jinja(bare, letter, is_page=True))
    text = jinja2.Template(as_jinja(letter.text, letter, is_page=False))

    def make(person: Recipient, urls: LetterUrls) -> bytes:
        said = said_of(letter, person, urls)
        inline = rendering.inlined(page.render(said=said))
        return serialised(letter, person, inline, text.render(said=said))

    return make


def serialised(letter: CompiledLetter, person: Recipient, page: str, text: str) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"] = FROM
    message["To"] = Address(person.name, addr_spec=person.email)
    message["Subject"] = letter.subject
    message["Date"] = NOW
    message["Message-ID"] = f"<{person.blog}@parti.example>"
    message.set_content(text, cte="quoted-printable")
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message.as_bytes()


def mailmerge(letter: CompiledLetter, folder: Path) -> Make:
    """Return mailmerge's own way: one template for head and both parts."""
    from mailmerge.template_message import TemplateMessage

    head = (
        f"TO: {{{{ email }}}}\nSUBJECT: {letter.subject}\nFROM: {FROM}\nMIME-Version: 1.0\n"
        'Content-Type: multipart/alternative; boundary="boundary"\n\n'
    )
    part = "--boundary\nContent-Type: text/{}; charset=utf-8\n\n"
    path = folder / "mailmerge_template.txt"
    path.write_text(
        head
        + part.format("plain")
        + as_jinja(letter.text, letter, is_page=False)
        + "\n"
        + part.format("html")
        + as_jinja(letter.html, letter, is_page=True)
        + "\n--boundary--\n",
        encoding="utf-8",
    )
    template = TemplateMessage(path)

    def make(person: Recipient, urls: LetterUrls) -> bytes:
        context = {"email": person.email, "said": said_of(letter, person, urls)}
        message: Message = template.render(context)[2]
        return message.as_bytes()

    return make


def django(letter: CompiledLetter) -> Make:
    """Return Django's ``EmailMultiAlternatives``, rendered with its own templates."""
    import django as framework
    from django.conf import settings
    from django.core.mail import EmailMultiAlternatives
    from django.template import Context, Engine

    if not settings.configured:
        settings.configure(EMAIL_USE_LOCALTIME=False, USE_TZ=True)
        framework.setup()
    engine = Engine()

    def template(text: str, *, is_page: bool) -> Any:
        source = as_jinja(text, letter, is_page=is_page)
        plain = re.sub(r'said\["(\w+)(?::(\d+))?"\](?: \| e)?', r"said.\1\2", source)
        return engine.from_string(
            plain if is_page else f"{{% autoescape off %}}{plain}{{% endautoescape %}}"
        )

    page, text = template(letter.html, is_page=True), template(letter.text, is_page=False)

    def make(person: Recipient, urls: LetterUrls) -> bytes:
        said = {
            name.replace(":", ""): value for name, value in said_of(letter, person, urls).items()
        }
        message = EmailMultiAlternatives(
            letter.subject,
            text.render(Context({"said": said})),
            FROM,
            [f'"{person.name}" <{person.email}>'],
        )
        message.attach_alternative(page.render(Context({"said": said})), "text/html")
        octets: bytes = message.message().as_bytes()
        return octets

    return make


if __name__ == "__main__":
    main()
