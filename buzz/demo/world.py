"""The small world: who its bloggers are, what they write and when, what they do with a letter.

Everything is drawn from one seed and known in advance: :attr:`Post.label` is the truth that the
demo compares the product's findings with. Nothing of the product looks at it.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from importlib import resources
from typing import Any, Literal, TypeVar

from buzz.demo import prose
from buzz.demo.prose import Prose
from buzz.model import Blog

SEED = 2007
MEMORY = timedelta(days=45)  # how far back the bloggers' posts go
IN_FEED = 12  # entries that a feed shows
CAMPAIGN = "a1"  # of written/campaigns.jsonl: the letter of the demo
PACES = (0.02, 0.1, 0.2, 0.35, 0.6, 1.0, 2.0)  # posts a day
LAG_HOURS = (1.1, 1.2)  # of a relay: mean and deviation of the logarithm; a median of 3 h

T = TypeVar("T")
Label = Literal["relayed", "mentioned", "not"]
Health = Literal["well", "slow", "missing", "broken", "wall", "gone", "page", "torn", "mute"]
HEALTH: dict[Health, float] = {
    "well": 0.91,
    "slow": 0.04,  # answers after one to two seconds
    "missing": 0.010,  # 404
    "broken": 0.010,  # 500
    "wall": 0.010,  # 403 with cf-mitigated
    "gone": 0.005,  # 410
    "page": 0.005,  # 200, but an HTML page
    "torn": 0.005,  # the document breaks off
    "mute": 0.005,  # accepts and never answers
}
Reaction = Literal["copy", "quote", "light", "link", "critique", "same-topic", "silent"]
REACTIONS: dict[Reaction, float] = {
    "copy": 0.020,
    "quote": 0.020,
    "light": 0.012,
    "link": 0.022,
    "critique": 0.008,
    "same-topic": 0.020,
    "silent": 0.898,
}
Mailbox = Literal["takes", "unknown", "greylists"]
MAILBOXES: dict[Mailbox, float] = {
    "takes": 0.966,
    "unknown": 0.012,  # 550 5.1.1
    "greylists": 0.022,  # 450 the first time
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What the demo's campaign says, as the bloggers got it."""

    title: str
    organisation: str
    paragraphs: tuple[str, ...]
    talking_points: tuple[str, ...]
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One post, and the truth about it."""

    link: str
    published: datetime
    prose: Prose
    label: Label = "not"
    mode: str = ""


@dataclass(slots=True, kw_only=True)
class Blogger:
    """One blog's author: temper, health of their server and mailbox, and posts by date."""

    blog: Blog
    health: Health
    mailbox: Mailbox
    reaction: Reaction
    latency_s: float
    remembers: bool  # the server answers conditional requests
    posts: list[Post] = field(default_factory=list)

    def shown(self, now: datetime) -> list[Post]:
        """Return what the feed shows at this time, newest first."""
        past = [post for post in self.posts if post.published <= now]
        return sorted(past, key=lambda post: post.published, reverse=True)[:IN_FEED]


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """All bloggers by slug, and the letter they are going to get."""

    bloggers: dict[str, Blogger]
    letter: Letter
    sent_at: datetime
    seed: int

    def truth(self) -> dict[str, Post]:
        """Return every post written since the letter went out, by its address."""
        return {
            post.link: post
            for blogger in self.bloggers.values()
            for post in blogger.posts
            if post.published > self.sent_at
        }


def written(name: Literal["campaigns", "posts"]) -> list[dict[str, Any]]:
    """Return the campaigns or posts that were written by hand for this project."""
    lines = resources.files("buzz.demo").joinpath("written", f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in lines.splitlines()]


def the_letter() -> Letter:
    """Return the letter of the demo."""
    campaign = next(c for c in written("campaigns") if c["id"] == CAMPAIGN)
    return Letter(
        title=campaign["title"],
        organisation=campaign["organisation"],
        paragraphs=tuple(campaign["text"].split("\n\n")[1:-1]),  # without salutation and signature
        talking_points=tuple(campaign["talking_points"]),
        url=campaign["urls"][0],
    )


def build(blogs: Sequence[Blog], *, sent_at: datetime, now: datetime, seed: int = SEED) -> World:
    """Return the world around these blogs.

    Args:
        blogs: the registry, with the addresses under which the world serves them.
        sent_at: when the letter goes out; reactions come after it.
        now: the end of the story.
    """
    letter = the_letter()
    bloggers = {blog.slug: _blogger(blog, now, seed) for blog in blogs}
    world = World(bloggers=bloggers, letter=letter, sent_at=sent_at, seed=seed)
    _hand_out_written(world, now)
    return world


