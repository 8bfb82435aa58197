"""The form of messages between the campaign's process, the zygote and the workers.

**Worker's socket** (Unix stream socket): each message is a header of 8 bytes, ``MSF1`` and the length of the body as a
big-endian unsigned 32-bit number, and a body of msgpack. Bodies are at most ``MAX_MESSAGE`` bytes.

- request: ``{"id": int, "service": "package.module:function", "data": map}``
- answer: ``{"id": int, "kind": "ok", "data": map, "memory": int}`` or
  ``{"id": int, "kind": "error" | "crash" | "memory", "failure": map of outcome.Failure's fields, "memory": int}``

``id`` counts the calls of one worker, so that an answer to an earlier call is told apart.

**Zygote's socket** (Unix sequenced-packet socket): each packet is one msgpack map of at most ``MAX_PACKET`` bytes.

- first to the zygote: ``{"preload": [str], "memory": int, "seconds": int}``
- then from it: ``{"ready": true, "memory": int}`` or ``{"failed": str, "traceback": str}``
- ``{"spawn": folder}`` with three file descriptors attached (the worker's socket, the writing end of the pipe for its
  stdout and stderr, the file for fault dumps): ``{"pid": int}`` or ``{"failed": str}``
- ``{"reap": pid}``: ``{"status": int or nil}``, a status as of ``wait(2)``; nil if it is no dead child of the zygote
- the end of the stream: the zygote kills all workers and ends

All values are plain data (map, list, str, bytes, int, float, bool, nil). Lists and tuples both arrive as lists in a
request, as a pipeline's options hold them, and as tuples in an answer, as outcomes hold them.
"""

from __future__ import annotations

import select
import socket
import struct
from typing import Any

import msgpack

HEADER = struct.Struct(">4sI")
MAGIC = b"MSF1"
# Values, gradients and mutated inputs of a case are at most 64 MiB each (see running.py), so this leaves room.
MAX_MESSAGE = 256 * 2**20
MAX_PACKET = 64 * 1024
_CHUNK = 2**20


def readable(fd: int, seconds: float) -> bool:
    """Wait until ``fd`` can be read, or is at its end; False if that takes longer than ``seconds``.

    By poll, since select refuses descriptors above 1,023.
    """
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class MessageError(ValueError):
    """A message that cannot be sent: not plain data, or too large."""


class ProtocolError(Exception):
    """Bytes that are not a message of this format."""


def pack(message: dict[str, Any]) -> bytes:
    """A message with its header.

    Raises:
        MessageError: it holds something msgpack cannot express, or is longer than ``MAX_MESSAGE``.
    """
    try:
        body: bytes = msgpack.packb(message, use_bin_type=True)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise MessageError(f"not plain data: {error}") from error
    if len(body) > MAX_MESSAGE:
        raise MessageError(f"a message of {len(body)} bytes; at most {MAX_MESSAGE} are allowed")
    return HEADER.pack(MAGIC, len(body)) + body


def unpack(body: bytes | bytearray | memoryview, use_list: bool) -> dict[str, Any]:
    """A body's message, with its arrays as lists or as tuples.

    Raises:
        ProtocolError: the bytes are not a msgpack map.
    """
    try:
        message = msgpack.unpackb(body, strict_map_key=False, use_list=use_list)
    except Exception as error:  # msgpack raises many unrelated classes for bad bytes
        raise ProtocolError(f"not msgpack: {type(error).__name__}: {error}") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"a {type(message).__name__} in place of a map")
    return message


def body_length(header: bytes | bytearray | memoryview) -> int:
    """The length that a header states.

    Raises:
        ProtocolError: it is not a header, or states more than ``MAX_MESSAGE``.
    """
    magic, length = HEADER.unpack_from(header)
    if magic != MAGIC:
        raise ProtocolError(f"bytes that start with {bytes(magic)!r} in place of a message")
    if length > MAX_MESSAGE:
        raise ProtocolError(f"a message of {length} bytes; at most {MAX_MESSAGE} are allowed")
    return int(length)


class Decoder:
    """Messages out of a stream that arrives in pieces."""

    def __init__(self, use_list: bool = False) -> None:
        self._buffer = bytearray()
        self._use_list = use_list

    def feed(self, data: bytes) -> dict[str, Any] | None:
        """Take in ``data``; the message, once it is complete.

        Raises:
            ProtocolError: the bytes are not a message, or more follows than one message.
        """
        self._buffer += data
        if len(self._buffer) < HEADER.size:
            if not MAGIC.startswith(bytes(self._buffer[:4])):
                raise ProtocolError(f"bytes that start with {bytes(self._buffer)!r} in place of a message")
            return None
        end = HEADER.size + body_length(self._buffer)
        if len(self._buffer) < end:
            return None
        if len(self._buffer) > end:
            raise ProtocolError(f"{len(self._buffer) - end} bytes after the message")
        with memoryview(self._buffer) as view:
            message = unpack(view[HEADER.size :], self._use_list)
        self._buffer.clear()
        return message


def receive(connection: socket.socket) -> dict[str, Any] | None:
    """The next request from a blocking socket; None at its end.

    Raises:
        ProtocolError: see ``Decoder.feed``.
    """
    decoder = Decoder(use_list=True)
    while data := connection.recv(_CHUNK):
        message = decoder.feed(data)
        if message is not None:
            return message
    return None
