import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from conftest import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import registries

from buzz.config import Settings
from buzz.core import registry
from buzz.core.registry import COLUMNS, SPREADSHEET, Style
from buzz.demo import registry as sample
from buzz.edges import files
from buzz.edges.store import Store, blogs, feeds
from buzz.errors import CheckRefused, ConfigurationError, TemporaryFailure
from buzz.model import Blog, BlogStatus, Consent, Feed, FeedState, Ground, Level
from buzz.pipeline import registry as pipeline

Run = Callable[..., Result]
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
HEADER = "name,url,feed_url,email\n"
KARIM = "Le blog de Karim,https://karim.example/,https://karim.example/feed/,karim@karim.example\n"
BREST = "Vu de Brest,https://brest.example/,https://brest.example/rss,\n"


def read(text: str) -> registry.Registry:
    return registry.read(text.encode(), file="blogs.csv")


def lines(found: registry.Registry, level: Level = Level.ERROR) -> list[str]:
    return [pipeline.line_of(f) for f in found.findings if f.level is level]


# --- reading and writing ----------------------------------------------------------------------


@settings(max_examples=40)
@given(
    blogs=registries(4),
    style=st.builds(
        Style, delimiter=st.sampled_from(",;"), bom=st.booleans(), guarded=st.booleans()
    ),
)
def test_what_is_written_reads_back_to_the_same_blogs_and_bytes(
    blogs: tuple[Blog, ...], style: Style
) -> None:
    content = registry.write(blogs, style)
    found = registry.read(content, file="blogs.csv")
    assert found.errors == ()
    assert found.blogs == blogs
    assert registry.write(found.blogs, replace(found.style, guarded=style.guarded)) == content


@settings(max_examples=40)
@given(blogs=registries(4), order=st.permutations(COLUMNS))
def test_columns_may_stand_in_any_order(blogs: tuple[Blog, ...], order: list[str]) -> None:
    written = csv.DictReader(io.StringIO(registry.write(blogs).decode(), newline=""))
    writer = csv.DictWriter(out := io.StringIO(), order)
    writer.writeheader()
    writer.writerows(written)
    assert read(out.getvalue()).blogs == blogs


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_blogs_or_findings_never_an_exception(content: bytes) -> None:
    found = registry.read(content, file="blogs.csv")
    assert found.errors or registry.read(registry.write(found.blogs), file="x").blogs == found.blogs


@given(content=st.text(st.sampled_from("ab,;\"\n\r '=é"), max_size=60))
def test_any_lines_under_a_sound_header_never_an_exception(content: str) -> None:
    found = read("name,url,note\n" + content)
    assert all(f.place.startswith("blogs.csv:") for f in found.findings)


@settings(max_examples=40)
@given(blogs=registries(4))
def test_a_spreadsheet_never_finds_a_formula(blogs: tuple[Blog, ...]) -> None:
    content = registry.write(blogs, SPREADSHEET).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(content, newline=""), delimiter=";"):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_a_minimal_line_gets_defaults_and_a_slug() -> None:
    (blog,) = read("name,url\nL'Œuvre de José,https://jose.example/\n").blogs
    assert blog == Blog(
        slug="l-oeuvre-de-jose", name="L'Œuvre de José", url="https://jose.example/"
    )


