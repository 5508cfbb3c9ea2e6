"""Cases: a letter whose template looks into its recipient, rendered once for all who look alike.

The answers to a template's questions lead from one question to the next and in the end to a
rendering with slots. Only whoever answers something new is rendered for; so what a recipient
costs hardly depends on the template.
"""

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from markupsafe import Markup

from buzz.core.letter.asking import Question, Values, key
from buzz.core.letter.gates import AskingSandbox
from buzz.core.letter.rendering import both_parts
from buzz.core.letter.sandbox import MISTAKES, refused
from buzz.model import CompiledLetter, LetterSource

MOST = 256  # renderings kept: a template that asks for the name itself has one for each recipient


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A rendering with slots, and the words that its template has computed."""

    html: str
    text: str
    slots: Mapping[str, str]  # name -> word; a computed word is its own name
    made: tuple[str, ...] = ()


def case_of(letter: CompiledLetter, said: Mapping[str, Any]) -> tuple[Case, Mapping[str, Any]]:
    """Return a recipient's case, and what was said of them with what was computed of it.

    Args:
        said: what stands in each slot, by name, not escaped.

    Raises:
        CheckRefused: the template cannot be rendered for this recipient.
    """
    if letter.source is None:
        return plain(letter), said
    return _cases(letter.source, letter.language, tuple(letter.slots.items())).of(said)


def plain(letter: CompiledLetter) -> Case:
    """Return the one case of a letter whose slots say all."""
    return Case(html=letter.html, text=letter.text, slots=letter.slots)


@dataclass(slots=True)
class _Node:
    question: Question | None = None
    answers: dict[Hashable, "_Node"] = field(default_factory=dict)
    case: Case | None = None


class _Cases:
    """The renderings of a letter so far, by the answers that lead to them."""

    def __init__(self, source: LetterSource, language: str, slots: Mapping[str, str]) -> None:
        self._source = source
        self._language = language
        self._slots = slots
        self._environment = AskingSandbox(dict(source.templates), slots)
        self._values = values_of(source)
        self._root = _Node()
        self._kept = 0

    def of(self, said: Mapping[str, Any]) -> tuple[Case, Mapping[str, Any]]:
        values = {self._slots[name]: value for name, value in said.items() if name in self._slots}
        case = self._known(values) or self._rendered(values)
        return case, {**said, **{word: self._computed(word, values) for word in case.made}}

    def _known(self, values: Values) -> Case | None:
        node = self._root
        while node.question is not None:
            answer = self._answer(node.question, values)
            following = node.answers.get(key(answer))
            if following is None:
                return None
            node = following
        return node.case

    def _computed(self, word: str, values: Values) -> Any:
        questions = self._environment.questions
        try:
            return questions.value(word, values)
        except MISTAKES as exc:
            raise refused(exc, questions.place_of(word), self._values) from exc

    def _answer(self, question: Question, values: Values) -> Any:
        try:
            return self._environment.questions.answer(question, values)
        except MISTAKES as exc:
            raise refused(exc, question.place, self._values) from exc

    def _rendered(self, values: Values) -> Case:
        questions = self._environment.questions
        questions.begin(values)
        page, text = both_parts(
            self._environment, self._source.template, self._values, self._language
        )
        made = tuple(word for word in questions.made if word in page or word in text)
        case = Case(
            html=page, text=text, slots={**self._slots, **{word: word for word in made}}, made=made
        )
        self._keep(case)
        return case

    def _keep(self, case: Case) -> None:
        if self._kept >= MOST:
            self._root, self._kept = _Node(), 0
        node = self._root
        for question, answer in self._environment.questions.asked:
            node.question = node.question or question
            node = node.answers.setdefault(answer, _Node())
        node.case = case
        self._kept += 1


@lru_cache(maxsize=8)
def _cases(source: LetterSource, language: str, slots: tuple[tuple[str, str], ...]) -> _Cases:
    return _Cases(source, language, dict(slots))


def source_of(
    place: str, template: str, templates: Mapping[str, str], values: Mapping[str, Any]
) -> LetterSource:
    """Return what a letter can be rendered from again."""
    return LetterSource(
        place=place,
        template=template,
        templates=tuple(sorted(templates.items())),
        values=json.dumps(values, ensure_ascii=False),
    )


def values_of(source: LetterSource) -> dict[str, Any]:
    """Return what a letter's templates may use; clean HTML is known by its name."""

    def marked(facts: dict[str, Any]) -> dict[str, Any]:
        if "html" in facts:
            facts["html"] = Markup(facts["html"])  # noqa: S704  (cleaned by nh3 at the parser)
        return facts

    values: dict[str, Any] = json.loads(source.values, object_hook=marked)
    return values
