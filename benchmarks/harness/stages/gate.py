"""The gate beside nginx and the session checks of the peers, over kept-alive connections."""

from .. import load

CONNECTIONS = (1, 8, 32, 64, 128)
MANY_AT = (32, 64)


def run(figures, plan, contenders):
    for contender in contenders:
        contender.start()
    for _ in range(plan.rounds):
        for connections in plan.connections:
            for contender in contenders:
                seen = load.wrk(contender.url + contender.check, plan.gate_seconds, connections,
                                contender.check_headers)
                figures.add("gate", contender.name, connections, seen)
    for contender in contenders:
        contender.stop()


def run_many(figures, plan, contenders, cookies):
    """The same with a different session each time, from `cookies`."""
    for contender in contenders:
        contender.start()
        ask(contender, 1, 32, cookies)
    for _ in range(plan.rounds):
        for connections in MANY_AT:
            for contender in contenders:
                seen = ask(contender, plan.gate_seconds, connections, cookies)
                figures.add("gate, many sessions", contender.name, connections, seen)
    for contender in contenders:
        contender.stop()


def ask(contender, seconds, connections, cookies):
    headers = {name: value for name, value in contender.check_headers.items() if name != "Cookie"}
    return load.wrk(contender.url + contender.check, seconds, connections, headers, "many.lua", [cookies])
