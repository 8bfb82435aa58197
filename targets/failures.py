"""Exceptions as data: type, message, frames and traceback of what went wrong in code that is not ours to trust."""

from __future__ import annotations

import re
import subprocess
import traceback
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import FrameType

from .outcome import Failure
from .protocol import Unsupported

#: Cap on messages, tracebacks and captured output, in characters: whole for nearly all, small enough to keep by the
#: thousand.
TEXT_CAP = 16 * 1024
# A runaway recursion has a thousand frames: its beginning says where it came from, its end what repeats.
_OUTER_FRAMES, _DEEP_FRAMES = 20, 60
_CHAIN = 32

#: misfold's own modules that stand between a worker's start and the code under test.
_HARNESS = (
    "misfold.targets.isolation",
    "misfold.targets.running",
    "misfold.targets.execution",
    "runpy",
    "__main__",
)
# Where rooms lie side by side, installed or not, and those of them that run in workers.
_ROOT = Path(__file__).resolve().parents[1]
_ROOMS = ("programs", "targets", "oracles", "generators", "mutators", "triage", "fuzz")
_INSTALLED = re.compile(r".*/(?:site-packages|dist-packages|lib/python3\.\d+(?:/lib-dynload)?)/(.*)")
_FROZEN = re.compile(r"<frozen (.*)>")
# Raised by lookups and tools, and explained by the exception that was raised from them.
_INCIDENTAL = (KeyError, IndexError, AttributeError, StopIteration, subprocess.SubprocessError)


def capped(text: str, cap: int = TEXT_CAP) -> str:
    """``text`` fit for the wire: without lone surrogates, and of a long one the beginning and the (longer) end."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) <= cap:
        return text
    head = cap // 4
    mark = f"\n[… {len(text) - cap} characters left out …]\n"
    return text[:head] + mark + text[len(text) - (cap - head) :]


@lru_cache(maxsize=4096)
def file_module(path: str) -> str:
    """The module that a source file is, as far as its path and the packages around it tell."""
    if frozen := _FROZEN.fullmatch(path):
        return frozen[1]
    if path.startswith("/misfold/program_"):
        return "misfold_program"
    if path.startswith(f"{_ROOT}/") and path[len(str(_ROOT)) + 1 :].partition("/")[0] in _ROOMS:
        inside = "misfold/" + path[len(str(_ROOT)) + 1 :]
    elif installed := _INSTALLED.fullmatch(path):
        inside = installed[1]
    else:
        # Not by sys.path, which differs between processes: the outermost folder that is a package.
        file = Path(path)
        start = file.parent
        while start != start.parent and (start / "__init__.py").exists():
            start = start.parent
        inside = str(file.relative_to(start))
    return inside.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def without_harness(frames: Sequence[str]) -> tuple[str, ...]:
    """Frames without the outermost ones that are misfold's own."""
    start = 0
    while start < len(frames) and _is_harness(frames[start].partition(":")[0]):
        start += 1
    return tuple(frames[start:])


def _is_harness(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in _HARNESS)


def message_of(error: BaseException) -> str:
    """``str(error)``, even if that raises."""
    try:
        return capped(str(error))
    except BaseException as odd:
        return f"(no message: __str__ raised {type(odd).__qualname__})"


def type_name(error: BaseException) -> str:
    """The fully qualified class, without ``builtins``."""
    cls = type(error)
    return capped(cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}", 200)


def _attribute(error: BaseException, name: str) -> object:
    try:
        return getattr(error, name, None)
    except Exception:  # whatever the exception's own __getattr__ raises
        return None


def _cause(error: BaseException) -> BaseException | None:
    """What an exception wraps, if that says more than the exception itself.

    Wrappers name what they wrap: torch's as ``inner_exception``, others as ``__cause__``; an implicit ``__context__``
    may be incidental (a failed lookup, then the failure proper), so it counts only if the outer message quotes it.
    """
    inner = _attribute(error, "inner_exception")
    if isinstance(inner, BaseException):
        return inner
    if error.__cause__ is not None:
        return None if isinstance(error.__cause__, _INCIDENTAL) else error.__cause__
    context = error.__context__
    if context is not None and not error.__suppress_context__ and not isinstance(context, _INCIDENTAL):
        quoted = message_of(context).strip()
        if quoted and quoted in message_of(error):
            return context
    return None


def chain(error: BaseException) -> list[BaseException]:
    """The exception, what it wraps, what that wraps, …"""
    found = [error]
    while len(found) < _CHAIN:
        inner = _cause(found[-1])
        if inner is None or any(inner is known for known in found):
            break
        found.append(inner)
    return found


def _frames(error: BaseException) -> Iterator[FrameType]:
    trace = error.__traceback__
    while trace is not None:
        yield trace.tb_frame
        trace = trace.tb_next


def frames_of(errors: Sequence[BaseException]) -> tuple[str, ...]:
    """``module:function`` from the outermost frame of the first exception to the deepest of the last one.

    A wrapped exception's traceback starts at the frame that caught it, which the wrapper's traceback holds too.
    """
    joined: list[FrameType] = []
    for error in errors:
        own = list(_frames(error))
        if not own:
            continue
        meeting = next((index for index, frame in enumerate(joined) if frame is own[0]), len(joined))
        joined[meeting:] = own
    names = without_harness([f"{frame.f_globals.get('__name__', '?')}:{frame.f_code.co_name}" for frame in joined])
    if len(names) > _OUTER_FRAMES + _DEEP_FRAMES:
        names = names[:_OUTER_FRAMES] + names[-_DEEP_FRAMES:]
    return tuple(capped(name, 300) for name in names)


def failure_of(error: BaseException) -> Failure:
    """An exception as data. Type, message and frames are those of the innermost one; the traceback shows all.

    Never raises for what an exception's own code does.
    """
    errors = chain(error)
    try:
        text = "".join(traceback.format_exception(error))
    except BaseException as odd:
        text = f"(no traceback: formatting it raised {type(odd).__qualname__})"
    operator = next((item.operator for item in errors if isinstance(item, Unsupported)), None)
    message = message_of(errors[-1])
    if isinstance(errors[-1], SystemExit):
        message = f"asked to exit with status {message}"
    return Failure(type_name(errors[-1]), message, frames_of(errors), capped(text), operator=operator)
