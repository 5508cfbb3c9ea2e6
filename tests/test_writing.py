"""Writing a letter: its typography, its pictures, its languages, and where it begins."""

import dataclasses
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageStat
from sentletter import serving

from buzz.config import Settings
from buzz.core import campaign as core
from buzz.core.campaign.typography import mended, mended_markdown
from buzz.edges.store import Store, blogs, campaigns, entries
from buzz.errors import CheckRefused
from buzz.model import Blog, CampaignState, Entry
from buzz.pipeline import campaign as pipeline
from buzz.pipeline.campaign import pictures
from buzz.pipeline.relays import scanning
from buzz.pipeline.send import planning
from buzz.web import preview

Run = Callable[..., Result]
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LETTER = """---
subject: "Un deux : trois"
preheader: "Quarante caractères au moins pour ce qui se lit derrière le sujet."
segment: all
links: ["https://parti.example/appel"]
slogans: ["Debout !"]
---

Bonjour {{ name }} ?

## La caisse n'est pas vide

Les 1 500 moulins de Bréhat tournent. ![Un moulin rouge](moulin.jpg)

![La foule](moulin.jpg)

[![Deux minutes de film](film.png)](https://video.example/film?a=1&b=2)

[Appeler](https://parti.example/appel)
"""
ENGLISH = """---
subject: "One, two, three"
---

Hello {{ name }}?

## The till isn't empty

The mills of Bréhat turn: ![A red mill](moulin.jpg)
"""


def picture(kind: str = "JPEG", size: tuple[int, int] = (2000, 1000), **facts: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (150, 30, 40)).save(out, kind, **facts)
    return out.getvalue()


@pytest.fixture
def desk(settings: Settings, store: Store) -> Settings:
    folder = settings.campaigns / "moulins"
    folder.mkdir(parents=True)
    (folder / "letter.md").write_text(LETTER, encoding="utf-8")
    (folder / "moulin.jpg").write_bytes(picture())
    (folder / "film.png").write_bytes(picture("PNG", (400, 300)))
    known = [
        Blog(slug="anna", name="Anna", url="https://anna.example/", email="a@b.example"),
        Blog(
            slug="bela",
            name="Bela",
            url="https://bela.example/",
            email="b@b.example",
            language="en-GB",
        ),
    ]
    with store.write() as tx:
        blogs.save(tx, known, NOW)
    return settings


def in_letter(settings: Settings, name: str, content: str | bytes) -> Path:
    path = settings.campaigns / "moulins" / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


# --- typography ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "set_"),
    [
        ("Quoi ? Non ! Si ; 5 % 3 €", "Quoi\u202f? Non\u202f! Si\u202f; 5\u202f% 3\u202f€"),
        ("Ceci : cela", "Ceci\u00a0: cela"),
        ("« Oui »", "«\u00a0Oui\u00a0»"),
        ("l'eau d'Anna", "l\u2019eau d\u2019Anna"),
        ("1 500 000 en 2026, 06 12 34 56 78", "1\u202f500\u202f000 en 2026, 06 12 34 56 78"),
        ("Enfin...", "Enfin…"),
        ("à 10:30, https://a.example/?a=1;b", "à 10:30, https://a.example/?a=1;b"),
        ("Déjà\u00a0! «\u202fBien\u202f»", "Déjà\u00a0! «\u202fBien\u202f»"),
        ("5' et 'mot'", "5' et 'mot\u2019"),
        ("Voir ![x](y.jpg)", "Voir ![x](y.jpg)"),
    ],
)
def test_french_is_set_as_printers_set_it(typed: str, set_: str) -> None:
    assert mended(typed, "fr") == mended(typed, "fr-CA") == set_
    assert mended(typed, "en") == typed


