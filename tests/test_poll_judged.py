"""A server judges ``buzz poll`` by the rules of politeness; hostile feeds disturb nobody."""

from pathlib import Path

import pytest

from benchmarks import hostile, politeness


def test_two_days_without_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BUZZ_CLOCK_OFFSET_S", "0")
    judge = politeness.judged(tmp_path, days=2, every_min=120)
    assert judge.requests > 50
    assert judge.violations == {}, judge.examples


def test_the_judge_knows_a_lout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that lets everything pass proves nothing."""
    monkeypatch.setenv("BUZZ_CLOCK_OFFSET_S", "0")
    monkeypatch.setattr("benchmarks.politeness.HOUR", 3600.0 * 50)
    judge = politeness.judged(tmp_path, days=0.5, every_min=120)
    assert judge.violations["conditional"] > 0


def test_hostile_feeds_disturb_nobody() -> None:
    """Every kind of them is a fifth of the registry; ``benchmarks/hostile.py`` asks 1,500."""
    kinds = len(hostile.fixed()) + len(hostile.STREAMS)
    figures = hostile.compared(5 * kinds, 0.2, None, timeout_s=3)
    assert figures["entries"] == 20 * 4 * kinds
    assert figures["entries_differ"] == 0
    assert max(figures["memory_mib"]) <= hostile.MAX_MEMORY_MIB
    assert len(figures["reasons"]) == kinds
    assert {
        kind: figures["reasons"][kind]
        for kind in ("gzip bomb", "entity bomb", "100,000 nested", "silent", "endless")
    } == {
        "gzip bomb": "too-large",
        "entity bomb": "entities",
        "100,000 nested": "depth",
        "silent": "timeout",
        "endless": "too-large",
    }
