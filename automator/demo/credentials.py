"""The logins and the API key of the demo. They are random and kept in DEMO_DIR/credentials.json."""

import json
import os
import secrets
from pathlib import Path

from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password

from automator.models import ApiKey, User
from inventory.models import Broker

ADMIN = "demo-admin"
STAFF = "demo-broker"
# No characters that look alike, that a shell interprets, or at which a double click stops.
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class Credentials:
    """The passwords and the API key, in a file that only its owner can read.

    Secrets in the file are kept while they are valid, and replaced otherwise, so that those which
    are printed always work.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.secrets: dict[str, str] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            self.secrets = {}

    def give(self, broker: Broker) -> dict[str, str]:
        """Make both users and a key if they are missing.

        Returns their secrets: the passwords by username, and the API key under `key`.
        """
        self.user(ADMIN, is_superuser=True)
        self.user(STAFF, broker=broker)
        found = ApiKey.objects.verified(self.secrets.get("key", ""))
        if found is None or found.broker_id != broker.id:
            _, self.secrets["key"] = ApiKey.objects.issue(broker, name="Demo")
            self.save()
        return self.secrets

    def user(self, name: str, **fields: object) -> None:
        """Make the user if it is missing, and reset its password if that was changed."""
        if name not in self.secrets:
            self.secrets[name] = "".join(secrets.choice(ALPHABET) for _ in range(16))
            self.save()
        user, made = User.objects.get_or_create(
            username=name, defaults={"is_staff": True, **fields}
        )
        if made or not check_password(self.secrets[name], user.password):
            # The password is random, so more iterations would only slow down each start of the
            # demo. The first login adds them.
            hasher = PBKDF2PasswordHasher()
            user.password = hasher.encode(self.secrets[name], hasher.salt(), iterations=1)
            user.save()

    def save(self) -> None:
        """Write the file atomically."""
        self.path.parent.mkdir(mode=0o700, exist_ok=True)
        new = self.path.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(self.secrets, file, indent=2)
        new.replace(self.path)
