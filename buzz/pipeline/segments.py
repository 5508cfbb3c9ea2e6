"""Segments over the registry: the blogs with their places, and who relayed what."""

from buzz.core import campaign as core
from buzz.edges.store import Store, Transaction, blogs, rankings, segments
from buzz.model import Blog


def candidates(tx: Transaction) -> tuple[core.Candidate, ...]:
    """Return every blog with its place in the latest ranking, by slug.

    Whoever has no score has no place: the order among them is that of the registry.
    """
    ranking = rankings.latest(tx)
    ranked = ranking.blogs if ranking else ()
    places = {blog.slug: blog for blog in ranked if blog.score > 0 or blog.listed}
    return tuple(
        core.Candidate(
            blog=blog,
            rank=places[blog.slug].rank if blog.slug in places else None,
            listed=blog.slug in places and places[blog.slug].listed,
        )
        for blog in blogs.all_blogs(tx)
    )


def parsed(tx: Transaction, text: str) -> core.Segment:
    """Return what decides whether a candidate belongs to a segment.

    Raises:
        CheckRefused: the text is no segment, or names a campaign that does not exist.
    """
    return core.parse_segment(text, segments.relayed(tx))


def selected(store: Store, text: str) -> tuple[Blog, ...]:
    """Return the blogs of a segment, by slug, whether or not anybody can write to them.

    Raises:
        CheckRefused: the text is no segment, or names a campaign that does not exist.
    """
    with store.read() as tx:
        wanted = parsed(tx, text)
        return tuple(found.blog for found in candidates(tx) if wanted(found))
