"""Inputs in memory whose surroundings are watched: what a compiled program writes outside its outputs is noticed."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .protocol import MemoryStamped

#: Bytes watched on either side of a tensor: a cache line and a vector register of any size, eight times over. What
#: overruns does so by an element, a vector or a row.
GUARD = 512
#: Compiled code may rely on this alignment of what it is handed (TVM's kAllocAlignment, Inductor's ALIGN_BYTES).
ALIGNMENT = 64
# A pattern that is no usual number: as float32 it is -1.6e-22, as int32 far from zero, and not the 0 of fresh memory.
_CANARY = 0x9B


class GuardedInputs:
    """Copies of tensors, contiguous and aligned to 64 bytes, each between two stretches of known bytes."""

    def __init__(self, tensors: Sequence[torch.Tensor]):
        self.tensors: list[torch.Tensor] = []
        self._buffers: list[tuple[torch.Tensor, int, int]] = []
        for tensor in tensors:
            size = tensor.numel() * tensor.element_size()
            buffer = torch.full((size + 2 * GUARD + ALIGNMENT,), _CANARY, dtype=torch.uint8)
            start = GUARD + -(buffer.data_ptr() + GUARD) % ALIGNMENT
            view = buffer[start : start + size].view(tensor.dtype).view(tensor.shape)
            view.copy_(tensor.detach())
            self.tensors.append(view)
            self._buffers.append((buffer, start, size))
        self._before = [buffer[start : start + size].clone() for buffer, start, size in self._buffers]

    def check(self) -> None:
        """Raise MemoryStamped if anything was written around the tensors, or in them."""
        for index, (buffer, start, size) in enumerate(self._buffers):
            for where, part in (("before", buffer[:start]), ("behind", buffer[start + size :])):
                if not bool((part == _CANARY).all()):
                    places = (part != _CANARY).nonzero().flatten()
                    distance = start - int(places[-1]) if where == "before" else int(places[0]) + 1
                    raise MemoryStamped(
                        f"input {index}: {len(places)} bytes written {where} it, the nearest {distance} bytes away"
                    )
            if not torch.equal(buffer[start : start + size], self._before[index]):
                raise MemoryStamped(f"input {index} was written, which the program does not do")