def test_a_full_line() -> None:
    text = (
        "\ufeffslug;Name ;url;feed_url;email;language;federation;tags;status;consent_open;"
        "consent_click;notice_at;source;note;ground;evidence\r\n"
        'k;Karim;https://k.example/;https://k.example/rss;k@k.example;br;2A;"École; b;ecole";'
        'Paused;granted;denied;2026-01-31;contact;"deux\nlignes";public;2025-01-01\r\n'
    )
    found = read(text)
    assert found.findings == ()
    assert found.style == Style(delimiter=";", bom=True)
    assert found.blogs == (
        Blog(
            slug="k",
            name="Karim",
            url="https://k.example/",
            feed_url="https://k.example/rss",
            email="k@k.example",
            language="br",
            federation="2A",
            tags=("b", "ecole"),
            status=BlogStatus.PAUSED,
            consent_open=Consent.GRANTED,
            consent_click=Consent.DENIED,
            notice_at=date(2026, 1, 31),
            source="contact",
            note="deux\nlignes",
            ground=Ground.PUBLIC,
            evidence="2025-01-01",
        ),
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "empty": ("", "1: no header with name and url or feed_url (the first line must name"),
        "unknown column": ("nom,url\n", "1: unknown column: nom (known are: slug, name, url, "),
        "near column": ("name,url,mail\n", "1: unknown column: mail (did you mean email?)"),
        "column twice": ("name,url,url\n", "1: the column url stands there twice (take one away)"),
        "no address column": ("name,email\n", "1: no header with name and url or feed_url"),
        "no name": ("name,url\n,https://x.example/\n", "2: no name (give the blog a name)"),
        "no address": ("name,url\nx,\n", "2: no address (give url, feed_url or both)"),
        "no slug": ("name,url\n日本,https://x.example/\n", "2: no slug can be made from this name"),
        "short line": ("name,url\nx\n", "2: 1 cells where the header has 2"),
        "long line": ("name,url\nx,https://x.example/,y\n", "2: 3 cells where the header has 2"),
        "open quote": ('name,url\n"x,y\nz,u\n', "2: a quotation mark that opens here is never"),
        "open quote, far": (f'name,url\n"{"x" * 200_000}', "2: a quotation mark that opens here"),
        "torn quote": ('name,url\n"x"y,https://x.example/\n', "2: this line is no CSV"),
    }.values(),
)
def test_a_table_that_is_none_is_refused_at_its_line(text: str, expected: str) -> None:
    (line,) = lines(read(text))
    assert line.startswith(f"blogs.csv:{expected}")


