"""The backtest: on the workspace's own posts, or on a table of posts."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from buzz.config import Settings
from buzz.core import ranking as core
from buzz.core.ranking import Post, Trial, TrialImpossible
from buzz.edges import postsfile
from buzz.edges.store import Store, rankings
from buzz.errors import BuzzError
from buzz.locales import gettext as _
from buzz.model import EntryId, LeftOut
from buzz.pipeline.rank import reading


def backtest(
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    posts: Path | None = None,
    size: int | None = None,
) -> Trial:
    """Return how each way to rank would have done on the last days whose week after is known.

    Args:
        settings: the workspace's; its half-life is tried.
        store: its database.
        now: aware UTC.
        posts: a table of posts instead of the workspace's own.
        size: places of the list; None: 15.7 % of the blogs.

    Raises:
        UsageError: the table cannot be read.
        BuzzError: there are too few days.
    """
    given = list(_of_table(postsfile.read(posts))) if posts else _own(store, now)
    try:
        return core.backtest(
            given, core.eligible(given), half_life_days=settings.rank.half_life_days, size=size
        )
    except TrialImpossible as exc:
        raise BuzzError(
            _("there are too few days to judge a ranking by: a list and the week after it"),
            place=str(posts or ""),
            remedy=_("try again after some weeks of polling"),
        ) from exc


def _own(store: Store, now: datetime) -> list[Post]:
    reading.sketch(store, date.min, keep=True)
    with store.read() as tx:
        return rankings.posts(tx, date.min, now)


def _of_table(rows: Iterable[postsfile.Row]) -> Iterator[Post]:
    """Yield posts; texts are compared within a blog.

    Their hashes are short ones, and a corpus of authors has a common blog once for each of them.
    """
    for number, row in enumerate(rows):
        yield Post(
            id=EntryId(number),
            blog=row.blog,
            day=row.day,
            at=datetime(row.day.year, row.day.month, row.day.day, tzinfo=UTC),
            content_hash=f"{row.blog} {row.text_hash}",
            length=row.length,
            left_out=LeftOut.SHORT if row.length < core.COPY_MIN_LENGTH else None,
        )
