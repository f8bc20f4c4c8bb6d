"""What is aimed at, and whether it holds."""

from dataclasses import dataclass

from .figures import median, ratios

NGINX = ("nginx, 1 worker", "nginx, 2 workers")
OURS = ("Vestibule", "Vestibule, 1 worker thread")
PEERS = ("better-auth", "django-allauth")
BARE = "bare handler"
ACTS = ("gate", "sign-in", "the switch", "users page")
DATABASES = ("SQLite", "PostgreSQL")


@dataclass
class Aim:
    """`reached` is one value a round; where there is a `floor`, it is the least that is borne."""

    what: str
    aim: str
    reached: list
    unit: str
    limit: float
    at_least: bool
    floor: float | None = None

    def verdict(self):
        reached = median(self.reached)
        if (reached >= self.limit) if self.at_least else (reached <= self.limit):
            return "holds"
        return "**missed**, above the floor" if self.floor and reached >= self.floor else "**missed**"


def best(figures, names, connections):
    """The one of `names` with most requests a second there: the best number of threads is a
    matter of the machine."""
    return max(names, key=lambda name: median(figures.series("gate", name, connections, "rate")))


def aims(figures):
    found = []
    for connections in (32, 64):
        found += gate_aims(figures, connections)
    found += sign_in_aims(figures)
    hashing = figures.series("while hashing", "Vestibule", "p99")
    found.append(Aim("gate while every core hashes, p99", "under 10 ms", hashing, " ms", 10, at_least=False))
    found += users_aims(figures)
    return found


def gate_aims(figures, connections):
    limit, ours = best(figures, NGINX, connections), best(figures, OURS, connections)
    of = lambda name, value: figures.series("gate", name, connections, value)
    peer = best(figures, PEERS, connections)
    where = f"gate, {connections} connections"
    return [
        Aim(f"{where}: requests a second, of those of {limit}", "at least 80 % (floor 60 %)",
            [100 * ratio for ratio in ratios(of(ours, "rate"), of(limit, "rate"))], " %", 80, True, floor=60),
        Aim(f"{where}: p99, of that of {limit}", "at most 3 ×",
            ratios(of(ours, "p99"), of(limit, "p99")), " ×", 3, False),
        Aim(f"{where}: requests a second, of the session checks of {peer}, the fastest peer", "at least 50 ×",
            ratios(of(ours, "rate"), of(peer, "rate")), " ×", 50, True),
    ]


def sign_in_aims(figures):
    of = lambda name, clients, value: figures.series("sign-in", name, clients, value)
    found = []
    for name, database in (("Vestibule", "SQLite"), ("Vestibule on PostgreSQL", "PostgreSQL")):
        for clients in (4, 8):
            share = [100 * ratio for ratio in ratios(of(name, clients, "rate"), of(BARE, clients, "rate"))]
            found.append(Aim(f"sign-in with code, {database}, {clients} clients: of the handler that only hashes",
                             "at least 95 %", share, " %", 95, at_least=True))
        found.append(Aim(f"sign-in with code, {database}, 1 client: above the hash", "at most 2 ms",
                         above_the_hash(figures, name), " ms", 2, at_least=False))
    return found


def above_the_hash(figures, name):
    """What a sign-in's median takes longer than the bare handler's, round by round."""
    pairs = zip(figures.series("sign-in", name, 1, "p50"), figures.series("sign-in", BARE, 1, "p50"))
    return [ours - bare for ours, bare in pairs]


def users_aims(figures):
    found, sizes = [], figures.get("plan", "sizes")
    for database in DATABASES:
        for act in ACTS:
            found.append(Aim(f"{act}, {database}: slowest size, of {sizes[0]:,} users", "at most 1.3 ×",
                             growth(figures, database, act, sizes), " ×", 1.3, at_least=False))
        switch = figures.series("users", database, max(sizes), "the switch", "median")
        found.append(Aim(f"the switch, {database}, {max(sizes):,} users", "under 20 ms", switch, " ms", 20, False))
    return found


def growth(figures, database, act, sizes):
    """Round by round: the largest size's time, or that of the worst, by the smallest's."""
    times = [act_times(figures, database, size, act) for size in sizes]
    worst = max(times[1:], key=median)
    return ratios(worst, times[0])


def act_times(figures, database, size, act):
    value = "p50" if act in ("gate", "sign-in") else "median"
    return figures.series("users", database, size, act, value)
