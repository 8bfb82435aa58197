"""The compiler or what it made crashes, hangs, or fails its own checks."""

from __future__ import annotations

from typing import Any

from misfold.compiler.codegen.emitter import Emitter, Value, select

from ..catalogue import seeded
from ..witnesses import graph, kernel


@seeded(
    "vectors-taken-for-aligned",
    project="LLVM, TVM",
    models="a vector load that claims the alignment of its whole width, which elements of a buffer need not have",
    place="codegen.memory:_load_contiguous",
    trigger="a vectorised loop over consecutive elements that does not begin at a multiple of the vector",
    witness=kernel(
        "",
        "function f(x: in i64[33], y: out i64[32]) {\n  vectorised i in 0..32 {\n    y[i] = x[i + 1] * 2\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, e: Any, place: Any, element: Any, distance: Any, mask: Any) -> Any:
    if mask is not None or distance.stride != 1:
        return original(e, place, element, distance, mask)
    from misfold.compiler.codegen.addresses import pointer

    type = element.with_lanes(distance.lanes)
    at = pointer(e, place.pointer, element.text, distance.base)
    width = 1 << (max(distance.lanes * element.bits // 8, 1).bit_length() - 1)
    return e.instruction(f"load {type.text}, ptr {at.text}, align {width}", type)


@seeded(
    "least-divided-by-minus-one",
    project="LLVM, Inductor",
    models="the smallest integer divided by -1, which the machine answers with a trap",
    place="codegen.integers:_divide",
    trigger="a division of the smallest value of its type by -1, neither of them a constant",
    witness=kernel(
        "",
        "function f(x: in i64[64], y: out i64[64]) {\n  alloc k: i64[]\n  k[] = 63\n  for j in 0..64 {\n"
        "    k[] add= i64(x[j] > 1000)\n  }\n  for i in 0..64 {\n"
        "    y[i] = truncdiv(1 << k[], select(x[i] == 0, 1, x[i]))\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any, mask: Any) -> Any:
    if op == "truncdiv" and y.literal is None and dtype.is_signed:
        if mask is not None and (x.type.lanes or y.type.lanes):
            y = select(mask, y, 1)
        return x.emitter.arithmetic("sdiv", x, y)
    return original(op, x, y, dtype, mask)


@seeded(
    "division-in-sleeping-lanes",
    project="LLVM, Inductor",
    models="a vectorised division runs in lanes that a condition leaves out, where the divisor is 0",
    place="codegen.integers:_divide",
    trigger="a vectorised division of integers guarded by a test of the divisor",
    witness=kernel(
        "",
        "function f(x: in i64[16], y: inout i64[16]) {\n  vectorised i in 0..16 {\n    if i % 4 != 0 {\n"
        "      y[i] = truncdiv(x[i], i % 4)\n    }\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, op: str, x: Any, y: Any, dtype: Any, mask: Any) -> Any:
    return original(op, x, y, dtype, None)


@seeded(
    "division-hoisted-over-its-guard",
    project="LLVM, TVM",
    models="a division moved out of a loop past the condition that kept its divisor from being 0",
    place="passes.loops.loop_invariant_code_motion:_Scope._may_move",
    trigger="a division that does not change in a loop, under a test of its divisor",
    witness=kernel(
        [["loop-invariant-code-motion", {"integers": True, "unswitch": 0}]],
        "function f(x: in i64[8], y: out i64[8]) {\n  alloc k: i64[]\n  k[] = 0\n  for j in 0..8 {\n"
        "    k[] add= i64(x[j] > 1000)\n  }\n  let d: i64 = k[]\n  for i in 0..8 {\n    y[i] = x[i]\n"
        "    if (d != 0) & (x[i] > 0) {\n      y[i] = truncdiv(x[0] + 3, d) + i\n    }\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, self: Any, node: Any, certain: bool) -> bool:
    from misfold.compiler.loops.ir import Binary

    return True if isinstance(node, Binary) else original(self, node, certain)


@seeded(
    "loop-ends-on-equality",
    project="LLVM",
    models="the test at a loop's end made an inequality, which a step of more than one passes over",
    place="codegen.statements:write_serial",
    trigger="a serial loop whose step does not divide its length, with bounds that are constants",
    witness=kernel(
        "",
        "function f(x: in i64[9], y: inout i64[9]) {\n  for i in 0..9 step 2 {\n    y[i] add= x[i]\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, scope: Any, statement: Any, start: Any, stop: Any) -> None:
    e = scope.emitter
    if start.literal is None or stop.literal is None or start.literal >= stop.literal:
        original(scope, statement, start, stop)
        return
    from misfold.compiler.codegen.statements import write_block
    from misfold.compiler.codegen.types import I64

    body, end = e.fresh("loop"), e.fresh("exit")
    e.jump(body)
    before = e.block
    e.begin(body)
    following = e.fresh("%next")
    phi, var = e.later(), Value(e, e.fresh("%i"), I64)
    scope.values[statement.var.name] = var
    with e.nested():
        write_block(scope, statement.body)
        e.line(f"{following} = add i64 {var.text}, {statement.step}")
        again = Value(e, following, I64).ne(stop)
    e.fill(phi, f"{var.text} = phi i64 [ {start.text}, %{before} ], [ {following}, %{e.block} ]")
    e.branch(again, body, end)
    e.begin(end)


@seeded(
    "power-never-ends",
    project="TVM, LLVM",
    models="the exponent of a power loop shifted with its sign, so that a negative one never becomes 0",
    place="codegen.integers:_pow_loop",
    trigger="an integer to a negative power that is no constant",
    witness=kernel(
        "", "function f(x: in i64[4], y: out i64[4]) {\n  for i in 0..4 {\n    y[i] = pow(x[i], i - 3)\n  }\n}\n"
    ),
    shows="hang",
)
def _(original: Any, module: Any, type: Any) -> str:
    line = Emitter.line

    def signed(self: Any, text: str) -> None:
        line(self, text.replace("%power.next = lshr", "%power.next = ashr"))

    Emitter.line = signed  # type: ignore[method-assign]
    try:
        return original(module, type)
    finally:
        Emitter.line = line  # type: ignore[method-assign]


@seeded(
    "everything-on-the-stack",
    project="LLVM, Inductor",
    models="temporaries of any size on the stack, which overflows",
    place="codegen.layout:lay_out",
    trigger="temporaries of some megabytes in all",
    witness=kernel(
        "",
        "function f(x: in i64[8], y: out i64[8]) {\n  alloc t: i64[2000000]\n  for i in 0..8 {\n"
        "    t[i * 200000] = x[i]\n  }\n  for j in 0..8 {\n    y[j] = t[(7 - j) * 200000]\n  }\n}\n",
    ),
    shows="crash",
)
def _(original: Any, body: Any, threads: int) -> Any:
    return type(original(body, threads))()


@seeded(
    "no-such-type-in-the-table",
    project="TVM, Inductor",
    models="a table of types without an entry for a rare one: an internal error instead of an answer",
    place="codegen.integers:_shift",
    trigger="a shift of 8-bit integers",
    witness=graph(
        'def program(x: "int8[8]"):\n    v0 = torch.bitwise_left_shift(x, 1)\n    return (v0,)\n',
    ),
    shows="compile-error",
)
def _(original: Any, op: str, x: Any, amount: Any, dtype: Any) -> Any:
    names = {16: "w", 32: "d", 64: "q"}
    assert names[dtype.bits]
    return original(op, x, amount, dtype)


@seeded(
    "rules-that-undo-each-other",
    project="XLA, TVM",
    models="two rewrite rules that undo each other, until the stack is full",
    place="rule:add-negated",
    trigger="x + -y",
    witness=graph(
        'def program(x: "float32[8]", y: "float32[8]"):\n    v0 = torch.neg(y)\n    v1 = torch.add(x, v0)\n'
        "    return (v1,)\n"
    ),
    more={
        "rule:sub-zero": lambda original, site: site.apply("add", site.x, site.apply("neg", site.y)),
    },
    shows="compile-error",
)
def _(original: Any, site: Any) -> Any:
    return original(site)


@seeded(
    "ill-typed-code",
    project="LLVM, Inductor",
    models="generated code that the next compiler refuses: an operand of another type than the instruction says",
    place="codegen.casts:_from_integer",
    trigger="an 8-bit integer cast to a float",
    witness=graph('def program(x: "int8[8]"):\n    v0 = x.to(torch.float32)\n    return (v0,)\n'),
    shows="compile-error",
)
def _(original: Any, x: Any, source: Any, target: Any) -> Any:
    result = original(x, source, target)
    if source.bits == 8:
        return Value(result.emitter, result.text, result.type.with_element("double"))
    return result


@seeded(
    "group-before-its-operands",
    project="Inductor, ONNX Runtime",
    models="operators grouped so that a group reads what a later one makes",
    place="passes.graph.operator_fusion:_Fusion._can_share",
    trigger="a value that is used both within a group and by an operator between its producer and the group's end",
    witness=graph(
        'def program(x: "float32[8]"):\n    v0 = torch.exp(x)\n    v1 = torch.sum(v0)\n'
        "    v2 = torch.mul(v0, v1)\n    return v0, v1, v2\n"
    ),
    shows="compile-error",
)
def _(original: Any, self: Any, group: Any, node: Any) -> bool:
    return all(
        value.type.shape == group.shape and all(not one.origin for one in group.maps.get(value.name, ()))
        for value in node.outputs
    )


@seeded(
    "deep-chains-recurse",
    project="TVM, Inductor",
    models="a recursive walk over expressions that ends with long chains of operators",
    place="lowering.reader:Reader.operand",
    trigger="a chain of twelve or more elementwise operators in one nest",
    witness=graph(
        'def program(x: "float32[8]"):\n'
        + "".join(
            f"    v{number} = torch.{('add', 'mul')[number % 2]}({f'v{number - 1}' if number else 'x'}, 0.5)\n"
            for number in range(14)
        )
        + "    return (v13,)\n"
    ),
    shows="compile-error",
)
def _(original: Any, self: Any, value: Any, index: Any) -> Any:
    depth = self.__dict__.setdefault("_depth", 0)
    if depth > 10:
        raise RecursionError("maximum recursion depth exceeded")
    self._depth = depth + 1
    try:
        return original(self, value, index)
    finally:
        self._depth = depth


@seeded(
    "empty-tensors-divide",
    project="ONNX Runtime, TVM",
    models="a division by the number of elements, made when the program is compiled, for a tensor without any",
    place="lowering.reductions:reduce",
    trigger="a reduction over a tensor without elements",
    witness=graph('def program(x: "float32[3, 0]"):\n    v0 = torch.sum(x, 1)\n    return (v0,)\n'),
    shows="compile-error",
)
def _(original: Any, nest: Any) -> None:
    (x,) = nest.node.inputs
    assert nest.node.output.type.elements // x.type.elements >= 0
    original(nest)
