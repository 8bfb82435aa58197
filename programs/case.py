"""Cases: a program, how to make its inputs, and how each target compiles it. One readable text file."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

from .errors import TextError
from .graph import Graph, merge, merged_names
from .hashing import text_hash
from .parser import describe, fail, graph_from, syntax_tree
from .pipeline import Pipeline
from .printer import print_graph, print_string, quoted
from .recipes import check_recipe

HEADER = "# misfold case, version 1"
_SECTIONS = ("INPUTS", "PIPELINES", "ABOUT")
# How deep data may nest: far more than any pipeline needs, far less than Python's own limit.
MAX_DEPTH = 16
_LITERALS = 'None, True, False, 64-bit integers, floats, float("inf"), strings, lists, dicts with strings as keys'

Recipe = Mapping[str, Any]


@dataclass(frozen=True)
class Case:
    """All that is needed to run a program again.

    ``recipes`` has one entry per input of the graph, by name. ``pipelines`` maps a target's name to the pipeline that
    it is to use; a target that is not named uses its default. ``exact`` marks inputs chosen as small integers, so
    that arithmetic may turn out to be exact. ``about`` is free data for people (seed, index, origin).
    """

    graph: Graph
    recipes: Mapping[str, Recipe]
    pipelines: Mapping[str, Pipeline] = field(default_factory=dict)
    exact: bool = False
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_recipes(self.graph, self.recipes)
        if "exact" in self.about:
            raise TextError("about must not have an entry called exact", allowed="the case's own exact")

    @property
    def gradient(self) -> bool:
        """Whether the backward pass is part of the case: some input requires a gradient."""
        return any(recipe.get("requires_grad", False) for recipe in self.recipes.values())

    @cached_property
    def text(self) -> str:
        """The case file."""
        return print_case(self)

    @cached_property
    def hash(self) -> str:
        """Content hash: names of values, the order of dicts and ``about`` do not count."""
        recipes = {f"x{index}": _ordered(self.recipes[value.name]) for index, value in enumerate(self.graph.inputs)}
        parts = (print_graph(self.graph.normal()), print_literal(recipes), hashed_pipelines(self.pipelines))
        return text_hash("\n".join([*parts, print_literal(self.exact)]))

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """How Hypothesis and notebooks show a case: as the file, which can be saved and replayed."""
        printer.text(f"parse_case({quoted(self.text)})")

    def with_seed(self, seed: int) -> Case:
        """The same case on other inputs: every random recipe gets a seed derived from ``seed``."""
        recipes = {
            name: {**recipe, "seed": (seed * 1_000_003 + index) % 2**63} if "seed" in recipe else recipe
            for index, (name, recipe) in enumerate(self.recipes.items())
        }
        return replace(self, recipes=recipes)


def merge_cases(cases: list[Case]) -> Case:
    """One case that runs several side by side, for targets whose cost is mostly per compile.

    It is ``exact`` if all are; pipelines are those of the first.
    """
    recipes = {}
    for index, case in enumerate(cases):
        names = merged_names(case.graph, index)
        recipes.update({names[name]: recipe for name, recipe in case.recipes.items()})
    return Case(merge(case.graph for case in cases), recipes, cases[0].pipelines, all(case.exact for case in cases))


def _check_recipes(graph: Graph, recipes: Mapping[str, Any], lines: Mapping[str, int] | None = None) -> None:
    inputs = {value.name: value.known for value in graph.inputs}
    for name, recipe in recipes.items():
        line = (lines or {}).get(name)
        if name not in inputs:
            raise TextError(f"a recipe for {name}, which is not an input", line=line)
        try:
            check_recipe(recipe, inputs[name], where=f"input {name}")
        except TextError as error:
            raise TextError(error.what, line=line, allowed=error.allowed) from None
    for name in inputs:
        if name not in recipes:
            raise TextError(f"input {name} has no recipe", line=(lines or {}).get(""))


def _ordered(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {key: _ordered(data[key]) for key in sorted(data)}
    return [_ordered(item) for item in data] if isinstance(data, list | tuple) else data


def hashed_pipelines(pipelines: Mapping[str, Pipeline]) -> str:
    """What of the pipelines of a case of any kind goes into its content hash: their order and that of options does not
    count, that of passes does."""
    return print_literal({name: _ordered(pipelines[name].to_data()) for name in sorted(pipelines)})


def print_literal(value: Any, depth: int = 0) -> str:
    """A literal of None, bool, int, float, str, list (or tuple, which becomes a list) and dict as Python source.

    Floats are exact.

    Raises:
        TextError: the value is of another type, nests too deeply, or has an integer that does not fit 64 bits, so that
            it could not be read back.
    """
    if depth > MAX_DEPTH:
        raise TextError("data nested too deeply", allowed=f"{MAX_DEPTH} levels")
    if isinstance(value, Mapping):
        if not all(type(key) is str for key in value):
            raise TextError("a key that is not a string")
        return (
            "{" + ", ".join(f"{print_string(k)}: {print_literal(item, depth + 1)}" for k, item in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(print_literal(item, depth + 1) for item in value) + "]"
    if type(value) is float:
        return repr(value) if isfinite(value) else f'float("{value}")'
    if type(value) is str:
        return print_string(value)
    if value is None or type(value) is bool or (type(value) is int and abs(value) < 2**64):
        return repr(value)
    raise TextError(f"a {type(value).__name__} that a case file cannot hold", allowed=_LITERALS)


def print_case(case: Case) -> str:
    """The case file's text; ``parse_case`` gives back an equal case."""

    def section(name: str, data: Mapping[str, Any]) -> str:
        rows = "".join(f"    {print_literal(key)}: {print_literal(value)},\n" for key, value in data.items())
        return f"{name} = {{\n{rows}}}\n"

    about = dict(case.about)
    if case.exact:
        about = {"exact": True, **about}
    parts = [HEADER, "", print_graph(case.graph), section("INPUTS", case.recipes)]
    if case.pipelines:
        parts.append(section("PIPELINES", {name: pipeline.to_data() for name, pipeline in case.pipelines.items()}))
    if about:
        parts.append(section("ABOUT", about))
    return "\n".join(parts)


