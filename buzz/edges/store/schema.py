"""The tables. What each column means stands in :mod:`buzz.model`; here is how it is kept.

A blog is referred to by its slug; renaming one cascades. Entries, rankings and what happened
survive a blog's removal from ``blogs.csv`` only where the law and the report need them.
"""

import sqlalchemy as sa

from buzz.edges.store.types import UtcTime

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _text(name: str, *, nullable: bool = False) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=nullable, server_default=None if nullable else "")


def _id() -> "sa.Column[int]":
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True)


def _blog(*, primary_key: bool = False) -> "sa.Column[str]":
    return sa.Column(
        "blog",
        sa.Text,
        sa.ForeignKey("blogs.slug", onupdate="CASCADE", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


# One row: which installation this database belongs to (a restored copy is a second one). The
# workspace that may send with it knows the seat, and how far it has come: see instances.py.
instance = sa.Table(
    "instance",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    _text("seat"),
    sa.Column("epoch", sa.Integer, nullable=False, server_default="0"),
)

blogs = sa.Table(
    "blogs",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    _text("name"),
    _text("url"),
    _text("feed_url"),
    _text("email"),
    _text("language"),
    _text("federation"),
    _text("tags"),  # separated by ";", sorted
    _text("status"),
    _text("consent_open"),
    _text("consent_click"),
    sa.Column("notice_at", sa.Date),
    _text("source"),
    _text("note"),
    _text("ground"),
    _text("evidence"),
    sa.Column("registered_at", UtcTime, nullable=False),
)

feeds = sa.Table(
    "feeds",
    metadata,
    _blog(primary_key=True),
    _text("url"),
    _text("title"),
    _text("state"),
    sa.Column("since", UtcTime),
    _text("reason"),
    _text("detail"),
    _text("etag"),
    _text("last_modified"),
    _text("body_hash"),
    sa.Column("last_polled", UtcTime),
    sa.Column("last_success", UtcTime),
    sa.Column("next_due", UtcTime),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("duration_ms", sa.Integer, nullable=False, server_default="0"),
    sa.Column("interval_s", sa.Integer, nullable=False, server_default="3600"),
    sa.Column("pace_since", UtcTime),
    sa.Column("pace_posts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("asks_s", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_full", UtcTime),
    sa.Column("validators_lie", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("gap_at", UtcTime),
    _text("moved_to"),
    _text("move_target"),
    sa.Column("move_polls", sa.Integer, nullable=False, server_default="0"),
    _text("move_refused"),
)

# Each change of the address at which a feed is asked, believed or undone.
moves = sa.Table(
    "moves",
    metadata,
    _id(),
    _blog(),
    sa.Column("at", UtcTime, nullable=False),
    _text("from_url"),
    _text("to_url"),
    _text("kind"),
    sa.Index(None, "blog"),
)

# Hosts, or platforms of many blogs, that have told us to wait (429, 503 with Retry-After).
holds = sa.Table(
    "holds",
    metadata,
    sa.Column("host", sa.Text, primary_key=True),
    sa.Column("until", UtcTime, nullable=False),
)

entries = sa.Table(
    "entries",
    metadata,
    _id(),
    _blog(),
    _text("identity"),
    _text("link"),
    _text("title"),
    sa.Column("published", UtcTime),
    sa.Column("updated", UtcTime),
    sa.Column("first_seen", UtcTime, nullable=False),
    sa.Column("unseen_at", UtcTime),
    sa.Column("day", sa.Date, nullable=False),
    _text("text"),
    _text("links"),  # one a line
    _text("content_hash"),
    sa.Column("length", sa.Integer, nullable=False, server_default="0"),
    sa.Column("enclosure", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("left_out"),  # empty: eligible
    sa.UniqueConstraint("blog", "identity"),
    sa.Index(None, "blog", "day"),
    sa.Index(None, "day"),
    sa.Index(None, "content_hash"),
    # The ranking reads all of this and not the texts, which lie between in SQLite's rows:
    # 150,000 posts in 0.4 s instead of 0.9. PostgreSQL keeps long texts apart, and bounds the
    # size of an index row.
    sa.Index(
        "ix_entries_ranking",
        *("day", "blog", "published", "first_seen", "unseen_at", "title", "link"),
        *("content_hash", "length", "left_out"),
    ).ddl_if(dialect="sqlite"),
)

rankings = sa.Table(
    "rankings",
    metadata,
    _id(),
    sa.Column("as_of", UtcTime, nullable=False, unique=True),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("half_life_days", sa.Float, nullable=False),
)

ranked_blogs = sa.Table(
    "ranked_blogs",
    metadata,
    sa.Column("ranking", sa.ForeignKey("rankings.id", ondelete="CASCADE"), primary_key=True),
    _blog(primary_key=True),
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("listed", sa.Boolean, nullable=False),
    sa.Column("active_days_30", sa.Integer, nullable=False),
    sa.Column("entries_30", sa.Integer, nullable=False),
    sa.Column("last_published", UtcTime),
    _text("status"),
    sa.Column("scored_on", sa.Date),
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(None, "ranking", "rank"),
)

# Floods: blogs held at their former rank, and who has released them.
rank_holds = sa.Table(
    "rank_holds",
    metadata,
    _id(),
    _blog(),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("rank", sa.Integer),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("posts", sa.Integer, nullable=False),
    sa.Column("usual", sa.Integer, nullable=False),
    sa.Column("released_at", UtcTime),
    _text("released_by"),
    sa.Index(None, "blog"),
)

# By what the ranking knows a near-copy again; made once a text, by the ranking.
sketches = sa.Table(
    "sketches",
    metadata,
    sa.Column("entry", sa.ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True),
    _text("content_hash"),  # of the text it was made from: an edited text gets a new one
    sa.Column("sketch", sa.LargeBinary, nullable=False),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("slug", sa.Text, primary_key=True),
    _text("state"),
    _text("subject"),
    sa.Column("checked_at", UtcTime),
    _text("checked_hash"),  # content hash of the campaign that passed the check
    sa.Column("planned_at", UtcTime),
    sa.Column("started_at", UtcTime),
    sa.Column("finished_at", UtcTime),
    sa.Column("not_after", UtcTime),
    sa.Column("letters", sa.JSON),  # compiled letters by language, frozen by the plan
    sa.Column("pack", sa.JSON),  # message pack, frozen by the plan
    sa.Column("kits", sa.JSON),  # relay kits by language, frozen by the plan
    sa.Column("envelope", sa.JSON),  # deliveries.Envelope, frozen by the plan
    # The lease: one sender per campaign; a frozen one is fenced by the number.
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
    _text("holder"),  # "pid@host"; empty: nobody sends
    sa.Column("held_since", UtcTime),
    sa.Column("held_until", UtcTime),
)

links = sa.Table(
    "links",
    metadata,
    _id(),
    sa.Column("campaign", sa.ForeignKey("campaigns.slug", ondelete="CASCADE"), nullable=False),
    _text("url"),
    # Whether it answered when the check last asked; NULL: it was never asked.
    sa.Column("probed_at", UtcTime),
    sa.Column("probe_status", sa.Integer, nullable=False, server_default="0"),
    _text("probe_error"),
    sa.UniqueConstraint("campaign", "url"),
)

# Which rules of the check a person lets pass, for one campaign. The table ``audit`` keeps all of
# these decisions, those that were taken back too.
waivers = sa.Table(
    "waivers",
    metadata,
    sa.Column("campaign", sa.ForeignKey("campaigns.slug", ondelete="CASCADE"), primary_key=True),
    sa.Column("rule", sa.Text, primary_key=True),
    _text("reason"),
    _text("who"),
    sa.Column("at", UtcTime, nullable=False),
)

deliveries = sa.Table(
    "deliveries",
    metadata,
    _id(),
    sa.Column("campaign", sa.ForeignKey("campaigns.slug", ondelete="CASCADE"), nullable=False),
    _text("blog"),  # no foreign key: the account outlives the registry
    _text("email"),
    _text("state"),
    sa.Column("recipient", sa.JSON, nullable=False),  # model.Recipient, frozen by the plan
    _text("message_id"),
    _text("message_hash"),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_at", UtcTime),
    sa.Column("updated_at", UtcTime),
    sa.Column("fence", sa.Integer, nullable=False, server_default="0"),  # of the claim
    sa.Column("reply_code", sa.Integer),
    _text("enhanced_code"),
    _text("reply_text"),
    sa.UniqueConstraint("campaign", "email"),
    sa.Index(None, "campaign", "state"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    _id(),
    sa.Column(
        "delivery", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=False),
    _text("phase"),
    _text("outcome"),
    sa.Column("reply_code", sa.Integer),
    _text("enhanced_code"),
    _text("reply_text"),
    _text("last_words"),  # of the server, where the attempt ended without a sound reply
    _text("next_hop"),
)

events = sa.Table(
    "events",
    metadata,
    _id(),
    _text("kind"),
    _text("campaign"),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("delivery", sa.ForeignKey("deliveries.id", ondelete="CASCADE")),
    _text("blog"),
    sa.Column("link", sa.ForeignKey("links.id", ondelete="CASCADE")),
    _text("agent"),
    _text("rule"),
    sa.Index(None, "campaign", "kind"),
)

# How far each spool file of the tracker has been drained; moved in the transaction of its events.
spools = sa.Table(
    "spools",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("offset", sa.BigInteger, nullable=False),
)

# Who must never be written to again. Only a keyed hash of the address is kept.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("address_hash", sa.Text, primary_key=True),
    _text("reason"),  # unsubscribe, hard-bounce, soft-bounces, complaint, erased, by-hand
    _text("campaign"),
    sa.Column("at", UtcTime, nullable=False),
)

# What came back about a letter, each kind once a letter.
bounces = sa.Table(
    "bounces",
    metadata,
    _id(),
    sa.Column("delivery", sa.ForeignKey("deliveries.id", ondelete="CASCADE"), nullable=False),
    _text("kind"),
    sa.Column("at", UtcTime, nullable=False),
    _text("digest"),
    _text("campaign"),
    _text("blog"),
    _text("address_hash"),
    _text("status"),
    _text("words"),
    _text("reporter"),
    sa.UniqueConstraint("delivery", "kind"),
    sa.Index(None, "address_hash", "at"),
)

# Each message of the mailbox of bounces that was read, so that it is read once.
bounce_mails = sa.Table(
    "bounce_mails",
    metadata,
    sa.Column("digest", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    _text("kind"),
)

relays = sa.Table(
    "relays",
    metadata,
    _id(),
    _text("campaign"),
    sa.Column("entry", sa.ForeignKey("entries.id", ondelete="CASCADE"), nullable=False),
    _text("blog"),
    _text("url"),
    _text("title"),
    sa.Column("published", UtcTime, nullable=False),
    _text("verdict"),
    _text("mode"),
    _text("stance"),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("lag_s", sa.Integer, nullable=False),
    sa.Column("talking_points", sa.JSON, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("signals", sa.JSON, nullable=False),
    _text("label"),  # what a person said; survives a new scan
    sa.UniqueConstraint("campaign", "entry"),
    sa.Index(None, "campaign", "verdict"),
)

# What has been scanned for which campaign: an edited entry has another hash and is read again.
scans = sa.Table(
    "scans",
    metadata,
    sa.Column("campaign", sa.Text, primary_key=True),
    sa.Column("entry", sa.ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True),
    _text("content_hash"),
)

consents = sa.Table(
    "consents",
    metadata,
    _id(),
    _text("blog"),
    _text("channel"),
    _text("consent"),
    sa.Column("at", UtcTime, nullable=False),
    _text("method"),
    _text("wording"),
    _text("version"),
)

runs = sa.Table(
    "runs",
    metadata,
    _id(),
    _text("command"),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("ended_at", UtcTime, nullable=False),
    sa.Column("exit_code", sa.Integer, nullable=False),
    sa.Column("summary", sa.JSON, nullable=False),
    sa.Index(None, "command", "started_at"),
)

audit = sa.Table(
    "audit",
    metadata,
    _id(),
    sa.Column("at", UtcTime, nullable=False),
    _text("who"),
    _text("command"),
    _text("campaign"),
    _text("detail"),
)
