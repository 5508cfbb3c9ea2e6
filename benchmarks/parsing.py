"""Parse real documents: ours, from bytes to entries, beside feedparser as it comes.

    python benchmarks/parsing.py [--rounds 3]

Documents are those of ``$BUZZ_DATA/feeds``, or made up where there are none. Ours is what the
parsing process does with each: bounds on time, mending, feedparser on our driver, then visible
text, links, identity and hash of every entry. The peer is ``feedparser.parse`` with its defaults:
sanitised markup, resolved links. Each side runs in a process of its own; prints JSON, in
milliseconds of CPU, of each document's best round.
"""

import argparse
import io
import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from statistics import fmean, median
from typing import Any

from benchmarks import common
from buzz.edges.parser import Document, strict, worker

URL = "http://blog.example/feed"
CPU_S = 60.0  # no document may be cut short here


def ours() -> Callable[[bytes], Any]:
    """Return what parses a document, in a process that is ours from now on."""
    signal.signal(signal.SIGPROF, signal.SIG_IGN)
    strict.install()
    now = datetime.now(UTC)

    def parse(body: bytes) -> Any:
        document = Document(
            blog="blog", url=URL, content_type="application/xml", body=body, now=now, first=True
        )
        return worker.parse(document, CPU_S)

    return parse


def theirs() -> Callable[[bytes], Any]:
    """Return feedparser, as it comes."""
    import feedparser

    headers = {"content-type": "application/xml", "content-location": URL}
    return lambda body: feedparser.parse(io.BytesIO(body), response_headers=headers)


def timed(
    side: Callable[[], Callable[[bytes], Any]], documents: Sequence[bytes], rounds: int
) -> list[float]:
    """Return what each document costs, in milliseconds."""
    warnings.simplefilter("ignore")
    parse = side()
    best = [float("inf")] * len(documents)
    for _round in range(rounds):
        for number, body in enumerate(documents):
            began = time.process_time()
            parse(body)
            best[number] = min(best[number], time.process_time() - began)
    return [seconds * 1000 for seconds in best]


def measured(documents: Sequence[bytes], rounds: int) -> dict[str, Any]:
    """Return both sides' figures; the sides take turns, a round each."""
    context = multiprocessing.get_context("spawn")
    found: dict[str, list[list[float]]] = {"ours": [], "feedparser": []}
    for _round in range(rounds):
        for name, side in (("ours", ours), ("feedparser", theirs)):
            with context.Pool(1) as pool:
                found[name].append(pool.apply(timed, (side, documents, 1)))
    best = {name: [min(times) for times in zip(*all_, strict=True)] for name, all_ in found.items()}
    a, b = best["ours"], best["feedparser"]
    return {
        "documents": len(documents),
        "rounds": rounds,
        "median_ms": {name: round(median(times), 2) for name, times in best.items()},
        "mean_ms": {name: round(fmean(times), 2) for name, times in best.items()},
        "slowest_ms": {name: round(max(times), 1) for name, times in best.items()},
        "rows": [
            common.row(
                f"a document, {name}", figure(a), "ms CPU", peer=figure(b), than="feedparser"
            )
            for name, figure in (("median", median), ("mean", fmean), ("slowest", max))
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    common.tell(measured(common.documents(common.data("feeds")), options.rounds))


if __name__ == "__main__":
    main()
