"""The parts that reports have in common; each project's template puts them where it asks for them."""

from __future__ import annotations

from ..localise.blame import FAILS, FAILS_OTHERWISE, PASSES, REFUSED
from .facts import DEEDS, Facts
from .markdown import block, bullets, code, escape, sections, table

_RESULTS = {
    FAILS: "fails in the same way",
    FAILS_OTHERWISE: "fails in another way",
    PASSES: "**right**",
    REFUSED: "does not take the program",
}


def what_happens(facts: Facts) -> str:
    """What the target does, and the program."""
    deed = DEEDS.get(facts.kind, facts.kind)
    failure = ""
    if facts.failure is not None and facts.kind != "values":
        first = facts.failure.message.strip().partition("\n")[0]
        failure = f": {code(f'{facts.failure.type}: {first}'[:300])}" if first else f": {code(facts.failure.type)}"
    name = {"inductor": "`torch.compile`", "tvm": "TVM", "onnxruntime": "ONNX Runtime"}.get(
        facts.target, escape(facts.target)
    )
    return sections([f"{name} (pipeline {code(facts.pipeline.name)}) {deed}{failure}.", program(facts)])


def program(facts: Facts) -> str:
    """The program."""
    words = (
        "The program, as loops over buffers (`out` buffers start with stated contents):"
        if facts.kernel
        else "The program, with the types that its values have in eager:"
    )
    return sections([words, block(facts.program, "" if facts.kernel else "python")])


def what_should(facts: Facts) -> str:
    """What is right."""
    if facts.kernel:
        return "The program has no undefined behaviour; its result is what executing its statements in order gives."
    if facts.kind == "values":
        return "The result of eager PyTorch: " + _SHOULD.get(
            facts.oracle, "the same values, bit for bit where the arithmetic is exact, else up to rounding."
        )
    return "Eager PyTorch runs the program and gives a result; the compiled program should give the same."


_VALUES = "the same values, bit for bit where the arithmetic is exact, else up to rounding."
_SHOULD = {
    "shape": "outputs of the same shapes.",
    "dtype": "outputs of the same element types.",
    "outputs": "as many outputs.",
    "aliasing": "outputs that share memory with each other and with inputs as in eager.",
    "strides": "outputs with the same strides.",
    "mutation": "inputs changed as eager changes them, and no others.",
}


def why(facts: Facts) -> str:
    """Why one side is right: the evidence, and how far each side is from float64."""
    parts = [block(facts.explanation)] if facts.explanation else []
    rows = [one for one in facts.measures if one.different or one.elements == 0]
    if facts.kind == "values" and rows:
        cells = [
            (
                code(one.name), code(one.type), f"{one.different} of {one.elements}" if one.elements else "-",
                _number(one.eager_error), _number(one.target_error),
                {True: "accepts", False: "rejects", None: "not comparable"}[one.same],
            )
            for one in rows
        ]  # fmt: skip
        head = ("tensor", "type", "differing", "eager − float64", "target − float64", "`torch._dynamo.utils.same`")
        parts += ["Largest distance from an evaluation in float64, and PyTorch's own comparison:", table(head, cells)]
    if facts.kernel:
        parts.append("An interpreter of the loops, exact for integers, gives the expected values.")
    if facts.supports:
        parts.append(f"float64 supports **{'eager' if facts.supports == 'eager' else 'the target'}**.")
    return sections(parts)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def script(facts: Facts) -> str:
    """The script."""
    return sections(
        ["Self-contained; exit status 1 means that it fails:", block(facts.script, "python")],
    )


def output(facts: Facts) -> str:
    """What the script printed just now."""
    head = f"Output of this script, run in a fresh process ({facts.ran.seconds:.0f} s; it {_result(facts.ran.result)}):"
    return sections([head, block(facts.ran.output or "(nothing)")])


def _result(result: str) -> str:
    return {"reproduces": "shows the failure", "passes": "does not show the failure"}.get(result, f"ended: {result}")


def traceback(facts: Facts) -> str:
    """The traceback, or for a death what is known of it; '' where there is nothing."""
    if facts.kind == "values":
        return ""
    text = facts.ran.errors.strip() or (facts.failure.traceback if facts.failure is not None else "")
    parts = [block(text)] if text else []
    if facts.blame is not None and facts.blame.frames:
        parts += ["Deepest native frames in the target's own libraries:", block("\n".join(facts.blame.frames))]
    if not parts and facts.failure is not None:
        parts = [block("\n".join([f"{facts.failure.type}: {facts.failure.message}", *facts.failure.frames[-12:]]))]
    return sections(parts)


def localisation(facts: Facts) -> str:
    """Where it comes from, as far as that could be found out."""
    blame = facts.blame
    if blame is None:
        return "Not localised."
    head = f"Blamed: **{escape(blame.key)}**" if blame.stage else "No stage could be blamed"
    lines = [head + (f" (found by: {', '.join(blame.how)})" if blame.how else "") + "."]
    if blame.detail:
        lines.append(escape(blame.detail))
    if blame.divergence is not None:
        found = blame.divergence
        if found.operator is not None:
            lines.append(f"First wrong operator: {code(found.operator)}. {escape(found.explanation)}")
        elif found.explanation:
            lines.append(f"First wrong operator: not known; {escape(found.explanation)}")
    return sections([*lines, bullets(map(escape, blame.notes))])


def mitigations(facts: Facts) -> str:
    """What was tried, and what came of it."""
    rows = facts.blame.mitigations if facts.blame is not None else ()
    if not rows:
        return "No other way to compile it was tried."
    return table(("tried", "result"), [(code(row.name), _RESULTS.get(row.result, escape(row.result))) for row in rows])


def versions(facts: Facts) -> str:
    """Versions of the target's packages and of the system."""
    return bullets(f"{escape(name)}: {escape(number)}" for name, number in {**facts.versions, **facts.system}.items())


def similar(facts: Facts) -> str:
    """Known failures that look alike."""
    if not facts.similar:
        return "None in the campaign, the file of known issues, or misfold's regression corpus. Search the tracker too."
    return bullets(
        f"{escape(one.where)}: {escape(one.what)}" + (f" (<{one.link}>)" if one.link else "") for one in facts.similar
    )


def origin(facts: Facts) -> str:
    """How it was found."""
    trials = sum(bool(trial.failure) for trial in facts.trials)
    lines = ["Found by fuzzing with misfold, not in an application.", *facts.origin.details]
    lines.append(f"Just now it failed in {trials} of {len(facts.trials)} fresh processes.")
    return " ".join(map(escape, lines))


DISCLOSURE = (
    "_To be filled in by the person who files this: that you have read it, run the script yourself, searched for "
    "duplicates, and which tools and assistants took part in finding and writing it:_ …"
)


def collapsed(title: str, text: str) -> str:
    """Long material under a heading of its own at the end of a field."""
    return sections([f"**{title}**", text])
