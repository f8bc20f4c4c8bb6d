"""Who signs in next: users take turns, so that no code is asked for twice."""

import itertools

from . import totp

# A window is shorter than this many steps.
STEPS = 3


class People:
    """Each entry: e-mail, secret, cookies, further headers."""

    def __init__(self, entries):
        self.entries, self.next = entries, 0

    def take(self, at_most):
        """The next ones with their codes. Say with `used` how many of them signed in."""
        step = totp.step()
        turn = itertools.islice(itertools.cycle(self.entries), self.next, self.next + min(at_most, len(self.entries)))
        return [{"email": email, "cookies": cookies, "headers": headers, "step": step,
                 "codes": [totp.code(secret, step + ahead) for ahead in range(STEPS)]}
                for email, secret, cookies, headers in turn]

    def used(self, count):
        self.next = (self.next + count) % len(self.entries)
