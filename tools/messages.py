"""Keep the French catalogue in step with what the product says.

    python tools/messages.py update         # bring buzz.po to what the source says, make buzz.mo
    python tools/messages.py merge FILE...  # the same, and take translations from these PO files
    python tools/messages.py check          # say what is missing, wrong or stale; exit code 1

Messages are taken from Python calls of ``_``, ``gettext``, ``ngettext``, ``mark`` and ``N_`` (also
inside f-strings), from Jinja templates, and from the tree of commands, whose docstrings are its
help. A message that the source no longer has leaves the catalogue. Nothing is guessed: there are
no fuzzy entries.
"""

import ast
import io
import re
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from typing import Any

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from buzz import locales
from buzz.cli import root

ROOT = Path(__file__).parents[1]
PO = ROOT / "buzz/locales/fr/LC_MESSAGES/buzz.po"
MO = PO.with_suffix(".mo")
SINGULAR = {"_", "gettext", "mark", "N_"}
PLURAL = {"ngettext"}
TEMPLATES = (".html", ".j2", ".txt")
HEADER = "# French catalogue of La Lettre du Buzz; python tools/messages.py keeps it.\n#"
APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}"
NO_BREAK = "\N{NO-BREAK SPACE}"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)  # a date that changed at each run would be all the diff
Id = str | tuple[str, str]  # the singular, or singular and plural


def source_messages() -> Iterator[tuple[Id, str]]:
    """Yield each message of the source with the file that says it, relative to the checkout."""
    for path in sorted((ROOT / "buzz").rglob("*")):
        place = path.relative_to(ROOT).as_posix()
        if path.suffix == ".py":
            yield from ((message, place) for message in python_messages(path.read_text("utf-8")))
        elif path.suffix in TEMPLATES:
            yield from ((message, place) for message in template_messages(path))
    for path in sorted((ROOT / "templates").iterdir()):
        if path.suffix in TEMPLATES:
            place = path.relative_to(ROOT).as_posix()
            yield from ((message, place) for message in template_messages(path))
    yield from ((message, "buzz/cli") for message in help_messages())


def python_messages(source: str) -> Iterator[Id]:
    """Yield the messages in a module: constants handed to a function of gettext."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", None) or getattr(node.func, "attr", "")
        texts = [
            argument.value
            for argument in node.args
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
        ]
        if name in SINGULAR and any(texts):
            yield texts[0]
        elif name in PLURAL and len(texts) > 1:
            yield texts[0], texts[1]


def template_messages(path: Path) -> Iterator[Id]:
    """Yield the messages in a Jinja template.

    Raises:
        jinja2.TemplateSyntaxError: the template is broken.
    """
    options = {"silent": "false"}
    keywords: Any = {"_": None, "gettext": None, "ngettext": (1, 2)}
    for _line, message, _comments, _context in extract(
        "jinja2", io.BytesIO(path.read_bytes()), keywords=keywords, options=options
    ):
        if isinstance(message, str):
            yield message
        else:
            yield message[0], message[1]


def help_messages() -> Iterator[Id]:
    """Yield what the tree of commands says of itself: helps and placeholders of all options."""
    with locales.speaking("en"):
        yield from _helps(root.tree())


def _helps(command: Any) -> Iterator[str]:
    texts = [command.help]
    for parameter in command.params:
        texts += [getattr(parameter, "help", None), parameter.metavar]
    yield from filter(None, texts)
    for child in getattr(command, "commands", {}).values():
        yield from _helps(child)


def read(path: Path = PO) -> Catalog:
    """Return a catalogue; an empty one where there is no file."""
    if not path.exists():
        return Catalog(locale="fr")
    with path.open("rb") as file:
        return read_po(file, locale="fr", abort_invalid=True)


def updated(known: Catalog, *more: Catalog) -> Catalog:
    """Return the source's catalogue with the translations of these; a later one wins."""
    wanted = Catalog(
        locale="fr",
        domain=locales.DOMAIN,
        project="buzz",
        version="-",
        header_comment=HEADER,
        msgid_bugs_address="-",
        creation_date=EPOCH,
        revision_date=EPOCH,
        last_translator="-",
        language_team="fr",
        fuzzy=False,
    )
    for message, place in source_messages():
        wanted.add(message, locations=[(place, None)])  # type: ignore[list-item]  # no line numbers
    for catalog in (known, *more):
        for entry in catalog:
            here = wanted.get(_key(entry.id)) if entry.id else None
            if here is not None and _is_translated(entry) and not entry.fuzzy:
                _adopt(here, entry)
    return wanted


def _adopt(here: Message, entry: Message) -> None:
    strings = tuple(map(typeset, _forms(entry.string)))
    if isinstance(here.id, str):
        here.string = strings[0]
    elif isinstance(entry.id, tuple):
        here.string = strings


