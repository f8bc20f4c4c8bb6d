"""The gate while eight clients sign in as fast as they can, so that every core hashes. nginx is
asked meanwhile too: what a machine that is busy costs whoever asks."""

import time

from .. import load

CLIENTS = 8
# Each waits 40 ms on average between two questions: 200 a second.
CONNECTIONS = 8


def run(figures, plan, contenders, nginx):
    nginx.start()
    for contender in contenders:
        contender.start()
    for _ in range(plan.rounds):
        for index, contender in enumerate(contenders):
            asked = [contender, nginx] if index == 0 else [contender]
            busy = load.SignIns(contender, 2 + len(asked) * plan.hashing_seconds, CLIENTS)
            time.sleep(1)
            for one in asked:
                seen = load.wrk(one.url + one.check, plan.hashing_seconds, CONNECTIONS, one.check_headers,
                                "now_and_then.lua")
                figures.add("while hashing", one.name, seen)
            figures.add("while hashing, sign-ins", contender.name, busy.result())
    for contender in [nginx, *contenders]:
        contender.stop()
