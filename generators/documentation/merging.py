"""Documentation beside other sources: aten's schemas (types, defaults) and OpInfo (element types), with agreement and
conflict per parameter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..traces.signatures import Parameter as SchemaParameter
from ..traces.signatures import signatures
from .calls import is_operator
from .defaults import same
from .facts import Constraints
from .readers.signatures import literal

AGREE, CONFLICT, SILENT = "agree", "conflict", "silent"
_ALIASES = {"input": "self", "axis": "dim", "keepdims": "keepdim", "tensors": "tensors", "x": "self"}
# What a schema's type is in documentation's words: dtypes and structures of which one must be documented.
_KINDS = {
    "Tensor": {"tensor"},
    "number": {"numeric", "float", "int", "tensor", "bool", "complex", "float64", "float32"},
    "float": {"float", "numeric", "int", "float64", "tensor", "float32"},
    "int": {"int", "int64", "numeric", "dtype", "int32"},
    "SymInt": {"int", "int64", "numeric"},
    "bool": {"bool"},
    "str": {"string"},
    "ScalarType": {"dtype"},
}
# Documented element type classes by what each may mean.
_CLASSES = {
    "float": {"float16", "bfloat16", "float32", "float64"},
    "int": {"uint8", "int8", "int16", "int32", "int64"},
    "complex": {"complex64", "complex128"},
    "numeric": {"uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64"},
}


@dataclass(frozen=True)
class Conflict:
    """Two sources that cannot both be right; ``weight`` ranks, the surest reading of documentation first."""

    api: str
    parameter: str
    source: str
    documented: str
    other: str
    quote: str
    why: str
    weight: float


@dataclass
class Comparison:
    """Counts of agreement by source, and all conflicts, the worst first."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)

    def add(self, source: str, state: str) -> None:
        """Count one comparison."""
        self.counts.setdefault(source, Counter())[state] += 1

    def to_data(self, worst: int = 30) -> dict[str, Any]:
        """As plain data for JSON."""
        rates = {}
        for source, counts in self.counts.items():
            said = counts[AGREE] + counts[CONFLICT]
            rates[source] = {**counts, "agreement": round(counts[AGREE] / max(said, 1), 4)}
        return {"agreement": rates, "conflicts": [asdict(item) for item in self.conflicts[:worst]]}


def compare(found: Iterable[Constraints], opinfo: bool = True) -> Comparison:
    """Compare documented constraints with the other sources of the installed torch."""
    result = Comparison()
    # Methods and in-place forms repeat what is documented once.
    found = {(item.parameter.api, item.parameter.name): item for item in found}.values()
    dtypes = opinfo_dtypes() if opinfo else {}
    for known in found:
        if not is_operator(known.parameter.api):
            continue
        schema = schema_parameters(known.parameter.api).get(known.parameter.name, [])
        if schema:
            _types(known, schema, result)
            _defaults(known, schema, result)
        if known.parameter.name in ("input", "self") and known.parameter.api in dtypes:
            _elements(known, dtypes[known.parameter.api], result)
    result.conflicts.sort(key=lambda conflict: (-conflict.weight, conflict.api, conflict.parameter))
    return result


def schema_parameters(api: str) -> dict[str, list[SchemaParameter]]:
    """Parameters of an operator's aten overloads by documented name; all overloads' kinds together."""
    found: dict[str, list[SchemaParameter]] = {}
    for signature in signatures(api):
        for item in signature:
            if item.kind:
                found.setdefault(item.name, []).append(item)
    for name, alias in _ALIASES.items():
        if alias in found:
            found.setdefault(name, found[alias])
    return found


def opinfo_dtypes() -> dict[str, frozenset[str]]:
    """Element types that PyTorch's own test data says an operator takes on the CPU; nothing if it is not installed."""
    try:
        from ..collect.sources import opinfo_entries

        entries = opinfo_entries()
    except ImportError:
        return {}
    found: dict[str, frozenset[str]] = {}
    for entry in entries:
        names = frozenset(str(dtype).removeprefix("torch.") for dtype in entry.dtypes)
        api = f"torch.{entry.name}"
        found[api] = found.get(api, frozenset()) | names
    return found


def _types(known: Constraints, schema: list[SchemaParameter], result: Comparison) -> None:
    said = set(known.values("dtype")) | set(known.values("structure"))
    if not said:
        result.add("schema type", SILENT)
        return
    kinds = {re.sub(r"^(?:Optional|List)\[|\]$", "", re.sub(r"^Optional\[|\]$", "", item.kind)) for item in schema}
    lists = any("List[" in item.kind for item in schema)
    allowed = set().union(*(_KINDS.get(kind.strip("[]"), {kind}) for kind in kinds))
    allowed |= {"tuple", "list", "sequence", "iterable"} if lists else set()
    if said & allowed or not any(kind.strip("[]") in _KINDS for kind in kinds):
        result.add("schema type", AGREE)
        return
    result.add("schema type", CONFLICT)
    fact = (known.of("dtype") or known.of("structure"))[0]
    why = _reason(said, kinds)
    result.conflicts.append(
        Conflict(
            known.parameter.api, known.parameter.name, "schema type", ", ".join(sorted(said)), ", ".join(sorted(kinds)),
            fact.quote, why, fact.score,
        )
    )  # fmt: skip


def _reason(said: set[str], kinds: set[str]) -> str:
    if "ScalarType" in kinds or "dtype" in said:
        return "an element type as a parameter against the element type of its values"
    if "tensor" in said:
        return "documented as a tensor; the schema has none"
    if "Tensor" in kinds:
        return "the documented type is that of a tensor's elements or of a number, the schema wants a tensor"
    if "bool" in said or "bool" in kinds:
        return "a switch on one side, a value on the other"
    return "number types differ"


def _defaults(known: Constraints, schema: list[SchemaParameter], result: Comparison) -> None:
    fine, documented = literal(known.parameter.default)
    options = [item.default for item in schema if not item.required]
    if not fine or not options:
        return
    if any(_same(documented, option) for option in options):
        result.add("schema default", AGREE)
        return
    result.add("schema default", CONFLICT)
    filled = None in options or documented is None
    why = "None on one side: filled in later" if filled else "the signature in the docstring is not that of the schema"
    result.conflicts.append(
        Conflict(
            known.parameter.api,
            known.parameter.name,
            "schema default",
            repr(documented),
            ", ".join(sorted({repr(option) for option in options})),
            known.parameter.default or "",
            why,
            0.5 if filled else 0.99,
        )
    )


def _same(documented: Any, option: Any) -> bool:
    empty: tuple[Any, ...] = (None, [], ())
    return same(documented, option) or (documented in empty and option in empty)


def _elements(known: Constraints, supported: frozenset[str], result: Comparison) -> None:
    said = known.of("dtype")
    if not said:
        result.add("OpInfo dtypes", SILENT)
        return
    for fact in said:
        if fact.value == "dtype":
            continue  # the word "dtype" names no element type
        wanted = _CLASSES.get(fact.value, {fact.value})
        if wanted & supported:
            result.add("OpInfo dtypes", AGREE)
            continue
        result.add("OpInfo dtypes", CONFLICT)
        result.conflicts.append(
            Conflict(
                known.parameter.api,
                known.parameter.name,
                "OpInfo dtypes",
                fact.value,
                ", ".join(sorted(supported)),
                fact.quote,
                "an element type that PyTorch's own tests do not ask for",
                fact.score,
            )
        )
