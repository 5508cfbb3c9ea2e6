"""What checks remember: links that answer, rules that are waived."""

from datetime import timedelta

import pytest
from test_campaign_cli import NOW

from buzz.edges.store import Store, campaigns, checks
from buzz.model import Probe, Waiver

pytestmark = pytest.mark.both_databases


def test_what_is_known_of_links_is_kept_and_grows_old(store: Store) -> None:
    with store.write() as tx:
        campaigns.ensure_links(tx, "a", ["u", "v", "w"])
        campaigns.ensure_links(tx, "b", ["u"])
        checks.record_probes(tx, "a", [])
        checks.record_probes(
            tx,
            "a",
            [Probe(url="v", at=NOW, status=200), Probe(url="u", at=NOW, error="dns")],
        )
        later = NOW + timedelta(hours=1)
        checks.record_probes(tx, "a", [Probe(url="v", at=later, status=404, error="http")])
    with store.read() as tx:
        assert checks.probes(tx, "a", NOW) == (
            Probe(url="u", at=NOW, error="dns"),
            Probe(url="v", at=later, status=404, error="http"),
        )
        assert [probe.url for probe in checks.probes(tx, "a", later)] == ["v"]
        assert checks.probes(tx, "b", NOW) == ()


def test_a_waiver_is_kept_replaced_and_taken_back(store: Store) -> None:
    first = Waiver(rule="3-size", reason="un long", who="anna", at=NOW)
    second = Waiver(rule="3-size", reason="un long entretien", who="bela", at=NOW)
    other = Waiver(rule="16-generic", reason="court exprès", who="anna", at=NOW)
    with store.write() as tx:
        for waiver in (first, other, second):
            checks.waive(tx, "a", waiver)
        checks.waive(tx, "b", first)
    with store.write() as tx:
        assert checks.waived(tx, "a") == (other, second)
        assert checks.unwaive(tx, "a", "3-size")
        assert not checks.unwaive(tx, "a", "3-size")
        assert checks.waived(tx, "a") == (other,)
        assert checks.waived(tx, "b") == (first,)
