"""ONNX Runtime's general form: .github/ISSUE_TEMPLATE/08-general.yml of microsoft/onnxruntime."""

from __future__ import annotations

from . import parts
from .facts import Facts
from .markdown import escape, sections
from .template import Field, Template

# The form's own words for what platform.system() and platform.machine() say.
_PLATFORMS = {"Linux": "Linux", "Windows": "Windows", "Darwin": "Mac"}
_ARCHITECTURES = {"x86_64": "X64", "AMD64": "X64", "aarch64": "ARM64", "arm64": "ARM64", "i686": "X86"}


def _describe(facts: Facts) -> str:
    return sections(
        [
            parts.what_happens(facts),
            "**Expected behaviour**",
            parts.what_should(facts),
            parts.why(facts),
            parts.traceback(facts),
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


def _reproduce(facts: Facts) -> str:
    return sections(
        [
            parts.script(facts),
            parts.output(facts),
            "The model is made by `torch.onnx.export` in the script; attach it as a file too "
            f"(`misfold export {facts.name} --onnx -o model.onnx`).",
        ]
    )


def _of_system(key: str, words: dict[str, str] | None = None):  # type: ignore[no-untyped-def]
    def fill(facts: Facts) -> str:
        value = facts.system.get(key, "unknown")
        return escape(words.get(value, f"Other / Unknown ({value})") if words is not None else value)

    return fill


TEMPLATE = Template(
    "onnxruntime",
    "ONNX Runtime",
    "https://github.com/microsoft/onnxruntime/issues/new?template=08-general.yml",
    ("onnxruntime",),
    lambda facts: facts.title,
    (
        Field("Describe the issue", _describe),
        Field("To reproduce", _reproduce),
        Field("Urgency", lambda facts: "Not urgent: found by fuzzing, no application is blocked."),
        Field("Platform", _of_system("platform", _PLATFORMS)),
        Field("OS Version", _of_system("system")),
        Field("ONNX Runtime Installation", lambda facts: "Released Package"),
        Field("ONNX Runtime Version or Commit ID", lambda facts: escape(facts.versions.get("onnxruntime", "unknown"))),
        Field("ONNX Runtime API", lambda facts: "Python"),
        Field("Architecture", _of_system("machine", _ARCHITECTURES)),
        Field("Execution Provider", lambda facts: "Default CPU"),
        Field("Execution Provider Library Version", lambda facts: "", required=False),
        Field("Versions of the other packages", parts.versions),
    ),
)
