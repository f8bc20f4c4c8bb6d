"""Processes that were started here, and end here."""

import atexit
import os
import re
import shlex
import signal
import socket
import subprocess
import time


UNDER_WAY = []
# What was run, for the report: what it is, and the command.
COMMANDS = {}


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def wait_for_port(port, process):
    """Until something listens there."""
    for _ in range(2000):
        if process.poll() is not None:
            raise SystemExit(f"{process.args[0]} ended before it was ready")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.005)
    raise SystemExit(f"{process.args[0]} does not listen")


def start(command, **how):
    # A group of its own, so that what it starts ends with it.
    process = subprocess.Popen(command, start_new_session=True, **how)
    UNDER_WAY.append(process)
    return process


def note(what, command):
    """Keeps the command for the report, the first time."""
    COMMANDS.setdefault(what, shlex.join(command))


def stop(process):
    """Asks it to end, with all that it started."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    UNDER_WAY.remove(process)


@atexit.register
def stop_all():
    """Nothing is left behind, however the run ends."""
    for process in list(UNDER_WAY):
        stop(process)


def tree(pid):
    """The process and all that it started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        below = [tree(int(child)) for child in children.read().split()]
    return [pid] + [one for some in below for one in some]


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1000


def shared_fairly_mb(pid):
    """Of a process and all below it. What they share is counted once."""
    total = 0
    for one in tree(pid):
        with open(f"/proc/{one}/smaps_rollup", encoding="ascii") as rollup:
            total += int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M).group(1))
    return total / 1000