@pytest.mark.parametrize(
    ("column", "cell", "expected"),
    [
        ("slug", "../x", "../x is no slug (lower-case letters"),
        ("slug", "Été", "e.g. ete)"),
        ("name", "x" * 3_000, "longer than 2000 characters (shorten it)"),
        ("name", "x\ny", "holds a line break"),
        ("name", "x\x1b[31m", "holds a line break or another invisible character"),
        ("name", "x\u202ey", "holds a line break or another invisible character"),
        ("url", "ftp://x.example/", "ftp://x.example/ is no web address (it begins with"),
        ("url", "https://moi:secret@x.example/", "is no web address"),
        ("url", "https://x y.example/", "is no web address"),
        ("url", "javascript:alert(1)", "is no web address"),
        ("feed_url", "https://[::1/feed", "is no web address"),
        ("email", "a@x.example\r\nBcc: b@x.example", "holds a line break"),
        ("email", "a@x.example\n", "holds a line break"),
        ("email", "a@@x.example", "a@@x.example is no e-mail address (write it as"),
        ("email", "<a@x.example>", "is no e-mail address"),
        ("email", "a@x.example, b@x.example", "is no e-mail address"),
        ("email", "a@x", "is no e-mail address"),
        ("email", "é@x.example", "is no e-mail address"),
        ("email", "a@café.example", "mail servers do not know (write a@xn--caf-dma.example)"),
        ("language", "français", "français is no language (fr, br"),
        ("federation", "Île-de-France (75)", "is no federation (letters, digits"),
        ("status", "dead", "dead is not known (active | paused)"),
        ("consent_open", "oui", "oui is not known (unknown | granted | denied)"),
        ("consent_click", "yes", "yes is not known (unknown | granted | denied)"),
        ("notice_at", "02/03/2026", "02/03/2026 is no date (year-month-day: 2026-03-02)"),
        ("notice_at", "20260302", "20260302 is no date"),
        ("notice_at", "2026-02-30", "2026-02-30 is no date"),
        ("ground", "e", "e is not known (public | member | consent)"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_with_its_column_and_remedy(
    column: str, cell: str, expected: str
) -> None:
    cells = {"name": "x", "url": "https://x.example/", "email": ""} | {column: cell}
    writer = csv.DictWriter(out := io.StringIO(), list(cells))
    writer.writeheader()
    writer.writerow(cells)
    (line,) = lines(read(out.getvalue()))
    assert line.startswith(f"blogs.csv:2: {column}: ")
    assert expected in line


def test_all_errors_are_told_at_once_in_the_order_of_the_lines() -> None:
    found = lines(read(HEADER + KARIM + "x,ftp://,,a@\n,,,\n\n" + KARIM + "y,,,b@\n"))
    assert [line.split(" (")[0] for line in found] == [
        "blogs.csv:3: url: ftp:// is no web address",
        "blogs.csv:3: email: a@ is no e-mail address",
        "blogs.csv:6: the slug le-blog-de-karim is already on line 2",
        "blogs.csv:7: email: b@ is no e-mail address",
        "blogs.csv:7: no address",
    ]


def test_strange_columns_are_named_together_and_the_known_ones_once() -> None:
    found = lines(read("name,url,adresse,mail,téléphone\n"))
    assert len(found) == 2
    assert "blogs.csv:1: unknown column: mail (did you mean email?)" in found
    assert any("unknown columns: adresse, téléphone (known are: slug, name" in f for f in found)


@pytest.mark.parametrize(
    ("address", "allowed", "inside"),
    [
        ("http://127.0.0.1:8000/", [], True),
        ("http://127.0.0.1:8000/", ["127.0.0.0/8"], False),
        ("http://karim.localhost/", [], True),
        ("http://karim.localhost/", ["127.0.0.0/8"], False),
        ("http://10.0.0.1/", ["127.0.0.0/8", "::1/128"], True),
        ("http://169.254.169.254/", ["10.0.0.0/8"], True),
    ],
)
def test_what_the_settings_allow_is_no_doubt(
    address: str, allowed: list[str], *, inside: bool
) -> None:
    cells = {"name": "X", "feed_url": address}
    blog, doubts = registry.read_blog(cells, place="blogs.csv:2", allowed=allowed)
    assert blog is not None
    assert ("inside" in {doubt.rule for doubt in doubts}) is inside


@pytest.mark.parametrize(
    ("text", "line"),
    [("École,https://x.example/,,\n", 2), (KARIM + "\nŒuvre,https://y.example,,", 4)],
)
def test_another_encoding_is_refused_at_its_line(text: str, line: int) -> None:
    found = registry.read((HEADER + text).encode("windows-1252"), file="blogs.csv")
    assert found.blogs == ()
    (complaint,) = lines(found)
    assert complaint.startswith(f"blogs.csv:{line}: this file is not UTF-8 (save it as")
    assert "iconv -f WINDOWS-1252 -t UTF-8 blogs.csv" in complaint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name,url\nx,https://x.example/\n", "no feed_url"),
        (HEADER + KARIM + "y,,http://www.karim.example/feed,\n", "the same blog as on line 2"),
        (
            HEADER + KARIM + "y,,https://y.example,Karim@karim.example\n",
            "e-mail address as on line 2",
        ),
        ("name,feed_url,federation\nx,https://x.example/,1\n", "write 01"),
    ],
    ids=["no feed", "same blog", "same e-mail", "zero taken away"],
)
def test_what_is_only_doubtful_is_imported_with_a_warning(text: str, expected: str) -> None:
    found = read(text)
    assert found.errors == ()
    assert len(found.blogs) == text.count("\n") - 1
    (line,) = lines(found, Level.WARNING)
    assert expected in line


@settings(max_examples=40)
@given(old=registries(3), new=registries(3))
def test_a_diff_leads_from_one_registry_to_the_other(
    old: tuple[Blog, ...], new: tuple[Blog, ...]
) -> None:
    diff = registry.diff(old, new)
    result = {blog.slug: registry.cells_of(blog) for blog in old}
    for blog in diff.removed:
        del result[blog.slug]
    for change in diff.changed:
        for column, (before, after) in change.fields.items():
            assert result[change.slug][column] == before != after
            result[change.slug][column] = after
    result |= {blog.slug: registry.cells_of(blog) for blog in diff.added}
    assert result == {blog.slug: registry.cells_of(blog) for blog in new}
    assert bool(diff) == (old != new)


# --- the commands -----------------------------------------------------------------------------


@pytest.fixture
def file(workspace: Path) -> Path:
    path = workspace / "blogs.csv"
    path.write_text(HEADER + KARIM + BREST)
    return path


def test_import_shows_the_difference_and_writes_once(run: Run, file: Path, store: Store) -> None:
    result = run("blogs", "import", "blogs.csv", "--yes")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "+ le-blog-de-karim  Le blog de Karim\n+ vu-de-brest  Vu de Brest\n"
        "2 added, 0 changed, 0 removed\n"
    )
    with store.read() as tx:
        assert [blog.slug for blog in blogs.all_blogs(tx)] == ["le-blog-de-karim", "vu-de-brest"]
    assert file.read_text().splitlines()[0] == ",".join(COLUMNS)
    content = file.read_bytes()
    assert run("blogs", "import", "blogs.csv") == Result(0, "", "nothing to change\n")
    assert run("blogs", "export").out.encode() == content == file.read_bytes()


