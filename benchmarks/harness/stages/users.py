"""The same acts with few and with many users, on both databases."""

from .. import load
from ..ask import must
from ..timing import timed
from . import gate

CONNECTIONS = 32
LIST = "/settings/users"


def run(figures, plan, contenders):
    """`contenders` by database and number of users."""
    for contender in contenders.values():
        contender.start()
        gate.ask(contender, 1, CONNECTIONS, contender.cookies)
    for _ in range(plan.rounds):
        for (database, users), contender in contenders.items():
            add = lambda what, seen: figures.add("users", database, users, what, seen)
            add("gate", gate.ask(contender, plan.gate_seconds, CONNECTIONS, contender.cookies))
            add("sign-in", load.sign_ins(contender, plan.one_client_seconds, 1))
            server, admin = contender.server, contender.installation.admin
            # The proof has to be fresh.
            admin.sign_in(server)
            add("the switch", switch(server, admin.cookie()))
            add("users page", timed(plan.asks, lambda: must(server.ask("GET", LIST, cookie=admin.cookie()), 200)))
    for contender in contenders.values():
        contender.stop()


def switch(server, cookie, asks=10):
    """Off and on in turn; on at the end."""
    turns = iter(range(1000))
    turn = lambda: {"required": "true" if next(turns) % 2 else "false"}
    return timed(asks, lambda: must(server.ask("POST", "/settings/account/mfa", turn(), cookie), 303))
