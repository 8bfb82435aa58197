"""A draft of a report about one contradicted statement, in the form that PyTorch asks for issues about documentation.

It is for a named human to check and to file; nothing is filed from here.
"""

from __future__ import annotations

from collections.abc import Mapping

from .inconsistency import KINDS, Inconsistency

# What would make documentation and behaviour agree, by kind: which of the two is meant is for the maintainers to say.
_REMEDIES = {
    "default": "State the default that the signature has, or change the signature if the stated one is meant.",
    "unknown": "Name the parameter as the signature does, or leave it out if it is gone.",
    "required": 'Drop the word "optional", or give the parameter a default.',
    "refused": "Leave the value out of the list, or accept it.",
    "dtype": "Leave the element type out, or support it.",
    "accepted": "Refuse what the documentation rules out, or say that it is allowed.",
    "shape": "Say which further shapes are allowed, or refuse them.",
}


def draft(found: Inconsistency, versions: Mapping[str, str]) -> str:
    """The draft as Markdown. ``versions`` are those of the packages that the script was run with."""
    first, *others = found.apis
    names = ", ".join(f"`{api}`" for api in others)
    shared = f"\n\nThe same sentence is in the documentation of {names}." if others else ""
    quote = "\n".join(f"> {line}" for line in found.quote.splitlines())
    stated = "\n".join(f"{name} {version}" for name, version in versions.items())
    evidence = "".join(f"\n- `{line}`" for line in found.evidence[:3])
    seen = f"\n\nSeen in {found.calls} calls, among them:{evidence}" if evidence else ""
    return (
        f"# `{first}`: {KINDS[found.kind]} (`{found.parameter}`)\n\n"
        "<!-- A draft: read it, run the script, look for an open issue about it, then file it in your own name. -->\n\n"
        f"### The doc issue\n\n{found.location} says of `{found.parameter}`:\n\n{quote}\n\n"
        f"But {found.what}.{shared}{seen}\n\n"
        f"This script ends with status 1 while that is so:\n\n```python\n{found.script.rstrip()}\n```\n\n"
        f"### Suggest a potential alternative/fix\n\n{_REMEDIES[found.kind]}\n\n"
        f"### Versions\n\n{stated}\n\n"
        "### How it was found\n\nBy holding documentation against behaviour with misfold. "
        "Checked by: (your name)\n"
    )