def test_a_file_in_another_order_changes_no_blog_and_says_so(run: Run, file: Path) -> None:
    run("blogs", "import", "blogs.csv", "--yes")
    ordered = file.read_text()
    file.write_text("".join(ordered.splitlines(keepends=True)[i] for i in (0, 2, 1)))
    result = run("blogs", "import", "blogs.csv", "--dry-run")
    assert "no blog changes" in result.err
    assert file.read_text() != ordered
    assert run("blogs", "import", "blogs.csv").code == 0
    assert file.read_text() == ordered


def test_many_doubts_of_one_kind_are_counted(run: Run, file: Path, workspace: Path) -> None:
    file.write_text("name,url\n" + "".join(f"B{n},https://b{n}.example/\n" for n in range(25)))
    result = run("blogs", "import", "blogs.csv", "--yes")
    assert result.err.count("no feed_url") == 20
    assert "… and 5 more like this: feed_url" in result.err
    assert run("blogs", "check").out.count("no feed_url") == 20
    assert len(json.loads(run("blogs", "check", "--json").out)["problems"]) == 25


def test_import_keeps_separator_and_bom_of_the_registry(run: Run, file: Path) -> None:
    file.write_text("\ufeff" + (HEADER + KARIM).replace(",", ";"))
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    assert run("blogs", "edit", "le-blog-de-karim", "--federation", "93").code == 0
    assert file.read_text().startswith("\ufeffslug;name;")
    assert run("blogs", "import", "blogs.csv").code == 0


def test_import_without_a_yes_and_without_a_terminal_exits_2(run: Run, file: Path) -> None:
    before = file.read_bytes()
    result = run("blogs", "import", "blogs.csv")
    assert result.code == 2
    assert "2 added" in result.out
    assert "--yes" in result.err
    assert file.read_bytes() == before
    assert json.loads(run("blogs", "list", "--json").out)["blogs"] == []


def test_a_dry_run_changes_nothing(run: Run, file: Path) -> None:
    before = file.read_bytes()
    assert run("blogs", "import", "blogs.csv", "--dry-run").code == 0
    assert file.read_bytes() == before
    assert json.loads(run("blogs", "list", "--json").out) == {"v": 1, "blogs": []}


