"""Names of C++ functions and classes for people."""

from __future__ import annotations

import re
from functools import cache

import cxxfilt


@cache
def demangle(name: str) -> str:
    """The C++ name of a mangled function or class; other names as they are."""
    try:
        text: str = cxxfilt.demangle(name, external_only=False)
    except (cxxfilt.Error, ValueError):
        return name
    return text


def namespace_of(name: str) -> str:
    """The namespaces of a demangled name, two deep: ``tvm::tirx`` of ``tvm::tirx::AddNode::VisitAttrs(…)``."""
    match = re.match(r"(?:[\w ]*\s)?((?:[A-Za-z_]\w*::){1,2})", name)
    return match[1].removesuffix("::") if match else "other"
