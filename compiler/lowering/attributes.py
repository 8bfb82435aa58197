"""Attributes of nodes, by the type that a verified node has them in."""

from __future__ import annotations

from typing import cast

from misfold.compiler.graph.ir import Node


def ints(node: Node, name: str) -> tuple[int, ...]:
    return cast(tuple[int, ...], node.attribute(name))


def integer(node: Node, name: str) -> int:
    return cast(int, node.attribute(name))


def flag(node: Node, name: str) -> bool:
    return cast(bool, node.attribute(name))


def text(node: Node, name: str) -> str:
    return cast(str, node.attribute(name))
