"""Gates: where a template of Jinja could look into a word, its questions are asked instead.

Operators, calls, subscripts, filters and tests have hooks of Jinja's sandbox; conditions,
comparisons and loops have none, so they are given one in the parsed template.
"""

import re
import string
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from jinja2 import Environment, nodes
from jinja2.nodes import EvalContext
from jinja2.runtime import BlockReference, Context, LoopContext, Macro
from jinja2.utils import Namespace
from jinja2.visitor import NodeTransformer

from buzz.core.letter import folding
from buzz.core.letter import slots as names
from buzz.core.letter.asking import Questions
from buzz.core.letter.sandbox import Sandbox

# Filters that leave a word as it is, wherever it stands. Of `safe`, only what is not a word's value
# is believed: that is escaped when it is filled in.
_CARRYING = frozenset({"e", "escape", "safe", "wrapped"})
# Filters that hand on a list's items without a look at them.
_LISTING = frozenset(
    {
        *("attr", "batch", "count", "first", "items", "join", "last", "length", "list", "map"),
        *("reverse", "slice"),
    }
)
_ABOUT_NAMES = frozenset({"defined", "undefined"})  # tests of a variable, not of its value
_GATES = ("true", "each", "named", "printed", "compared", "sliced")


class AskingSandbox(Sandbox):
    """A sandbox whose renderings keep their questions."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})
    intercepted_unops = frozenset({"+", "-"})

    def __init__(self, sources: Mapping[str, str], slots: Mapping[str, str]) -> None:
        self.questions = Questions(slots)
        super().__init__(sources)
        loose = names.loose(slots)
        self.filters["wrapped"] = lambda text, indent="": folding.wrapped(text, indent, loose=loose)
        self.filters = {name: self._filter(name, use) for name, use in self.filters.items()}
        tests: Mapping[str, Any] = self.tests
        self.tests = {name: self._test(name, use) for name, use in tests.items()}
        for name in _GATES:
            self.filters[_gate(name)] = getattr(self.questions, name)

    def compile(self, source: Any, *args: Any, **named: Any) -> Any:
        """Return a template's code, with gates in it."""
        if isinstance(source, str):
            source = _Gated(self).visit(self.parse(source, *args))
        return super().compile(source, *args, **named)

    def printed(self, value: Any) -> Any:
        """Return what is printed of a value."""
        return self.questions.printed(value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Return what an operator makes of two values; joining texts keeps their words."""
        ask, use = self.questions, super().call_binop
        joins = operator == "+" and isinstance(left, str) and isinstance(right, str)
        if joins or not (ask.holds(left) or ask.holds(right)):
            return use(context, operator, left, right)
        return ask.computed(lambda a, b: use(context, operator, a, b), left, right)

    def call_unop(self, context: Context, operator: str, arg: Any) -> Any:
        """Return what a sign makes of a value."""
        use = super().call_unop
        if not self.questions.holds(arg):
            return use(context, operator, arg)
        return self.questions.computed(lambda value: use(context, operator, value), arg)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Return ``obj[argument]``."""
        ask, use = self.questions, super().getitem
        if ask.holds(argument) or (isinstance(obj, str) and ask.holds(obj)):
            return ask.computed(use, obj, argument)
        return use(obj, argument)

    def call(self, context: Context, called: Any, /, *args: Any, **named: Any) -> Any:
        """Return what a call returns; macros, and formats without a width, keep words."""
        ask, use = self.questions, super().call
        # The sandbox hands out `format` in a wrapping of its own.
        owner = getattr(getattr(called, "__wrapped__", called), "__self__", None)
        is_of_text = isinstance(owner, str) and ask.holds(owner)
        if not is_of_text and (
            _carries(called, owner, (*args, *named.values()))
            or not (ask.holds(args) or ask.holds(named))
        ):
            return use(context, called, *args, **named)
        if isinstance(owner, str):
            return ask.computed(
                lambda text, *a, **n: use(context, self.getattr(text, called.__name__), *a, **n),
                owner,
                *args,
                **named,
            )
        return ask.computed(lambda *a, **n: use(context, called, *a, **n), *args, **named)

    def _filter(self, name: str, use: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(use)  # with Jinja's marks of what else it wants to be given
        def asking(*args: Any, **named: Any) -> Any:
            given = _given(args)
            if name in _CARRYING or (name in _LISTING and not isinstance(given[0], str)):
                return use(*args, **named)
            if not (self.questions.holds(given) or self.questions.holds(named)):
                return use(*args, **named)
            return self.questions.computed(use, *args, **named)

        return asking

    def _test(self, name: str, use: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(use)
        def asking(*args: Any) -> Any:
            if name in _ABOUT_NAMES or not self.questions.holds(_given(args)):
                return use(*args)
            return self.questions.decides(use, *args)

        return asking


def _given(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what a template gives to a filter or a test, without what Jinja adds in front."""
    return args[1:] if isinstance(args[0], Context | EvalContext | Environment) else args


def _carries(called: Any, owner: Any, given: tuple[Any, ...]) -> bool:
    """Tell whether a call hands on what it is given, words as words."""
    if called is dict or called is Namespace or isinstance(called, Macro | BlockReference):
        return True
    if isinstance(called, LoopContext) or isinstance(owner, LoopContext):
        return True
    if not isinstance(owner, str):
        return False
    if called.__name__ == "join":
        return True
    return (
        called.__name__ in {"format", "format_map"}
        and all(isinstance(value, str | int) for value in given)
        and _only_joins(owner)
    )


def _only_joins(text: str) -> bool:
    """Tell whether a format puts what it is given in as it is: no width, no part of it."""
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError:  # the call itself will say so
        return True
    return not any(
        spec or conversion or not (name is None or re.fullmatch(r"\w*", name))
        for _text, name, spec, conversion in fields
    )


# --- in the parsed template -----------------------------------------------------------------------


def _gate(name: str) -> str:
    return f"_{name}"


class _Gated(NodeTransformer):
    """Puts gates where Jinja has no hook."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def visit(self, node: nodes.Node, *args: Any, **named: Any) -> Any:
        """Return what stands in a node's place, its children with their gates."""
        node = self.generic_visit(node, *args, **named)
        put = _PUT.get(type(node))
        return put(self, node) if put else node

    def through(self, name: str, node: Any, *args: nodes.Expr) -> nodes.Expr:
        """Return an expression that passes a gate."""
        at: dict[str, Any] = {"lineno": node.lineno, "environment": self._environment}
        return nodes.Filter(node, _gate(name), list(args), [], None, None, **at)

    def constant(self, value: str | None, node: nodes.Node) -> nodes.Expr:
        """Return a constant that stands where the node does."""
        return nodes.Const(value, lineno=node.lineno, environment=self._environment)

    def condition(self, node: Any) -> nodes.Node:
        """``{% if test %}``, ``a if test else b`` and ``{% for … if test %}``."""
        if node.test is not None:
            node.test = self.through("true", node.test)
        if isinstance(node, nodes.For):
            node.iter = self.through("each", node.iter)
        found: nodes.Node = node
        return found

    def negation(self, node: Any) -> nodes.Node:
        """``not a``."""
        return nodes.Not(
            self.through("true", node.node), lineno=node.lineno, environment=self._environment
        )

    def choice(self, node: Any) -> nodes.Node:
        """``a and b`` is ``b if a else a``; ``a or b`` is ``a if a else b``."""
        is_and = isinstance(node, nodes.And)
        when, otherwise = (node.right, node.left) if is_and else (node.left, node.right)
        test = self.through("true", node.left)
        return nodes.CondExpr(
            test, when, otherwise, lineno=node.lineno, environment=self._environment
        )

    def comparison(self, node: Any) -> nodes.Node:
        """``a < b == c``, ``a in b``."""
        chain = [
            part for operand in node.ops for part in (self.constant(operand.op, node), operand.expr)
        ]
        return self.through("compared", node.expr, *chain)

    def slice(self, node: Any) -> nodes.Node:
        """``a[1:2]``; other subscripts have a hook."""
        found: nodes.Node = node
        if isinstance(node.arg, nodes.Slice):
            bounds = (node.arg.start, node.arg.stop, node.arg.step)
            none = self.constant(None, node)
            found = self.through("sliced", node.node, *(bound or none for bound in bounds))
        return found

    def concatenation(self, node: Any) -> nodes.Node:
        """``a ~ b``."""
        node.nodes = [self.through("printed", part) for part in node.nodes]
        found: nodes.Node = node
        return found

    def inclusion(self, node: Any) -> nodes.Node:
        """``{% include a %}`` and its like."""
        if not isinstance(node.template, nodes.Const):
            node.template = self.through("named", node.template)
        found: nodes.Node = node
        return found


_PUT: Mapping[type[nodes.Node], Callable[[_Gated, Any], nodes.Node]] = {
    nodes.If: _Gated.condition,
    nodes.CondExpr: _Gated.condition,
    nodes.For: _Gated.condition,
    nodes.Not: _Gated.negation,
    nodes.And: _Gated.choice,
    nodes.Or: _Gated.choice,
    nodes.Compare: _Gated.comparison,
    nodes.Getitem: _Gated.slice,
    nodes.Concat: _Gated.concatenation,
    nodes.Include: _Gated.inclusion,
    nodes.Import: _Gated.inclusion,
    nodes.FromImport: _Gated.inclusion,
    nodes.Extends: _Gated.inclusion,
}
