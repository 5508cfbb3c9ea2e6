"""The core of relay detection: what is found, what is not, and what makes no difference."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buzz.core import relay
from buzz.core.relay import words
from buzz.core.relay.align import chains
from buzz.core.relay.evidence import MAX_PASSAGE
from buzz.core.text import unaccented, visible
from buzz.model import Entry, EntryId, MessagePack, Relay, RelayMode, Stance, Verdict

SENT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
LIFE = (
    "Une retraite à soixante ans pour les métiers pénibles, c'est rendre six années de vie à "
    "ceux qui ont porté les sacs de ciment, les malades et les nuits de travail."
)
MONEY = (
    "Taxer les dividendes comme les salaires rapporterait onze milliards par an : l'argent des "
    "pensions existe, il suffit d'aller le chercher là où il dort."
)
VOTE = (
    "Nous demandons un référendum avant toute réforme, parce qu'un pays ne décide pas de la "
    "vieillesse de trente millions de personnes sans leur poser la question."
)
POINTS = (LIFE, MONEY, VOTE)
PACK = MessagePack(
    campaign="retraites",
    sent_at=SENT,
    language="fr",
    title="Six ans de vie à rendre",
    organisation="Collectif Vivre Après",
    text="\n\n".join(
        (
            "Chers amis, la réforme arrive en séance dans trois semaines.",
            *POINTS,
            "Signez la pétition, venez le samedi 28 mars place de la Fontaine avec vos marteaux.",
        )
    ),
    talking_points=POINTS,
    slogans=("On a déjà donné nos genoux !",),
    hashtags=("#SixAnsDeVie",),
    names=("Collectif Vivre Après", "Vivre Après"),
    links=("https://www.vivre-apres.example/petition?utm_source=lettre",),
    tracking_prefixes=("https://lettre.vivre-apres.example/r/",),
)
OTHER = MessagePack(
    campaign="riviere",
    sent_at=SENT,
    language="fr",
    title="Rendez-nous la rivière",
    organisation="Les Amis de l'Orle",
    text="Le barrage de Kerlann retient les limons et chasse les saumons depuis quarante ans. "
    "Nous demandons qu'il soit ouvert deux mois par printemps, le temps de la remontée.",
    talking_points=(
        "Le barrage de Kerlann retient les limons et chasse les saumons depuis quarante ans.",
        "Nous demandons qu'il soit ouvert deux mois par printemps, le temps de la remontée.",
    ),
    slogans=("Laissez passer les saumons",),
    links=("https://amis-orle.example/barrage",),
)

COPY = f"""Lu ce matin, je vous le recopie en entier.

{LIFE}

{MONEY}

{VOTE}

Faites tourner !"""
LIGHT = """À soixante ans la retraite, pour les métiers pénibles : c'est six années de vie rendues à
ceux qui ont porté des sacs de ciment, des malades, des nuits de travail. Et l'argent des pensions
existe, allons le chercher là où il dort : taxer les dividendes comme on taxe les salaires
rapporterait onze milliards chaque année."""
QUOTE = f"""Beaucoup de courrier cette semaine, et le clocher est enfin réparé. J'ai lu la lettre du
Collectif Vivre Après, et j'en retiens ceci : « {LIFE} » Mon père a été maçon. Merci à eux.

Dimanche, vide-grenier."""
LINK = """En vrac du mardi : la soupe était bonne. Pour les retraites, signez ici, deux minutes :
https://vivre-apres.example/petition et faites signer vos voisins."""
SLOGAN = """Samedi on ne chante pas, on marche. Rendez-vous à 14 h avec les marteaux.
On a déjà donné nos genoux ! #SixAnsDeVie Venez avec les enfants."""
CRITIC = f"""Réponse au Collectif Vivre Après.

Vous écrivez : « {LIFE} » C'est faux. Mon beau-frère a porté des sacs et travaille encore, de
bon cœur, à soixante-trois ans, et personne ne lui a rien pris.

Vous écrivez : « {MONEY} » Mais qui paiera quand les entreprises seront parties ? Onze
milliards, c'est absurde : la moitié part déjà dans les caisses de l'État, et vous le savez.

Vous écrivez enfin : « {VOTE} » Non. Un référendum sur tout n'est plus un gouvernement."""
NEWS = """Agenda du quartier. Mardi, atelier compost. Jeudi, réunion publique sur les retraites avec
un représentant du Collectif Vivre Après et une économiste, selon la mairie. Vendredi, belote."""
TOPIC = """La retraite de mon voisin tombe le cinq du mois, il la compte deux fois. On parle
beaucoup de cette réforme au café. Moi je voudrais surtout des bus le dimanche et un médecin."""
ALL_POSTS = {
    "copy": COPY,
    "light": LIGHT,
    "quote": QUOTE,
    "link": LINK,
    "slogan": SLOGAN,
    "critic": CRITIC,
    "news": NEWS,
    "topic": TOPIC,
}

