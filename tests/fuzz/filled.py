"""A store with bugs in it that no campaign had to find."""

from __future__ import annotations

from pathlib import Path

from misfold.fuzz.store import Bug, Finding, Store

VERSIONS = {"misfold": "0.1.0", "torch": "2.13.0+cpu"}
START = 1_700_000_000.0

TEXT = """# misfold case, version 1

def program(x0: "float32[4]"):
    v0: "float32[4]" = torch.OPERATOR(x0)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1},
}
"""


def filled(folder: Path) -> Store:
    """A campaign of three cases and two bugs, B1 of inductor (relu) and B2 of tvm (exp)."""
    store = Store(folder, create=True)
    campaign = store.begin(7, {"targets": ["inductor", "tvm"]}, VERSIONS, START)
    store.add_seconds(campaign, 100.0)
    cases = [
        {"index": n, "hash": f"{n:016x}", "nodes": 1, "exact": False, "gradient": False, "note": "", "text": None}
        for n in range(3)
    ]
    outcomes = [
        {"index": n, "target": target, "pipeline": "default", "kind": kind, "verdict": verdict, "seconds": 2.0}
        for n, target, kind, verdict in (
            (0, "inductor", "values", "proved"), (1, "inductor", "values", "ok"), (2, "inductor", "rejected", "ok"),
            (0, "tvm", "crash", "proved"), (1, "tvm", "values", "undecided"),
        )
    ]  # fmt: skip
    store.finish_block(campaign, 0, cases, outcomes)
    for at, (target, operator, kind) in enumerate((("inductor", "relu", "values"), ("tvm", "exp", "crash"))):
        text = TEXT.replace("OPERATOR", operator)
        finding, _ = store.add_finding(
            campaign, index=0, target=target, pipeline="default", kind=kind, verdict="proved", oracle=kind,
            status="confirmed", explanation=f"<b>{operator}</b> is wrong", text=text, reduced=text, versions=VERSIONS,
            at=START + 10 * at, blame=None,
        )  # fmt: skip
        store.file_under_bug(finding, f"s{at}", f"<i>wrong</i> {operator}", START + 10 * at, [operator])
    (folder / "bugs").mkdir()
    return store


def bug(store: Store, number: int = 1) -> tuple[Bug, Finding]:
    """A bug and its representative."""
    found = next(one for one in store.bugs() if one.id == number)
    return found, store.finding(found.finding_id)
