"""Loads and stores of elements: one, contiguous lanes, or gathered ones; all under a mask where there is one."""

from __future__ import annotations

from misfold.compiler.dtypes import DType

from . import floats
from .addresses import Affine, Index, Place, materialised, pointer
from .emitter import Emitter, Value, convert
from .types import Type, memory_type


def _from_memory(x: Value, dtype: DType) -> Value:
    return x.ne(0) if dtype.is_bool else floats.from_memory(x, dtype)


def _to_memory(x: Value, dtype: DType) -> Value:
    return convert("zext", x, "i8") if dtype.is_bool else floats.to_memory(x, dtype)


def load(e: Emitter, place: Place, dtype: DType, distance: Index, mask: Value | None) -> Value:
    """The elements at these distances; in lanes that ``mask`` leaves out, anything."""
    element = memory_type(dtype)
    if isinstance(distance, Affine) and distance.stride in (1, -1):
        found = _load_contiguous(e, place, element, distance, mask)
    else:
        where = materialised(distance)
        narrow = bool(where.type.lanes) and element.bits < 32
        if narrow and mask is not None:
            # Some lane is active, so the buffer is not empty and its first element can be read.
            where = e.select(mask, where, 0)
        at = pointer(e, place.pointer, element.text, where, inbounds=mask is None or narrow)
        if narrow:
            found = _one_by_one(e, element, at)
        elif not at.type.lanes:
            found = e.instruction(f"load {element.text}, ptr {at.text}, align {dtype.bytes}", element)
        else:
            type = element.with_lanes(at.type.lanes)
            name = f"llvm.masked.gather.{type.mangled}.{at.type.mangled}"
            found = _masked(e, name, type, at, dtype.bytes, mask)
    return _from_memory(found, dtype)


def _one_by_one(e: Emitter, element: Type, at: Value) -> Value:
    """A gather of elements for which there is no instruction: LLVM would test the mask for each lane."""
    type = element.with_lanes(at.type.lanes)
    result = Value(e, "poison", type)
    for lane in range(at.type.lanes):
        one = e.lane(at, lane)
        loaded = e.instruction(f"load {element.text}, ptr {one.text}, align {element.bits // 8}", element)
        result = e.instruction(
            f"insertelement {type.text} {result.text}, {element.text} {loaded.text}, i64 {lane}", type
        )
    return result


def _masked(e: Emitter, name: str, type: Type, at: Value, align: int, mask: Value | None) -> Value:
    lanes = type.with_element("i1")
    mask = mask or e.literal(True, lanes)
    e.module.declare(name, f"declare {type.text} @{name}({at.type.text}, {lanes.text}, {type.text})")
    return e.instruction(
        f"call {type.text} @{name}({at.type.text} align {align} {at.text}, {lanes.text} {mask.text}, "
        f"{type.text} zeroinitializer)",
        type,
    )


def _load_contiguous(e: Emitter, place: Place, element: Type, distance: Affine, mask: Value | None) -> Value:
    lanes, align = distance.lanes, element.bits // 8
    type = element.with_lanes(lanes)
    backwards = distance.stride == -1
    first = distance.base - (lanes - 1) if backwards else distance.base
    at = pointer(e, place.pointer, element.text, first, inbounds=mask is None)
    order = list(range(lanes))[::-1]
    if mask is None:
        found = e.instruction(f"load {type.text}, ptr {at.text}, align {align}", type)
    else:
        mask = e.shuffle(mask, order) if backwards else mask
        found = _masked(e, f"llvm.masked.load.{type.mangled}.p0", type, at, align, mask)
    return e.shuffle(found, order) if backwards else found


def store(e: Emitter, place: Place, dtype: DType, distance: Index, value: Value, mask: Value | None) -> None:
    """Write ``value`` where ``mask`` allows; of lanes that meet in one element, the last one stays."""
    element = memory_type(dtype)
    if isinstance(distance, Value) and not distance.type.lanes and not value.type.lanes:
        # One element, one value. Where there is a mask, some lane is active: a masked block is only entered then.
        at = pointer(e, place.pointer, element.text, distance)
        content = _to_memory(value, dtype)
        e.line(f"store {element.text} {content.text}, ptr {at.text}, align {dtype.bytes}")
        return
    lanes = distance.lanes if isinstance(distance, Affine) else distance.type.lanes or value.type.lanes
    content = _to_memory(e.broadcast(value, lanes), dtype)
    if isinstance(distance, Affine) and distance.stride in (1, -1):
        _store_contiguous(e, place, element, distance, content, mask)
        return
    where = materialised(distance)
    at = pointer(e, place.pointer, element.text, e.broadcast(where, lanes), inbounds=mask is None)
    _scatter(e, f"llvm.masked.scatter.{content.type.mangled}.{at.type.mangled}", content, at, dtype.bytes, mask)


def _scatter(e: Emitter, name: str, content: Value, at: Value, align: int, mask: Value | None) -> None:
    lanes = content.type.with_element("i1")
    mask = mask or e.literal(True, lanes)
    e.module.declare(name, f"declare void @{name}({content.type.text}, {at.type.text}, {lanes.text})")
    e.line(
        f"call void @{name}({content.type.text} {content.text}, {at.type.text} align {align} {at.text}, "
        f"{lanes.text} {mask.text})"
    )


def _store_contiguous(
    e: Emitter, place: Place, element: Type, distance: Affine, content: Value, mask: Value | None
) -> None:
    lanes, align = distance.lanes, element.bits // 8
    first = distance.base
    if distance.stride == -1:
        order = list(range(lanes))[::-1]
        first, content = first - (lanes - 1), e.shuffle(content, order)
        mask = mask and e.shuffle(mask, order)
    at = pointer(e, place.pointer, element.text, first, inbounds=mask is None)
    if mask is None:
        e.line(f"store {content.type.text} {content.text}, ptr {at.text}, align {align}")
    else:
        _scatter(e, f"llvm.masked.store.{content.type.mangled}.p0", content, at, align, mask)