def typeset(french: str) -> str:
    """Return a text with French apostrophes, and spaces that do not break before high signs.

    >>> typeset("c'est « dit » : oui !").replace(NO_BREAK, "~").replace(APOSTROPHE, "^")
    'c^est «~dit~»~: oui~!'
    """
    french = re.sub(r"(?<=\w)'(?=\w)", APOSTROPHE, french)
    return re.sub(r"(?<=«) | (?=[:;!?»])", NO_BREAK, french)


def _key(message: Any) -> str:
    """Return the singular of an identifier."""
    return str(message if isinstance(message, str) else message[0])


def _forms(words: Any) -> list[str]:
    """Return one word or several as a list."""
    return [words] if isinstance(words, str) else list(words or ())


def _is_translated(entry: Message) -> bool:
    return bool(entry.string) and all(_forms(entry.string))


def po_bytes(catalog: Catalog) -> bytes:
    """Return the catalogue as a PO file, the same bytes for the same content."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, sort_by_file=True, include_lineno=False)
    return buffer.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return the catalogue as an MO file, which gettext reads."""
    translated = Catalog(locale="fr", creation_date=EPOCH, revision_date=EPOCH, fuzzy=False)
    for entry in catalog:
        if entry.id and _is_translated(entry) and not entry.fuzzy:
            translated[entry.id] = entry
    buffer = io.BytesIO()
    write_mo(buffer, translated)
    return buffer.getvalue()


def problems() -> list[str]:
    """Return what is wrong with the committed catalogue, a line each."""
    known = read()
    wanted = updated(known)
    found = [f"missing: {_key(entry.id)!r}" for entry in wanted if not _is_translated(entry)]
    found += [
        f"obsolete: {_key(entry.id)!r}"
        for entry in known
        if entry.id and wanted.get(_key(entry.id)) is None
    ]
    found += [f"obsolete: {_key(identifier)!r}" for identifier in known.obsolete]
    found += [f"fuzzy: {_key(entry.id)!r}" for entry in known if entry.fuzzy]
    found += [line for entry in known if entry.id for line in mismatches(entry)]
    if not MO.exists() or translations(MO) != {
        _key(e.id): _forms(e.string) for e in known if e.id and _is_translated(e)
    }:
        found.append(f"{MO.name} is stale: run python tools/messages.py update")
    return found


def translations(path: Path) -> dict[str, list[str]]:
    """Return what an MO file says: the translations of each message, by its singular."""
    with path.open("rb") as file:
        return {_key(entry.id): _forms(entry.string) for entry in read_mo(file) if entry.id}


def mismatches(entry: Message) -> Iterator[str]:
    """Yield what a translation does to its placeholders, its edges and its backquoted words."""
    for identifier, string in zip(_forms(entry.id), _forms(entry.string), strict=False):
        if not string:
            continue
        if string != typeset(string):
            yield f"typography: {string!r}: run python tools/messages.py update"
        for what, look in LOOKS.items():
            if look(identifier) != look(string):
                yield f"{what} differ: {identifier!r} → {string!r}"


def _placeholders(text: str) -> list[str]:
    try:
        fields = [field for _text, field, _spec, _conversion in Formatter().parse(text)]
    except ValueError:  # braces that are no placeholders: JSON in an example
        return []
    return sorted(field for field in fields if field is not None)


def _edges(text: str) -> tuple[bool, bool, bool]:
    return text[:1] == "\n", text[-1:] == "\n", text[:1].isspace()


def _commands(text: str) -> list[str]:
    return sorted(text.split("`")[1::2])


LOOKS: dict[str, Callable[[str], object]] = {
    "placeholders": _placeholders,
    "line ends": _edges,
    "backquoted words": _commands,
}


def _missing_file(path: Path) -> str:
    return f"{path}: no such file"


def main(arguments: list[str]) -> int:
    """Run one of the verbs and return the exit code."""
    match arguments:
        case ["update"]:
            more: list[Path] = []
        case ["merge", _, *_]:
            more = [Path(name) for name in arguments[1:]]
        case ["check"]:
            found = problems()
            print("\n".join(found) or "the catalogue is complete")
            return 1 if found else 0
        case _:
            print(__doc__)
            return 2
    if absent := [path for path in more if not path.exists()]:
        print("\n".join(map(_missing_file, absent)))
        return 1
    catalog = updated(read(), *map(read, more))
    PO.write_bytes(po_bytes(catalog))
    MO.write_bytes(mo_bytes(read()))
    missing = [entry for entry in catalog if not _is_translated(entry)]
    print(f"{len(catalog)} messages, {len(missing)} without a translation")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
