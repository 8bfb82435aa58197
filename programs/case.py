"""Cases: a program, how to make its inputs, and how each target compiles it. One readable text file."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

from .errors import TextError
from .graph import Graph, merge
from .hashing import text_hash
from .parser import fail, graph_from, syntax_tree
from .pipeline import Pipeline
from .printer import print_graph, print_string
from .recipes import check_recipe

HEADER = "# misfold case, version 1"
_SECTIONS = ("INPUTS", "PIPELINES", "ABOUT")

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
        for value in self.graph.inputs:
            if value.name not in self.recipes:
                raise TextError(f"input {value.name} has no recipe")
            check_recipe(self.recipes[value.name], value.known, where=f"input {value.name}")
        for name in self.recipes:
            if name not in {value.name for value in self.graph.inputs}:
                raise TextError(f"a recipe for {name}, which is not an input")

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
        """Content hash: names of values and ``about`` do not count."""
        names = {value.name: f"x{index}" for index, value in enumerate(self.graph.inputs)}
        recipes = {names[value.name]: self.recipes[value.name] for value in self.graph.inputs}
        return text_hash(print_case(replace(self, graph=self.graph.normal(), recipes=recipes, about={})))

    def with_seed(self, seed: int) -> Case:
        """The same case on other inputs: every random recipe gets a seed derived from ``seed``."""
        recipes = {
            name: {**recipe, "seed": (seed * 1_000_003 + index) % 2**63} if "seed" in recipe else recipe
            for index, (name, recipe) in enumerate(self.recipes.items())
        }
        return replace(self, recipes=recipes)


def merge_cases(cases: list[Case]) -> Case:
    """One case that runs several side by side, for targets whose cost is mostly per compile.

    All must agree on ``exact``; pipelines are those of the first.
    """
    recipes = {
        f"g{index}_{value.name}": case.recipes[value.name]
        for index, case in enumerate(cases)
        for value in case.graph.inputs
    }
    return Case(merge(case.graph for case in cases), recipes, cases[0].pipelines, cases[0].exact)


def print_literal(value: Any) -> str:
    """A literal of None, bool, int, float, str, list and dict as Python source, floats exactly."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{print_literal(key)}: {print_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(print_literal, value)) + "]"
    if isinstance(value, float) and not isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        return print_string(value)
    return repr(value)


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
    if depth > 16:
        fail(node, "data nested too deeply")
    if isinstance(node, ast.Constant) and (node.value is None or type(node.value) in (bool, int, float, str)):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        if type(node.operand.value) in (int, float):
            return -node.operand.value  # type: ignore[operator]
    if isinstance(node, ast.List):
        return [_literal(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.Dict):
        if None in node.keys:
            fail(node, "** in a dict")
        keys = [_literal(key, depth + 1) for key in node.keys if key is not None]
        if not all(isinstance(key, str) for key in keys):
            fail(node, "a key that is not a string")
        if len(set(keys)) != len(keys):
            fail(node, "a repeated key")
        return dict(zip(keys, (_literal(item, depth + 1) for item in node.values), strict=True))
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
    fail(node, f"a {type(node).__name__} in data", "None, True, False, numbers, strings, lists, dicts")


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
            sections[statement.targets[0].id] = _literal(statement.value)
        else:
            fail(statement, "a statement that a case file cannot have", "def program, INPUTS, PIPELINES, ABOUT, once each")
    if graph is None:
        raise TextError("the file has no program", allowed="def program(...): ...")
    if "INPUTS" not in sections and graph.inputs:
        raise TextError("the file has no INPUTS", allowed="INPUTS = {...}")
    about = sections.get("ABOUT", {})
    exact = about.pop("exact", False)
    if not isinstance(exact, bool):
        raise TextError("exact must be True or False")
    pipelines = {name: Pipeline.from_data(data) for name, data in sections.get("PIPELINES", {}).items()}
    return Case(graph, sections.get("INPUTS", {}), pipelines, exact, about)
