"""Likely-same clusters: alike for reasons that are shown, and never a chain."""

from __future__ import annotations

from misfold.triage.clusters import LIKELY, Profile, clusters, likeness


def silent(name: str, blame: str, *patterns: str, target: str = "tvm") -> Profile:
    return Profile(name, target, "values", blame, "", (), patterns)


def spoken(name: str, message: str, frame: str, *patterns: str) -> Profile:
    return Profile(name, "tvm", "compile-error", "?", message, (frame,), patterns)


def test_one_cause_with_other_element_types_is_likely_the_same():
    found = likeness(silent("B1", "fusion", "add(float)"), silent("B2", "fusion", "add(signed)"))
    assert found.score >= LIKELY
    assert "both from fusion" in found.reasons


def test_other_stages_or_other_operators_are_not():
    assert likeness(silent("B1", "fusion", "add(float)"), silent("B2", "layout", "mul(float)")).score < LIKELY
    assert likeness(silent("B1", "?", "add(float)"), silent("B2", "?", "mul(float)")).score < LIKELY
    assert likeness(silent("B1", "fusion", "sort(float)"), silent("B2", "fusion", "mul(float)")).score < LIKELY


def test_targets_are_never_joined():
    one = silent("B1", "fusion", "add(float)")
    assert likeness(one, silent("B2", "fusion", "add(float)", target="inductor")).score == 0


def test_messages_and_frames_count():
    same = likeness(spoken("B1", "axis N is out of range", "m:f", "sum(float)"),
                    spoken("B2", "axis N is out of range", "m:f", "mean(float)"))  # fmt: skip
    assert same.score >= LIKELY
    assert any("raised in m:f" in reason for reason in same.reasons)
    other = likeness(spoken("B1", "axis N is out of range", "m:f"), spoken("B2", "no such intrinsic", "m:g"))
    assert other.score < LIKELY


def test_a_chain_is_no_cluster():
    profiles = [
        silent("B1", "fusion", "add(float)", "mul(float)"),
        silent("B2", "fusion", "mul(float)", "sub(float)"),
        silent("B3", "fusion", "sub(float)", "div(float)"),
        silent("B4", "layout", "sort(float)"),
    ]
    assert likeness(profiles[0], profiles[1]).score >= LIKELY - 0.05
    for found in clusters(profiles, least=likeness(profiles[0], profiles[1]).score):
        assert not {"B1", "B3"} <= set(found.names)
        assert "B4" not in found.names


def test_every_pair_in_a_cluster_has_its_reasons():
    profiles = [silent(f"B{n}", "fusion", "add(float)") for n in range(1, 4)]
    (found,) = clusters(profiles)
    assert found.names == ("B1", "B2", "B3")
    assert len(found.reasons) == 3
    assert clusters(profiles[:1]) == []
