"""Makes the tables, and users who have a password and an app. Prints the key and a session's cookie."""

import json
import os
import sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
django.setup()

from allauth.account.models import EmailAddress  # noqa: E402
from allauth.mfa.models import Authenticator  # noqa: E402
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

users, password = int(sys.argv[1]), sys.argv[2]
call_command("migrate", verbosity=0)
hashed, key = make_password(password), generate_totp_secret()
emails = [f"user{number}@acme.example" for number in range(users)]
User.objects.bulk_create(User(username=email, email=email, password=hashed) for email in emails)
made = list(User.objects.order_by("id"))
EmailAddress.objects.bulk_create(
    EmailAddress(user=user, email=user.email, verified=True, primary=True) for user in made)
first = TOTP.activate(made[0], key).instance
Authenticator.objects.bulk_create(
    Authenticator(user=user, type=first.type, data=first.data) for user in made[1:])
client = Client()
client.force_login(made[0], backend="allauth.account.auth_backends.AuthenticationBackend")
print(json.dumps({"key": key, "cookie": "sessionid=" + client.cookies["sessionid"].value}))
