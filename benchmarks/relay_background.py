"""Make the frozen table of how common words are: ``buzz/core/relay/background-LL.json``.

Needs ``pip install wordfreq`` (3.1.1; its lists are CC BY-SA 4.0, and so is the table). Words are
folded and stemmed as posts are; a stem's frequency is the sum of its words'. Kept: stems with a
Zipf value (log10 of occurrences per billion words) of at least 3.5, one decimal.
"""

import json
import math
from collections import defaultdict
from pathlib import Path

import wordfreq

from buzz.core.relay import words

LEAST_ZIPF = 3.5
SOURCE = "wordfreq 3.1.1 (Robyn Speer), https://github.com/rspeer/wordfreq, CC BY-SA 4.0"


def table(language: str) -> dict[str, str]:
    """Return stems by Zipf value: one string of stems for each tenth."""
    frequency: dict[str, float] = defaultdict(float)
    for word, share in wordfreq.get_frequency_dict(language, "small").items():
        for stem in words.stems(word, language):
            frequency[stem] += share
    bands: dict[float, list[str]] = defaultdict(list)
    for stem, share in frequency.items():
        zipf = round(math.log10(share) + 9, 1)
        if zipf >= LEAST_ZIPF:
            bands[zipf].append(stem)
    return {str(zipf): " ".join(sorted(bands[zipf])) for zipf in sorted(bands, reverse=True)}


if __name__ == "__main__":
    for language in ("fr", "en"):
        path = Path(words.__file__).with_name(f"background-{language}.json")
        document = {"source": SOURCE, "zipf": table(language)}
        path.write_text(json.dumps(document, ensure_ascii=False, indent=0) + "\n")
        print(path, path.stat().st_size)
