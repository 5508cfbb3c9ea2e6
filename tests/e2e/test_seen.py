"""Letters as readers see them: in Chromium by axe and by measure, and through SpamAssassin.

Both templates, 320 to 800 px wide, by day and by night, with images and without. What is absent
on this machine is not tested here; the head of pytest's report says so.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import css_inline
import pytest
from chromium import AXE, CHROMIUM, Browser, browsing
from conftest import SECRET, TOML
from PIL import Image
from sentletter import Service, serving

from buzz import config
from buzz.config import Settings
from buzz.core import letter as letters
from buzz.core.tracking import letter_urls
from buzz.edges import files
from buzz.edges.store import Store, blogs, campaigns, deliveries, open_store
from buzz.model import Blog, Delivery, LetterUrls
from buzz.pipeline import campaign as pipeline
from buzz.pipeline.campaign import loading
from buzz.pipeline.send import planning, snapshot
from buzz.web import preview

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
WIDTHS = (320, 390, 600, 800)
SLUGS = {"lettre": "retraites", "flash": "alerte"}
SPAMASSASSIN = shutil.which("spamassassin")
FLASH = """---
subject: "Vote ce soir : appelons nos députés"
preheader: "Le texte passe à 21 heures. Un billet publié avant 18 heures peut encore tout changer."
language: fr
segment: all
template: flash
links: ["https://www.parti.example/appel"]
hashtags: ["#NosDeuxAns"]
---

Le texte passe à **21 heures**. Trois voix manquent, celles de députés dont vous êtes lus.

## Un appel de deux minutes vaut mieux qu'un regret de deux ans

