"""Asking: what a template makes depend on its recipient, found while it is rendered.

As long as a template only prints a word, one rendering serves everybody. Where it looks into one
(a condition, a comparison, a filter, arithmetic), the word's value for one recipient is put in its
place. Then either the result is printed and becomes a word of its own (``{{ recipient.name |
upper }}``), or it decides how the rendering goes on (``{% if recipient.federation == "75" %}``):
then question and answer are kept, and whoever gives the same answers gets the same rendering.

What an expression of Jinja can do with a value passes one of the :mod:`~buzz.core.letter.gates`;
only what prints or carries a text lets a word through as it is.
"""

import operator
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Undefined
from markupsafe import Markup, escape

from buzz.core.letter import slots as names

Values = MutableMapping[str, Any]  # what stands for each word, as a template may use it

_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "gteq": operator.ge,
    "lt": operator.lt,
    "lteq": operator.le,
    "in": lambda left, right: left in right,
    "notin": lambda left, right: left not in right,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a template wanted to know of words; it can be asked for any recipient."""

    operation: Callable[..., Any]
    arguments: tuple[Any, ...]
    named: Mapping[str, Any]
    place: str  # template and line


class Questions:
    """The questions of a template, one rendering after the other."""

    def __init__(self, slots: Mapping[str, str]) -> None:
        self._stem = names.stem(slots)
        self._words = names.pattern(slots)
        self._never_empty = frozenset(slots.values()) - {slots[n] for n in names.MAY_BE_EMPTY}
        self._made: dict[str, Question] = {}  # by the word that the answer became
        self._values: Values = {}
        self.asked: list[tuple[Question, Hashable]] = []  # in this rendering, with the answers
        self.made: list[str] = []  # words, in this rendering

    def begin(self, values: Values) -> None:
        """Begin a rendering for the recipient whose values these are."""
        self._values = values
        self.asked, self.made = [], []

    @property
    def places(self) -> tuple[str, ...]:
        """Return where this rendering looked into a word: template and line."""
        questions = [question for question, _key in self.asked]
        return tuple(q.place for q in (*questions, *(self._made[word] for word in self.made)))

    def place_of(self, word: str) -> str:
        """Return where a word was computed: template and line."""
        return self._made[word].place

    def answer(self, question: Question, values: Values) -> Any:
        """Return the answer for the recipient whose values these are.

        Raises:
            Exception: whatever the template's expression raises for this recipient.
        """
        arguments = [self._revealed(argument, values) for argument in question.arguments]
        named = {key: self._revealed(value, values) for key, value in question.named.items()}
        result = question.operation(*arguments, **named)
        return list(result) if isinstance(result, Iterator) else result

    def value(self, word: str, values: Values) -> Any:
        """Return what stands for a word; what is computed is computed once."""
        if word not in values:
            values[word] = self.answer(self._made[word], values)
        return values[word]

    def holds(self, value: Any) -> bool:
        """Tell whether there is a word in a value: in a text, or in a container of texts."""
        match value:
            case str():
                return self._stem in value and self._words.search(value) is not None
            case Mapping():
                return any(self.holds(item) for pair in value.items() for item in pair)
            case list() | tuple():
                return any(map(self.holds, value))
            case _:
                return False

    def _revealed(self, value: Any, values: Values) -> Any:
        """Return a value with what stands for its words; a word by itself keeps its kind."""
        match value:
            case str() if not self.holds(value):
                return value
            case str() if self._words.fullmatch(value):
                return self.value(value, values)
            case Markup():
                filled = self._words.sub(lambda m: escape(_shown(self.value(m[0], values))), value)
                return Markup(filled)  # noqa: S704  (what is put in is escaped)
            case str():
                return self._words.sub(lambda m: str(_shown(self.value(m[0], values))), value)
            case Mapping():
                pairs = value.items()
                value = {self._revealed(k, values): self._revealed(v, values) for k, v in pairs}
            case list() | tuple():
                value = type(value)(self._revealed(item, values) for item in value)
        return value

    # --- what the gates do ------------------------------------------------------------------------

    def computed(self, operation: Callable[..., Any], /, *arguments: Any, **named: Any) -> Any:
        """Return what an operation makes of values that hold words.

        A text or a number becomes a word of its own; anything else decides how it goes on.
        """
        question = Question(operation=operation, arguments=arguments, named=named, place=_place())
        answer = self.answer(question, self._values)
        if not _is_printed(answer):
            return self._decided(question, answer)
        word = f"{self._stem}y{len(self._made):03d}q"
        self._made[word], self._values[word] = question, answer
        self.made.append(word)
        return Markup(word) if isinstance(answer, Markup) else word  # noqa: S704  (plain letters)

    def decides(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        """Return what an operation makes of values that hold words; the rendering depends on it."""
        question = Question(operation=operation, arguments=arguments, named={}, place=_place())
        return self._decided(question, self.answer(question, self._values))

    def _decided(self, question: Question, answer: Any) -> Any:
        self.asked.append((question, key(answer)))
        return answer

    def true(self, value: Any) -> Any:
        """Return what decides a condition; a text with more in it than words is never empty."""
        if not isinstance(value, str) or not self.holds(value):
            return value
        if self._words.sub("", value) or not self._never_empty.isdisjoint(
            self._words.findall(value)
        ):
            return True
        return self.decides(bool, value)

    def each(self, value: Any) -> Any:
        """Return what a loop goes through."""
        return self.decides(_same, value) if isinstance(value, str) and self.holds(value) else value

    def named(self, value: Any) -> Any:
        """Return the name of a template to include."""
        return self.decides(_same, value) if self.holds(value) else value

    def printed(self, value: Any) -> Any:
        """Return what is printed of a value; of none, nothing."""
        if not isinstance(value, str) and self.holds(value):
            return self.computed(str, value)
        return _shown(value)

    def compared(self, *chain: Any) -> Any:
        """Return whether a comparison holds: values, with the names of operators between them."""
        return self.decides(_compared, *chain) if self.holds(chain) else _compared(*chain)

    def sliced(self, value: Any, *bounds: Any) -> Any:
        """Return a part of a text or of a list."""
        if self.holds(bounds) or (isinstance(value, str) and self.holds(value)):
            return self.computed(_sliced, value, *bounds)
        return _sliced(value, *bounds)


def key(answer: Any) -> Hashable:
    """Return what two answers have in common that make a rendering go on alike."""
    if isinstance(answer, Undefined):
        return "undefined"
    return answer if isinstance(answer, str | int | float | bool | None) else repr(answer)


def _is_printed(answer: Any) -> bool:
    """Tell whether an answer is a text or a number; tags in it would want their styles inline."""
    if isinstance(answer, Markup):
        return "<" not in answer
    return isinstance(answer, str | int | float) and not isinstance(answer, bool)


def _shown(value: Any) -> Any:
    return "" if value is None else value


def _same(value: Any) -> Any:
    return value


def _sliced(value: Any, *bounds: Any) -> Any:
    return value[slice(*bounds)]


def _compared(first: Any, *rest: Any) -> bool:
    left = first
    for name, right in zip(rest[::2], rest[1::2], strict=True):
        if not _COMPARED[name](left, right):
            return False
        left = right
    return True


def _place() -> str:
    """Return the template and the line that is being rendered."""
    frame = sys._getframe(1)  # noqa: SLF001  (what traceback uses, without the cost of a traceback)
    while frame.f_back is not None and "__jinja_template__" not in frame.f_globals:
        frame = frame.f_back
    template = frame.f_globals.get("__jinja_template__")
    if template is None:
        return "templates"
    return f"templates/{template.name}:{template.get_corresponding_lineno(frame.f_lineno)}"