MESSAGE = relay.prepare(PACK)
INDEX = relay.index_of([PACK, OTHER])


def said(text: str, message: relay.Message = MESSAGE) -> relay.Judgement:
    post = relay.read(text, "fr")
    return relay.weigh(message, post, relay.links_of(post))


def entry(text: str, **more: object) -> Entry:
    at = SENT + timedelta(hours=5)
    values = {
        "id": EntryId(7),
        "blog": "le-blog-de-karim",
        "identity": "x",
        "link": "https://karim.example/2026/03/billet",
        "title": "Billet",
        "published": at,
        "first_seen": at + timedelta(minutes=20),
        "day": at.date(),
        "text": text,
    }
    return Entry(**{**values, **more})  # type: ignore[arg-type]  # the values above, or a test's


def judge(entry: Entry, short_links: Callable[[str], str] = lambda _url: "") -> dict[str, Relay]:
    return {found.campaign: found for found in relay.judge(INDEX, entry, short_links)}


# --- what is found ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict", "mode", "stance"),
    [
        pytest.param(COPY, Verdict.RELAYED, RelayMode.COPY, Stance.FOR, id="copy"),
        pytest.param(LIGHT, Verdict.RELAYED, RelayMode.COPY, Stance.FOR, id="light edit"),
        pytest.param(QUOTE, Verdict.RELAYED, RelayMode.QUOTE, Stance.FOR, id="quotation"),
        pytest.param(LINK, Verdict.RELAYED, RelayMode.LINK, Stance.FOR, id="link"),
        pytest.param(SLOGAN, Verdict.RELAYED, RelayMode.SLOGAN, Stance.FOR, id="slogan"),
        pytest.param(NEWS, Verdict.MENTIONED, None, Stance.NEUTRAL, id="news"),
        pytest.param(TOPIC, Verdict.NOT, None, Stance.NEUTRAL, id="same topic"),
        pytest.param("", Verdict.NOT, None, Stance.NEUTRAL, id="nothing"),
    ],
)
def test_each_manner_of_relaying_is_known(
    text: str, verdict: Verdict, mode: RelayMode | None, stance: Stance
) -> None:
    found = said(text)
    assert (found.verdict, found.mode, found.stance) == (verdict, mode, stance)


def test_a_critic_who_quotes_word_for_word_is_never_shown_as_a_relay() -> None:
    found = said(CRITIC)
    assert found.stance is Stance.AGAINST
    assert found.verdict in {Verdict.TO_CHECK, Verdict.MENTIONED}
    assert found.score < 0.5
    cues = [word for e in found.evidence if e.kind == "stance" for word in e.shared]
    assert "C'est faux" in cues


def test_opposition_near_a_copy_caps_the_verdict_and_is_shown() -> None:
    text = f"{LIFE} C'est absurde, mensonger et dangereux. {MONEY}"
    found = said(text)
    assert (found.verdict, found.stance) == (Verdict.TO_CHECK, Stance.AGAINST)
    assert any(e.kind == "stance" for e in found.evidence)


def test_talking_points_that_travelled_are_numbered_from_one() -> None:
    assert said(COPY).talking_points == (1, 2, 3)
    assert said(QUOTE).talking_points == (1,)


def test_a_title_in_quotation_marks_is_a_name_and_on_its_own_a_slogan() -> None:
    quoted = said("La campagne « Six ans de vie à rendre » sera débattue jeudi.")
    own = said("Six ans de vie à rendre : venez tous samedi !")
    assert [e.kind for e in quoted.evidence] == ["name"]
    assert "slogan" in {e.kind for e in own.evidence}
    assert quoted.score < own.score