Les standards sont ouverts jusqu'à 19 heures. 64 000 personnes ont appelé en 2023 : la ligne a
sauté, et le vote aussi. Voyez [ce qu'elles ont dit](https://www.parti.example/dit).

[![Comment appeler, en deux minutes](foule.jpg)](https://video.parti.example/appeler)

[Trouver le numéro de votre député](https://www.parti.example/appel)

- un nom
- une ville

> Une phrase.
"""

MEASURES = (Path(__file__).parent / "measures.js").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Desk:
    """Two campaigns, planned, and what serves their pages."""

    settings: Settings
    store: Store
    service: Service

    def delivery(self, template: str) -> Delivery:
        """Return what the first blog gets of a campaign."""
        with self.store.read() as tx:
            return next(iter(deliveries.of_campaign(tx, SLUGS[template])))

    def urls(self, template: str) -> LetterUrls:
        """Return the addresses in the first blog's letter."""
        found = self.delivery(template)
        with self.store.read() as tx:
            links = campaigns.letters(tx, found.campaign)["fr"].links
        return letter_urls(
            self.settings.secret,
            self.settings.web.base_url,
            campaign=found.campaign,
            delivery=found.id,
            recipient=found.recipient,
            links=links,
        )

    def here(self, text: str) -> str:
        """Return addresses as they are reached in this test."""
        return text.replace(self.settings.web.base_url, f"http://127.0.0.1:{self.service.port}")

    def letter(self, template: str) -> str:
        """Return the HTML that the first blog gets."""
        found = self.delivery(template)
        with self.store.read() as tx:
            compiled = campaigns.letters(tx, found.campaign)["fr"]
        return self.here(letters.html_of(compiled, found.recipient, self.urls(template)))

    def message(self, template: str) -> bytes:
        """Return the bytes that the first blog gets."""
        found = self.delivery(template)
        with self.store.read() as tx:
            return snapshot.load(tx, found.campaign, self.settings.secret).unchecked_message(
                found, NOW
            )


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    (folder / "buzz.toml").write_text(
        TOML + '[web]\nbase_url = "https://lettre.parti.example"\n', encoding="utf-8"
    )
    files.write(files.private_folder(folder / "data") / "secret.key", SECRET)
    settings = config.load(folder)
    shutil.copytree(files.shared("campaigns"), settings.campaigns)
    sample = settings.campaigns / "retraites" / "letter.md"
    text = sample.read_text(encoding="utf-8").replace("segment: listed", "segment: all")
    shown = "![La foule devant la mairie, un soir de mars](foule.jpg)"
    sample.write_text(text.replace("\n[Signer", f"\n{shown}\n\n[Signer"), encoding="utf-8")
    (settings.campaigns / "alerte").mkdir()
    (settings.campaigns / "alerte" / "letter.md").write_text(FLASH, encoding="utf-8")
    drawn = BytesIO()
    Image.linear_gradient("L").resize((1200, 700)).save(drawn, "JPEG")
    for slug in SLUGS.values():
        (settings.campaigns / slug / "foule.jpg").write_bytes(drawn.getvalue())
    store = open_store(settings.database_url)
    with store.write() as tx:
        karim = Blog(
            slug="karim",
            name="Le blog de Karim, écrivain public à Saint-Rémy",
            url="https://karim.example/",
            email="karim@karim.example",
            source="https://karim.example/contact",
        )
        blogs.save(tx, [karim], NOW)
    for slug in SLUGS.values():
        planning.plan(settings, store, slug, NOW)
    with serving(settings, store) as service:
        yield Desk(settings, store, service)
    store.close()


if CHROMIUM:

    @pytest.fixture(scope="module")
    def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
        with browsing(tmp_path_factory.mktemp("browser")) as browser:
            yield browser

    @pytest.mark.parametrize("images", [True, False], ids=["images", "no images"])
    @pytest.mark.parametrize("template", SLUGS)
    def test_a_letter_is_read_and_pressed_on_every_screen(
        desk: Desk, browser: Browser, template: str, *, images: bool
    ) -> None:
        browser.block(*([] if images else ["*/m/*"]))
        browser.write(desk.letter(template))
        found = []
        for width in WIDTHS:
            for dark in (False, True):
                browser.look(width=width, dark=dark)
                seen = browser.ask(f"({MEASURES})()")
                assert seen["texts"] > 20
                assert seen["links"] > 5
                assert seen["images"] == (1 if images else 0)
                found += [f"{width} px, {'dark' if dark else 'light'}: {w}" for w in seen["wrong"]]
        browser.block()
        assert not found, "\n".join(found)

    def test_the_measures_find_what_is_wrong(browser: Browser) -> None:
        browser.write(
            '<body style="margin:0;background:#fff"><p style="color:#999">pale</p>'
            '<div style="width:900px">wide</div><p><a href="https://a.example/">small</a></p>'
            '<p style="color:#333">Un <a href="https://a.example/">lien</a> dans la phrase.</p>'
        )
        browser.look(width=320)
        wrong = browser.ask(f"({MEASURES})()")["wrong"]
        assert [what.split(":")[0] for what in wrong] == ["wide", "contrast", "target"]

    @pytest.mark.parametrize("template", SLUGS)
    @pytest.mark.parametrize(("width", "dark"), [(390, True), (700, False)])
    def test_inlining_changes_nothing_that_is_seen(
        desk: Desk, browser: Browser, template: str, width: int, *, dark: bool
    ) -> None:
        """The page with its style sheets, premailer's and css-inline's are computed alike."""
        kept = {
            name: text.replace("<style>", '<style data-premailer="ignore" class="first">')
            for name, text in loading.sources(desk.settings).items()
        }
        plain = compiled(desk, template, kept)
        other = css_inline.CSSInliner(load_remote_stylesheets=False).inline(
            plain.replace("<style>", '<style data-css-inline="keep">')
        )
        pages = (plain, compiled(desk, template, loading.sources(desk.settings)), other)
        browser.look(width=width, dark=dark)
        computed = []
        for page in pages:
            browser.write(page)
            computed.append(browser.ask(COMPUTED))
        by_sheets, by_premailer, by_css_inline = computed
        assert len(by_sheets) > 80
        assert not differing(by_premailer, by_sheets)
        assert not differing(by_css_inline, by_sheets)

    def test_a_save_is_seen_in_the_browser(desk: Desk, browser: Browser, tmp_path: Path) -> None:
        """The frames have the letter's height, show its pictures, and are drawn anew on save."""
        app = preview.create_app(desk.settings, desk.store, "alerte")
        file = desk.settings.campaigns / "alerte" / "letter.md"
        with serving(desk.settings, desk.store, app=app) as service:
            browser.look(width=1400)
            browser.show(f"http://127.0.0.1:{service.port}/?as=karim")
            frames = browser.ask(FRAMES)
            assert [frame["dark"] for frame in frames] == [False, False, True]
            assert all(frame["fits"] and frame["pictures"] == 1 for frame in frames)
            files.write(file, FLASH.replace("Vote ce soir", "Vote demain"))
            browser.wait("Page.loadEventFired")
            assert "Vote demain" in browser.ask("document.title")
            browser.show("about:blank")  # ends the wait for the next save
        files.write(file, FLASH)

    if AXE:
        PAGES = ("lettre", "flash", "online", "kit", "preview")

        @cache
        def axe() -> str:
            return Path(AXE or "").read_text(encoding="utf-8")

        @pytest.mark.parametrize("page", PAGES)
        def test_axe_finds_no_violation(desk: Desk, browser: Browser, page: str) -> None:
            browser.look(width=800)
            with shown(desk, browser, page):
                for width, dark in ((390, False), (800, True)):
                    browser.look(width=width, dark=dark)
                    browser.ask(axe() + "; null")
                    found = browser.ask("axe.run(document, {resultTypes: ['violations']})")
                    assert len(found["passes"]) > 10
                    assert not said(found["violations"])


def differing(these: list[Any], those: list[Any]) -> list[str]:
    """Return what differs in the last elements that do: the innermost."""
    found = [
        str([pair for pair in zip(this, that, strict=False) if pair[0] != pair[1]][:8])
        for this, that in zip(these, those, strict=True)
        if this != that
    ]
    return found[-3:]


def said(violations: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{v['id']}: {v['help']}: {[node['html'][:200] for node in v['nodes']]}" for v in violations
    )


class shown:  # noqa: N801  (used as a function)
    """Shows one page by its name, as long as the block lasts."""

    def __init__(self, desk: Desk, browser: Browser, page: str) -> None:
        self._desk, self._browser, self._page = desk, browser, page
        self._serving: Any = None

    def __enter__(self) -> None:
        match self._page:
            case "lettre" | "flash":
                self._browser.write(self._desk.letter(self._page))
            case "online" | "kit":
                self._browser.show(self._desk.here(getattr(self._desk.urls("lettre"), self._page)))
            case _:
                app = preview.create_app(self._desk.settings, self._desk.store, "retraites")
                self._serving = serving(self._desk.settings, self._desk.store, app=app)
                service = self._serving.__enter__()
                self._browser.show(f"http://127.0.0.1:{service.port}/")

    def __exit__(self, *exc: object) -> None:
        if self._serving:
            self._browser.show("about:blank")
            self._serving.__exit__(*exc)


def compiled(desk: Desk, template: str, sources: dict[str, str]) -> str:
    campaign = pipeline.load(desk.settings, SLUGS[template])
    with desk.store.write() as tx:
        links = campaigns.ensure_links(tx, campaign.slug, letters.urls_in(campaign))
    made = letters.compile_letter(
        campaign, language="fr", sender=desk.settings.sender, sources=sources, links=links
    )
    return made.html


COMPUTED = """[...document.body.querySelectorAll("*")].map(e => {
  const style = getComputedStyle(e);
  return [["tag", `${e.tagName}.${e.className}`], ...[...style].map(name => [name, style[name]])];
})"""
FRAMES = """Promise.all([...document.querySelectorAll("iframe")].map(async frame => {
  while (!frame.contentDocument || frame.contentDocument.readyState !== "complete"
         || frame.contentDocument.URL === "about:blank"
         || frame.height !== String(frame.contentDocument.documentElement.scrollHeight))
    await new Promise(requestAnimationFrame);
  const letter = frame.contentDocument;
  return {
    fits: letter.documentElement.scrollWidth <= frame.clientWidth,
    dark: getComputedStyle(letter.querySelector(".sheet")).backgroundColor !== "rgb(255, 255, 255)",
    pictures: [...letter.images].filter(image => image.naturalWidth > 1).length,
  };
}))"""


if SPAMASSASSIN:

    @pytest.mark.parametrize("template", SLUGS)
    def test_spamassassin_s_own_rules_take_it_for_a_letter(
        desk: Desk, template: str, tmp_path: Path
    ) -> None:
        scored = subprocess.run(
            [str(SPAMASSASSIN), "-L", "-t", "-x"],
            input=desk.message(template),
            capture_output=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        ).stdout.decode("utf-8", "replace")
        score = re.search(r"^X-Spam-Status: \w+, score=(-?[\d.]+)", scored, re.MULTILINE)
        assert score, scored[:2000]
        assert float(score[1]) <= 1.0, scored[:1500]
