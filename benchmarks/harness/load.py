"""Running the load generators: wrk for single requests, autocannon for sign-ins."""

import json
import os
import subprocess

from .packages import find
from .paths import BENCHMARKS, LOAD
from .processes import note

# Sign-ins a second and connection that no machine reaches.
FASTEST = 90


def lua(name):
    return os.path.join(BENCHMARKS, "load", name)


def wrk(url, seconds, connections, headers, script="report.lua", arguments=()):
    """Requests per second and latencies in milliseconds. Any refusal ends the run."""
    command = [find("wrk"), "-t1", f"-c{connections}", f"-d{seconds}s", "-s", lua(script)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    command += [url, *(["--", *arguments] if arguments else [])]
    note(f"wrk, {script.removesuffix('.lua').replace('_', ' ')}", command)
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith("result ")), None)
    if line is None:
        raise SystemExit(f"wrk did not report: {done.stdout}{done.stderr}")
    seen = json.loads(line.removeprefix("result "))
    if not seen["requests"] and not seen["faults"] and seconds < 30:
        # A machine that is too slow for this window.
        return wrk(url, 3 * seconds, connections, headers, script, arguments)
    if seen["faults"] or not seen["requests"]:
        raise SystemExit(f"{url}: {seen['faults']} of {seen['requests']} requests failed")
    return {"rate": seen["requests"] * 1e6 / seen["microseconds"],
            **{name: seen[name] / 1000 for name in ("p50", "p99", "max")}}


class SignIns:
    """Sign-ins that are under way until `result` is asked for."""

    def __init__(self, server, seconds, clients):
        self.people, self.clients = server.people, clients
        plan = {"url": server.url, "clients": clients, "seconds": seconds,
                "first": server.first, "second": server.second,
                "users": self.people.take(clients * seconds * FASTEST + clients)}
        command = ["node", lua("sign_in.mjs"), LOAD + "/"]
        note("autocannon, sign-ins", command)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        # It reads everything before it begins.
        self.process.stdin.write(json.dumps(plan))
        self.process.stdin.close()

    def result(self):
        """Sign-ins per second and latencies in milliseconds. Those that are under way when a step
        of the codes ends may fail, as the peers take no older code; more of them end the run."""
        printed = self.process.stdout.read()
        if self.process.wait() != 0:
            raise SystemExit("the load generator for sign-ins failed")
        seen = json.loads(printed)
        self.people.used(seen["used"])
        failed = sum(seen["failures"].values()) + seen["errors"]
        if failed > self.clients + seen["count"] // 100 or not seen["count"]:
            raise SystemExit(f"{failed} of {seen['used']} sign-ins failed: {seen['failures']}")
        return seen


def sign_ins(server, seconds, clients):
    return SignIns(server, seconds, clients).result()