@pytest.mark.parametrize(
    ("line", "encoding", "complaint"),
    [
        ("x,,,\n", "utf-8", "no address"),
        (BREST, "utf-8", "the slug vu-de-brest is already on line 2"),
        ('x,https://x.example/,,"a@x.example\r\nBcc: b@x.example"\n', "utf-8", "a line break"),
        ("École,https://x.example/,,\n", "latin-1", "this file is not UTF-8"),
    ],
    ids=["bad line", "slug twice", "CR/LF", "Latin-1"],
)
def test_a_faulty_registry_exits_5_and_loses_nothing(
    run: Run, file: Path, line: str, encoding: str, complaint: str
) -> None:
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    good = run("blogs", "export").out
    content = (HEADER + BREST + line).encode(encoding)
    file.write_bytes(content)
    result = run("blogs", "import", "blogs.csv", "--yes")
    assert result.code == 5
    assert "blogs.csv:3: " in result.err
    assert complaint in result.err
    assert result.out == ""
    assert file.read_bytes() == content
    assert run("blogs", "export").out == good


@pytest.mark.parametrize("name", ["nothing.csv", "data"])
def test_a_file_that_cannot_be_read_exits_2(run: Run, file: Path, name: str) -> None:
    result = run("blogs", "import", name, "--yes")
    assert result.code == 2
    assert f"{name}: cannot read this file" in result.err


def test_blogs_that_a_file_does_not_have_leave_unless_kept(run: Run, file: Path) -> None:
    run("blogs", "import", "blogs.csv", "--yes")
    other = file.with_name("other.csv")
    other.write_text(HEADER + BREST.replace("Vu de Brest", "Vu de Lens").replace("brest", "lens"))
    kept = json.loads(run("blogs", "import", "other.csv", "--keep", "--yes", "--json").out)
    assert (kept["added"], kept["removed"], kept["blogs"]) == (["vu-de-lens"], [], 3)
    gone = json.loads(run("blogs", "import", "other.csv", "--yes", "--json").out)
    assert (gone["removed"], gone["blogs"]) == (["le-blog-de-karim", "vu-de-brest"], 1)
    assert file.read_text().count("\n") == 2


def test_edits_by_hand_that_were_not_imported_are_never_overwritten(run: Run, file: Path) -> None:
    run("blogs", "import", "blogs.csv", "--yes")
    by_hand = file.read_text().replace("Vu de Brest", "Vu de Brest même")
    file.write_text(by_hand)
    other = file.with_name("other.csv")
    other.write_text(HEADER + KARIM)
    for command in (
        ["add", "Neuf", "--url", "https://neuf.example/"],
        ["edit", "le-blog-de-karim", "--federation", "93"],
        ["remove", "le-blog-de-karim", "--yes"],
        ["import", "other.csv", "--yes"],
    ):
        result = run("blogs", *command)
        assert result.code == 5, command
        assert "0 added, 1 changed, 0 removed were made by hand" in result.err
        assert file.read_text() == by_hand
    assert run("blogs", "import", "blogs.csv", "--yes").code == 0
    assert run("blogs", "import", "other.csv", "--yes").code == 0


def test_add_edit_show_remove_change_file_and_database_together(run: Run, file: Path) -> None:
    file.unlink()
    added = run("blogs", "add", "Vu de Brest", "--feed-url", "https://brest.example/rss")
    assert (added.code, added.out) == (
        0,
        "+ vu-de-brest  Vu de Brest\n1 added, 0 changed, 0 removed\n",
    )
    assert run("blogs", "add", "Vu de Brest", "--url", "https://b.example/").code == 5
    edited = run("blogs", "edit", "vu-de-brest", "--federation", "29", "--tags", "École;eau")
    assert edited.out == (
        "~ vu-de-brest  federation: - → 29\n~ vu-de-brest  tags: - → eau;ecole\n"
        "0 added, 1 changed, 0 removed\n"
    )
    assert "tags           eau;ecole\n" in run("blogs", "show", "vu-de-brest").out
    assert json.loads(run("blogs", "show", "vu-de-brest", "--json").out)["tags"] == ["eau", "ecole"]
    assert run("blogs", "export").out == file.read_text()
    with_comma = run("blogs", "edit", "vu-de-brest", "--tags", "École, eau")
    assert with_comma.err == "nothing to change\n"  # not one tag: ecole-eau
    assert run("blogs", "edit", "vu-de-brest", "--tags", "").out.startswith("~ vu-de-brest  tags")
    refused = run("blogs", "edit", "vu-de-brest", "--email", "a@x.example\r\nBcc: b@x.example")
    assert refused.code == 5
    assert "email: holds a line break" in refused.err
    assert run("blogs", "remove", "vu-de-brest").code == 2
    assert run("blogs", "remove", "vu-de-brest", "--yes").code == 0
    assert file.read_text() == ",".join(COLUMNS) + "\n"
    assert run("blogs", "list").out == ""