def _blogger(blog: Blog, now: datetime, seed: int) -> Blogger:
    dice = random.Random(f"{seed}:{blog.slug}")
    health = _draw(dice, HEALTH)
    blogger = Blogger(
        blog=blog,
        health=health,
        mailbox=_draw(dice, MAILBOXES),
        reaction=_draw(dice, REACTIONS),
        latency_s=dice.uniform(1, 2) if health == "slow" else dice.uniform(0.1, 0.3),
        remembers=dice.random() < 0.9,  # noqa: PLR2004  (nine in ten servers send validators)
    )
    when = now - MEMORY
    pace = dice.choice(PACES)
    while True:
        when += timedelta(days=dice.expovariate(pace))
        if when >= now:
            break
        blogger.posts.append(
            Post(link=_permalink(blog, when), published=when, prose=prose.everyday(dice))
        )
    return blogger


def receive(world: World, blogger: Blogger, relay_url: str, *, now: datetime) -> None:
    """Let a blogger read the letter and write what they make of it, in their own time.

    Args:
        relay_url: the blog's own share link, as found in the letter.
        now: the end of the story; who would write later does not write.
    """
    dice = random.Random(f"{world.seed}:{blogger.blog.slug}:letter")
    when = _reaction_time(dice, world.sent_at)
    if blogger.reaction == "silent" or when >= now:
        return
    letter = world.letter
    point = dice.choice(letter.talking_points)
    link = dice.choice((letter.url, relay_url or letter.url))
    label: Label = "relayed"
    match blogger.reaction:
        case "copy":
            text = prose.copied(dice, letter.paragraphs, link)
        case "quote":
            text = prose.quoted(dice, point, letter.organisation, link)
        case "light":
            text = prose.edited(dice, point)
        case "link":
            text = prose.linked(dice, link)
        case "critique":
            text, label = prose.criticised(dice, point, letter.organisation), "mentioned"
        case _:
            text, label = prose.same_topic(dice), "not"
    blogger.posts.append(
        Post(
            link=_permalink(blogger.blog, when),
            published=when,
            prose=text,
            label=label,
            mode=blogger.reaction,
        )
    )


def _hand_out_written(world: World, now: datetime) -> None:
    """Let some bloggers speak through the hand-written posts, the letter's own ones first."""
    campaigns = {c["id"]: c for c in written("campaigns")}
    speakers = [b for b in world.bloggers.values() if b.health == "well" and b.reaction == "silent"]
    posts = [p for p in written("posts") if p["language"] == "fr"]
    posts.sort(key=lambda p: p["campaign"] != CAMPAIGN)
    dice = random.Random(world.seed)
    for blogger, post in zip(speakers[::3], posts, strict=False):
        ours = post["campaign"] == CAMPAIGN
        days = _days(post["date"]) - _days(campaigns[post["campaign"]]["date"])
        after = min(_reaction_time(dice, world.sent_at), now - timedelta(minutes=5))
        when = after if days >= 0 else world.sent_at - timedelta(days=min(-days, MEMORY.days / 2))
        title, _, body = post["text"].partition("\n\n")
        blogger.posts.append(
            Post(
                link=_permalink(blogger.blog, when),
                published=when,
                prose=Prose(title, tuple(body.split("\n\n"))),
                label=post["label"] if ours else "not",
                mode=post["mode"] if ours else "other-campaign",
            )
        )


def _draw(dice: random.Random, shares: dict[T, float]) -> T:
    return dice.choices(list(shares), weights=list(shares.values()))[0]


def _reaction_time(dice: random.Random, sent_at: datetime) -> datetime:
    return sent_at + timedelta(hours=dice.lognormvariate(*LAG_HOURS), minutes=2)


def _permalink(blog: Blog, when: datetime) -> str:
    """Return the address of a post in the manner of the blog's platform."""
    home = blog.url.rstrip("/")
    number = int(when.timestamp())
    if "spip.php" in blog.feed_url:
        return f"{home}/spip.php?article{number}"
    if "canalblog" in blog.url:
        return f"{home}/archives/{when:%Y/%m/%d}/{number}.html"
    return f"{home}/{when:%Y/%m}/{number}.html"


def _days(day: str) -> int:
    return date.fromisoformat(day).toordinal()