def test_what_others_said_in_the_letter_is_no_evidence() -> None:
    theirs = "Le ministre a dit que la vieillesse est un naufrage dont il faut payer la traversée."
    pack = replace(PACK, text=f"{PACK.text} {theirs}", third_party_quotes=(theirs,))
    ours = replace(pack, third_party_quotes=())
    assert said(theirs, relay.prepare(pack)).verdict is Verdict.NOT
    assert said(theirs, relay.prepare(ours)).score > said(theirs, relay.prepare(pack)).score


def test_the_shares_add_up_to_the_score() -> None:
    found = said(LINK)
    assert relay.shipped().intercept == found.shares["intercept"]
    logit = sum(found.shares.values())
    assert found.score == pytest.approx(1 / (1 + 2.718281828**-logit), abs=1e-3)


def test_weights_keep_their_sign() -> None:
    against = {"quoted", "pieces", "against", "answered", "addressed", "reported"}
    for name, weight in relay.shipped().weights.items():
        assert (weight < 0) == (name in against), name


# --- evidence ---------------------------------------------------------------------------------


def test_both_passages_stand_side_by_side() -> None:
    first = next(e for e in said(QUOTE).evidence if e.kind == "text")
    assert first.talking_point == 1
    assert first.message == LIFE
    assert "sacs de ciment" in first.post
    assert {"soixante", "pénibles", "ciment"} <= set(first.shared)


def test_a_link_is_shown_with_its_sentence() -> None:
    link = next(e for e in said(LINK).evidence if e.kind == "link")
    assert link.message == PACK.links[0]
    assert "signez ici" in link.post
    assert link.shared == ("https://vivre-apres.example/petition",)


@pytest.mark.parametrize("text", ALL_POSTS.values(), ids=ALL_POSTS)
def test_evidence_is_the_post_s_own_words(text: str) -> None:
    post = relay.read(text).text
    for evidence in said(text).evidence:
        assert len(evidence.post) <= MAX_PASSAGE
        assert len(evidence.message) <= MAX_PASSAGE
        assert evidence.post.strip("… ") in post
        if evidence.kind != "link":
            assert all(word in evidence.post for word in evidence.shared)


def test_long_passages_are_cut_between_words() -> None:
    text = "début " + " ".join(POINTS) * 3
    for evidence in said(text).evidence:
        assert len(evidence.post) <= MAX_PASSAGE
        assert set(evidence.post.replace("…", "").split()) <= set(relay.read(text).text.split())


def test_marks_cut_a_passage_where_shared_words_stand() -> None:
    pieces = relay.marked("Ils ont porté les sacs de ciment, hier.", ("porté", "sacs", "ciment"))
    assert "".join(piece.text for piece in pieces) == "Ils ont porté les sacs de ciment, hier."
    assert [piece.text for piece in pieces if piece.shared] == ["porté les sacs de ciment"]


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=5))
def test_marked_pieces_joined_are_the_passage(text: str, shared: list[str]) -> None:
    pieces = relay.marked(text, shared)
    assert "".join(piece.text for piece in pieces) == visible(text)


# --- laws -------------------------------------------------------------------------------------

SAME: dict[str, Callable[[str], str]] = {
    "upper case": str.upper,
    "lower case": str.lower,
    "no accents": unaccented,
    "curly apostrophes": lambda text: text.replace("'", "\u2019"),
    "one line": lambda text: " ".join(text.split()),
    "much space": lambda text: text.replace(" ", " \u00a0\t "),
    "lines": lambda text: text.replace("\n", "\r\n\r\n"),
    "soft hyphens": lambda text: text.replace("ti", "t\u00adi").replace("men", "m\u200ben"),
    "decomposed": lambda text: visible(text).replace("é", "e\u0301"),
    "ligatures": lambda text: text.replace("oe", "œ").replace("fi", "\ufb01"),
}


@pytest.mark.parametrize("post", ALL_POSTS)
@pytest.mark.parametrize("change", SAME)
def test_how_it_is_written_makes_no_difference(post: str, change: str) -> None:
    before, after = said(ALL_POSTS[post]), said(SAME[change](ALL_POSTS[post]))
    assert after.score == before.score
    assert (after.verdict, after.mode, after.stance) == (
        before.verdict,
        before.mode,
        before.stance,
    )


