"""The sandbox in which templates are rendered.

Templates belong to the workspace but are not trusted: they get plain dictionaries in an immutable
sandbox, without what multiplies (``lipsum``, ``cycler``, ``joiner``, repeated texts, powers).
"""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import (
    FunctionLoader,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
)
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment

from buzz import locales
from buzz.errors import CheckRefused
from buzz.locales import gettext as _

# What a template may do wrong while it is rendered.
MISTAKES = (TemplateError, TypeError, ValueError, LookupError, ArithmeticError)

_UNWANTED_GLOBALS = ("lipsum", "cycler", "joiner")
_UNWANTED_FILTERS = ("center", "format", "indent", "wordwrap", "xmlattr", "pprint")


class _ForbiddenOperatorError(SecurityError):
    """An operator, in ``args``, with which a short template makes a huge text."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja without what lets a short template make a huge text."""

    intercepted_binops = frozenset({"*", "**"})

    def __init__(self, sources: Mapping[str, str]) -> None:
        def source(name: str) -> tuple[str, str, Callable[[], bool]] | None:
            return (sources[name], name, lambda: True) if name in sources else None

        super().__init__(
            loader=FunctionLoader(source),  # like DictLoader, and errors name the template
            undefined=StrictUndefined,
            autoescape=lambda name: not (name or "").endswith(".txt.j2"),
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=self.printed,
        )
        for name in _UNWANTED_GLOBALS:
            self.globals.pop(name)
        for name in _UNWANTED_FILTERS:
            self.filters.pop(name)
        self.globals["_"] = locales.gettext

    def printed(self, value: Any) -> Any:
        """Return what is printed of a value: of none, nothing."""
        return "" if value is None else value

    def call(self, context: Context, called: Any, /, *args: Any, **named: Any) -> Any:
        """Return what a call returns; from a text's macro, a text.

        Jinja takes what such a macro says to a page for markup: "A & B <C>" would stand in it raw.
        """
        result = super().call(context, called, *args, **named)
        is_of_text = isinstance(called, Macro) and not called._default_autoescape  # noqa: SLF001  (its template's)
        return str(result) if is_of_text else result

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return what an operator makes of two values.

        Raises:
            SecurityError: it could make a huge text.
        """
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator == "**" or (operator == "*" and not numbers):
            raise _ForbiddenOperatorError(operator)
        return super().call_binop(context, operator, left, right)


def rendered(environment: Sandbox, name: str, values: Mapping[str, Any], language: str) -> str:
    """Return a template's text in the letter's language; what is wrong is said in the desk's.

    Raises:
        CheckRefused: the template is missing, broken, or oversteps.
    """
    try:
        with locales.speaking(language):
            return environment.get_template(name).render(values)
    except TemplateSyntaxError as exc:
        raise CheckRefused(
            exc.message or str(exc),
            place=f"templates/{exc.name or name}:{exc.lineno}",
            remedy=_("mend the template"),
        ) from exc
    except RecursionError as exc:
        raise CheckRefused(
            _("the template includes itself without end"),
            place=f"templates/{name}",
            remedy=_("mend the template"),
        ) from exc
    except MISTAKES as exc:
        frames = traceback.extract_tb(exc.__traceback__)
        place = next(
            (f"{f.filename}:{f.lineno}" for f in reversed(frames) if f.filename.endswith(".j2")),
            name,
        )
        raise refused(exc, f"templates/{place}", values) from exc


def refused(exc: Exception, place: str, values: Mapping[str, Any]) -> CheckRefused:
    """Return the error that says what a template did wrong, as far as we have words for it."""
    match exc:
        case _ForbiddenOperatorError(args=(operator,)):
            what = _("`{operator}` on these is not for a template").format(operator=operator)
        case TemplateNotFound():
            what = _("there is no template {name}").format(name=exc.name)
        case _:
            what = str(exc)
    return CheckRefused(
        what,
        place=place,
        remedy=_("a template may use: {names}").format(names=", ".join(sorted(values))),
    )
