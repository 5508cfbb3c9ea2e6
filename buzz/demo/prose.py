"""What the bloggers of the small world write: every day's posts, and what they make of a letter.

Everyday posts are put together from a grammar; relays of the letter are made from its own
sentences in the manners that the report tells apart. The posts of ``written/`` were written by
hand for this project and are used as they are. Nothing of the product reads any of this.
"""

import random
import re
import tomllib
from dataclasses import dataclass
from importlib import resources

WORDS = tomllib.loads(resources.files("buzz.demo").joinpath("prose.toml").read_text("utf-8"))
SWAPS = (  # how a light editor rewrites
    ("Une nuit sans urgences", "Une nuit sans service d'urgences"),
    ("perdants", "victimes"),
    ("Nous refusons", "On refuse"),
    ("médecins", "docteurs"),
    ("supprimé", "fermé"),
    ("Nous demandons", "On demande"),
    ("suffiraient à payer", "permettraient de payer"),
    ("immédiat", "tout de suite"),
    ("toujours les mêmes", "les mêmes, toujours"),
)


@dataclass(frozen=True, slots=True)
class Prose:
    """A title and paragraphs, plain text; addresses in them become links in the feed."""

    title: str
    paragraphs: tuple[str, ...]


def _filled(pattern: str, dice: random.Random, topic: str) -> str:
    person = dice.choice(WORDS["people"])
    place = dice.choice(WORDS["places"])
    return pattern.format(
        n=dice.randint(3, 97),
        m=dice.randint(52, 99),
        place=place,
        person=person,
        Person=person[0].upper() + person[1:],
        topic=topic,
        Topic=topic[0].upper() + topic[1:],
    )


def everyday(dice: random.Random) -> Prose:
    """Return a post about anything but the letter."""
    topic = dice.choice(WORDS["topics"])
    sentences = [
        _filled(s, dice, topic) for s in dice.sample(WORDS["sentences"], dice.randint(4, 8))
    ]
    middle = len(sentences) // 2
    return Prose(
        _filled(dice.choice(WORDS["titles"]), dice, topic),
        (" ".join(sentences[:middle]), " ".join(sentences[middle:])),
    )


def copied(dice: random.Random, letter: tuple[str, ...], link: str) -> Prose:
    """Return a post that carries all or half of the letter's paragraphs as they are."""
    kept = letter[: dice.choice((len(letter), max(2, len(letter) // 2)))]
    return Prose(
        dice.choice(
            ("À faire circuler", "Je relaie", "Une lettre à lire", "Pour information", "Lu")
        ),
        (_line(dice, "intros"), *kept, f"{_line(dice, 'outros')} {link}".strip()),
    )


def quoted(dice: random.Random, point: str, organisation: str, link: str) -> Prose:
    """Return a post that quotes one talking point, says whose it is and agrees."""
    before = everyday(dice)
    return Prose(
        before.title,
        (
            before.paragraphs[0],
            f"À ce propos, je retiens cette phrase du {organisation} : « {point} »",
            f"Je suis bien d'accord, et j'invite chacun à signer. {link}".strip(),
        ),
    )


def edited(dice: random.Random, point: str) -> Prose:
    """Return a post that takes a talking point over with small changes of its own."""
    for old, new in SWAPS:
        point = re.sub(re.escape(old), new, point)
    here = everyday(dice)
    return Prose(here.title, (_line(dice, "intros"), point, here.paragraphs[1]))


def linked(dice: random.Random, link: str) -> Prose:
    """Return a short post that sends its readers to the campaign's page."""
    return Prose(
        dice.choice(("Je signe", "Un lien à suivre", "C'est par ici", "Signez aussi")),
        (
            f"{_line(dice, 'intros')} Tout est expliqué ici, et il n'y a plus qu'à signer : {link}",
            _line(dice, "outros"),
        ),
    )


def criticised(dice: random.Random, point: str, organisation: str) -> Prose:
    """Return a post that quotes the letter word for word in order to refute it."""
    here = everyday(dice)
    return Prose(
        f"Non au {organisation}",
        (
            f"Le {organisation} nous écrit : « {point} »",
            dice.choice(WORDS["critiques"]),
            here.paragraphs[0],
        ),
    )


def same_topic(dice: random.Random) -> Prose:
    """Return a post on the letter's topic that owes it nothing."""
    here = everyday(dice)
    return Prose(here.title, (_line(dice, "same_topic"), here.paragraphs[0]))


def _line(dice: random.Random, kind: str) -> str:
    return _filled(dice.choice(WORDS[kind]), dice, dice.choice(WORDS["topics"]))
