"""What a shared library's file says of its code: functions, symbols, classes.

Stock wheels are stripped of their symbol tables, but two things are always there, because exceptions and virtual calls
need them: the sorted table of all functions in ``.eh_frame_hdr`` (Linux Standard Base, section 10.6.2), and vtables
with the names of their classes (Itanium C++ ABI, sections 2.5 and 2.9).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import NoteSection
from numpy.typing import NDArray

Addresses = NDArray[np.uint64]

#: DW_EH_PE_datarel | DW_EH_PE_sdata4: the only encoding of the table that linkers write.
_TABLE_ENCODING = 0x3B
#: R_X86_64_RELATIVE and R_X86_64_64: a pointer in data, to be set by the loader.
_RELATIVE, _ABSOLUTE = 8, 1
#: Elf64_Sym, and STT_FUNC among its types. elftools reads one symbol at a time, which takes a minute for libtorch_cpu.
_SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
_FUNCTION = 2


class LibraryError(Exception):
    """A file that is not a shared library for this machine, or lacks a table that is needed. The message says which."""


@dataclass(frozen=True)
class Functions:
    """``start`` (sorted) and ``size`` in bytes of each function, as addresses in the file."""

    start: Addresses
    size: Addresses


class Library:
    """A shared library's file. Addresses are those in the file; ``load_address`` tells where they are in memory."""

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            with self.path.open("rb") as stream:
                file = ELFFile(stream)
                if file["e_machine"] != "EM_X86_64":
                    raise LibraryError(f"{path}: for {file['e_machine']}, and this works on x86-64 only")
                self._sections = {
                    section.name: (section["sh_addr"], section["sh_offset"], section["sh_size"], section["sh_type"])
                    for section in file.iter_sections()
                }
                note = file.get_section_by_name(".note.gnu.build-id")
                self.build_id = ""
                if isinstance(note, NoteSection):
                    self.build_id = next((item["n_desc"] for item in note.iter_notes()), "")
        except (OSError, ELFError) as error:
            raise LibraryError(f"{path}: {error}") from error
        if not self.build_id:
            status = self.path.stat()
            self.build_id = f"{status.st_size:x}-{status.st_mtime_ns:x}"
        self._bytes: NDArray[np.uint8] = np.memmap(self.path, dtype=np.uint8, mode="r")

    def section(self, name: str) -> tuple[int, NDArray[np.uint8]]:
        """Address and content of a section.

        Raises:
            LibraryError: there is no such section.
        """
        if name not in self._sections:
            raise LibraryError(f"{self.path} has no section {name}")
        address, offset, size, kind = self._sections[name]
        content = self._bytes[:0] if kind == "SHT_NOBITS" else self._bytes[offset : offset + size]
        return address, content

    @cached_property
    def text(self) -> tuple[int, int]:
        """First address of the code and the one behind its last."""
        address, content = self.section(".text")
        return address, address + len(content)

    @cached_property
    def functions(self) -> Functions:
        """All functions, from ``.eh_frame_hdr``.

        Raises:
            LibraryError: the library was built without unwind tables.
        """
        base, header = self.section(".eh_frame_hdr")
        if header[0] != 1 or header[3] != _TABLE_ENCODING or header[2] != 0x03:
            raise LibraryError(f"{self.path}: an .eh_frame_hdr of an unknown form")
        count = int(header[8:12].view("<u4")[0])
        table = header[12 : 12 + 8 * count].view("<i4").reshape(count, 2).astype(np.int64) + base
        start, entry = table[:, 0], table[:, 1]
        frame_base, frames = self.section(".eh_frame")
        words = np.ascontiguousarray(frames[: len(frames) // 4 * 4]).view("<u4")
        # length, CIE pointer, pc_begin, pc_range: 4 bytes each, as long as the length is not 0xffffffff
        at = (entry - frame_base) // 4
        regular = (entry - frame_base) % 4 == 0
        size = np.where(regular, words[np.where(regular, at + 3, 0)], 0).astype(np.uint64)
        low, high = self.text
        inside = (start >= low) & (start < high)
        start, order = np.unique(start[inside], return_index=True)
        return Functions(start.astype(np.uint64), size[inside][order])

    @cached_property
    def symbols(self) -> tuple[Addresses, list[str]]:
        """Addresses (sorted) and mangled names of the functions that the file names, exported ones or all."""
        addresses, names = [np.zeros(0, np.uint64)], list[str]()
        for table, strings in ((".dynsym", ".dynstr"), (".symtab", ".strtab")):
            if table not in self._sections or strings not in self._sections:
                continue
            content = self.section(table)[1]
            entries = np.ascontiguousarray(content[: len(content) // _SYMBOL.itemsize * _SYMBOL.itemsize]).view(_SYMBOL)
            entries = entries[(entries["info"] & 0xF == _FUNCTION) & (entries["value"] != 0)]
            addresses.append(entries["value"])
            text = self.section(strings)[1].tobytes()
            names += [text[at : text.index(b"\0", at)].decode(errors="replace") for at in entries["name"].tolist()]
        # Of several names at one address the first counts.
        unique, places = np.unique(np.concatenate(addresses), return_index=True)
        return unique, [names[place] for place in places.tolist()]

    @cached_property
    def classes(self) -> dict[int, str]:
        """Mangled class name of each virtual function, by its address, as ``N3tvm4tirx7AddNodeE``."""
        offset, addend = self._pointers()
        names = self._type_names(addend)
        # A type_info is (its own vtable, name, …): the pointer to a name is 8 bytes behind its beginning.
        is_name = np.isin(addend, np.array(sorted(names), np.uint64))
        type_info = {int(where) - 8: names[int(what)] for where, what in zip(offset[is_name], addend[is_name])}
        known = np.array(sorted(type_info), np.uint64)
        low, high = self.text
        to_code = (addend >= low) & (addend < high)
        found: dict[int, str] = {}
        # A vtable is (offset to top, type_info, function, function, …): follow each pointer to a type_info.
        for start in np.flatnonzero(np.isin(addend, known)).tolist():
            name = type_info[int(addend[start])]
            where, index = int(offset[start]), start + 1
            while index < len(offset) and int(offset[index]) == where + 8 and to_code[index]:
                found.setdefault(int(addend[index]), name)
                where, index = where + 8, index + 1
        return found

    def _pointers(self) -> tuple[Addresses, Addresses]:
        """Where the file holds pointers to itself, sorted, and what they point to."""
        _, content = self.section(".rela.dyn")
        table = np.ascontiguousarray(content[: len(content) // 24 * 24]).view("<u8").reshape(-1, 3)
        table = table[np.isin(table[:, 1] & np.uint64(0xFFFFFFFF), [_RELATIVE, _ABSOLUTE])]
        table = table[np.argsort(table[:, 0], kind="stable")]
        return table[:, 0], table[:, 2]

    def _type_names(self, pointed_at: Addresses) -> dict[int, str]:
        """Strings in ``.rodata`` that are pointed at and look like the mangled name of a class."""
        base, content = self.section(".rodata")
        wanted = np.unique(pointed_at[(pointed_at >= base) & (pointed_at < base + len(content))])
        starts = (wanted - np.uint64(base)).astype(np.int64)
        letter = content[starts]
        found = {}
        for start in starts[(letter == ord("N")) | ((letter >= ord("1")) & (letter <= ord("9")))]:
            text = content[start : start + 512].tobytes().split(b"\0", 1)[0]
            if re.fullmatch(rb"N?\d+[A-Za-z_][\w.]*", text):
                found[base + int(start)] = text.decode("ascii")
        return found

    def load_address(self) -> int | None:
        """What to add to an address of the file to get the one in this process; None where it is not loaded."""
        with self.path.open("rb") as stream:
            first = next(segment for segment in ELFFile(stream).iter_segments() if segment["p_type"] == "PT_LOAD")
        wanted = str(self.path.resolve())
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            for line in maps:
                fields = line.rstrip("\n").split(maxsplit=5)
                # Private: this class's own view of the file is a shared mapping.
                loaded = len(fields) == 6 and fields[1].endswith("p") and fields[5] == wanted
                if loaded and int(fields[2], 16) == first["p_offset"]:
                    return int(fields[0].partition("-")[0], 16) - int(first["p_vaddr"])
        return None
