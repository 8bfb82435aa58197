"""Kernels as C, written from the meaning that ``compiler/loops/operators.py`` states, and from none of its code: an
evaluation that is independent of the interpreter, of the compiler, and of TVM.

Many kernels go into one program. It reads all arrays from its standard input and writes each kernel's status (0, or 1
where an assert does not hold) and the arrays of its ``out`` and ``inout`` parameters. Every buffer is allocated by
itself, so that the address sanitizer sees each access out of bounds.
"""

from __future__ import annotations

from misfold.compiler.dtypes import BF16, F16, F32, F64, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Cast,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Reduce,
    Select,
    Statement,
    Store,
    Unary,
    Var,
)

_INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")


def c_type(dtype: DType) -> str:
    """The C type that holds a value: f16 and bf16 are float, rounded after each operation; bool is a byte."""
    if dtype.is_bool:
        return "uint8_t"
    if dtype.is_float:
        return "double" if dtype == F64 else "float"
    return f"{'u' if dtype.kind == 'uint' else ''}int{dtype.bits}_t"


def program(functions: list[Function]) -> str:
    """The C program of some functions."""
    kernels = [_Kernel(function, f"kernel{number}").text() for number, function in enumerate(functions)]
    calls = "".join(f"    run_kernel{number}();\n" for number in range(len(functions)))
    return "\n".join([_PRELUDE, *map(_helpers, _INTEGERS), *kernels, f"int main(void) {{\n{calls}    return 0;\n}}\n"])


class _Kernel:
    def __init__(self, function: Function, name: str):
        self.function, self.name = function, name
        self.lines: list[str] = []
        self.depth = 1

    def text(self) -> str:
        parameters = self.function.parameters
        arguments = ", ".join(f"{c_type(one.buffer.dtype)} *{_name(one.buffer.name)}" for one in parameters)
        self.block(self.function.body)
        body = "\n".join(self.lines)
        arrays = [(one, _name(one.buffer.name), c_type(one.buffer.dtype)) for one in parameters]
        reading = "".join(
            f"    {kind} *{name} = fresh({max(one.buffer.elements, 1)} * sizeof *{name});\n"
            f"    get({name}, {one.buffer.elements} * sizeof *{name});\n"
            for one, name, kind in arrays
        )
        writing = "".join(
            f"    fwrite({name}, 1, {one.buffer.elements} * sizeof *{name}, stdout);\n"
            for one, name, _ in arrays
            if one.role != "in"
        )
        freeing = "".join(f"    free({name});\n" for _, name, _ in arrays)
        call = f"    fputc({self.name}({', '.join(name for _, name, _ in arrays)}), stdout);\n"
        return (
            f"static int {self.name}({arguments}) {{\n{body}\n    return 0;\n}}\n"
            f"static void run_{self.name}(void) {{\n{reading}{call}{writing}{freeing}}}\n"
        )

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def block(self, block: tuple[Statement, ...]) -> None:
        allocated = []
        for statement in block:
            if isinstance(statement, Allocate):
                allocated.append(statement.buffer)
            self.statement(statement)
        for buffer in allocated:
            self.line(f"free({_name(buffer.name)});")

    def statement(self, statement: Statement) -> None:
        match statement:
            case Let(var, value):
                self.line(f"const {c_type(var.dtype)} {_name(var.name)} = {expression(value)};")
                self.line(f"(void){_name(var.name)};")
            case Allocate(buffer):
                name = _name(buffer.name)
                self.line(f"{c_type(buffer.dtype)} *{name} = fresh({max(buffer.elements, 1)} * sizeof *{name});")
            case Store(buffer, indices, value):
                self.line(f"{_element(buffer, indices)} = {expression(value)};")
            case Reduce(op, buffer, indices, value):
                place = _element(buffer, indices)
                self.line(f"{{ {c_type(buffer.dtype)} *slot = &{place}; *slot = ")
                self.line(f"    {_call(op, buffer.dtype, '*slot', expression(value))}; }}")
            case For(var, start, stop, body, _, step):
                name = _name(var.name)
                self.line(f"for (int64_t {name} = {expression(start)}, end_{name} = {expression(stop)};")
                self.line(f"     {name} < end_{name}; {name} += {step}) {{")
                self.inside(body)
            case If(condition, then, other):
                self.line(f"if ({expression(condition)}) {{")
                self.inside(then)
                if other:
                    self.line("else {")
                    self.inside(other)
            case Assert(condition, _):
                self.line(f"if (!{expression(condition)}) return 1;")
            case _:
                raise TypeError(f"not a statement: {statement!r}")

    def inside(self, body: tuple[Statement, ...]) -> None:
        self.depth += 1
        self.block(body)
        self.depth -= 1
        self.line("}")


def _name(name: str) -> str:
    # Names of the loop IR may be words of C.
    return f"n_{name}"


