"""``misfold compile``: what it takes, what it shows, and how it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from misfold.compiler.passes.graph.algebraic_simplification import AlgebraicSimplification

CASE = """# misfold case, version 1

def program(x0: "float32[4, 18]", x1: "float32[18]"):
    v0 = torch.mul(x0, 0.25)
    v1 = torch.add(v0, x1)
    v2 = torch.softmax(v1, -1)
    return (v2,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 1, "requires_grad": True},
    "x1": {"draw": "normal", "seed": 2},
}
"""
GRAPH = """# a comment
graph squares(x: f32[3, 8]) -> (v1) {
  v0: f32[3, 8] = mul(x, x)
  v1: f32[3] = reduce[op="add", dims=(1)](v0)
}
"""
LOOPS = """function double(x: in i32[6], y: out i32[6]) {
  for i in 0..6 {
    y[i] = x[i] * 2:i32
  }
}
"""


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run the command on a program's text; its exit status and what it prints."""
    from misfold.fuzz import cli

    def run(text: str | None, *arguments: str, name: str = "program.txt") -> tuple[int, str, str]:
        path = tmp_path / name
        if text is not None:
            path.write_text(text)
        monkeypatch.setattr(sys, "argv", ["misfold", "compile", str(path), *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_a_case_becomes_loops(show):
    status, out, _ = show(CASE)
    # the forward and the backward pass
    assert (status, out.count("function ")) == (0, 2)
    assert "exp(" in out


def test_a_graph_and_a_loop_program(show):
    assert show(GRAPH)[1].startswith("function squares(x: in f32[3, 8], out0: out f32[3])")
    status, out, _ = show(LOOPS, "--pipeline", "[]")
    assert (status, out) == (0, LOOPS + "\n")


def test_from_standard_input():
    command = [sys.executable, "-m", "misfold.fuzz", "compile", "-", "--pipeline", "O0"]
    result = subprocess.run(command, input=GRAPH, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("function ")


def test_a_list_of_passes(show):
    status, out, _ = show(LOOPS, "--pipeline", '["simplify", ["unrolling", {"full": 8}]]')
    assert status == 0
    assert "for" not in out and "y[5] = x[5] * 2:i32" in out


def test_stages(show):
    def headings(*arguments: str) -> list[str]:
        status, out, _ = show(GRAPH, "--pipeline", "O1", *arguments)
        assert status == 0
        return [line.removeprefix("# ").split("  ")[0] for line in out.splitlines() if line.startswith("# ")]

    every = headings("--print-after", "all")
    assert every[:2] == ["input", "decomposition"] and "lowering" in every and every[-1] == "dead-store-elimination"
    changed = headings("--print-after", "changed")
    assert set(changed) < set(every) and {"input", "lowering"} <= set(changed)
    assert headings("--print-after", "operator-fusion", "--print-after", "input") == ["input", "operator-fusion"]
    assert headings() == []
    assert headings("--interpret") == every


def test_interpreting_says_how_stages_compare(show):
    status, out, _ = show(GRAPH, "--interpret", "--emit", "nothing")
    assert status == 0
    assert {line.rpartition("(")[2].rstrip(")").partition(",")[0] for line in out.splitlines()} == {"same bits"}


def test_interpreting_finds_a_pass_that_is_wrong(show, monkeypatch: pytest.MonkeyPatch):
    from dataclasses import replace

    def wrong(self, graph):
        nodes = [replace(node, operator="add" if node.operator == "mul" else node.operator) for node in graph.nodes]
        return replace(graph, nodes=tuple(nodes))

    monkeypatch.setattr(AlgebraicSimplification, "run", wrong)
    status, out, _ = show(GRAPH, "--interpret", "--emit", "nothing")
    assert status == 1
    assert "# algebraic-simplification  (elements differ by up to" in out


def test_a_pass_that_fails_is_named(show, monkeypatch: pytest.MonkeyPatch):
    def failing(self, graph):
        raise KeyError("planted")

    monkeypatch.setattr(AlgebraicSimplification, "run", failing)
    status, out, err = show(GRAPH)
    assert status == 1
    assert "pass algebraic-simplification: KeyError: 'planted'" in " ".join((out + err).split())


def test_llvm_and_assembly(show):
    assert "define " in show(GRAPH, "--emit", "llvm")[1]
    assert "entry:" in show(GRAPH, "--emit", "assembly")[1]
    assert show(GRAPH, "--emit", "nothing")[1] == ""


def test_a_walk_through(show):
    status, out, _ = show(GRAPH, "--walk-through")
    assert status == 0
    assert out.startswith("# ") and "## lowering" in out and "```" in out


@pytest.mark.parametrize(
    ("text", "arguments", "message"),
    [
        (None, [], "program.txt"),
        ("", [], "not a case file"),
        ("graph g(x: f32[2]) -> (y) {\n  y: f32[3] = neg(x)\n}\n", [], "y: "),
        ("graph g(x: f32[2]) -> (y) {\n  y: f32[2] = nag(x)\n}\n", [], "nag"),
        ("function f(x: in f32[2]) {\n  x[0] = 1.0:f32\n}\n", ["--pipeline", "[]"], "x"),
        ("function f(", [], "line 1"),
        (GRAPH, ["--pipeline", "O9"], "no pipeline 'O9'; there are: O0, O1, O2, O3"),
        (GRAPH, ["--pipeline", "[simplify]"], "--pipeline is not JSON"),
        (GRAPH, ["--pipeline", "[1]"], "not a pass: 1"),
        (GRAPH, ["--pipeline", '["simplfy"]'], "there is no pass 'simplfy'"),
        (GRAPH, ["--pipeline", '[["tiling", {"size": 0}]]'], "pass tiling: size must be between"),
        (GRAPH, ["--pipeline", '["simplify", "layout"]'], "layout works on graphs"),
        (LOOPS, [], "works on graphs, and this is a loop program"),
        (GRAPH, ["--print-after", "tiling"], "--print-after tiling: the pipeline has no such pass; it has: all,"),
        (GRAPH, ["--emit", "wasm"], "--emit is one of loops, llvm, assembly, nothing"),
        (CASE.replace("torch.softmax(v1, -1)", "torch.no_such(v1)"), [], "program.txt:6: torch.no_such is not an"),
        (CASE.replace("torch.softmax(v1, -1)", "torch.linalg.svdvals(v1)"), [], "does not take this program: aten."),
    ],
)  # fmt: skip
def test_bad_input_is_one_clear_line(show, text, arguments, message):
    status, out, err = show(text, *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("misfold: ") and err.count("\n") == 1
    assert message in err


def test_a_file_that_is_no_text(show, tmp_path: Path):
    (tmp_path / "program.txt").write_bytes(b"\xff\xfe\x00graph")
    status, _, err = show(None)
    assert status == 2 and err.count("\n") == 1
