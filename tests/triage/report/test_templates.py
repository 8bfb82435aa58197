"""Drafts: a project's fields in its order, texts that cannot become markup, and a page without anything foreign."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from misfold.programs.errors import UsageError
from misfold.targets.outcome import Failure
from misfold.triage.report.facts import Similar
from misfold.triage.report.markdown import LONGEST, block, code, escape, table
from misfold.triage.report.page import page
from misfold.triage.report.readiness import Objection
from misfold.triage.report.templates import TEMPLATES, template_for

from .made import FACTS, but

# The headings of the projects' forms, from their repositories.
FORMS = {
    "pytorch": ["🐛 Describe the bug", "Versions"],
    "tvm": ["Expected behavior", "Actual behavior", "Environment", "Steps to reproduce", "Triage"],
    "onnxruntime": [
        "Describe the issue", "To reproduce", "Urgency", "Platform", "OS Version", "ONNX Runtime Installation",
        "ONNX Runtime Version or Commit ID", "ONNX Runtime API", "Architecture", "Execution Provider",
    ],
}  # fmt: skip


def headings(draft: str) -> list[str]:
    tokens = MarkdownIt("commonmark").parse(draft)
    return [tokens[at + 1].content for at, one in enumerate(tokens) if one.type == "heading_open" and one.tag == "h3"]


@pytest.mark.parametrize("name", FORMS)
def test_fields_follow_the_projects_form(name: str) -> None:
    found = headings(TEMPLATES[name].draft(FACTS, []))
    assert found[: len(FORMS[name])] == FORMS[name]


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_draft_holds_all_that_maintainers_ask_for(name: str) -> None:
    facts = but(similar=(Similar("known issue", "looks alike", "https://example.org/1"),))
    draft = TEMPLATES[name].draft(facts, [])
    for text in (
        "wrong values from sum", "torch.add(v0, x1)", "print('the script')", "out0: 1 of 4 elements are wrong",
        "inductor/post-grad", "fails in the same way", "2.13.0", "float64 supports **eager**", "https://example.org/1",
        "Found by fuzzing", "To be filled in by the person", "Case 3 of a campaign", "rejects",
    ):  # fmt: skip
        assert text in draft, text
    assert "NOT READY" not in draft


def test_pytorchs_draft_answers_what_it_asks_of_fuzzers() -> None:
    draft = TEMPLATES["pytorch"].draft(FACTS, [])
    assert "`topic: fuzzer`" in draft
    assert "default tolerance: rejects out0" in draft
    assert "PyTorch version: 2.13.0" in draft


def test_errors_bring_their_traceback() -> None:
    failure = Failure("RuntimeError", "no such thing\nmore", ("torch:f",), "Traceback (most recent call last): here")
    draft = TEMPLATES["pytorch"].draft(but(kind="compile-error", failure=failure, measures=()), [])
    assert "Error logs" in headings(draft)
    assert "Traceback (most recent call last): here" in draft
    assert "`RuntimeError: no such thing`" in draft
    assert "Error logs" not in headings(TEMPLATES["pytorch"].draft(FACTS, []))


def test_a_draft_that_is_not_ready_says_so_first() -> None:
    draft = TEMPLATES["plain"].draft(FACTS, [Objection("flaky", "it fails in 1 of 3")])
    assert draft.index("NOT READY") < draft.index("it fails in 1 of 3") < draft.index("# ")


def test_a_bug_goes_to_its_own_project() -> None:
    assert template_for("inductor").name == "pytorch"
    assert template_for("planted").name == "plain"
    assert template_for("onnxruntime", "pytorch").name == "pytorch"
    # What PyTorch's exporters get wrong is PyTorch's, whoever runs it.
    assert (
        template_for("onnxruntime", stage="exporter").name
        == template_for("tvm", stage="torch.export").name
        == "pytorch"
    )
    assert template_for("onnxruntime", stage="kernels").name == "onnxruntime"
    assert template_for("onnxruntime", "onnxruntime", "exporter").name == "onnxruntime"
    with pytest.raises(UsageError, match="none of Apache TVM's"):
        template_for("inductor", "tvm")
    with pytest.raises(UsageError, match="there are: pytorch, tvm"):
        template_for("inductor", "jax")


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.text(alphabet="ab_*`[](){}<>|\\~!#-: \n&;", max_size=40))
def test_any_text_stays_text(text: str) -> None:
    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    plain = " ".join(text.split())

    def words(html: str) -> str:
        from html import unescape

        return " ".join(unescape(re.sub(r"<[^>]*>", "", html)).split())

    assert words(reader.render(f"x{escape(text)}x")) == f"x{plain}x" or "&" in plain
    rendered = reader.render(block(text, "python"))
    assert rendered.count("<pre>") == 1
    assert rendered.startswith("<pre>") and rendered.rstrip().endswith("</pre>")
    assert "<" not in re.sub(r"</?(p|code)>", "", reader.render(f"x {code(text)} x"))
    cells = reader.render(table(("a", "b"), [(escape(text), "c")]))
    assert cells.count("<td>") == 2


def test_long_output_loses_its_middle() -> None:
    text = block("a" * LONGEST + "THE END")
    assert len(text) < LONGEST + 100
    assert text.endswith("THE END\n```") and "characters left out" in text


def test_the_page_is_self_contained_and_draws_the_graph() -> None:
    facts = but(title="<script>alert(1)</script>", explanation="<img src=x>")
    html = page(facts, TEMPLATES["pytorch"].draft(facts, []))
    assert "<script" not in html and "<img" not in html
    assert not re.search(r'(?:src|href)="(?!data:,|https://)', html)
    assert html.index("</h1>") < html.index("<svg") < html.index("<h3>")
    assert "<table>" in html
    assert "<svg" not in page(but(kernel=True), "# x")