@pytest.mark.parametrize("command", [["show"], ["edit", "--federation", "29"], ["remove", "--yes"]])
def test_an_unknown_slug_gets_the_nearest(run: Run, file: Path, command: list[str]) -> None:
    run("blogs", "import", "blogs.csv", "--yes")
    result = run("blogs", command[0], "vu-de-bret", *command[1:])
    assert result.code == 2
    assert "no blog vu-de-bret (did you mean vu-de-brest?)" in result.err


def test_list_filters(run: Run, file: Path) -> None:
    file.write_text(
        "name,url,federation,language,tags,status\n"
        "A,https://a.example/,29,br,ecole,active\n"
        "B,https://b.example/,2A,fr,ecole;eau,paused\n"
        "C,https://c.example/,,fr,,active\n"
    )
    run("blogs", "import", "blogs.csv", "--yes")

    def found(*options: str) -> list[str]:
        blogs = json.loads(run("blogs", "list", "--json", *options).out)["blogs"]
        return [blog["slug"] for blog in blogs]

    assert found() == ["a", "b", "c"]
    assert found("--tag", "École") == ["a", "b"]
    assert found("--federation", "2a") == ["b"]
    assert found("--language", "fr", "--status", "active") == ["c"]
    assert found("--tag", "rien") == []
    assert run("blogs", "list", "--tag", "rien").code == 0


