"""Where the Inductor bugs of the shipped corpus come from, as found out by hand, and as localisation finds it."""

from __future__ import annotations

import pytest

from misfold.corpus.entries import read_entry, shipped
from misfold.fuzz.reducing import Reducer
from misfold.fuzz.workers import open_examiners
from misfold.triage.reduce.search import Bounds

#: By the beginning of a file's name: the stage, and the part, read off the sources of torch 2.13.
BLAMES = {
    # Functionalisation takes the outputs of unsafe_chunk for copies: aot_eager loses the write as well.
    "a-write-through-unsafe-chunk": ("aot-autograd", ""),
    # Functionalisation undoes unfold by unfold_backward, which has zeros where no window was: aot_eager has them too.
    "a-write-through-unfold": ("aot-autograd", ""),
    # The decomposition gives a view of the argument where nothing moves; aot_eager calls the kernel, which copies.
    "channel-shuffle-that": ("decompositions", ""),
    # The lowering of any (all is its negation) reduces all dimensions for an empty list of them.
    "all-dim-of-a-tensor": ("inductor", "lowerings:any"),
    # Scalar code calls expm1, vector code has exp(x) - 1.
    "expm1-loses": ("inductor", "vector-code"),
    # The copy that an index_put into an expanded tensor needs is taken away by the pass that makes it in-place.
    "index-copy-of": ("inductor", "post_grad_passes:reinplace_inplaceable_ops"),
    "index-fill-of": ("inductor", "post_grad_passes:reinplace_inplaceable_ops"),
    # Functionalisation refuses the operator before any decomposition.
    "polygamma-is": ("aot-autograd", ""),
    "the-option-cpp-force-inline": ("inductor", "option cpp.force_inline_kernel"),
}
CASES = sorted((shipped() / "inductor").glob("*.case.py"))


STAGES = ("dynamo", "aot-autograd", "decompositions", "inductor")


def expected(name: str) -> tuple[str, str] | None:
    """What was found out by hand; None of a case that nobody looked into yet."""
    return next((blame for start, blame in BLAMES.items() if name.startswith(start)), None)


def test_every_blame_is_of_a_case():
    known = [path.name for path in CASES if expected(path.name) is not None]
    assert len(known) == len(BLAMES)
    assert all(stage in STAGES for stage, _ in BLAMES.values())


@pytest.fixture(scope="module")
def examiners():
    with open_examiners("inductor", False, 1, 60.0) as made:
        yield made


@pytest.mark.slow
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.name.partition(".")[0])
def test_localisation_blames_what_is_to_blame(path, examiners):
    case = read_entry(path).case
    pipeline = case.pipelines.get("inductor") or examiners[0].targets["inductor"].pipelines()[0]
    first = examiners[0].examine(case, "inductor", pipeline, fresh=True)
    if not first.bad:
        pytest.skip("the installed version does not fail")
    blame = Reducer(examiners, first, Bounds(), seconds_to_localise=240.0, operators=False).localise(first)
    known = expected(path.name)
    assert blame.stage in STAGES
    assert known is None or (blame.stage, blame.part) == known, blame