@given(st.text(alphabet=st.sampled_from("ab1 5'\u2019!?;:%€«»….,[]()`{}<>\u00a0\u202f\n")))
def test_mending_changes_blanks_apostrophes_and_ellipses_alone(text: str) -> None:
    for mend in (mended, mended_markdown):
        once = mend(text, "fr")
        assert mend(once, "fr") == once
        blank = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2019": "'"})
        assert once.translate(blank).replace("…", "...") == text.translate(blank).replace(
            "…", "..."
        )


def test_code_addresses_and_variables_are_not_prose() -> None:
    kept = "`a ?` <https://a.example/l'eau> [x](https://a.example/l'eau) {{ name }}"
    assert mended_markdown(kept, "fr") == kept
    campaign = core.parse(
        f"---\nsubject: Quoi ?\n---\n## L'eau ?\n\n{kept} !\n", slug="x", path="letter.md"
    )
    (point,) = campaign.talking_points
    assert campaign.subject == "Quoi\u202f?"
    assert point.title == "L\u2019eau\u202f?"
    assert "<code>a ?</code>" in point.html
    assert "https://a.example/l'eau" in point.html
    assert point.markdown == f"{kept}\u202f!"


# --- pictures -----------------------------------------------------------------------------------


def test_a_picture_beside_the_letter_is_shown_in_its_column(desk: Settings, store: Store) -> None:
    campaign = pipeline.load(desk, "moulins")
    (point,) = campaign.talking_points
    still, film = campaign.images
    assert still.url.startswith(f"{desk.web.base_url}/m/")
    assert (still.width, still.height) == (520, 260)
    assert (film.width, film.height) == (400, 300)
    shown = f'<img src="{still.url}" width="520" height="260"'
    assert f'<p class="photo">{shown} alt="La foule"></p>' in point.html
    assert f'{shown} alt="Un moulin rouge">' in point.html
    assert (
        '<p class="film"><a href="https://video.example/film?a=1&amp;b=2">'
        f'<img src="{film.url}" width="400" height="300" alt="">\u25b6\ufe0e Deux minutes de film'
        "</a></p>"
    ) in point.html
    assert "foule" not in point.text
    assert f"![La foule]({still.url})" in point.markdown
    seen = pipeline.preview(desk, store, "moulins", NOW)
    assert seen.html.count(still.url) == 2
    assert "Deux minutes de film :\n  https://video.example/film?a=1&b=2" in seen.text.replace(
        "\u00a0", " "
    )
    report = pipeline.check(desk, store, "moulins", NOW)
    assert {f.rule for f in report.findings} & {"7-images", "13-active", "13-images"} == set()


def test_a_film_s_thumbnail_bears_a_mark_and_the_same_picture_alone_does_not() -> None:
    _ending, plain = core.fitted(picture(), film=False)
    _ending, marked = core.fitted(picture(), film=True)
    for content, spread in ((plain, 2), (marked, 20)):
        middle = Image.open(io.BytesIO(content)).crop((480, 220, 560, 300)).convert("L")
        assert (ImageStat.Stat(middle).stddev[0] > spread) == (content is marked)


def test_nothing_but_pixels_is_handed_out() -> None:
    facts = Image.Exif()
    facts[0x010E] = "chez Karim"  # ImageDescription
    facts[0x0112] = 6  # Orientation: turned by a quarter
    content = picture(exif=facts, comment=b"chez Karim")
    assert b"chez Karim" in content
    ending, shown = core.fitted(content, film=False)
    assert ending == ".jpg"
    assert b"Karim" not in shown
    assert Image.open(io.BytesIO(shown)).size == (1000, 2000)
    assert core.shown_size(shown) == (520, 1040)


def test_colours_are_kept_without_their_profile() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    # sRGB with red and green changed places: what is stored as red is meant as green.
    red, green = (profile.index(tag) for tag in (b"rXYZ", b"gXYZ"))
    swapped = bytearray(profile)
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    _ending, shown = core.fitted(picture("PNG", (20, 20), icc_profile=bytes(swapped)), film=False)
    with Image.open(io.BytesIO(shown)) as found:
        assert "icc_profile" not in found.info
        stored_red, stored_green, _blue = found.convert("RGB").getpixel((5, 5))  # type: ignore[misc]  # three channels
    assert stored_green > stored_red


