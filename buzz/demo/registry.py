"""The sample registry: 1,500 fictional French blogs of every platform, the same from each seed.

``python -m buzz.demo.registry > blogs.csv`` writes the file at the top of the repository; a test
holds the one to the other. What the names are made of stands in ``registry.toml``. All addresses
are reserved ones (RFC 2606), so nothing that is sent to them can reach anybody.
"""

import random
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from importlib import resources
from typing import Any

from buzz.core import registry
from buzz.core.text import slugify, unaccented
from buzz.model import Blog, BlogStatus, Consent, Ground

SEED = 2007
BLOGS = 1500
FIRST_NOTICE = date(2025, 9, 1)
DIGITAL = "federation-numerique"  # the federation that has no département
NOTES = (
    "préfère les images prêtes à publier",
    "publie surtout le dimanche soir",
    "tient aussi une émission de radio locale",
    "a demandé le texte brut plutôt que le HTML",
    "blog collectif, trois rédactrices",
    "répond vite par courriel",
    "a changé d'adresse en janvier",
    "aime les chiffres avec leur source",
)
SOURCES = (
    "page contact du blog",
    "page à propos du blog",
    "mentions légales du blog",
    "inscription à la lettre",
    "annuaire de la fédération",
    "rencontre des blogueurs, Nantes 2025",
)
# Shares of the blogs, or of those for which the question arises.
SQUEEZED = 0.4  # leblogdekarim.example, not le-blog-de-karim.example
USUAL_FEED = 0.8
DIGITAL_TOO = 0.09
LOCAL = 0.9
PAUSED = 0.015
NOTED = 0.05
WITHOUT_EMAIL = 0.04
OWN_MAILBOX = 0.6
INFORMED = 0.95
HOST_LENGTH = 40  # characters; the DNS allows 63
MAILBOXES = ("courriel.example", "messagerie.example", "poste.example", "boite-aux-lettres.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where a blog lives: ``{me}`` in its addresses is the blog's own name in the DNS."""

    weight: int  # of a thousand blogs
    home: str
    feeds: tuple[str, ...]  # below the home page; the first is the usual one

    @property
    def is_own_domain(self) -> bool:
        """Tell whether the blog has a domain of its own, and so perhaps a mailbox there."""
        return "{me}.example" in self.home


PLATFORMS = (
    Platform(weight=250, home="https://{me}.example/", feeds=("feed/",)),
    Platform(weight=70, home="https://www.{me}.example/", feeds=("feed/", "?feed=rss2")),
    Platform(weight=30, home="https://{me}.example/blog/", feeds=("feed/",)),
    Platform(weight=130, home="https://{me}.wordpress.example/", feeds=("feed/",)),
    Platform(weight=160, home="https://{me}.over-blog.example/", feeds=("rss",)),
    Platform(weight=90, home="http://{me}.hautetfort.example/", feeds=("index.rss", "atom.xml")),
    Platform(weight=80, home="http://{me}.canalblog.example/", feeds=("rss.xml",)),
    Platform(weight=100, home="https://{me}.blogspot.example/", feeds=("feeds/posts/default",)),
    Platform(weight=60, home="https://{me}.example/", feeds=("spip.php?page=backend",)),
    Platform(weight=30, home="https://{me}.example/", feeds=("feed/atom", "feed/rss2")),
)


# --- French -----------------------------------------------------------------------------------

_ASPIRATED = {"Hakim", "Houilles", "Haguenau", "Hendaye"}
_ELIDES = re.compile(r"[aeiouh]|y[^aeiou]", re.IGNORECASE)


def of(noun: str) -> str:
    """Return "de" and a noun.

    >>> [of(noun) for noun in ("Karim", "Évry", "Le Havre", "les Cévennes", "un postier")]
    ['de Karim', "d'Évry", 'du Havre', 'des Cévennes', "d'un postier"]
    """
    article, _space, rest = noun.partition(" ")
    if article.lower() in {"le", "les"}:
        return f"{'du' if article.lower() == 'le' else 'des'} {rest}"
    elides = _ELIDES.match(unaccented(noun)) and noun not in _ASPIRATED
    return f"d'{noun}" if elides else f"de {noun}"


def at(noun: str) -> str:
    """Return "à" and a noun.

    >>> [at(noun) for noun in ("Brest", "Le Havre", "les haies", "le 11e")]
    ['à Brest', 'au Havre', 'aux haies', 'dans le 11e']
    """
    article, _space, rest = noun.partition(" ")
    if rest[:1].isdigit():
        return f"dans {noun}"
    if article.lower() in {"le", "les"}:
        return f"{'au' if article.lower() == 'le' else 'aux'} {rest}"
    return f"à {noun}"


# --- names ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A blog's name and what it tells about the blog."""

    name: str
    tags: frozenset[str] = frozenset()
    language: str = "fr"
    federation: str = ""


def names(chance: random.Random) -> Iterator[Named]:
    """Yield the names that ``registry.toml`` can make, those of their own first."""
    words = tomllib.loads(resources.files("buzz.demo").joinpath("registry.toml").read_text("utf-8"))
    for line in words["single"].strip().splitlines():
        name, tags, language, federation = (*line.split("|"), "", "", "")[:4]
        yield Named(
            name=name,
            tags=frozenset(filter(None, tags.split(";"))),
            language=language or "fr",
            federation=federation or _drawn(words["villes"], chance)[0],
        )
    patterns = [
        (name, frozenset(kind.get("tags", ())))
        for kind in words["patterns"]
        for name in kind["names"]
        for _use in range(kind["most"])
    ]
    chance.shuffle(patterns)
    for pattern, tags in patterns:
        yield _filled(pattern, tags, words, chance)


def _filled(
    pattern: str, tags: frozenset[str], words: Mapping[str, Any], chance: random.Random
) -> Named:
    federation, town = _drawn(words["villes"], chance)
    land = ""
    if "pays}" in pattern:
        federation, land = _drawn(words["pays"], chance)
    topic, cause = _drawn(words["causes"], chance)
    man, woman = (chance.choice(words[gender].split()) for gender in ("lui", "elle"))
    somebody = chance.choice((man, woman))
    trade = chance.choice(
        [
            f"{article} {trade}"
            for article, trades in zip(("un", "une"), words["metiers"], strict=True)
            for trade in trades.split(",")
        ]
    )
    name = pattern.format(
        ville=town,
        de_ville=of(town),
        a_ville=at(town),
        de_pays=of(land),
        lui=man,
        elle=woman,
        prenom=somebody,
        de_prenom=of(somebody),
        de_metier=of(trade),
        cause=cause,
        de_cause=of(cause),
        a_cause=at(cause),
    )
    return Named(
        name=name[0].upper() + name[1:],
        tags=tags | {topic} if "cause}" in pattern else tags,
        federation=federation,
    )


def _drawn(groups: Mapping[str, str], chance: random.Random) -> tuple[str, str]:
    """Return a group's key and one of its words; a group with more words is drawn more often."""
    return chance.choice(
        [(key, word) for key, listed in groups.items() for word in listed.split(",")]
    )


# --- blogs ------------------------------------------------------------------------------------


def make(count: int = BLOGS, seed: int = SEED) -> tuple[Blog, ...]:
    """Return fictional blogs, by slug; the same ones for the same seed.

    Args:
        count: how many, at most some 1,900: there are no more names.
        seed: of everything that is drawn.
    """
    chance = random.Random(seed)
    blogs: dict[str, Blog] = {}
    hosts: set[str] = set()
    for named in names(chance):
        slug = slugify(named.name)
        if len(blogs) == count:
            break
        if slug not in blogs:
            host = _host(slug, hosts, chance)
            blogs[slug] = _blog(named, slug, host, chance)
    return tuple(blogs[slug] for slug in sorted(blogs))


def _host(slug: str, taken: set[str], chance: random.Random) -> str:
    """Return the blog's own name in the DNS: at most 40 characters, nobody else's."""
    short = slug if len(slug) <= HOST_LENGTH else slug[:HOST_LENGTH].rpartition("-")[0]
    squeezed = slug.replace("-", "")
    wishes = [short, slug[:60]]
    if len(squeezed) < HOST_LENGTH / 2 and chance.random() < SQUEEZED:
        wishes.insert(0, squeezed)
    host = next(wish for wish in (*wishes, f"{short}-{len(taken)}") if wish not in taken)
    taken.add(host)
    return host


def _blog(named: Named, slug: str, host: str, chance: random.Random) -> Blog:
    platform = chance.choices(PLATFORMS, [platform.weight for platform in PLATFORMS])[0]
    home = platform.home.format(me=host)
    feed = platform.feeds[0] if chance.random() < USUAL_FEED else platform.feeds[-1]
    tags = named.tags | ({DIGITAL} if chance.random() < DIGITAL_TOO else set())
    blog = Blog(
        slug=slug,
        name=named.name,
        url=home,
        feed_url=home + feed,
        language=named.language,
        federation=named.federation if chance.random() < LOCAL else "",
        tags=tuple(sorted(tags)),
        status=BlogStatus.PAUSED if chance.random() < PAUSED else BlogStatus.ACTIVE,
        note=chance.choice(NOTES) if chance.random() < NOTED else "",
    )
    blog = _on_its_ground(blog, chance)
    return blog if chance.random() < WITHOUT_EMAIL else _reachable(blog, platform, host, chance)


def _on_its_ground(blog: Blog, chance: random.Random) -> Blog:
    """Return the blog with the legal ground of its being here, and the evidence."""
    ground = chance.choices((*Ground, None), (78, 15, 5, 2))[0]
    match ground:
        case Ground.PUBLIC:
            evidence = f"{blog.url}{chance.choice(('a-propos', 'qui-suis-je', 'contact'))}"
        case Ground.MEMBER | Ground.CONSENT:
            evidence = _day(chance, before=300).isoformat()
        case None:
            evidence = ""
    return replace(blog, ground=ground, evidence=evidence)


def _reachable(blog: Blog, platform: Platform, host: str, chance: random.Random) -> Blog:
    """Return the blog with an address, and what was agreed on with the person behind it."""
    own = platform.is_own_domain and chance.random() < OWN_MAILBOX
    local = chance.choice(("contact", "bonjour", "redaction")) if own else host
    domain = f"{host}.example" if own else chance.choice(MAILBOXES)
    granted, denied, unknown = Consent.GRANTED, Consent.DENIED, Consent.UNKNOWN
    opens, clicks = chance.choices(
        (
            (granted, granted),
            (granted, unknown),
            (granted, denied),
            (denied, denied),
            (denied, unknown),
            (unknown, unknown),
        ),
        (70, 30, 20, 65, 15, 800),
    )[0]
    return replace(
        blog,
        email=f"{local}@{domain}",
        consent_open=opens,
        consent_click=clicks,
        notice_at=_day(chance) if chance.random() < INFORMED else None,
        source=chance.choice(SOURCES[:3] if blog.ground is Ground.PUBLIC else SOURCES[3:]),
    )


def _day(chance: random.Random, *, before: int = 0) -> date:
    return FIRST_NOTICE + timedelta(days=chance.randrange(160) - before)


if __name__ == "__main__":
    sys.stdout.buffer.write(registry.write(make()))
