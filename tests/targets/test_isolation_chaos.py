"""Processes killed from outside: no call is lost, none is answered twice, nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from misfold.programs.errors import TargetError
from misfold.targets.isolation import ForkServer, Slot, wire

from .waiting import gone

S = "hostile_services:"
HOSTILE = Path(__file__).parent / "hostile"
CALLS = 150


def test_workers_killed_at_random(server: ForkServer):
    slots = [Slot(server), Slot(server)]
    answers: list[list[tuple[int, str, int | None]]] = [[], []]
    over = threading.Event()

    def work(number: int) -> None:
        for call in range(CALLS):
            payload = {"call": call, "block": bytes(call * 1000)}
            answer = slots[number].call(S + "echo", payload)
            if answer.kind == "ok":
                assert answer.data == payload
            answers[number].append((call, answer.kind, answer.death and answer.death.type))

    def kill() -> None:
        chance = random.Random(7)
        while not over.wait(chance.random() * 0.01):
            if pid := slots[chance.randrange(2)].pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for thread in (killer, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    over.set()
    killer.join()
    for slot, got in zip(slots, answers):
        assert [call for call, _, _ in got] == list(range(CALLS))
        assert {(kind, death) for _, kind, death in got} <= {("ok", None), ("crash", "SIGKILL")}
        assert slot.workers > 1, "nothing was killed"
        assert slot.call(S + "echo", {}).kind == "ok"
        slot.close()


def test_the_zygote_is_killed_between_calls(make):
    with make() as server, Slot(server) as slot:
        first = slot.call(S + "echo", {}).pid
        zygote = server.pid
        os.kill(zygote, signal.SIGKILL)
        assert gone(first), "the worker outlived its zygote"
        answer = slot.call(S + "echo", {"a": 1})
        assert (answer.kind, answer.data) == ("ok", {"a": 1})
        assert server.generation == 2 and server.pid != zygote and answer.pid != first


def test_the_zygote_is_killed_again_and_again_under_load(make):
    with make() as server, Slot(server) as one, Slot(server) as two:
        kinds: list[str] = []

        def work(slot: Slot) -> None:
            for call in range(60):
                answer = slot.call(S + "echo", {"call": call})
                kinds.append(answer.kind if answer.data == {"call": call} else str(answer.death))

        threads = [threading.Thread(target=work, args=(slot,)) for slot in (one, two)]
        for thread in threads:
            thread.start()
        for _ in range(2):
            generation = server.generation
            pid = server.pid
            if pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            while any(thread.is_alive() for thread in threads) and server.generation == generation:
                threads[0].join(0.005)
        for thread in threads:
            thread.join()
        assert len(kinds) == 120
        assert set(kinds) <= {"ok"} | {kind for kind in kinds if "server-lost" in kind}
        assert kinds.count("ok") >= 118
        assert server.generation >= 2


def test_a_service_that_kills_the_zygote(make):
    with make() as server, Slot(server) as slot:
        answer = slot.call(S + "kill_parent", {})
        assert (answer.kind, answer.death.type) == ("crash", "server-lost")
        assert slot.call(S + "echo", {}).kind == "ok"


def test_a_call_during_which_the_zygote_dies_is_made_again(make, tmp_path):
    with make() as server, Slot(server) as slot:
        answer = slot.call(S + "kill_parent_once", {"flag": str(tmp_path / "flag")})
        assert (answer.kind, answer.data) == ("ok", {"again": True})
        assert server.generation == 2


def test_a_zygote_that_cannot_come_back(tmp_path):
    flag = tmp_path / "flag"
    environment = {"PYTHONPATH": str(HOSTILE), "FLAG": str(flag)}
    with (
        ForkServer("test", ["hostile_services:preload_once"], tmp_path, None, environment) as server,
        Slot(server) as slot,
    ):
        worker = slot.call(S + "echo", {}).pid
        flag.write_text("")
        os.kill(server.pid, signal.SIGKILL)
        assert gone(worker)
        with pytest.raises(TargetError, match="RuntimeError: not a second time"):
            slot.call(S + "echo", {})


CAMPAIGN = f"""
import sys, threading
from misfold.targets.isolation import ForkServer, Slot
server = ForkServer("test", ["hostile_services"], {{folder!r}}, None, {{{{"PYTHONPATH": {str(HOSTILE)!r}}}}})
server.start()
idle, busy, gone = Slot(server), Slot(server), Slot(server)
pids = [server.pid, idle.call("{S}echo", {{{{}}}}).pid, busy.call("{S}echo", {{{{}}}}).pid]
pids += gone.call("{S}leave_children", {{{{"crash": False}}}}).data["pids"]
threading.Thread(target=busy.call, args=("{S}spin", {{{{}}}})).start()
print(*pids, flush=True)
"""


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_a_campaign_that_is_killed(tmp_path, sent: signal.Signals):
    script = CAMPAIGN.format(folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as campaign:
        assert campaign.stdout is not None
        pids = [int(word) for word in campaign.stdout.readline().split()]
        assert len(pids) == 5
        handles = [os.pidfd_open(pid) for pid in pids]
        campaign.send_signal(sent)
        campaign.wait()
    try:
        assert [pid for pid, handle in zip(pids, handles) if not wire.readable(handle, 10)] == []
    finally:
        for handle in handles:
            os.close(handle)
