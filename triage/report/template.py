"""What a project's template is: fields in order, each made of what is known of a bug."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .facts import Facts
from .markdown import escape, sections
from .readiness import Objection


@dataclass(frozen=True)
class Field:
    """One field of a project's form: its heading, and what goes into it ('' leaves an optional field out)."""

    heading: str
    fill: Callable[[Facts], str]
    required: bool = True


@dataclass(frozen=True)
class Template:
    """A project's form.

    Attributes:
        name: as given to ``--for``.
        project: for people.
        source: where the form is.
        targets: whose bugs may be this project's; empty for any.
        title: the issue's title.
        labels: that the form asks for.
        fields: in order.
    """

    name: str
    project: str
    source: str
    targets: tuple[str, ...]
    title: Callable[[Facts], str]
    fields: tuple[Field, ...]
    labels: Callable[[Facts], tuple[str, ...]] = lambda facts: ()

    def draft(self, facts: Facts, against: list[Objection]) -> str:
        """The whole draft in Markdown. What speaks against filing it comes first."""
        notes = [
            f"> **A draft for {escape(self.project)}, not filed anywhere.** A person reads it, completes it, files it."
        ]
        if against:
            notes.append("> **NOT READY to be reported:**")
            notes += [f"> - {escape(one.rule)}: {escape(one.why)}" for one in against]
        parts = ["\n>\n".join(notes[:2]) + "".join(f"\n{line}" for line in notes[2:])]
        parts.append(f"# {escape(self.title(facts))}")
        if labels := self.labels(facts):
            parts.append(f"Labels: {', '.join(f'`{one}`' for one in labels)}")
        for field in self.fields:
            text = field.fill(facts)
            if text.strip() or field.required:
                parts += [f"### {field.heading}", text if text.strip() else "Nothing."]
        return sections(parts) + "\n"