def _element(buffer: Buffer, indices: tuple[Expr, ...]) -> str:
    place = "0"
    for size, index in zip(buffer.shape, indices):
        place = f"({place} * {size} + at({expression(index)}, {size}))"
    return f"{_name(buffer.name)}[{place}]"


def expression(node: Expr) -> str:
    """An expression in C."""
    match node:
        case Const(value, dtype):
            return _literal(value, dtype)
        case Var(name, _):
            return _name(name)
        case Load(buffer, indices):
            return _element(buffer, indices)
        case Unary(op, operand):
            dtype = operand.dtype
            if dtype.is_bool:
                return f"(!{expression(operand)})"
            if dtype.is_float:
                return _rounded(dtype, f"f_{op}({expression(operand)})")
            return f"{op}_{dtype.name}({expression(operand)})"
        case Binary(op, left, right):
            return _call(op, left.dtype, expression(left), expression(right))
        case Select(condition, then, other):
            return f"({expression(condition)} ? {expression(then)} : {expression(other)})"
        case Cast(dtype, operand):
            return _cast(dtype, operand.dtype, expression(operand))
    raise TypeError(f"not an expression: {node!r}")


_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "div": "/"}
_BITS = {"and": "&", "or": "|", "xor": "^"}


def _call(op: str, dtype: DType, a: str, b: str) -> str:
    if op in _COMPARISONS:
        return f"((uint8_t)({a} {_COMPARISONS[op]} {b}))"
    if dtype.is_bool:
        return f"((uint8_t)({a} {_BITS[op]} {b}))"
    if dtype.is_float:
        if op in _ARITHMETIC:
            return _rounded(dtype, f"({a} {_ARITHMETIC[op]} {b})")
        width = "64" if dtype == F64 else "32"
        return _rounded(dtype, f"f_{op}{width if op == 'floordiv' else ''}({a}, {b})")
    return f"{op}_{dtype.name}({a}, {b})"


def _rounded(dtype: DType, value: str) -> str:
    if dtype == F16:
        return f"round_to({value}, 11, -24, 65504.0L)"
    if dtype == BF16:
        return f"round_to({value}, 8, -133, 0x1.FEp127L)"
    return f"(({c_type(dtype)}){value})"


def _cast(target: DType, source: DType, value: str) -> str:
    if target.is_bool:
        return f"((uint8_t)({value} != 0))"
    if target.is_float:
        if target in (F32, F64):
            return f"(({c_type(target)}){value})"
        return _rounded(target, f"(long double){value}")
    return f"to_{target.name}({value})" if source.is_float else f"(({c_type(target)}){value})"


def _literal(value: object, dtype: DType) -> str:
    if dtype.is_float:
        number = float(value)  # type: ignore[arg-type]
        if number != number:
            return f"(({c_type(dtype)})NAN)"
        if number in (float("inf"), float("-inf")):
            return f"(({c_type(dtype)}){'-' if number < 0 else ''}INFINITY)"
        return f"(({c_type(dtype)})({number.hex()}))"
    whole = int(value)  # type: ignore[call-overload]
    if whole == -(2**63):
        return "INT64_MIN"
    return f"(({c_type(dtype)}){whole}{'u' if dtype.kind == 'uint' else ''}ll)"


_PRELUDE = r"""
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *fresh(size_t size) { void *p = malloc(size); if (!p) abort(); return p; }
static void get(void *p, size_t size) { if (fread(p, 1, size, stdin) != size) abort(); }
static inline int64_t at(int64_t i, int64_t size) { if (i < 0 || i >= size) abort(); return i; }

/* To nearest even in a type of so many significant bits, whose smallest number is 2**least. */
static float round_to(long double x, int bits, int least, long double most) {
    if (x != x || isinf(x) || x == 0) return (float)x;
    int exponent;
    frexpl(x, &exponent);
    int unit = exponent - bits < least ? least : exponent - bits;
    x = ldexpl(nearbyintl(ldexpl(x, -unit)), unit);
    return (float)(fabsl(x) > most ? copysignl(INFINITY, x) : x);
}

static inline double f_neg(double x) { return -x; }
static inline double f_abs(double x) { return fabs(x); }
static inline double f_round(double x) { return nearbyint(x); }
#define FUNCTION(name) static inline double f_##name(double x) { return name(x); }
FUNCTION(sqrt) FUNCTION(floor) FUNCTION(ceil) FUNCTION(trunc) FUNCTION(exp) FUNCTION(exp2) FUNCTION(expm1)
FUNCTION(log) FUNCTION(log2) FUNCTION(log10) FUNCTION(log1p) FUNCTION(sin) FUNCTION(cos) FUNCTION(tan) FUNCTION(asin)
FUNCTION(acos) FUNCTION(atan) FUNCTION(sinh) FUNCTION(cosh) FUNCTION(tanh) FUNCTION(asinh) FUNCTION(acosh)
FUNCTION(atanh) FUNCTION(erf) FUNCTION(erfc)
static inline double f_min(double a, double b) { return a != a ? a : b != b ? b : a < b ? a : b; }
static inline double f_max(double a, double b) { return a != a ? a : b != b ? b : a > b ? a : b; }
static inline double f_pow(double a, double b) { return pow(a, b); }
static inline double f_atan2(double a, double b) { return atan2(a, b); }
static inline double f_copysign(double a, double b) { return copysign(a, b); }
static inline double f_truncmod(double a, double b) { return fmod(a, b); }
static inline double f_floormod(double a, double b) {
    double r = fmod(a, b);
    if (r == 0) return copysign(0.0, b);
    return (r < 0) != (b < 0) ? r + b : r;
}
/* Python's //, each step rounded in the type. */
#define FLOORDIV(name, type) \
static inline type name(type a, type b) { \
    if (b == 0) return a / b; \
    type r = (type)fmod(a, b), q = (type)((type)(a - r) / b); \
    if (r != 0 && (r < 0) != (b < 0)) q = (type)(q - 1); \
    if (q == 0 || q != q || isinf(q)) return q == 0 ? (type)(copysign(0.0, a) * copysign(1.0, b)) : q; \
    type whole = (type)floor(q); \
    return q - whole > (type)0.5 ? (type)(whole + 1) : whole; \
}
FLOORDIV(f_floordiv32, float)
FLOORDIV(f_floordiv64, double)
"""


