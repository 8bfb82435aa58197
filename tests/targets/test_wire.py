"""Messages: whole ones come through in any pieces, anything else is told apart."""

from __future__ import annotations

import random

import msgpack
import pytest

from misfold.targets.isolation import wire

MESSAGES = [{}, {"id": 1, "data": {"a": [1, 2.5, b"x", None, True]}}, {"block": bytes(100_000)}]


@pytest.mark.parametrize("message", MESSAGES)
@pytest.mark.parametrize("step", [1, 3, 7, 8, 9, 1 << 20])
def test_pieces(message: dict[str, object], step: int):
    if step == 1:
        message = {key: value for key, value in message.items() if key != "block"}
    data = wire.pack(message)
    decoder = wire.Decoder(use_list=True)
    for _ in range(2):
        got = [decoder.feed(data[start : start + step]) for start in range(0, len(data), step)]
        assert got[:-1] == [None] * (len(got) - 1)
        assert got[-1] == message


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"x", "in place of a message"),
        (b"MSF2\0\0\0\1\x80", "in place of a message"),
        (b"MSF1\xff\xff\xff\xff", "at most"),
        (wire.HEADER.pack(b"MSF1", 1) + b"\xc1", "not msgpack"),
        (wire.HEADER.pack(b"MSF1", 1) + b"\x93", "not msgpack"),
        (wire.HEADER.pack(b"MSF1", 1) + b"\x01", "int in place of a map"),
        (wire.HEADER.pack(b"MSF1", 1) + b"\x80\x80", "1 bytes after the message"),
        (wire.HEADER.pack(b"MSF1", 0), "not msgpack"),
    ],
)
def test_what_is_no_message(data: bytes, reason: str):
    with pytest.raises(wire.ProtocolError, match=reason):
        wire.Decoder().feed(data)


def test_random_bytes_never_do_anything_else():
    chance = random.Random(3)
    packed = wire.pack(MESSAGES[1])
    for _ in range(2000):
        data = bytearray(packed)
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            message = wire.Decoder().feed(bytes(data))
        except wire.ProtocolError:
            continue
        assert message is None or isinstance(message, dict)


@pytest.mark.parametrize("value", [object(), 1 << 65, "\udc80", {1, 2}])
def test_what_cannot_be_sent(value: object):
    with pytest.raises(wire.MessageError, match="not plain data"):
        wire.pack({"value": value})


def test_arrays_become_lists_or_tuples():
    body = msgpack.packb({"a": [1, (2,)]})
    assert wire.unpack(body, True) == {"a": [1, [2]]}
    assert wire.unpack(body, False) == {"a": (1, (2,))}
