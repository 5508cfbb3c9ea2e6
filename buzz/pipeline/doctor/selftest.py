"""Unsubscribing tried where it really happens: over the network, through the public address.

A reader is made up in the database and unsubscribed in every way that a mail client uses; the
database then tells whether it has happened. The reader and all that was recorded of them is
removed at the end, and at the beginning of the next test where one was killed.
"""

import asyncio
from datetime import datetime

from buzz.config import Settings
from buzz.core.delivery import address_hash
from buzz.core.doctor import SelfTest
from buzz.core.doctor.service import Posted
from buzz.core.tracking import PATHS, make_token
from buzz.edges import files
from buzz.edges.fetch import Fetcher
from buzz.edges.store import Store, doctor, suppressions
from buzz.errors import LockHeld
from buzz.locales import gettext as _
from buzz.model import Purpose

TIMEOUT_S = 10.0
MAX_BYTES = 1_000_000
_BOUNDARY = "buzz"
# RFC 8058 §3.1: a mail client may send either.
FORMS = {
    "application/x-www-form-urlencoded": b"List-Unsubscribe=One-Click",
    f"multipart/form-data; boundary={_BOUNDARY}": (
        f"--{_BOUNDARY}\r\n"
        'Content-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
        f"One-Click\r\n--{_BOUNDARY}--\r\n"
    ).encode(),
}


def run(settings: Settings, store: Store, now: datetime) -> SelfTest:
    """Return how a made-up reader fared.

    Raises:
        ConfigurationError: the workspace has no secret.
    """
    hash_ = address_hash(settings.secret, doctor.EMAIL)
    try:
        with files.lock(settings.lock("doctor")):
            with store.write() as tx:
                suppressions.remove(tx, hash_)
                delivery = doctor.admit(tx, now)
            token = make_token(
                settings.secret, Purpose.UNSUBSCRIBE, campaign=doctor.CAMPAIGN, delivery=delivery
            )
            url = f"{settings.web.base_url.rstrip('/')}{PATHS[Purpose.UNSUBSCRIBE]}{token}"
            try:
                return asyncio.run(_try(settings, store, url, hash_))
            finally:
                with store.write() as tx:
                    suppressions.remove(tx, hash_)
                    doctor.dismiss(tx)
    except LockHeld as exc:
        return SelfTest(status=0, error=_("another test is going on: {why}").format(why=exc.what))


async def _try(settings: Settings, store: Store, url: str, hash_: str) -> SelfTest:
    async with Fetcher(
        user_agent=settings.user_agent,
        timeout_s=TIMEOUT_S,
        max_bytes=MAX_BYTES,
        allow_networks=settings.poll.allow_networks,
    ) as fetcher:
        seen = await fetcher.fetch(url)
        stopped_by_get = _lift(store, hash_)
        posted = {}
        for content_type, body in FORMS.items():
            answer = await fetcher.post(url, body, content_type)
            posted[content_type.partition(";")[0]] = Posted(
                status=answer.status,
                stopped=_lift(store, hash_),
                cookies=answer.cookies,
                error=answer.error,
            )
    return SelfTest(
        status=seen.status or 0,
        error=seen.detail or seen.error,
        stopped_by_get=stopped_by_get,
        posted=posted,
    )


def _lift(store: Store, hash_: str) -> bool:
    """Write to the made-up reader again; tell whether that was forbidden."""
    with store.write() as tx:
        return suppressions.remove(tx, hash_)
