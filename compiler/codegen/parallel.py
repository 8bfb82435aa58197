"""Parallel loops: the body becomes a function over a range of iterations, that POSIX threads run on a part each.

Threads are made for each loop and joined at its end: tens of microseconds, so it pays for loops that take longer.
"""

from __future__ import annotations

from collections.abc import Iterable

from misfold.compiler.loops.ir import Allocate, For, Load, Reduce, Store, Var
from misfold.compiler.loops.visit import all_expressions, statements

from .addresses import Place, materialised, pointer
from .emitter import Emitter, Value
from .expressions import Scope
from .statements import write_serial
from .types import I64, PTR

# A task is eight words: environment, first and last + 1 iteration, thread number, status, handle, whether a thread was
# started, and the index that a bounds check failed with.
_ENVIRONMENT, _BEGIN, _END, _THREAD, _STATUS, _HANDLE, _STARTED, _FAILURE = range(8)
_TASK_BYTES = 64


def write_parallel(scope: Scope, loop: For) -> None:
    """Call the body on all threads; what it uses from around it goes along in an array of words, the environment."""
    e = scope.emitter
    start, stop = scope.value(loop.start), scope.value(loop.stop)
    count = e.select(start.lt(stop), e.arithmetic("udiv", stop - start - 1, loop.step) + 1, 0)
    buffers, variables = _captured(scope, loop)
    words = [scope.places[name].pointer for name in buffers]
    words += [materialised(scope.values[name]) for name in variables] + [start, stop]
    environment = e.allocate(8 * len(words))
    for position, word in enumerate(words):
        e.line(f"store {word.type.text} {word.text}, ptr {_word(e, environment, position).text}")
    name = _outline(scope, loop, buffers, variables, words)
    _declare_runtime(scope)
    function = Value(e, f"@{name}", PTR)
    status = e.call("parallel_for", [function, environment, count, scope.failure, scope.arena], I64, declare=False)
    failed, passed = e.fresh("failed"), e.fresh("passed")
    e.branch(status.ne(0), failed, passed)
    e.begin(failed)
    e.line(f"ret i64 {status.text}")
    e.begin(passed)


def _captured(scope: Scope, loop: For) -> tuple[list[str], list[str]]:
    """The buffers and variables from around the loop that its body uses."""
    buffers: dict[str, None] = {}
    variables: dict[str, None] = {}
    for expression in all_expressions(loop.body):
        if isinstance(expression, Load):
            buffers[expression.buffer.name] = None
        elif isinstance(expression, Var):
            variables[expression.name] = None
    for statement in statements(loop.body):
        if isinstance(statement, Store | Reduce | Allocate):
            buffers[statement.buffer.name] = None
    return [name for name in buffers if name in scope.places], [name for name in variables if name in scope.values]


def _word(e: Emitter, base: Value, position: int) -> Value:
    return pointer(e, base, "i64", e.literal(position, I64))


def _outline(scope: Scope, loop: For, buffers: list[str], variables: list[str], words: list[Value]) -> str:
    """Write the body as a function, and one that a thread can start with; the name of the latter."""
    program = scope.program
    # A loop inside of unrolled ones is written several times.
    name = program.module.unique(f"task.{loop.var.name}")
    thread = Emitter(program.module)
    task = Value(thread, "%task", PTR)

    def load(base: Value, position: int, type: str = "i64") -> Value:
        of = PTR if type == "ptr" else I64
        return thread.instruction(f"load {type}, ptr {_word(thread, base, position).text}", of)

    environment = load(task, _ENVIRONMENT, "ptr")
    arguments = []
    for position, word in enumerate(words):
        at = _word(thread, environment, position)
        arguments.append(thread.instruction(f"load {word.type.text}, ptr {at.text}", word.type))
    begin, end, number = load(task, _BEGIN), load(task, _END), load(task, _THREAD)
    # The caller hands in the start of all threads' parts of the arena, in the word of the failure index.
    arena = pointer(thread, load(task, _FAILURE, "ptr"), "i8", number * program.layout.thread_bytes)
    arguments += [begin, end, _word(thread, task, _FAILURE), arena]
    status = thread.call(f"{name}.body", arguments, I64, declare=False)
    thread.line(f"store i64 {status.text}, ptr {_word(thread, task, _STATUS).text}")
    thread.line("ret ptr null")
    program.module.define(thread.function(f"define internal ptr @{name}(ptr %task) #0"))

    body = Emitter(program.module, program.flags)
    parameters = [Value(body, f"%w{i}", word.type) for i, word in enumerate(words)]
    begin, end = Value(body, "%begin", I64), Value(body, "%end", I64)
    places = {
        buffer: Place(parameter, scope.places[buffer].strides, scope.places[buffer].copies)
        for buffer, parameter in zip(buffers, parameters)
    }
    values = dict(zip(variables, parameters[len(buffers) :]))
    inner = Scope(
        program, body, {**values}, places, Value(body, "%failure", PTR), Value(body, "%arena", PTR),
        parallel=True, path=scope.path,
    )  # fmt: skip
    start, stop = parameters[-2:]
    first = start + begin * loop.step
    last = body.intrinsic("smin", (start + end * loop.step, stop), I64)
    write_serial(inner, loop, first, last)
    body.line("ret i64 0")
    program.module.define(body.function(f"define internal i64 @{name}.body({_signature(parameters)}) #0"))
    return name


