"""Where something stands in the templates of a letter: a file and a line to go to."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_OTHERS = re.compile(r"{%-?\s*(?:include|import|extends|from)\s+[\"']([^\"']+)[\"']")
_DARK = "prefers-color-scheme"


@dataclass(frozen=True, slots=True)
class Templates:
    """The sources of one letter's templates, by name."""

    name: str  # of the letter's own, without its ending
    sources: Mapping[str, str] = field(default_factory=dict)

    @property
    def page(self) -> str:
        """Return how messages name the HTML template."""
        return f"templates/{self.name}.html.j2"

    @property
    def text(self) -> str:
        """Return how messages name the text template."""
        return f"templates/{self.name}.txt.j2"

    def line_of(self, *marks: str | re.Pattern[str], dark: bool = False, only: str = "") -> str:
        """Return ``file:line`` of the first mark that is found; else the template's name.

        Args:
            marks: ``.name`` for a class, other words as they stand, patterns; the best first.
            dark: rather in the styles for dark screens.
            only: the ending of the templates that are looked through.
        """
        for mark in marks:
            wanted = _pattern(mark) if isinstance(mark, str) else mark
            for name, source in self.used():
                if not name.endswith(only):
                    continue
                begin = max(source.find(_DARK), 0) if dark else 0
                found = wanted.search(source, begin) or wanted.search(source)
                if found:
                    return f"templates/{name}:{source.count(chr(10), 0, found.start()) + 1}"
        return self.text if only and self.text.endswith(only) else self.page

    def used(self) -> Iterator[tuple[str, str]]:
        """Yield name and source of the templates that the letter is made from, styles first."""
        names = [f"{self.name}.html.j2", f"{self.name}.txt.j2"]
        for name in names:
            others = _OTHERS.findall(self.sources.get(name, ""))
            names += [other for other in others if other not in names]
        known = [name for name in names if name in self.sources]
        for name in sorted(known, key=lambda name: "<style" not in self.sources[name]):
            yield name, self.sources[name]


def _pattern(mark: str) -> re.Pattern[str]:
    """Return what finds a class where its style is set, or words as they stand."""
    if mark.startswith("."):
        return re.compile(rf"{re.escape(mark)}(?![\w-])")
    return re.compile(re.escape(mark))
