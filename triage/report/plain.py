"""A report for any project: all that is known, in the order in which it is read."""

from __future__ import annotations

from . import parts
from .facts import Facts
from .markdown import block, sections
from .template import Field, Template


def _versions(facts: Facts) -> str:
    return sections([parts.versions(facts), block(facts.environment) if facts.environment else ""])


TEMPLATE = Template(
    "plain",
    "the target's maintainers",
    "",
    (),
    lambda facts: f"{facts.target}: {facts.title}",
    (
        Field("What happens", parts.what_happens),
        Field("What should happen", parts.what_should),
        Field("Why that is right", parts.why, required=False),
        Field("Script", parts.script),
        Field("Output", parts.output),
        Field("Traceback", parts.traceback, required=False),
        Field("Where it comes from", parts.localisation),
        Field("What was tried", parts.mitigations),
        Field("Versions", _versions),
        Field("Similar issues", parts.similar),
        Field("How it was found", parts.origin),
        Field("Disclosure", lambda facts: parts.DISCLOSURE),
    ),
)
