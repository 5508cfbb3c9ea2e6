"""Feed documents in the manner of each platform, and the web server that hands them out.

One server on loopback plays all hosts: the blogs live under ``*.localhost`` (RFC 6761), and the
``Host`` header says who is meant. Latencies and failures are the world's.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import format_datetime
from html import escape
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from aiohttp import web

from buzz.demo.world import Blogger, Post
from buzz.model import Blog

RSS, ATOM = "application/rss+xml; charset=utf-8", "application/atom+xml; charset=utf-8"
_ADDRESS = re.compile(r"https?://[^\s<>«»\"]+[^\s<>«»\".,;:!?)]")
_STATUS = {"missing": 404, "broken": 500, "gone": 410}
MUTE_S = 600  # longer than anybody waits


class Site(Protocol):
    """What answers under one host."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return the response to a request for this host."""


def local(blog_url: str, port: int) -> str:
    """Return the loopback address under which the world serves an address of ``*.example``.

    >>> local("https://vu-d-ici.over-blog.example/rss", 8080)
    'http://vu-d-ici.over-blog.localhost:8080/rss'
    """
    parts = urlsplit(blog_url)
    if not parts.hostname:
        return ""
    host = parts.hostname.removesuffix(".example") + ".localhost"
    return parts._replace(scheme="http", netloc=f"{host}:{port}").geturl()


class BlogSite:
    """One blog of the world: its feed, and a home page for everything else."""

    def __init__(self, blogger: Blogger, now: Callable[[], datetime]) -> None:
        self._blogger = blogger
        self._now = now

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return the feed as this blog's server would: late, wrong or well."""
        blogger = self._blogger
        await asyncio.sleep(MUTE_S if blogger.health == "mute" else blogger.latency_s)
        if blogger.health in _STATUS:
            return web.Response(status=_STATUS[blogger.health])
        if blogger.health == "wall":
            return web.Response(status=403, headers={"cf-mitigated": "challenge"})
        if blogger.health == "page" or request.path_qs != _path(blogger.blog.feed_url):
            return web.Response(text=_home_page(blogger.blog), content_type="text/html")
        body, content_type = document(blogger.blog, blogger.shown(self._now()))
        if blogger.health == "torn":
            body = body[: len(body) // 2]
        etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if blogger.remembers and request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        headers = {"Content-Type": content_type}
        if blogger.remembers:
            headers["ETag"] = etag
        return web.Response(body=body, headers=headers)


class FileSite:
    """A real feed document from a folder, with validators."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Return the document as it is, or 304 to whoever has it."""
        body = self._path.read_bytes()
        etag = f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=body, headers={"ETag": etag, "Content-Type": "application/xml"})


async def serve(sites: Mapping[str, Site]) -> tuple[web.AppRunner, int]:
    """Start the server of all hosts on a free port of loopback, and return it with the port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        site = sites.get(request.host.partition(":")[0])
        return await site.answer(request) if site else web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    return runner, runner.addresses[0][1]


def document(blog: Blog, posts: list[Post]) -> tuple[bytes, str]:
    """Return a blog's feed and its content type, as the blog's platform writes it."""
    atom = any(mark in blog.feed_url for mark in ("/feeds/posts", "/feed/atom", "atom.xml"))
    return (_atom(blog, posts), ATOM) if atom else (_rss(blog, posts), RSS)


def _rss(blog: Blog, posts: list[Post]) -> bytes:
    items = "".join(
        f"<item><title>{escape(post.prose.title)}</title><link>{escape(post.link)}</link>"
        f"<guid isPermaLink='true'>{escape(post.link)}</guid>"
        f"<pubDate>{format_datetime(post.published)}</pubDate>"
        f"<description>{escape(post.prose.paragraphs[0][:160])}</description>"
        f"<content:encoded>{escape(_html(post))}</content:encoded></item>"
        for post in posts
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel>'
        f"<title>{escape(blog.name)}</title><link>{escape(blog.url)}</link>"
        f"<language>{blog.language}</language>{items}</channel></rss>"
    ).encode()


def _atom(blog: Blog, posts: list[Post]) -> bytes:
    updated = posts[0].published.isoformat() if posts else "2007-01-01T00:00:00Z"
    entries = "".join(
        f"<entry><id>tag:{urlsplit(post.link).hostname},2007:{urlsplit(post.link).path}</id>"
        f"<title>{escape(post.prose.title)}</title>"
        f"<link rel='alternate' href='{escape(post.link)}'/>"
        f"<published>{post.published.isoformat()}</published>"
        f"<updated>{post.published.isoformat()}</updated>"
        f"<content type='html'>{escape(_html(post))}</content></entry>"
        for post in posts
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        f"<id>{escape(blog.url)}</id><title>{escape(blog.name)}</title>"
        f"<updated>{updated}</updated>{entries}</feed>"
    ).encode()


def _html(post: Post) -> str:
    """Return a post's paragraphs as HTML, the addresses in them as links."""
    return "".join(
        "<p>" + _ADDRESS.sub(r'<a href="\g<0>">\g<0></a>', escape(paragraph)) + "</p>"
        for paragraph in post.prose.paragraphs
    )


def _home_page(blog: Blog) -> str:
    return (
        f"<!doctype html><title>{escape(blog.name)}</title>"
        f'<link rel="alternate" type="application/rss+xml" href="{escape(blog.feed_url)}">'
        f"<h1>{escape(blog.name)}</h1>"
    )


def _path(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