def _signature(parameters: Iterable[Value]) -> str:
    written = [f"{one.type.text} {'noalias ' if one.type is PTR else ''}{one.text}" for one in parameters]
    return ", ".join([*written, "i64 %begin", "i64 %end", "ptr %failure", "ptr noalias %arena"])


def _declare_runtime(scope: Scope) -> None:
    module = scope.program.module
    if "parallel_for" in module.helpers:
        return
    module.helpers.add("parallel_for")
    module.declare("pthread_create", "declare i32 @pthread_create(ptr, ptr, ptr, ptr)")
    module.declare("pthread_join", "declare i32 @pthread_join(i64, ptr)")
    threads = scope.program.threads
    module.define(_RUNTIME.format(threads=threads, last=threads - 1, bytes=threads * _TASK_BYTES))


# Iterations are split evenly. The calling thread takes the first part, and any whose thread can't be started. Of
# several parts that fail, the first is reported.
_RUNTIME = """
define internal i64 @parallel_for(ptr %function, ptr %environment, i64 %count, ptr %failure, ptr %arena) #0 {{
entry:
%tasks = alloca [{bytes} x i8], align 64
br label %prepare
prepare:
%t = phi i64 [ {last}, %entry ], [ %t.next, %prepared ]
%task = getelementptr [8 x i64], ptr %tasks, i64 %t
%low = mul i64 %count, %t
%begin = udiv i64 %low, {threads}
%high = add i64 %low, %count
%end = udiv i64 %high, {threads}
%begin.at = getelementptr i64, ptr %task, i64 1
%end.at = getelementptr i64, ptr %task, i64 2
%thread.at = getelementptr i64, ptr %task, i64 3
%status.at = getelementptr i64, ptr %task, i64 4
%handle.at = getelementptr i64, ptr %task, i64 5
%started.at = getelementptr i64, ptr %task, i64 6
%failure.at = getelementptr i64, ptr %task, i64 7
store ptr %environment, ptr %task
store i64 %begin, ptr %begin.at
store i64 %end, ptr %end.at
store i64 %t, ptr %thread.at
store i64 0, ptr %status.at
store i64 0, ptr %started.at
store ptr %arena, ptr %failure.at
%some = icmp ult i64 %begin, %end
br i1 %some, label %run, label %prepared
run:
%own = icmp eq i64 %t, 0
br i1 %own, label %here, label %create
create:
%error = call i32 @pthread_create(ptr %handle.at, ptr null, ptr %function, ptr %task)
%created = icmp eq i32 %error, 0
br i1 %created, label %note, label %here
note:
store i64 1, ptr %started.at
br label %prepared
here:
%ignored = call ptr %function(ptr %task)
br label %prepared
prepared:
%t.next = sub i64 %t, 1
%more = icmp sgt i64 %t, 0
br i1 %more, label %prepare, label %join
join:
%j = phi i64 [ {last}, %prepared ], [ %j.next, %joined ]
%result = phi i64 [ 0, %prepared ], [ %result.next, %joined ]
%j.task = getelementptr [8 x i64], ptr %tasks, i64 %j
%j.status.at = getelementptr i64, ptr %j.task, i64 4
%j.handle.at = getelementptr i64, ptr %j.task, i64 5
%j.started.at = getelementptr i64, ptr %j.task, i64 6
%j.failure.at = getelementptr i64, ptr %j.task, i64 7
%j.started = load i64, ptr %j.started.at
%wait = icmp ne i64 %j.started, 0
br i1 %wait, label %waiting, label %finished
waiting:
%j.handle = load i64, ptr %j.handle.at
%j.error = call i32 @pthread_join(i64 %j.handle, ptr null)
br label %finished
finished:
%j.status = load i64, ptr %j.status.at
%failed = icmp ne i64 %j.status, 0
br i1 %failed, label %report, label %joined
report:
%j.failure = load i64, ptr %j.failure.at
store i64 %j.failure, ptr %failure
br label %joined
joined:
%result.next = phi i64 [ %result, %finished ], [ %j.status, %report ]
%j.next = sub i64 %j, 1
%left = icmp sgt i64 %j, 0
br i1 %left, label %join, label %done
done:
ret i64 %result.next
}}"""
