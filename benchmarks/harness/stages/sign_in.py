"""Sign-ins with password and security code beside a handler that only hashes."""

from .. import load

CLIENTS = (1, 4, 8)


def run(figures, plan, contenders):
    for contender in contenders:
        contender.start()
    for _ in range(plan.rounds):
        for clients in CLIENTS:
            for contender in contenders:
                figures.add("sign-in", contender.name, clients, load.sign_ins(contender, plan.sign_in_seconds, clients))
    for contender in contenders:
        if figures.has("peers", contender.name):
            figures.get("peers", contender.name)["loaded_mb"] = contender.memory_mb()
        contender.stop()