def _helpers(name: str) -> str:
    """The operators on one integer type: all arithmetic is done on 64 bits without sign, which wraps."""
    signed = name[0] == "i"
    bits = int(name[1:])
    kind = f"{'' if signed else 'u'}int{bits}_t"
    low, high = (f"-0x1p{bits - 1}", f"0x1p{bits - 1}") if signed else ("0.0", f"0x1p{bits}")
    smallest = f"INT{bits}_MIN" if signed else "0"
    largest = f"{'' if signed else 'U'}INT{bits}_MAX"
    minus = "b == (T)-1" if signed else "0"
    return f"""
#define T {kind}
static inline T add_{name}(T a, T b) {{ return (T)((uint64_t)a + (uint64_t)b); }}
static inline T sub_{name}(T a, T b) {{ return (T)((uint64_t)a - (uint64_t)b); }}
static inline T mul_{name}(T a, T b) {{ return (T)((uint64_t)a * (uint64_t)b); }}
static inline T neg_{name}(T a) {{ return (T)(0 - (uint64_t)a); }}
static inline T abs_{name}(T a) {{ return a < 0 ? neg_{name}(a) : a; }}
static inline T not_{name}(T a) {{ return (T)~(uint64_t)a; }}
static inline T and_{name}(T a, T b) {{ return (T)(a & b); }}
static inline T or_{name}(T a, T b) {{ return (T)(a | b); }}
static inline T xor_{name}(T a, T b) {{ return (T)(a ^ b); }}
static inline T min_{name}(T a, T b) {{ return a < b ? a : b; }}
static inline T max_{name}(T a, T b) {{ return a > b ? a : b; }}
static inline T truncdiv_{name}(T a, T b) {{ if (!b) abort(); return {minus} ? neg_{name}(a) : (T)(a / b); }}
static inline T truncmod_{name}(T a, T b) {{ if (!b) abort(); return {minus} ? 0 : (T)(a % b); }}
static inline T floordiv_{name}(T a, T b) {{
    T q = truncdiv_{name}(a, b), r = truncmod_{name}(a, b);
    return r != 0 && (r < 0) != (b < 0) ? (T)(q - 1) : q;
}}
static inline T floormod_{name}(T a, T b) {{
    T r = truncmod_{name}(a, b);
    return r != 0 && (r < 0) != (b < 0) ? (T)(r + b) : r;
}}
static inline T euclidmod_{name}(T a, T b) {{
    T r = truncmod_{name}(a, b);
    return r >= 0 ? r : b < 0 ? sub_{name}(r, b) : add_{name}(r, b);
}}
static inline T eucliddiv_{name}(T a, T b) {{
    T q = truncdiv_{name}(a, b), r = truncmod_{name}(a, b);
    return r >= 0 ? q : b < 0 ? add_{name}(q, 1) : sub_{name}(q, 1);
}}
static inline T shl_{name}(T a, T b) {{ return b < 0 || b >= {bits} ? 0 : (T)((uint64_t)a << b); }}
static inline T shr_{name}(T a, T b) {{ return b < 0 || b >= {bits} ? (a < 0 ? (T)-1 : 0) : (T)(a >> b); }}
static inline T pow_{name}(T a, T b) {{
    if (b < 0) return a == 1 ? 1 : a == (T)-1 ? (b & 1 ? (T)-1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)a;
    for (uint64_t n = (uint64_t)b; n; n >>= 1, base *= base) if (n & 1) result *= base;
    return (T)result;
}}
static inline T to_{name}(double x) {{
    if (x != x) return 0;
    x = trunc(x);
    return x < {low} ? {smallest} : x >= {high} ? {largest} : (T)x;
}}
#undef T
"""


__all__ = ["c_type", "program"]
