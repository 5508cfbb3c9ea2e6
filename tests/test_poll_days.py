"""``buzz poll`` over days: validators that lie, moves, hosts that want peace, lost domains."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from conftest import Result
from feed_server import FeedServer, Handler, Reply, Request, document, item, rss

from buzz.core.feeds import moves as core_moves
from buzz.edges.store import Store, blogs, entries, feeds, holds, moves
from buzz.model import Blog, Entry, Feed, FeedState, LeftOut, Move, MoveKind

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LONG = "Un texte assez long pour compter parmi les billets de ce blog, et propre à {0}. " * 3
pytestmark = pytest.mark.both_databases


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as server:
        yield server


class World:
    """A registry, its hosts, and a clock that goes on by hours."""

    def __init__(
        self,
        run: Callable[..., Result],
        store: Store,
        server: FeedServer,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.store = store
        self.server = server
        self._run = run
        self._monkeypatch = monkeypatch
        self._hours = 0.0

    def register(self, **hosts: Handler | Reply | str) -> None:
        known = [
            Blog(
                slug=slug,
                name=slug,
                feed_url=it if isinstance(it, str) else self.server.set(slug, it),
            )
            for slug, it in hosts.items()
        ]
        with self.store.write() as tx:
            blogs.save(tx, known, NOW)

    def poll(self, *options: str, after_h: float = 0, code: int = 0) -> dict[str, Any]:
        """Poll after so many hours more; return what was said."""
        self._hours += after_h
        self._monkeypatch.setenv("BUZZ_CLOCK_OFFSET_S", str(self._hours * 3600))
        result = self._run("poll", "--json", *options)
        assert result.code == code, result.err
        return dict(json.loads(result.out)) if result.out else {}

    def command(self, *arguments: str) -> Result:
        return self._run(*arguments)

    def explained(self, *arguments: str) -> Result:
        return self.command("rank", "explain", *arguments)

    def feed(self, slug: str) -> Feed:
        with self.store.read() as tx:
            return feeds.all_feeds(tx)[slug]

    def entries(self, slug: str) -> dict[str, Entry]:
        with self.store.read() as tx:
            return {entry.identity: entry for entry in entries.of_blog(tx, slug)}

    def moves(self, slug: str) -> list[MoveKind]:
        with self.store.read() as tx:
            return [move.kind for move in moves.of_blog(tx, slug)]

    def asked(self, host: str) -> int:
        return len(self.server.asked(host))


@pytest.fixture
def world(
    run: Callable[..., Result],
    store: Store,
    server: FeedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    return World(run, store, server, monkeypatch)


def posts(*names: str, title: str = "Un blog") -> bytes:
    return rss(*(item(name, f"Billet {name}", LONG.format(name)) for name in names), title=title)


# --- validators --------------------------------------------------------------------------------


def liar(body: Callable[[], bytes]) -> Handler:
    """Answer 304 to whoever has any validator, whatever is new."""

    def answer(request: Request) -> Reply:
        if "if-none-match" in request.headers:
            return Reply(304, {"ETag": '"always"'})
        return Reply(200, {"ETag": '"always"'}, body())

    return answer


def test_a_liar_is_found_out_within_a_day_and_asked_without_from_then_on(world: World) -> None:
    bodies = [posts("a")]
    world.register(karim=liar(lambda: bodies[-1]))
    world.poll()
    bodies.append(posts("b", "a"))
    assert world.poll(after_h=5)["not_modified"] == 1
    assert world.poll(after_h=20)["entries_new"] == 1
    assert world.feed("karim").validators_lie
    bodies.append(posts("c", "b", "a"))
    assert world.poll(after_h=5)["due"] == 0, "each request is a full one now: one a day"
    assert world.poll(after_h=22)["entries_new"] == 1


def test_an_honest_feed_is_asked_in_full_once_a_day(world: World) -> None:
    world.register(karim=document(posts("a")))
    for _ in range(48):
        world.poll(after_h=1)
    full = [r for r in world.server.asked("karim") if "if-none-match" not in r.headers]
    assert len(full) == 2
    assert 9 <= world.asked("karim") <= 12, "without dates every four hours, or a little later"
    assert not world.feed("karim").validators_lie


# --- identity ----------------------------------------------------------------------------------


def test_a_blog_that_moves_its_posts_gains_nothing(world: World) -> None:
    world.register(karim=document(posts("a", "b", "c")))
    world.poll()
    before = world.entries("karim")
    renamed = posts("a", "b", "c").replace(b"<guid isPermaLink='false'>", b"<guid>urn:x-")
    world.server.set("karim", document(renamed.replace(b"http://blog", b"http://www.neuf")))
    assert world.poll("--all")["entries_new"] == 0
    after = world.entries("karim")
    assert after.keys() == before.keys()
    assert {entry.link for entry in after.values()} == {
        f"http://www.neuf.example/{name}" for name in "abc"
    }
    assert world.feed("karim").gap_at is None


def test_posts_that_were_lost_between_two_polls_are_told(world: World) -> None:
    world.register(karim=document(posts("a", "b")))
    world.poll()
    world.server.set("karim", document(posts("x", "y")))
    world.poll("--all")
    feed = world.feed("karim")
    assert feed.gap_at == feed.last_polled
    assert feed.interval_s == 2 * 3600
    world.command("blogs", "export", "blogs.csv")
    said = world.command("blogs", "check").out
    assert "posts were lost between two polls before" in said
    assert "counts are lower bounds" in said
    (lost,) = json.loads(world.command("blogs", "check", "--json").out)["lost"]
    assert (lost["blog"], lost["state"], lost["gap_at"]) == ("karim", "ok", str(feed.gap_at))
    world.command("rank", "run")
    assert "\nAt least: posts were lost between two polls before" in world.explained("karim").out
    facts = json.loads(world.explained("karim", "--json").out)
    assert (facts["is_lower_bound"], facts["gap_at"]) == (True, str(feed.gap_at))


def test_a_gap_that_nothing_counted_remembers_is_no_lower_bound(world: World) -> None:
    world.register(karim=document(posts("a", "b")))
    world.poll()
    world.server.set("karim", document(posts("x", "y")))
    world.poll("--all")
    world.server.set("karim", document(posts("z", "y", "x")))
    world.poll(after_h=24 * 120)
    world.command("rank", "run")
    facts = json.loads(world.explained("karim", "--json").out)
    assert (facts["is_lower_bound"], facts["gap_at"]) == (False, None)
    assert "At least" not in world.explained("karim").out
    world.command("blogs", "export", "blogs.csv")
    assert json.loads(world.command("blogs", "check", "--json").out)["lost"] == []


def test_back_dated_posts_are_left_out(world: World) -> None:
    world.register(karim=document(posts("a")))
    world.poll()
    old = (datetime.now(UTC) - timedelta(days=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    older = (datetime.now(UTC) - timedelta(days=60)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    dated = [item(n, f"Billet {n}", LONG.format(n), d) for n, d in (("b", old), ("c", older))]
    first = rss(*dated[1:], item("a", "Billet a", LONG.format("a")))
    world.server.set("karim", document(first))
    world.poll("--all")
    world.server.set("karim", document(rss(*dated, item("a", "Billet a", LONG.format("a")))))
    world.poll("--all")
    left_out = {name: entry.left_out for name, entry in world.entries("karim").items()}
    assert left_out == {
        "a": LeftOut.BACKFILL,
        "b": LeftOut.REDATED,
        "c": LeftOut.BACKFILL,
    }


# --- moves -------------------------------------------------------------------------------------


def redirect(status: int, target: str) -> Reply:
    return Reply(status, {"Location": target})


def test_a_page_that_answers_304_to_any_validator_is_no_move(world: World) -> None:
    world.register(karim=document(posts("a")))
    world.poll()

    def parking(request: Request) -> Reply:
        if "if-none-match" in request.headers:
            return Reply(304)
        return Reply(200, {"Content-Type": "text/html"}, b"<html><title>For sale</title></html>")

    world.server.set("karim", redirect(301, world.server.set("parking", parking)))
    for _poll in range(core_moves.POLLS + 1):
        world.poll("--all")
        feed = world.feed("karim")
        assert (feed.move_polls, feed.moved_to) == (0, "")


def test_a_permanent_redirect_is_believed_after_three_polls_and_can_be_undone(
    world: World,
) -> None:
    world.register(karim=document(posts("a")))
    world.command("blogs", "export", "blogs.csv")
    world.poll()
    target = world.server.set("neuf", document(posts("b", "a")))
    old = world.server.set("karim", redirect(301, target))
    for polls in range(1, core_moves.POLLS):
        world.poll("--all")
        feed = world.feed("karim")
        assert (feed.state, feed.reason, feed.move_polls) == (FeedState.MOVED, "moved", polls)
        assert feed.move_target == target
    assert "b" in world.entries("karim"), "what it shows counts meanwhile"
    world.poll("--all")
    assert (world.feed("karim").state, world.feed("karim").address) == (FeedState.OK, target)
    asked = world.asked("karim")
    world.poll("--all")
    assert world.asked("karim") == asked
    assert world.moves("karim") == [MoveKind.BELIEVED]
    world.server.set("karim", document(posts("c", "b", "a")))
    result = world.command("blogs", "edit", "karim", "--feed-url", old)
    assert "undone" in result.err
    assert world.feed("karim").address == old
    assert world.poll()["entries_new"] == 1
    world.server.set("karim", redirect(301, target))
    for _ in range(4):
        world.poll("--all")
    assert world.feed("karim").address == old, "a person has refused it"
    assert world.moves("karim") == [MoveKind.BELIEVED, MoveKind.UNDONE]


@pytest.mark.parametrize("status", [302, 303, 307])
def test_a_passing_redirect_is_no_move(status: int, world: World) -> None:
    target = world.server.set("neuf", document(posts("a")))
    world.register(karim=redirect(status, target))
    for _ in range(4):
        world.poll("--all")
    feed = world.feed("karim")
    assert (feed.state, feed.moved_to, feed.move_target) == (FeedState.OK, "", "")


def test_one_passing_hop_is_enough_not_to_believe(world: World) -> None:
    target = world.server.set("neuf", document(posts("a")))
    world.server.set("relais", redirect(302, target))
    world.register(karim=redirect(301, world.server.url("relais")))
    for _ in range(4):
        world.poll("--all")
    assert world.feed("karim").moved_to == ""


def test_a_redirect_to_the_home_page_is_no_move(world: World) -> None:
    world.register(karim=document(posts("a")))
    world.poll()
    world.server.set("accueil", Reply(200, {}, b"<!doctype html><title>Accueil</title>"))
    world.server.set("karim", redirect(301, world.server.url("accueil")))
    for _ in range(4):
        world.poll("--all")
    feed = world.feed("karim")
    assert (feed.state, feed.reason, feed.moved_to) == (FeedState.SOFT, "html", "")


def test_a_redirect_to_a_feed_that_shares_nothing_is_not_followed(world: World) -> None:
    world.register(karim=document(posts("a")))
    world.poll()
    target = world.server.set("casino", document(posts("x", "y", title="Casino")))
    world.server.set("karim", redirect(301, target))
    for _ in range(4):
        world.poll("--all")
    feed = world.feed("karim")
    assert (feed.state, feed.reason) == (FeedState.QUARANTINED, "moved-elsewhere")
    assert world.entries("karim").keys() == {"a"}


def test_a_believed_address_that_dies_is_given_up(world: World) -> None:
    target = world.server.set("neuf", document(posts("a")))
    world.register(karim=redirect(301, target))
    for _ in range(core_moves.POLLS):
        world.poll("--all")
    world.server.set("neuf", Reply(404))
    world.server.set("karim", document(posts("b", "a")))
    for _ in range(core_moves.GIVE_UP):
        world.poll("--all")
    assert world.poll("--all")["entries_new"] == 1
    assert world.feed("karim").state is FeedState.OK
    assert world.moves("karim") == [MoveKind.BELIEVED, MoveKind.GIVEN_UP]


def test_moves_come_back_as_they_were_stored(world: World) -> None:
    world.register(karim="http://b.example/")
    move = Move(blog="karim", at=NOW, from_url="a", to_url="b", kind=MoveKind.BELIEVED)
    with world.store.write() as tx:
        moves.add(tx, [])
        moves.add(tx, [move])
        assert moves.of_blog(tx, "karim") == (move,)


# --- what is not this blog ---------------------------------------------------------------------

PARKED = [
    b"<!doctype html><title>karim.example</title>This domain is for sale!",
    "<html>Ce nom de domaine est à vendre</html>".encode(),
    b"<html><script src='//d38.parkingcrew.net/x.js'></script></html>",
]


@pytest.mark.parametrize("page", PARKED)
def test_a_lost_domain_is_parked_and_not_silent(page: bytes, world: World) -> None:
    world.register(karim=Reply(200, {}, page), lea=Reply(200, {}, b"<!doctype html><p>Bonjour"))
    said = world.poll()
    assert said["states"] == {"parked": 1, "soft": 1}
    assert world.feed("karim").reason == "parked"


def test_the_feed_of_another_blog_is_not_taken(world: World) -> None:
    world.register(karim=document(posts("a", "b")), lea=document(posts("c", "d", title="Léa")))
    world.poll()
    world.server.set("karim", document(posts("c", "d", title="Léa")))
    world.poll("--all")
    feed = world.feed("karim")
    assert (feed.state, feed.reason) == (FeedState.QUARANTINED, "another-blog")
    assert world.entries("karim").keys() == {"a", "b"}
    world.server.set("karim", document(posts("e", "a", "b")))
    assert world.poll("--all")["entries_new"] == 1
    assert world.feed("karim").state is FeedState.OK


def test_a_blog_that_begins_anew_is_taken(world: World) -> None:
    world.register(karim=document(posts("a", "b")))
    world.poll()
    world.server.set("karim", document(posts("x", "y", title="Nouveau départ")))
    assert world.poll("--all")["entries_new"] == 2


# --- hosts that want peace ---------------------------------------------------------------------


def hosts_of_one(world: World, n: int, answer: Handler | Reply) -> None:
    """Register blogs that share a host."""
    first = world.server.set("partage", answer)
    world.register(**{f"b{i}": first.replace("/feed", f"/{i}/feed") for i in range(n)})


@pytest.mark.parametrize(
    ("reply", "peace_h"),
    [
        pytest.param(Reply(429, {"Retry-After": "10800"}), 3, id="429, seconds"),
        pytest.param(Reply(503, {"Retry-After": "10800"}), 3, id="503"),
        pytest.param(
            Reply(
                429,
                {
                    "Date": "Mon, 02 Mar 2026 09:00:00 GMT",
                    "Retry-After": "Mon, 02 Mar 2026 12:00:00 GMT",
                },
            ),
            3,
            id="429, a date",
        ),
        pytest.param(Reply(429), 1, id="429 without a word"),
        pytest.param(Reply(429, {"Retry-After": "99999999"}), 24, id="for years"),
    ],
)
def test_a_host_that_wants_peace_has_it_for_all_its_blogs(
    reply: Reply, peace_h: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_POLL_HOST_PAUSE_S", "0.01")
    hosts_of_one(world, 8, reply)
    said = world.poll()
    assert said["failed"] + said["held"] == 8
    assert said["held"] >= 5, "two at a time; nobody after the first answer"
    asked = world.asked("partage")
    world.server.set("partage", document(posts("a")))
    assert world.poll("--all")["held"] == 8
    assert world.poll(after_h=peace_h - 0.1)["fetched"] == 0
    assert world.asked("partage") == asked
    assert world.poll("--all", after_h=0.2)["fetched"] == 8


def test_holds_are_kept_until_they_end(store: Store) -> None:
    later = NOW + timedelta(hours=1)
    with store.write() as tx:
        holds.save(tx, {"over-blog": later, "b.example": NOW + timedelta(hours=3)}, NOW)
        assert holds.at(tx, NOW)["over-blog"] == later
        holds.save(tx, {"over-blog": later + timedelta(hours=1)}, later)
        assert holds.at(tx, later).keys() == {"over-blog", "b.example"}
        holds.save(tx, {}, NOW + timedelta(days=1))
        assert holds.at(tx, NOW) == {}


# --- our own network ---------------------------------------------------------------------------


def test_our_own_outage_changes_no_state(world: World) -> None:
    hosts = {f"b{n}": document(posts(f"{n}")) for n in range(6)}
    world.register(**hosts)
    world.poll()
    before = {slug: world.feed(slug) for slug in hosts}
    for slug in hosts:
        world.server.set(slug, Reply(raw=b""))
    world.poll("--all", after_h=8, code=75)
    assert {slug: world.feed(slug) for slug in hosts} == before
    for slug, handler in hosts.items():
        world.server.set(slug, handler)
    assert world.poll()["not_modified"] == 6


def test_where_one_answers_the_silence_of_the_others_is_theirs(world: World) -> None:
    world.register(**{f"b{n}": Reply(raw=b"") for n in range(6)}, alive=Reply(500))
    assert world.poll()["states"] == {"soft": 7}
