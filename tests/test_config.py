import json
import tomllib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from conftest import Result
from hypothesis import given
from hypothesis import strategies as st
from strategies import texts, urls

from buzz import config, locales
from buzz.config import Settings
from buzz.edges import files
from buzz.edges.store import open_store
from buzz.errors import ConfigurationError

Run = Callable[..., Result]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Settings]:
    """Load a workspace with this ``buzz.toml``, in an environment of these variables alone."""

    def load(toml: str = "", **environ: str) -> Settings:
        (tmp_path / "buzz.toml").write_text(toml)
        return config.load(tmp_path, environ)

    return load


def complaints(load: Callable[..., Settings], toml: str = "", **environ: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(toml, **environ)
    assert caught.value.exit_code == 7
    assert caught.value.place.endswith("buzz.toml")
    return str(caught.value)


# --- reading ----------------------------------------------------------------------------------


def test_every_key_has_a_default(load: Callable[..., Settings], tmp_path: Path) -> None:
    assert load() == Settings(workspace=tmp_path)


def test_the_environment_overrides_the_file(load: Callable[..., Settings]) -> None:
    found = load(
        '[smtp]\nport = 26\nhost = "localhost"\n[send]\ntwo_person = true\n',
        BUZZ_SMTP_PORT="2525",
        BUZZ_SMTP_TLS="none",
        BUZZ_POLL_ALLOW_NETWORKS='["127.0.0.0/8"]',
        BUZZ_POLL_TIMEOUT_S="2.5",
        BUZZ_SEND_TWO_PERSON="false",
        BUZZ_SENDER_FROM="Nous <nous@parti.example>",
        BUZZ_SMTP_USERNAME="123",
        BUZZ_CLOCK_OFFSET_S="-86400",
    )
    assert (found.smtp.port, found.smtp.host, found.smtp.tls) == (2525, "localhost", "none")
    assert found.poll.allow_networks == ("127.0.0.0/8",)
    assert found.poll.timeout_s == 2.5
    assert found.send.two_person is False
    assert found.sender.from_ == "Nous <nous@parti.example>"
    assert found.smtp.username == "123"
    assert found.clock_offset == timedelta(days=-1)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("[smtp]\nport = \n", "Invalid value (at line 2"),
        ("[smtp\n", "line 1"),
        ("[smpt]\n", "[smpt]: unknown section"),
        ("smtp = 3\n", "[smtp]: must be a section"),
        ("[smtp]\nprot = 25\n", "[smtp] prot: unknown key (did you mean port?)"),
        ('[smtp]\nport = "25"\n', '[smtp] port: "25" is not 0, 1, 2, …'),
        ("[smtp]\nport = true\n", "[smtp] port: true is not"),
        ("[smtp]\nport = 0\n", "[smtp] port: from 1 to 65535"),
        ("[smtp]\nport = 99999\n", "[smtp] port: from 1 to 65535"),
        ("[smtp]\nconnections = 0\n", "[smtp] connections: at least 1"),
        ("[smtp]\nconnections = -1\n", "[smtp] connections: -1 is not"),
        ('[smtp]\ntls = "ssl"\n', '[smtp] tls: "ssl" is not "starttls" | "implicit" | "none"'),
        ('[smtp]\ntls = "none"\nhost = "mx.example"\n', '"none" is only for loopback'),
        ('[smtp]\npassword = "x"\n', "[smtp] password: no secret in this file"),
        ('[web]\nsecret = "x"\n', "[web] secret: no secret in this file"),
        ('[database]\nurl = "postgresql://u:geheim@db/x"\n', "[database] url: no password in this"),
        ("[poll]\nconcurrency = 0\n", "[poll] concurrency: at least 1"),
        ("[poll]\ntimeout_s = nan\n", "[poll] timeout_s: NaN is not"),
        ("[poll]\ntimeout_s = inf\n", "[poll] timeout_s: Infinity is not"),
        ("[poll]\nallow_networks = [1]\n", "[poll] allow_networks: [1] is not"),
        ('[poll]\nallow_networks = ["127.0.0.1/8"]\n', "[poll] allow_networks: 127.0.0.1/8 has"),
        ('[poll]\nallow_networks = "127.0.0.0/8"\n', '[poll] allow_networks: "127.0.0.0/8" is not'),
        ("[rank]\nsize = 0\n", "[rank] size and half_life_days: more than 0"),
        ("[rank]\nhalf_life_days = 0\n", "[rank] size and half_life_days: more than 0"),
        ('[web]\nbase_url = "parti.example"\n', "[web] base_url: must begin with https://"),
        ('[web]\nbind = "8025"\n', "[web] bind: wants HOST:PORT"),
        ('[send]\nquiet_hours = "21-8"\n', "[send] quiet_hours: wants"),
        ('[send]\nquiet_hours = "25:00-08:00"\n', "[send] quiet_hours: wants"),
        ('[sender]\nfrom = "La Lettre"\n', "[sender] from: wants an address"),
        ('[sender]\nfrom = "a@x.example\\r\\nBcc: b@x.example"\n', "[sender] from:"),
        ('[sender]\norganisation = "Parti\\nX: y"\n', "[sender] organisation:"),
        ('[sender]\nreply_to = "nobody"\n', "[sender] reply_to: wants an address"),
        ('[tracking]\nopens = "on"\n', '"off" | "aggregate" | "consented"'),
    ],
)
def test_a_bad_value_names_section_and_key(
    load: Callable[..., Settings], toml: str, expected: str
) -> None:
    assert expected in complaints(load, toml)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("BUZZ_SMTP_PORT", "smtp", 'BUZZ_SMTP_PORT: "smtp" is not'),
        ("BUZZ_POLL_ALLOW_NETWORKS", "127.0.0.0/8", 'BUZZ_POLL_ALLOW_NETWORKS: "127.0.0.0/8" is'),
        ("BUZZ_SEND_TWO_PERSON", "yes", 'BUZZ_SEND_TWO_PERSON: "yes" is not true | false'),
        ("BUZZ_CLOCK_OFFSET_S", "tomorrow", "BUZZ_CLOCK_OFFSET_S: 'tomorrow'"),
        ("BUZZ_SENDER_FROM", "x@y.example\nBcc: z@y.example", "BUZZ_SENDER_FROM:"),
    ],
)
def test_a_bad_variable_is_named(
    load: Callable[..., Settings], name: str, value: str, expected: str
) -> None:
    assert expected in complaints(load, **{name: value})


