"""Services that do to their worker what code under test might do. Imported in workers only."""

import ctypes
import io
import os
import signal
import subprocess
import sys
import threading
import time

hoard = []


def ready():
    print("preloaded")


def preload_thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()


def preload_abort():
    print("last words of the preload", file=sys.stderr, flush=True)
    os.abort()


def preload_once():
    if os.path.exists(os.environ["FLAG"]):
        raise RuntimeError("not a second time")


def echo(request):
    return dict(request)


def facts(_request):
    return {
        "pid": os.getpid(),
        "session": os.getsid(0),
        "parent": os.getppid(),
        "stdin": os.read(0, 10),
        "threads": os.environ["OMP_NUM_THREADS"],
        "cwd": os.getcwd(),
        "hash": hash("a string"),
    }


def litter(_request):
    os.makedirs("deep/er")
    with open("deep/er/file", "w") as file:
        file.write("x")
    return {}


def types(request):
    return {"got": [type(value).__name__ for value in request["values"]], "sent": [1, (2, 3)]}


def segfault(_request):
    ctypes.string_at(1)


def abort(_request):
    os.write(2, b"malloc(): corrupted top size\n")
    os.abort()


def spin(_request):
    while True:
        pass


def sleep(_request):
    time.sleep(1000)


def deaf(_request):
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    while True:
        pass


def stop(_request):
    os.kill(os.getpid(), signal.SIGSTOP)


def allocate(_request):
    blocks = []
    while True:
        blocks.append(bytearray(8 << 20))


def allocate_in_children(_request):
    for _ in range(6):
        if os.fork() == 0:
            block = bytearray(100 << 20)
            block[::4096] = bytes(len(block[::4096]))
            time.sleep(1000)
    time.sleep(1000)


def grow(_request):
    block = bytearray(64 << 20)
    block[::4096] = b"x" * len(block[::4096])
    hoard.append(block)
    return {}


def say(request):
    print(request["text"])
    os.write(2, b"to stderr\n")
    return {}


def say_in_c(_request):
    ctypes.CDLL(None).printf(b"from C")
    return {}


def steal_output(_request):
    sys.stdout = io.StringIO()
    return {}


def shout(_request):
    block = b"x" * 999 + b"\n"
    for _ in range(10_000):
        os.write(1, block)
    os.write(1, b"the end\n")
    return {}


def shout_and_crash(_request):
    shout(None)
    segfault(None)


def garbage(_request):
    for fd in range(256):
        try:
            os.write(fd, b"garbage " * 100)
        except OSError:
            continue
    return {}


def half_an_answer(_request):
    for fd in range(3, 256):
        try:
            os.write(fd, b"MSF1\x00\x00\x01\x00 and no more")
        except OSError:
            continue
    os._exit(9)


def close_all(_request):
    os.closerange(0, 256)
    return {}


def close_and_sleep(_request):
    os.closerange(3, 256)
    time.sleep(1000)


def close_output(_request):
    sys.stdout.close()
    os.close(1)
    os.close(2)
    return {}


def leave(request):
    os._exit(request["status"])


def sys_exit(request):
    sys.exit(request["status"])


def interrupt(_request):
    raise KeyboardInterrupt


class Odd(Exception):
    def __init__(self):
        super().__init__(lambda: None, object(), "\udc80")
        self.operator = 3

    def __str__(self):
        raise ValueError("no text")

    def __getattr__(self, name):
        raise RuntimeError(name)


def odd(_request):
    raise Odd


def surrogate(_request):
    raise ValueError("lone \udc80 surrogate")


def recursion(_request):
    return recursion(_request)


def unpackable(_request):
    return {"value": object()}


def no_dict(_request):
    return [1]


def too_large(_request):
    from misfold.targets.isolation import wire

    wire.MAX_MESSAGE = 1000
    return {"value": bytes(2000)}


def fork_and_return(_request):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return {"child": pid}


def leave_children(request):
    """A child in the worker's group, and one in a session of its own; then a crash, if asked for."""
    command = [sys.executable, "-c", "import time; time.sleep(1000)"]
    pids = [subprocess.Popen(command, start_new_session=new).pid for new in (False, True)]
    if request["crash"]:
        print(*pids, flush=True)
        segfault(None)
    return {"pids": pids}


def kill_parent(_request):
    os.kill(os.getppid(), signal.SIGKILL)
    time.sleep(1000)


def kill_parent_once(request):
    if os.path.exists(request["flag"]):
        return {"again": True}
    open(request["flag"], "w").close()
    kill_parent(request)