def _literal(node: ast.expr, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        fail(node, "data nested too deeply", f"{MAX_DEPTH} levels")
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int, float, str)):
        if type(node.value) is int and node.value >= 2**64:
            fail(node, "an integer that does not fit 64 bits")
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if type(node.operand.value) in (int, float):
            return -_literal(node.operand)
    if isinstance(node, ast.List):
        return [_literal(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.Dict):
        data: dict[str, Any] = {}
        for key, item in zip(node.keys, node.values, strict=True):
            if key is None:
                fail(item, "** in a dict", _LITERALS)
            if not (isinstance(key, ast.Constant) and isinstance(key.value, str)):
                fail(key, "a key that is not a string", _LITERALS)
            if key.value in data:
                fail(key, f"the key {key.value[:80]!r} a second time")
            data[key.value] = _literal(item, depth + 1)
        return data
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "float"
        and len(node.args) == 1
        and not node.keywords
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in ("inf", "-inf", "nan")
    ):
        return float(node.args[0].value)  # type: ignore[arg-type]
    fail(node, f"{describe(node)} in data", _LITERALS)


def parse_case(text: str, source: str | None = None) -> Case:
    """Read a case file's text. Nothing in it is executed.

    Raises:
        TextError: with ``source`` (a file's name), the line, what is wrong and what is allowed.
    """
    try:
        return _parse_case(text)
    except TextError as error:
        if source is None:
            raise
        raise TextError(error.what, line=error.line, allowed=error.allowed, source=source) from None


def _parse_case(text: str) -> Case:
    if not text.startswith("# misfold case"):
        raise TextError("not a case file", line=1, allowed=f"a first line {HEADER!r}")
    first = text.partition("\n")[0].rstrip()
    if first != HEADER:
        raise TextError(f"unknown version of the format: {first[:60]!r}", line=1, allowed=HEADER)
    graph: Graph | None = None
    sections: dict[str, dict[str, Any]] = {}
    # for each section the lines of its entries; "" is the section itself
    lines: dict[str, dict[str, int]] = {}
    for statement in syntax_tree(text).body:
        if isinstance(statement, ast.FunctionDef) and graph is None:
            graph = graph_from(statement)
        elif (
            isinstance(statement, ast.Assign)
            and len(statement.targets) == 1
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id in _SECTIONS
            and statement.targets[0].id not in sections
            and isinstance(statement.value, ast.Dict)
        ):
            name = statement.targets[0].id
            sections[name] = _literal(statement.value)
            places = (key.lineno for key in statement.value.keys if key is not None)
            lines[name] = {"": statement.lineno, **dict(zip(sections[name], places, strict=True))}
        else:
            fail(statement, f"{describe(statement)} in a case file", "def program, INPUTS, PIPELINES, ABOUT, once each")
    if graph is None:
        raise TextError("the file has no program", allowed="def program(...): ...")
    if "INPUTS" not in sections and graph.inputs:
        raise TextError("the file has no INPUTS", allowed="INPUTS = {...}")
    about = sections.get("ABOUT", {})
    exact = about.pop("exact", False)
    if not isinstance(exact, bool):
        raise TextError("exact must be True or False", line=lines["ABOUT"]["exact"])
    pipelines = {}
    for name, data in sections.get("PIPELINES", {}).items():
        try:
            pipelines[name] = Pipeline.from_data(data)
        except TextError as error:
            raise TextError(f"{name}: {error.what}", line=lines["PIPELINES"][name], allowed=error.allowed) from None
    _check_recipes(graph, sections.get("INPUTS", {}), lines.get("INPUTS"))
    return Case(graph, sections.get("INPUTS", {}), pipelines, exact, about)