def test_list_fits_a_narrow_terminal(run: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("blogs", "import", "blogs.csv", "--yes")
    monkeypatch.setenv("COLUMNS", "40")
    out = run("blogs", "list").out
    assert "Vu de Brest" in out
    assert max(map(len, out.splitlines())) <= 40


def test_a_file_is_exported_once_unless_confirmed(run: Run, file: Path) -> None:
    file.write_text(HEADER + "=1+1,https://x.example/,,\n")
    run("blogs", "import", "blogs.csv", "--yes")
    assert run("blogs", "export", "out.csv", "--spreadsheet").code == 0
    content = file.with_name("out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfslug;name;")
    assert b";'=1+1;" in content
    assert run("blogs", "export", "out.csv").code == 2
    assert file.with_name("out.csv").read_bytes() == content
    assert run("blogs", "import", "out.csv").err.endswith("nothing to change\n")
    assert run("blogs", "export", "out.csv", "--yes").code == 0
    assert file.with_name("out.csv").read_bytes() == file.read_bytes()


def test_file_and_database_change_together_or_not_at_all(
    settings: Settings, store: Store, file: Path
) -> None:
    plan = pipeline.plan_import(settings, store, file)
    file.write_text(HEADER + KARIM)  # somebody else's edit, after the plan was shown
    with pytest.raises(TemporaryFailure):
        pipeline.apply(settings, store, plan, NOW)
    with store.read() as tx:
        assert blogs.all_blogs(tx) == ()
    pipeline.apply(settings, store, pipeline.plan_import(settings, store, file), NOW)
    with pytest.raises(TemporaryFailure):
        pipeline.apply(settings, store, plan, NOW)
    assert "brest" not in file.read_text()


def test_when_the_file_cannot_be_written_the_database_stays(
    settings: Settings, store: Store, file: Path
) -> None:
    other = file.rename(file.with_name("other.csv"))
    file.symlink_to("/dev/null/blogs.csv")  # no folder, so nothing can be put there
    plan = pipeline.plan_import(settings, store, other)
    with pytest.raises(ConfigurationError, match="cannot write"):
        pipeline.apply(settings, store, plan, NOW)
    with store.read() as tx:
        assert blogs.all_blogs(tx) == ()


def test_a_registry_behind_a_link_stays_behind_it(
    settings: Settings, store: Store, file: Path
) -> None:
    real = file.rename(file.with_name("shared.csv"))
    file.symlink_to(real)
    pipeline.apply(settings, store, pipeline.plan_import(settings, store, file), NOW)
    assert file.is_symlink()
    assert real.read_text().startswith("slug,")


def test_a_registry_that_was_edited_keeps_its_mode(run: Run, file: Path) -> None:
    file.chmod(0o640)
    run("blogs", "import", "blogs.csv", "--yes")
    assert file.stat().st_mode & 0o777 == 0o640


def test_check_tells_file_drift_and_feeds(
    run: Run, file: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run("blogs", "import", "blogs.csv", "--yes")
    assert run("blogs", "check").code == 0
    with store.write() as tx:
        feeds.save(
            tx,
            [
                Feed(
                    blog="vu-de-brest",
                    url="https://brest.example/rss",
                    state=FeedState.GONE,
                    since=NOW,
                    reason="http-410",
                    last_polled=NOW,
                ),
                Feed(
                    blog="le-blog-de-karim", url="https://karim.example/feed/", state=FeedState.OK
                ),
            ],
        )
    result = run("blogs", "check")
    assert result.code == 0
    assert "vu-de-brest\n  given up for" in result.out
    assert "last read: never" in result.out
    assert "buzz blogs edit vu-de-brest --status paused" in result.out
    assert "karim" not in result.out
    file.write_text(file.read_text() + "x;y\n")
    broken = json.loads((found := run("blogs", "check", "--json")).out)
    assert found.code == 5
    assert broken["drift"] is None
    assert broken["problems"][0]["place"] == "blogs.csv:4"
    assert [feed["blog"] for feed in broken["ill"]] == ["vu-de-brest"]
    file.unlink()
    assert "buzz blogs export blogs.csv" in run("blogs", "check").out


def test_a_change_during_another_one_is_refused(
    settings: Settings, store: Store, file: Path, run: Run
) -> None:
    with files.lock(settings.lock("registry")):
        result = run("blogs", "import", "blogs.csv", "--yes")
    assert result.code == 6
    assert "(wait until it has finished, then try again; nothing was changed)" in result.err
    with pytest.raises(CheckRefused):
        pipeline.plan_add(settings, store, {"name": "x"})


# --- the sample -------------------------------------------------------------------------------


def test_the_sample_registry_is_what_the_generator_makes() -> None:
    written = files.shared("blogs.csv").read_bytes()
    assert registry.write(sample.make()) == written
    assert registry.read(written, file="blogs.csv").findings == ()


def test_the_sample_registry_shows_every_shape() -> None:
    found = sample.make()
    addresses = [blog.feed_url for blog in found]
    assert len(found) == 1_500
    for mark in (
        "/feed/", "spip.php?page=backend", ".over-blog.example/rss", "/index.rss", "/atom.xml",
        "/rss.xml", "/feeds/posts/default", "/feed/atom",
    ):  # fmt: skip
        assert sum(mark in address for address in addresses) >= 10, mark
    assert {"2A", "2B", "974", "75"} <= {blog.federation for blog in found}
    assert {blog.language for blog in found} == {"fr", "br", "oc", "eu", "en"}
    granted = sum(blog.consent_open is Consent.GRANTED for blog in found)
    denied = sum(blog.consent_open is Consent.DENIED for blog in found)
    assert 0.09 < granted / 1_500 < 0.15
    assert 0.05 < denied / 1_500 < 0.11
    assert any(not blog.email for blog in found)
    assert any(blog.status is BlogStatus.PAUSED for blog in found)
    assert sample.make(50, seed=1) != sample.make(50, seed=2)