def test_all_that_is_wrong_is_told_at_once(load: Callable[..., Settings]) -> None:
    told = complaints(load, '[smtp]\nport = "x"\nfoo = 1\n[bar]\n', BUZZ_RANK_SIZE="many")
    assert told.count("\n") == 4


def test_a_database_password_may_come_from_the_environment(load: Callable[..., Settings]) -> None:
    url = "postgresql+psycopg://u:geheim@db/x"
    assert load(BUZZ_DATABASE_URL=url).database_url == url


@pytest.mark.parametrize("encoding", ["utf-8-sig", "latin-1"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "buzz.toml").write_text('[sender]\norganisation = "Été"\n', encoding=encoding)
    if encoding == "latin-1":
        with pytest.raises(ConfigurationError, match=r"buzz\.toml"):
            config.load(tmp_path, {})
    else:
        assert config.load(tmp_path, {}).sender.organisation == "Été"


# --- writing ----------------------------------------------------------------------------------


@given(
    language=st.sampled_from(locales.LANGUAGES),
    organisation=texts(),
    base_url=urls(),
    networks=st.lists(st.sampled_from(["127.0.0.0/8", "::1/128"]), max_size=2),
    rate=st.floats(0, 1e6),
    two_person=st.booleans(),
)
def test_what_is_written_reads_back(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    language: str,
    organisation: str,
    base_url: str,
    networks: list[str],
    rate: float,
    two_person: bool,
) -> None:
    folder = tmp_path_factory.getbasetemp()
    default = Settings(workspace=folder)
    settings = replace(
        default,
        sender=replace(default.sender, organisation=organisation),
        web=replace(default.web, base_url=base_url),
        poll=replace(default.poll, allow_networks=tuple(networks)),
        send=replace(default.send, rate_per_s=rate, two_person=two_person),
    )
    with locales.speaking(language):
        text = config.as_toml(settings)
    (folder / "buzz.toml").write_text(text)
    assert config.load(folder, {}) == settings


def test_each_key_is_written_with_a_comment() -> None:
    text = config.as_toml(Settings(workspace=Path()))
    keys = [line for line in text.splitlines() if " = " in line and not line.startswith("#")]
    assert keys
    assert all("  # " in line for line in keys)
    assert sum(map(len, tomllib.loads(text).values())) == len(keys)


# --- the workspace ----------------------------------------------------------------------------


def test_the_workspace_is_found_upwards_and_by_name(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    below = workspace / "campaigns" / "x"
    below.mkdir(parents=True)
    assert config.find_workspace(below) == workspace
    assert config.find_workspace(Path("/"), str(workspace)) == workspace
    monkeypatch.setenv("BUZZ_WORKSPACE", str(workspace))
    assert config.find_workspace(Path("/")) == workspace
    assert config.find_workspace(below, str(workspace)) == workspace


def test_no_workspace_says_how_to_make_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    result = run("status")
    assert result.code == 7
    assert "no buzz.toml here or in a folder above" in result.err
    assert "run: buzz init" in result.err
    result = run("status", "--workspace", "/un dossier")
    assert result.code == 7
    assert "run: buzz init '/un dossier'" in result.err


@pytest.mark.parametrize("name", ["où ça ?", "100 %41", "a#b;c", "l'été"])
def test_a_workspace_may_have_any_name(tmp_path: Path, name: str) -> None:
    settings = Settings(workspace=tmp_path / name)
    open_store(settings.database_url).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (settings.data / "buzz.db").stat().st_mode & 0o777 == 0o600


# --- secrets ----------------------------------------------------------------------------------


def test_a_secret_that_others_can_read_is_refused(run: Run, workspace: Path) -> None:
    key = workspace / "data" / "secret.key"
    key.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"mode 0644.*chmod 600"):
        _secret = config.load(workspace).secret
    assert run("config", "show").code == 7
    assert run("config", "check").code == 7


def test_secrets_come_from_the_environment_first(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_SECRET", "other")
    monkeypatch.setenv("BUZZ_SMTP_PASSWORD", "geheim")
    found = config.load(workspace)
    assert (found.secret, found.smtp_password) == (b"other", "geheim")
    monkeypatch.delenv("BUZZ_SMTP_PASSWORD")
    files.write(workspace / "data" / "smtp.password", "from a file\n")
    assert config.load(workspace).smtp_password == "from a file"


def test_without_a_signing_secret_the_remedy_is_named(workspace: Path) -> None:
    (workspace / "data" / "secret.key").unlink()
    with pytest.raises(ConfigurationError, match="run: buzz init, or set BUZZ_SECRET"):
        _secret = config.load(workspace).secret


# --- the commands -----------------------------------------------------------------------------


def test_show_is_the_file_in_force_without_any_secret(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_RANK_SIZE", "7")
    monkeypatch.setenv("BUZZ_SMTP_PASSWORD", "canary")
    monkeypatch.setenv("BUZZ_DATABASE_URL", "postgresql://buzz:canary@db.example/buzz")
    result = run("config", "show")
    assert result.code == 0
    assert tomllib.loads(result.out)["rank"]["size"] == 7
    assert "# signing secret: from data/secret.key\n" in result.out
    assert "# SMTP password: from BUZZ_SMTP_PASSWORD\n" in result.out
    facts = json.loads((told := run("config", "show", "--json")).out)
    assert facts["secrets"] == {
        "signing_secret": True,
        "smtp_password": True,
        "bounces_password": False,
    }
    assert facts["database"]["url"] == "postgresql://buzz:***@db.example/buzz"
    assert facts["sender"]["from"] == "La Lettre du Buzz <lettre@parti.example>"
    for text in (result.out, result.err, told.out, told.err):
        assert "canary" not in text
        assert "a-secret-for-tests-only" not in text


def test_show_says_where_a_secret_comes_from(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_SECRET", "canary")
    out = run("config", "show").out
    assert "# signing secret: from BUZZ_SECRET\n# SMTP password: not set\n" in out
    assert "canary" not in out


def test_check_tells_what_is_doubtful(
    run: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUZZ_SMTP_PROT", "25")
    (workspace / "data").chmod(0o755)
    result = run("config", "check")
    assert result.code == 0
    for expected in (
        "warning BUZZ_SMTP_PROT: this variable means nothing here",
        "others can enter this folder (chmod 700",
        "there is no registry",
        "no reader can reach http://127.0.0.1:8025",
        "still the example's address",
    ):
        assert expected in result.out


def test_check_of_a_good_workspace_is_silent(run: Run, workspace: Path) -> None:
    (workspace / "blogs.csv").write_text("name,url\n")
    toml = (workspace / "buzz.toml").read_text().replace("lettre@parti", "nous@parti")
    (workspace / "buzz.toml").write_text(toml + '[web]\nbase_url = "https://lettre.example"\n')
    result = run("config", "check")
    assert (result.code, result.out) == (0, "")
    assert "all is well" in result.err
    assert json.loads(run("config", "check", "--json").out) == {"v": 1, "problems": []}


def test_check_of_a_broken_database_exits_7(run: Run, workspace: Path) -> None:
    (workspace / "data" / "buzz.db").write_bytes(b"no database" * 100)
    result = run("config", "check")
    assert result.code == 7
    assert "error" in result.out
    assert "this is not a sound database" in result.out