@given(
    post=st.sampled_from(sorted(ALL_POSTS)),
    changes=st.lists(st.sampled_from(sorted(set(SAME) - {"decomposed"})), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_changes_of_writing_together_make_no_difference(post: str, changes: list[str]) -> None:
    text = ALL_POSTS[post]
    for change in changes:
        text = SAME[change](text)
    assert said(text).score == said(ALL_POSTS[post]).score


GARDEN = """tomates basilic bouture arrosoir sécateur fraisier framboise paillis rosier tuteur semis
godet terreau binette limace hérisson mésange pommier confiture. gelée, bocal étiquette farine"""
UNRELATED = st.lists(st.sampled_from(GARDEN.split()), min_size=1, max_size=300).map(" ".join)


@given(post=st.sampled_from(sorted(ALL_POSTS)), before=UNRELATED, after=UNRELATED)
@settings(max_examples=60, deadline=None)
def test_unrelated_text_never_raises_a_score(post: str, before: str, after: str) -> None:
    alone = said(ALL_POSTS[post]).score
    assert said(f"{ALL_POSTS[post]}\n\n{after}").score <= alone
    assert said(f"{before}.\n\n{ALL_POSTS[post]}").score <= alone
    assert said(f"{before}.\n\n{ALL_POSTS[post]}\n\n{after}").score <= alone


@given(post=st.sampled_from(sorted(ALL_POSTS)), seconds=st.integers(1, 10**8))
@settings(max_examples=30, deadline=None)
def test_an_older_post_relays_nothing(post: str, seconds: int) -> None:
    earlier = SENT - timedelta(seconds=seconds)
    assert judge(entry(ALL_POSTS[post], published=earlier)) == {}
    assert judge(entry(ALL_POSTS[post], published=None, first_seen=earlier)) == {}


@given(post=st.sampled_from(sorted(ALL_POSTS)))
@settings(max_examples=20, deadline=None)
def test_another_campaign_s_letter_is_not_relayed(post: str) -> None:
    assert said(ALL_POSTS[post], relay.prepare(OTHER)).verdict is Verdict.NOT
    assert "riviere" not in judge(entry(ALL_POSTS[post]))


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_any_text_is_judged(text: str) -> None:
    found = said(text)
    assert 0 <= found.score <= 1
    assert found.verdict is Verdict.NOT


# --- entries ----------------------------------------------------------------------------------


def test_an_entry_becomes_a_relay_with_its_lag() -> None:
    found = judge(entry(COPY))["retraites"]
    assert (found.blog, found.entry, found.verdict) == ("le-blog-de-karim", 7, Verdict.RELAYED)
    assert found.lag_s == 5 * 3600


def test_a_link_in_the_markup_counts_as_one_in_the_text() -> None:
    text = "Signez la pétition, c'est ici."
    found = judge(entry(text, links=("https://www.vivre-apres.example/petition#haut",)))
    assert found["retraites"].mode is RelayMode.LINK
    assert found["retraites"].evidence[0].post == text
    assert judge(entry(text)) == {}


def test_our_own_short_link_counts_for_the_campaign_it_belongs_to() -> None:
    short = "https://lettre.vivre-apres.example/r/abc"
    found = judge(entry("À lire.", links=(short,)), {short: "retraites"}.get)  # type: ignore[arg-type]
    assert {slug: r.verdict for slug, r in found.items()} == {"retraites": Verdict.RELAYED}
    found = judge(entry("À lire.", links=(short,)), {short: "riviere"}.get)  # type: ignore[arg-type]
    assert set(found) == {"riviere"}


def test_the_sender_s_own_pages_relay_nothing() -> None:
    assert judge(entry(COPY, link="https://vivre-apres.example/lettre")) == {}


def test_a_date_in_the_future_becomes_the_first_sight() -> None:
    seen = SENT + timedelta(hours=2)
    late = entry(COPY, published=SENT + timedelta(days=900), first_seen=seen)
    assert judge(late)["retraites"].published == seen


def test_two_campaigns_with_one_text_are_both_relayed() -> None:
    twin = replace(PACK, campaign="retraites-2", title="", names=())
    found = relay.judge(relay.index_of([PACK, twin]), entry(COPY), lambda _url: "")
    assert {r.campaign for r in found if r.verdict is Verdict.RELAYED} == {
        "retraites",
        "retraites-2",
    }


@pytest.mark.parametrize("post", ALL_POSTS)
def test_the_index_leaves_out_nothing_that_scores(post: str) -> None:
    reading = relay.read(ALL_POSTS[post])
    links = relay.links_of(reading)
    if relay.weigh(MESSAGE, reading, links).score >= relay.TO_CHECK:
        assert 0 in INDEX.candidates(reading, links, ())


# --- hostile input ----------------------------------------------------------------------------

HOSTILE = {
    "2 MB": (COPY + "\n") * 2500,
    "one line 10,000 times": (MONEY + "\n") * 10_000,
    "one word": "a" * 2_000_000,
    "hyphens": "a-" * 500_000,
    "dots": "a." * 500_000,
    "open quotation marks": "« " * 100_000,
    "Chinese": "今天天气很好。" * 20_000,
    "controls": "\x00\x1b[31m\u202e" * 20_000,
    "combining marks": "e" + "\u0301" * 200_000,
    "markup": "<script>alert('retraite')</script>" * 5_000,
    "a name 40,000 times": "Vivre Après " * 40_000,
    "a link 20,000 times": "https://vivre-apres.example/petition " * 20_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_input_is_judged_in_bounded_time(text: str) -> None:
    started = time.process_time()
    found = said(text)
    assert time.process_time() - started < 8  # about 1 s on a slow core
    assert all(len(evidence.post) <= MAX_PASSAGE for evidence in found.evidence)


def test_alignment_keeps_the_order_and_no_word_twice() -> None:
    post = relay.read(LIGHT)
    found = chains(MESSAGE, post)
    assert found
    places = [here for chain in found for _there, here in chain.pairs]
    assert len(places) == len(set(places))
    for chain in found:
        assert list(chain.pairs) == sorted(chain.pairs)
        assert sorted(there for there, _here in chain.pairs) == [t for t, _h in chain.pairs]


# --- words ------------------------------------------------------------------------------------


def test_rare_words_weigh_more_than_common_ones() -> None:
    by_word = {word.folded: word.idf for word in relay.read("le train du brancard 1968").words}
    assert by_word["le"] < by_word["train"] < by_word["brancard"]
    assert by_word["1968"] == words.NUMBER


def test_addresses_and_hashtags_are_no_words() -> None:
    post = relay.read("Voir https://a.example/signer-la-petition, et #SixAnsDeVie")
    assert [word.folded for word in post.words] == ["voir", "et"]
    assert relay.links_of(post) == ("https://a.example/signer-la-petition",)
    assert [tag for _place, tag in post.tags] == ["sixansdevie"]


# --- figures ----------------------------------------------------------------------------------


def judged(label: Verdict, score: float, stance: Stance = Stance.FOR) -> relay.Judged:
    return relay.Judged(label=label, mode="", stance=stance, score=score, verdict=Verdict.NOT)


def test_figures_by_hand() -> None:
    found = relay.figures(
        [
            judged(Verdict.RELAYED, 0.9),
            judged(Verdict.NOT, 0.85, Stance.AGAINST),
            judged(Verdict.RELAYED, 0.6),
            judged(Verdict.RELAYED, 0.1),
            judged(Verdict.NOT, 0.0, Stance.AGAINST),
        ]
    )
    assert found.n == 5
    assert found.precision == pytest.approx(2 / 3)
    assert found.recall == pytest.approx(2 / 3)
    assert found.precision_relayed == pytest.approx(1 / 2)
    assert found.recall_to_check == pytest.approx(2 / 3)
    assert found.critics_as_relays == pytest.approx(1 / 2)
    assert found.ap == pytest.approx((1 / 1 + 2 / 3 + 3 / 4) / 3)
    assert found.ece == pytest.approx((0.1 + 0.85 + 0.4 + 0.9 + 0.0) / 5)


def test_figures_of_nothing_are_nothing() -> None:
    found = relay.figures([])
    assert (found.n, found.f1, found.ap, found.ece) == (0, 0.0, 0.0, 0.0)
