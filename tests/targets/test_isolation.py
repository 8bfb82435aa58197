"""Every call gets an answer, whatever the service does to its worker, and the next call finds a sound one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from misfold.programs.errors import TargetError
from misfold.targets.isolation import ForkServer, Slot, wire
from misfold.targets.isolation.limits import OUTPUT_BYTES, Limits

from .waiting import gone

S = "hostile_services:"


def check_next(slot: Slot) -> None:
    answer = slot.call(S + "echo", {"still": "here"})
    assert (answer.kind, answer.data) == ("ok", {"still": "here"})


def test_facts_of_a_worker(server: ForkServer, slot: Slot, tmp_path):
    answer = slot.call(S + "facts", {})
    facts = answer.data
    assert answer.kind == "ok" and answer.death is None and answer.memory > 0
    assert facts["pid"] == answer.pid == slot.pid
    assert facts["session"] == facts["pid"] != os.getsid(0)
    assert facts["parent"] == server.pid
    assert facts["stdin"] == b""
    assert facts["threads"] == "1"
    other = Slot(server)
    assert other.call(S + "facts", {}).data["hash"] == facts["hash"]
    other.close()


def test_lists_arrive_as_lists_and_come_back_as_tuples(slot: Slot):
    answer = slot.call(S + "types", {"values": [[1], (2,), b"3", "4", 5.0, None, {"six": 7}]})
    assert answer.data == {"got": ("list", "list", "bytes", "str", "float", "NoneType", "dict"), "sent": (1, (2, 3))}


def test_large_messages_both_ways(slot: Slot):
    block = bytes(range(256)) * 40_000
    assert slot.call(S + "echo", {"block": block}).data == {"block": block}


def test_output_is_captured_per_call(slot: Slot):
    assert slot.call(S + "say", {"text": "first"}).stderr == "first\nto stderr\n"
    assert slot.call(S + "echo", {}).stderr == ""
    assert slot.call(S + "say", {"text": "second"}).stderr == "second\nto stderr\n"


def test_output_is_captured_whoever_buffers_it(slot: Slot):
    assert slot.call(S + "say_in_c", {}).stderr == "from C"
    assert slot.call(S + "steal_output", {}).kind == "ok"
    assert slot.call(S + "say", {"text": "seen"}).stderr == "seen\nto stderr\n"


def test_ten_megabytes_of_output_are_cut_to_their_end(slot: Slot):
    answer = slot.call(S + "shout", {})
    assert answer.kind == "ok"
    assert answer.stderr.startswith("[…") and answer.stderr.endswith("x\nthe end\n")
    assert len(answer.stderr) <= OUTPUT_BYTES + 200
    check_next(slot)


def test_nothing_is_written_to_disk(slot: Slot):
    folder = Path(slot.call(S + "facts", {}).data["cwd"])
    slot.call(S + "shout", {})
    assert list(folder.iterdir()) == []


def test_each_worker_has_a_folder_of_its_own_that_goes_with_it(server: ForkServer):
    with Slot(server) as one, Slot(server) as two:
        folders = [Path(slot.call(S + "facts", {}).data["cwd"]) for slot in (one, two)]
        assert folders[0] != folders[1] and folders[0].parent == folders[1].parent
        for slot in (one, two):
            assert slot.call(S + "litter", {}).kind == "ok"
        two.call(S + "segfault", {})
        assert [folder.exists() for folder in folders] == [True, False]
    assert not folders[0].exists()


def test_no_folder_for_a_worker(make):
    with make() as server, Slot(server) as slot:
        folder = Path(slot.call(S + "facts", {}).data["cwd"])
        slot.close()
        folder.parent.rmdir()
        with pytest.raises(TargetError, match=r"cannot make a folder for a worker in .*: No such file or directory"):
            slot.call(S + "echo", {})


@pytest.mark.parametrize(
    ("service", "signal_name", "message"),
    [
        ("segfault", "SIGSEGV", "killed by SIGSEGV"),
        ("abort", "SIGABRT", "killed by SIGABRT: malloc(): corrupted top size"),
    ],
)
def test_crash(slot: Slot, service: str, signal_name: str, message: str):
    answer = slot.call(S + service, {})
    assert (answer.kind, answer.death.type, answer.death.message) == ("crash", signal_name, message)
    assert answer.death.frames[0] == f"hostile_services:{service}"
    assert "Fatal Python error" in answer.death.traceback
    check_next(slot)


def test_frames_survive_any_amount_of_output(slot: Slot):
    answer = slot.call(S + "shout_and_crash", {})
    assert answer.death.frames[:2] == ("hostile_services:shout_and_crash", "hostile_services:segfault")
    assert answer.stderr.endswith("the end\n")


@pytest.mark.parametrize("service", ["spin", "sleep"])
def test_hang(slot: Slot, service: str):
    answer = slot.call(S + service, {}, 0.2)
    assert (answer.kind, answer.death.type) == ("hang", "timeout")
    assert answer.death.message == "no answer within 0.2 s"
    assert answer.death.frames == (f"hostile_services:{service}",)
    check_next(slot)


@pytest.mark.parametrize("service", ["deaf", "stop"])
def test_hang_without_frames(slot: Slot, service: str):
    """All signals blocked, or the process stopped: nothing can be learnt, but SIGKILL works."""
    answer = slot.call(S + service, {}, 0.2)
    assert (answer.kind, answer.death.type, answer.death.frames) == ("hang", "timeout", ())
    assert gone(answer.pid)
    check_next(slot)


def test_memory(slot: Slot):
    answer = slot.call(S + "allocate", {})
    assert (answer.kind, answer.death.type) == ("memory", "MemoryError")
    assert answer.death.frames == ("hostile_services:allocate",)
    assert slot.pid is None
    check_next(slot)


def test_memory_of_children_counts(slot: Slot):
    answer = slot.call(S + "allocate_in_children", {})
    assert (answer.kind, answer.death.type) == ("memory", "memory")
    check_next(slot)


@pytest.mark.parametrize("service", ["garbage", "close_and_sleep"])
def test_broken_protocol(slot: Slot, service: str):
    answer = slot.call(S + service, {})
    assert (answer.kind, answer.death.type) == ("crash", "protocol")
    check_next(slot)


def test_half_an_answer_is_the_death_that_follows(slot: Slot):
    answer = slot.call(S + "half_an_answer", {})
    assert answer.kind == "crash"
    assert "status 9" in answer.death.message
    check_next(slot)


def test_all_descriptors_closed(slot: Slot):
    answer = slot.call(S + "close_all", {})
    assert (answer.kind, answer.death.type) == ("crash", "exit")
    check_next(slot)


def test_output_closed(slot: Slot):
    assert slot.call(S + "close_output", {}).kind == "ok"
    pid = slot.pid
    check_next(slot)
    assert slot.pid == pid


@pytest.mark.parametrize("status", [0, 3])
def test_exit_without_a_signal(slot: Slot, status: int):
    answer = slot.call(S + "leave", {"status": status})
    assert (answer.kind, answer.death.type) == ("crash", "exit")
    assert f"status {status} " in answer.death.message
    check_next(slot)


def test_system_exit(slot: Slot):
    answer = slot.call(S + "sys_exit", {"status": 3})
    assert (answer.kind, answer.death.type, answer.death.message) == (
        "crash",
        "SystemExit",
        "asked to exit with status 3",
    )
    check_next(slot)


def test_keyboard_interrupt_in_a_service(slot: Slot):
    answer = slot.call(S + "interrupt", {})
    assert (answer.kind, answer.death.type) == ("crash", "KeyboardInterrupt")
    check_next(slot)


@pytest.mark.parametrize(
    ("service", "kind", "message"),
    [
        ("odd", "hostile_services.Odd", "(no message: __str__ raised ValueError)"),
        ("surrogate", "ValueError", "lone \\udc80 surrogate"),
        ("recursion", "RecursionError", "maximum recursion depth exceeded"),
        ("unpackable", "misfold.targets.isolation.wire.MessageError", "not plain data"),
        ("no_such_service", "AttributeError", "no_such_service"),
        ("too_large", "misfold.targets.isolation.wire.MessageError", "at most 1000 are allowed"),
    ],
)
def test_error(slot: Slot, service: str, kind: str, message: str):
    answer = slot.call(S + service, {})
    assert (answer.kind, answer.data) == ("error", None)
    if service != "unpackable":  # its innermost cause is msgpack's
        assert answer.death.type == kind
        assert message in answer.death.message
    assert message in answer.death.message or message in answer.death.traceback
    assert len(answer.death.frames) <= 80
    check_next(slot)


def test_not_a_dict_is_a_broken_protocol(slot: Slot):
    assert slot.call(S + "no_dict", {}).kind in ("crash", "error")
    check_next(slot)


@pytest.mark.parametrize("name", ["no_colon", "no.such.module:function", ":", "json:"])
def test_bad_service_names(slot: Slot, name: str):
    assert slot.call(name, {}).kind == "error"
    check_next(slot)


def test_unsendable_requests_do_not_reach_the_worker(slot: Slot, monkeypatch: pytest.MonkeyPatch):
    check_next(slot)
    with pytest.raises(wire.MessageError, match="not plain data"):
        slot.call(S + "echo", {"value": object()})
    monkeypatch.setattr(wire, "MAX_MESSAGE", 1000)
    with pytest.raises(wire.MessageError, match="at most 1000"):
        slot.call(S + "echo", {"value": bytes(2000)})
    monkeypatch.undo()
    check_next(slot)


def test_a_forked_copy_of_the_worker_does_not_answer(slot: Slot):
    for _ in range(3):
        answer = slot.call(S + "fork_and_return", {})
        assert answer.kind == "ok" and answer.data["child"] > 0
    check_next(slot)


@pytest.mark.parametrize("crash", [True, False])
def test_children_die_with_the_worker(slot: Slot, crash: bool):
    answer = slot.call(S + "leave_children", {"crash": crash})
    pids = [int(word) for word in answer.stderr.split()] if crash else answer.data["pids"]
    assert len(pids) == 2
    slot.close()
    assert all(gone(pid) for pid in pids)


def test_a_worker_is_replaced_when_it_has_grown(make):
    with make(growth=32 << 20) as server, Slot(server) as slot:
        first = slot.call(S + "echo", {})
        assert slot.call(S + "echo", {}).pid == first.pid
        assert slot.call(S + "grow", {}).pid == first.pid
        assert slot.pid is None and gone(first.pid)
        check_next(slot)
        assert slot.workers == 2


def test_a_worker_is_replaced_after_a_number_of_calls(make):
    with make(calls=3) as server, Slot(server) as slot:
        pids = [slot.call(S + "echo", {}).pid for _ in range(7)]
        assert len(set(pids)) == 3
        assert pids[0] == pids[2] and pids[3] == pids[5] != pids[0]


def test_an_interrupt_ends_the_worker_and_the_slot_goes_on(slot: Slot):
    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    check_next(slot)
    pid = slot.pid
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            slot.call(S + "sleep", {})
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert gone(pid)
    check_next(slot)


@pytest.mark.parametrize(
    ("preload", "message"),
    [
        ("no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("hostile_services:absent", "AttributeError"),
        ("hostile_services:preload_thread", "2 threads run after preloading"),
        ("hostile_services:preload_abort", "ended by SIGABRT\nlast words of the preload"),
    ],
)
def test_preloading_fails(make, preload: str, message: str):
    server = make(preload=(preload,))
    with pytest.raises(TargetError, match="the fork server test failed while preloading") as raised:
        server.start()
    assert message in str(raised.value)
    assert server.pid is None


def test_a_server_that_is_not_ready_in_time_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("misfold.targets.isolation.server._START_SECONDS", 0)
    server = ForkServer("test", (), tmp_path)
    with pytest.raises(TargetError, match="did not answer within 0 s; still running"):
        server.start()
    assert server.pid is None


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TargetError, match="cannot start the fork server test"):
        ForkServer("test", (), tmp_path / "file" / "folder").start()


def test_a_closed_server_says_so(make):
    server = make()
    server.start()
    slot = Slot(server)
    check_next(slot)
    pid = slot.pid
    server.close()
    assert gone(pid)
    with pytest.raises(TargetError, match="is closed"):
        slot.call(S + "echo", {})
    slot.close()


def test_limits_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        Limits(seconds=0)
