"""Security codes (RFC 6238)."""

import hashlib
import hmac
import struct
import time

PERIOD = 30


def step():
    return int(time.time()) // PERIOD


def code(secret, at):
    digest = hmac.new(secret, struct.pack(">Q", at), hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset:offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"
