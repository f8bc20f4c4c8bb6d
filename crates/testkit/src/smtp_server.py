"""A real mail server (aiosmtpd) for the stories: plain, STARTTLS and TLS, each on a port of its own.

What it takes goes into a folder for each sender; how it behaves is read from a file of that name.
"""

import asyncio
import email.policy
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult

folder, login, password = sys.argv[1:4]
count = 0


def behaviour(sender):
    try:
        with open(os.path.join(folder, "behaviour", sender), encoding="utf-8") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def store(path, value):
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(path + ".part", path)


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, options):
        what = behaviour(address)
        if what == "hang":
            store(os.path.join(folder, "behaviour", address + ".hanging"), True)
            await asyncio.sleep(3600)
        if what == "away":
            return "421 4.3.2 Not now"
        if what == "refuse the sender":
            return "550 5.7.1 Not from you"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        what = behaviour(envelope.mail_from)
        if what == "busy":
            return "451 4.7.1 Greylisted, try again"
        if what == "refuse":
            return f"550 5.1.1 <{address}> is unknown here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        global count
        if behaviour(envelope.mail_from) == "break off":
            server.transport.abort()
            return "250 never heard"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: next(
            (p.get_content() for p in message.walk() if p.get_content_type() == kind), ""
        )
        count += 1
        mailbox = os.path.join(folder, "mail", envelope.mail_from)
        os.makedirs(mailbox, exist_ok=True)
        store(
            os.path.join(mailbox, f"{count:08}.json"),
            {
                "to": envelope.rcpt_tos,
                "subject": str(message["subject"]),
                "message_id": str(message["message-id"]),
                "headers": [f"{name}: {value}" for name, value in message.items()],
                "text": part("text/plain"),
                "html": part("text/html"),
                "raw": envelope.content.decode("utf-8", "replace"),
                "tls": server.transport.get_extra_info("ssl_object") is not None,
                "login": session.auth_data is not None,
            },
        )
        return "250 OK"


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (login.encode(), password.encode())
    return AuthResult(success=right, handled=not right and False, auth_data=data)


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
    loop = asyncio.get_running_loop()
    kinds = {
        "plain": lambda: SMTP(Handler(), hostname="localhost", enable_SMTPUTF8=True),
        "starttls": lambda: SMTP(
            Handler(),
            hostname="localhost",
            tls_context=context,
            require_starttls=True,
            authenticator=authenticate,
            auth_required=True,
        ),
        "tls": lambda: SMTP(
            Handler(),
            hostname="localhost",
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
        ),
    }
    ports = {}
    for kind, protocol in kinds.items():
        tls = context if kind == "tls" else None
        server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
        ports[kind] = server.sockets[0].getsockname()[1]
    store(os.path.join(folder, "ports.json"), ports)
    await asyncio.Event().wait()


asyncio.run(main())
