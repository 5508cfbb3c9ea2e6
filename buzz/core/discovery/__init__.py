"""Discovery: from a blog's page to its feed and its author, from listed blogs to their neighbours.

``read_page`` reads what a page says of itself, ``feed_addresses`` tells where its feed may be, in
the order in which to look, ``neighbours`` which sites the listed blogs point to. All of it is
suggestion: what enters the registry is a person's decision. Which platforms keep their feeds where
stands in ``platforms.json``, which sites are nobody's blog in ``elsewhere.json``.
"""

from buzz.core.discovery.neighbours import Neighbour, Outlink, neighbours, site_of
from buzz.core.discovery.page import Page, read_page
from buzz.core.discovery.places import feed_addresses

__all__ = [
    "Neighbour",
    "Outlink",
    "Page",
    "feed_addresses",
    "neighbours",
    "read_page",
    "site_of",
]
