"""Apache TVM's form for bugs: .github/ISSUE_TEMPLATE/bug-report.md of apache/tvm."""

from __future__ import annotations

from . import parts
from .facts import Facts
from .markdown import block, bullets, sections
from .template import Field, Template


def _actual(facts: Facts) -> str:
    return sections([parts.what_happens(facts), parts.why(facts), parts.output(facts), parts.traceback(facts)])


def _environment(facts: Facts) -> str:
    # What PyTorch's script tells is of use only where PyTorch's exporter made the module.
    rest = "" if facts.kernel or not facts.environment else block(facts.environment)
    return sections([parts.versions(facts), rest])


def _steps(facts: Facts) -> str:
    return sections(
        [
            parts.script(facts),
            "**Where it comes from**",
            parts.localisation(facts),
            parts.mitigations(facts),
            "**Similar issues**",
            parts.similar(facts),
            "**How it was found**",
            parts.origin(facts),
            "**Disclosure**",
            parts.DISCLOSURE,
        ]
    )


def _triage(facts: Facts) -> str:
    tags = ["needs-triage"]
    if facts.kernel:
        tags.append("tir" if not (facts.blame and "codegen" in facts.blame.stage.lower()) else "codegen: llvm")
    else:
        tags.append("frontend: pytorch" if _by_importer(facts) else "relax")
    return bullets(tags)


def _by_importer(facts: Facts) -> bool:
    """Whether the frontend is to blame, as far as the blame or the deepest frame says."""
    if facts.blame is not None and facts.blame.stage:
        return any(word in facts.blame.stage.lower() for word in ("import", "frontend", "translation"))
    return facts.failure is not None and any("frontend.torch" in frame for frame in facts.failure.frames[-6:])


TEMPLATE = Template(
    "tvm",
    "Apache TVM",
    "https://github.com/apache/tvm/issues/new?template=bug-report.md",
    ("tvm",),
    lambda facts: f"[Bug] {facts.title}",
    (
        Field("Expected behavior", parts.what_should),
        Field("Actual behavior", _actual),
        Field("Environment", _environment),
        Field("Steps to reproduce", _steps),
        Field("Triage", _triage),
    ),
    labels=lambda facts: ("needs-triage", "type: bug"),
)