@pytest.mark.parametrize("kind", ["PNG", "GIF", "JPEG"])
def test_kinds_that_cameras_and_editors_write_are_shown(kind: str) -> None:
    ending, shown = core.fitted(picture(kind, (300, 200)), film=False)
    assert ending == (".jpg" if kind == "JPEG" else ".png")
    assert core.shown_size(shown) == (300, 200)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param("absent.jpg", None, "there is no image absent.jpg beside", id="absent"),
        pytest.param("../x/y.jpg", None, "is no file beside the letter", id="elsewhere"),
        pytest.param("%2e%2e%2fx.jpg", None, "is no file beside the letter", id="encoded"),
        pytest.param("/etc/passwd", None, "is no file beside the letter", id="absolute"),
        pytest.param(".secret.jpg", b"x", "is no file beside the letter", id="hidden"),
        pytest.param("a.jpg", b"<svg/>", "no image that mail clients show", id="no image"),
        pytest.param("a.jpg", picture()[:900], "no image that mail clients show", id="torn"),
        pytest.param("a.webp", picture("WEBP"), "no image that mail clients show", id="webp"),
        pytest.param("a.jpg", b"\xff" * 20_000_000, "larger than 10 MB", id="20 MB"),
        pytest.param(
            "a.png", picture("PNG", (9000, 9000)), "more than 50 million pixels", id="bomb"
        ),
    ],
)
def test_a_picture_that_cannot_be_shown_is_named_with_its_line(
    desk: Settings, run: Run, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        in_letter(desk, name, content)
    in_letter(desk, "letter.md", LETTER + f"\n![Le moulin]({name})\n")
    result = run("campaign", "check", "moulins", "--json")
    assert result.code == 5
    (finding,) = json.loads(result.out)["findings"]
    assert finding["place"] == "campaigns/moulins/letter.md:21"
    assert said in finding["what"]
    assert finding["remedy"]


def test_a_picture_that_leads_elsewhere_is_refused(desk: Settings, tmp_path: Path) -> None:
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(picture())
    (desk.campaigns / "moulins" / "moulin.jpg").unlink()
    (desk.campaigns / "moulins" / "moulin.jpg").symlink_to(secret)
    with pytest.raises(CheckRefused, match="is no file beside the letter"):
        pipeline.load(desk, "moulins")


def test_a_picture_needs_words_for_those_who_do_not_see_it(desk: Settings, run: Run) -> None:
    in_letter(desk, "letter.md", LETTER + "\n![](moulin.jpg)\n")
    result = run("campaign", "check", "moulins", "--json")
    (finding,) = json.loads(result.out)["findings"]
    assert (finding["rule"], finding["place"]) == ("7-images", "campaigns/moulins/letter.md:21")


def test_another_picture_is_another_letter(desk: Settings) -> None:
    before = pipeline.load(desk, "moulins").content_hash
    in_letter(desk, "moulin.jpg", picture(size=(700, 700)))
    assert pipeline.load(desk, "moulins").content_hash != before


def test_pictures_are_handed_out_and_nothing_else_is(desk: Settings, store: Store) -> None:
    image, _film = pipeline.load(desk, "moulins").images
    kept = pictures.folder(desk)
    assert kept.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in kept.iterdir()} == {0o600}
    (kept / "notes.txt").write_text("private")
    with serving(desk, store) as service:
        answer = service.get(image.url)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert "set-cookie" not in answer.headers
        assert Image.open(io.BytesIO(answer.body)).size == (1040, 520)
        again = service.get(image.url, If_None_Match=answer.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        name = image.url.rpartition("/")[2]
        for path in (
            "notes.txt",
            f"../images/{name}",
            "..%2f..%2fbuzz.toml",
            "%2e%2e/secret.key",
            name.upper(),
            f"{name}%00",
            f"{'0' * 32}.jpg",
            "",
        ):
            assert service.get(f"/m/{path}").status == 404, path


# --- languages ----------------------------------------------------------------------------------


def test_each_reads_their_language_else_the_campaign_s(desk: Settings, store: Store) -> None:
    in_letter(desk, "letter.en.md", ENGLISH)
    campaign = pipeline.load(desk, "moulins")
    (english,) = campaign.translations
    assert (campaign.language, english.language) == ("fr", "en")
    assert english.subject == "One, two, three"
    assert english.talking_points[0].title == "The till isn't empty"
    assert (english.segment, english.links) == ("all", campaign.links)  # of the whole campaign
    subjects = {
        blog: pipeline.preview(desk, store, "moulins", NOW, blog=blog).subject
        for blog in ("anna", "bela")
    }
    assert subjects == {"anna": "Un deux : trois", "bela": "One, two, three"}
    assert pipeline.check(desk, store, "moulins", NOW).recipients == 2


def test_a_language_the_desk_does_not_speak_has_the_words_of_the_campaign_s(
    desk: Settings, store: Store
) -> None:
    in_letter(desk, "letter.es.md", ENGLISH.replace("One, two", "Uno, dos"))
    with store.write() as tx:
        spanish = Blog(
            slug="carl", name="C", url="https://c.example/", email="c@b.example", language="es"
        )
        blogs.save(tx, [spanish], NOW)
    seen = pipeline.preview(desk, store, "moulins", NOW, blog="carl")
    assert seen.subject == "Uno, dos, three"
    assert '<html lang="es"' in seen.html
    assert "Se désabonner" in seen.text


def test_without_a_letter_of_its_own_french_is_the_campaign_s(desk: Settings) -> None:
    folder = desk.campaigns / "moulins"
    (folder / "letter.md").rename(folder / "letter.fr.md")
    in_letter(desk, "letter.en.md", ENGLISH)
    campaign = pipeline.load(desk, "moulins")
    assert campaign.language == "fr"
    assert [found.language for found in campaign.translations] == ["en"]
    assert [found.status.slug for found in pipeline.campaigns(desk, open_(desk))] == ["moulins"]


def open_(desk: Settings) -> Store:
    from buzz.edges.store import open_store

    return open_store(desk.database_url)


@pytest.mark.parametrize(
    ("text", "rule", "said"),
    [
        pytest.param(
            ENGLISH + "\n## Two\n\nMore\n",
            "languages",
            "4: 2 talking points here, 1 in the campaign's own",
            id="points",
        ),
        pytest.param(
            ENGLISH.replace('three"', 'three"\nsegment: top:2'),
            "front-matter",
            "3: segment: this holds for the whole campaign",
            id="segment",
        ),
        pytest.param(
            ENGLISH.replace('three"', 'three"\nlanguage: de'),
            "front-matter",
            "3: the file's name says `en`",
            id="language",
        ),
        pytest.param(ENGLISH + "\n{{ nam }}\n", "14-variables", "11: {{ nam }}", id="variable"),
    ],
)
def test_a_translation_s_mistake_is_named_with_its_line(
    desk: Settings, run: Run, text: str, rule: str, said: str
) -> None:
    place, _colon, what = said.partition(": ")
    in_letter(desk, "letter.en.md", text)
    found = json.loads(run("campaign", "check", "moulins", "--json").out)["findings"]
    (finding,) = [f for f in found if f["level"] == "error"]
    assert (finding["rule"], finding["place"]) == (rule, f"campaigns/moulins/letter.en.md:{place}")
    assert what in finding["what"]


def test_a_translation_is_judged_though_nobody_reads_it_yet(desk: Settings, run: Run) -> None:
    in_letter(desk, "letter.es.md", ENGLISH + "\n[[to write]]\n")
    found = json.loads(run("campaign", "check", "moulins", "--json").out)["findings"]
    assert [f["place"] for f in found if f["rule"] == "to-write"] == [
        "campaigns/moulins/letter.es.md:11"
    ]


def test_who_relays_a_translation_is_found_in_its_words(desk: Settings, store: Store) -> None:
    english = (
        "The reserve fund sleeps on twelve billion euros while seamstresses of the old spinning "
        "mill lose a third of their pension to an accountant's rounding."
    )
    in_letter(desk, "letter.en.md", ENGLISH.replace("The mills of Bréhat turn:", english))
    planning.plan(desk, store, "moulins", NOW)
    with store.write() as tx:
        campaigns.set_state(tx, "moulins", CampaignState.SENDING, NOW)
        posts = [
            Entry(
                blog="bela",
                identity=str(number),
                day=NOW.date(),
                link=f"https://bela.example/{number}",
                title="On pensions",
                text=text,
                first_seen=NOW + timedelta(hours=1),
            )
            for number, text in enumerate((english, "Nothing of the kind: a recipe for soup."))
        ]
        entries.save(tx, posts)
    assert scanning.scan(desk, store, "moulins", NOW + timedelta(hours=2)).relayed == 1
    (found,) = scanning.listing(store, "moulins")
    assert (found.url, found.talking_points) == ("https://bela.example/0", (1,))
    pack = scanning.sent_pack(store, "moulins")
    assert [other.language for other in pack.translations] == ["en"]


# --- new and copy -------------------------------------------------------------------------------


@pytest.mark.parametrize("template", ["lettre", "flash"])
def test_a_new_campaign_of_each_template_lacks_only_words(
    desk: Settings, run: Run, template: str
) -> None:
    assert run("campaign", "new", "x", "--template", template, "--segment", "all").code == 0
    assert pipeline.load(desk, "x").template == template
    found = json.loads(run("campaign", "check", "x", "--json").out)["findings"]
    assert {f["rule"] for f in found if f["level"] == "error"} == {"to-write"}


def test_templates_are_those_with_both_parts_and_a_typo_is_guessed(
    desk: Settings, run: Run
) -> None:
    folder = desk.workspace / "templates"
    folder.mkdir()
    (folder / "carte.html.j2").write_text("<p>")
    assert pipeline.templates(desk) == ("flash", "lettre")
    (folder / "carte.txt.j2").write_text("x")
    assert pipeline.templates(desk) == ("carte", "flash", "lettre")
    refused = run("campaign", "new", "x", "--template", "flesh")
    assert refused.code == 2
    assert "did you mean `flash`?" in refused.err


def test_a_copy_has_the_letters_and_pictures_and_no_dates(desk: Settings, run: Run) -> None:
    dated = LETTER.replace(
        "segment: all", "segment: all  # everybody\nnot_after: 2026-03-04\nnot_before: 2026-03-02"
    )
    in_letter(desk, "letter.md", dated)
    in_letter(desk, "letter.en.md", ENGLISH)
    in_letter(desk, "notes.txt", "private")
    subject = 'Encore : "oui" \\ #'
    assert run("campaign", "copy", "moulins", "autres", "--subject", subject).code == 0
    folder = desk.campaigns / "autres"
    assert {path.name for path in folder.iterdir()} == {
        "letter.md",
        "letter.en.md",
        "moulin.jpg",
        "film.png",
    }
    before, after = (pipeline.load(desk, slug) for slug in ("moulins", "autres"))
    assert before.not_after
    assert after.subject.replace("\u00a0", " ") == subject
    assert (after.not_after, after.not_before) == (None, None)
    assert [dataclasses.replace(point, line=0) for point in after.talking_points] == [
        dataclasses.replace(point, line=0) for point in before.talking_points
    ]
    assert "# everybody" in (folder / "letter.md").read_text(encoding="utf-8")
    assert run("campaign", "copy", "moulins", "autres").code == 2
    assert run("campaign", "copy", "nobody", "z").code == 2
    assert run("campaign", "copy", "moulins", "z", "--dry-run").code == 0
    assert run("campaign", "copy", "moulins", "z", "--segment", "nope").code == 5
    assert not (desk.campaigns / "z").exists()


@given(st.text(), st.text(min_size=1).map(lambda s: " ".join(s.split())).filter(bool))
def test_a_value_put_into_front_matter_reads_back(body: str, subject: str) -> None:
    text = f"---\nsubject: 'x'\nlinks:\n- https://a.example/\n# {len(body)}\n---\n{body}"
    changed = core.edited(text, {"subject": subject, "links": None})
    assert changed.endswith(f"# {len(body)}\n---\n{body}")
    assert f"subject: {json.dumps(subject, ensure_ascii=False)}\n" in changed
    assert "a.example" not in changed[: -len(body) or None]
    assert core.edited(body.replace("-", ""), {"subject": subject}) == body.replace("-", "")


@pytest.mark.parametrize(
    ("typed", "template", "subject"),
    [
        ("Le sujet\nflash\nall\n", "flash", "Le sujet"),
        ("Le sujet\nmoulins\n\n", "lettre", "Le sujet"),
    ],
    ids=["template", "earlier campaign"],
)
def test_a_terminal_is_asked_for_what_is_not_given(
    desk: Settings, typed: str, template: str, subject: str
) -> None:
    mine, theirs = pty.openpty()
    os.write(mine, typed.encode())
    with subprocess.Popen(
        [sys.executable, "-m", "buzz", "campaign", "new", "x"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=desk.workspace,
    ) as process:
        os.close(theirs)
        told = b""
        try:
            while chunk := os.read(mine, 4096):
                told += chunk
        except OSError:  # the other side of a terminal was closed
            pass
        assert process.wait(30) == 0, told
    os.close(mine)
    made = pipeline.load(desk, "x")
    assert (made.template, made.subject) == (template, subject)
    assert "flash, lettre" in told.decode()
    assert "moulins" in told.decode()


# --- templates ----------------------------------------------------------------------------------


def test_the_page_names_every_variable_of_a_template_and_no_other(
    desk: Settings, store: Store
) -> None:
    """Whatever a template can reach is in docs/letter.md, and what is there can be reached."""
    folder = desk.workspace / "templates"
    folder.mkdir()
    (folder / "lettre.txt.j2").write_text("x")
    page = folder / "lettre.html.j2"
    page.write_text("{{ nothing_of_the_kind }}")
    with pytest.raises(CheckRefused) as caught:
        pipeline.preview(desk, store, "moulins", NOW)
    assert caught.value.place == "templates/lettre.html.j2:1"
    names = caught.value.remedy.partition(": ")[2].split(", ")
    page.write_text(
        "<p>{% macro keys(name, of) %}{% for key in of if key is string %};{{ name }}.{{ key }};"
        "{% endfor %}{% endmacro %}"
        + "".join(
            f"{{% if {n} is mapping %}}{{{{ keys('{n}', {n}) }}}}{{% else %}};{n};{{% endif %}}"
            for n in names
        )
        + "{{ keys('points', points[0]) }}{{ keys('points.relay', points[0].relay) }}"
        "{{ keys('links', points[0].links[0]) }}{{ keys('links', links[0]) }}"
    )
    seen = pipeline.preview(desk, store, "moulins", NOW)
    reached = set(re.findall(r";([a-z_.]+);", seen.html.replace(";;", "; ;")))
    text = (Path(__file__).parents[1] / "docs" / "letter.md").read_text(encoding="utf-8")
    table = text.partition("| variable | what it is |")[2].partition("\n\n")[0]
    rows = [row.split(" | ")[0:2] for row in table.splitlines()[2:]]
    documented = set()
    for left, right in rows:
        found = re.findall(r"`([a-z_.]+)`", left)
        documented |= set(found)
        inside = re.findall(r"`(\.[a-z_.]+)`", right)
        documented |= {name + key for name in found for key in inside}
    assert "urls.kit" in documented
    assert reached - {"points.relay"} <= documented
    assert documented - {"intro", "closing"} <= reached


# --- preview ------------------------------------------------------------------------------------


def test_a_preview_on_disk_shows_pictures_from_the_disk(desk: Settings, run: Run) -> None:
    assert run("campaign", "preview", "moulins", "-o", "seen.html").code == 0
    html = (desk.workspace / "seen.html").read_text(encoding="utf-8")
    sources = re.findall(r'src="file://([^"]+)"', html)
    assert len(sources) == 3
    assert all(Path(source).is_file() for source in sources)


def test_the_page_that_watches_shows_every_view_and_the_headers(
    desk: Settings, store: Store
) -> None:
    app = preview.create_app(desk, store, "moulins")
    with serving(desk, store, app=app) as service:
        page = service.get("/")
        assert page.status == 200
        assert all(f"/letter/{view}?as=" in page.text for view in ("desktop", "phone", "dark"))
        assert "Bonjour Anna" in page.text  # the text part
        assert "List-Unsubscribe-Post" in page.text
        assert "'unsafe-inline'" not in page.headers["content-security-policy"]
        assert "Bonjour Bela" in service.get("/?as=bela").text
        light, dark = (service.get(f"/letter/{view}?as=bela").text for view in ("phone", "dark"))
        assert "@media not all" in light
        assert "@media all" in dark
        (source,) = set(re.findall(r'src="(/m/[^"]+\.jpg)"', light))
        assert service.get(source).status == 200
        assert "script" not in service.get("/letter/phone").headers["content-security-policy"]
        assert service.get("/letter/other").status == 404
        assert "Bonjour Anna" in service.get("/letter/text").text


def test_what_is_wrong_is_shown_instead_of_the_letter(desk: Settings, store: Store) -> None:
    in_letter(desk, "letter.md", LETTER + "\n{{ nam }}\n")
    with serving(desk, store, app=preview.create_app(desk, store, "moulins")) as service:
        page = service.get("/").text
        assert "letter.md:21: unknown variable {{ nam }}" in page
        assert "<iframe" not in page


def test_only_this_machine_under_its_own_name_is_answered(desk: Settings, store: Store) -> None:
    with serving(desk, store, app=preview.create_app(desk, store, "moulins")) as service:
        assert service.get("/", Host="evil.example").status == 400
        assert service.get("/", Host="localhost:8000").status == 200
    assert preview.BIND.startswith("127.0.0.1:")


def test_a_save_is_told(desk: Settings, store: Store) -> None:
    with serving(desk, store, app=preview.create_app(desk, store, "moulins")) as service:
        match = re.search(r'data-state="(\w+)"', service.get("/").text)
        assert match
        in_letter(desk, "letter.md", LETTER.replace("Bonjour", "Salut"))
        told = service.get(f"/changes?since={match[1]}").text  # ends with what it tells
        assert re.search(r"^data: \w+$", told, re.MULTILINE)
        assert "Salut" in service.get("/").text


def test_ctrl_c_ends_the_watch_without_a_word(desk: Settings) -> None:
    command = [sys.executable, "-m", "buzz", "campaign", "preview", "moulins", "--watch"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=desk.workspace) as watch:
        assert watch.stderr
        address = re.search(r"http://127\.0\.0\.1:\d+/", watch.stderr.readline())
        assert address
        with urlopen(address[0]) as page:
            state = re.search(r'data-state="(\w+)"', page.read().decode())
        assert state
        with urlopen(f"{address[0]}changes?since={state[1]}") as waiting:
            assert waiting.readline() == b"retry: 500\n"
            watch.send_signal(signal.SIGINT)
            assert watch.wait(30) == 0
            assert watch.stderr.read() == ""


def test_a_campaign_that_is_none_is_not_watched(desk: Settings, run: Run) -> None:
    assert run("campaign", "preview", "nobody", "--watch").code == 2
