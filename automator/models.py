"""The users of the admin, their attempts to log in, and the API keys of marketplaces."""

import hashlib
import hmac
import secrets
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import ClassVar, NamedTuple

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Now

from inventory.database.trips import Statement
from inventory.models import Broker
from inventory.transactions import read

KEY_PREFIX = "automator"


class User(AbstractUser):
    """A user of the admin. A user with a broker sees only the rows of that broker."""

    broker = models.ForeignKey(
        Broker,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="users",
        help_text="The broker whose rows this user sees. Leave empty for a superuser, who sees "
        "every broker.",
    )


def validate_network(value: str) -> None:
    """Check that `value` is an address or a network such as 203.0.113.0/24.

    Raises:
        ValidationError: it is neither.
    """
    try:
        ip_network(value)
    except ValueError as error:
        raise ValidationError(f"Not a network: {error}.") from error


class FoundKey(NamedTuple):
    """The key that a call was made with.

    `live` is false if the key is revoked or expired. `use_is_noted` is true if `last_used_at` is
    less than a minute ago.
    """

    id: int
    broker_id: int
    key_id: str
    secret_hash: str
    networks: list[str]
    live: bool
    use_is_noted: bool

    def allows(self, address: str) -> bool:
        """Whether the key may be used from `address`. Without networks it may be used anywhere."""
        if not self.networks:
            return True
        try:
            caller = ip_address(address)
        except ValueError:
            return False
        mapped = getattr(caller, "ipv4_mapped", None)
        return any((mapped or caller) in ip_network(network) for network in self.networks)


_KEY = Statement(
    "key",
    """
    SELECT id, broker_id, key_id, secret_hash, networks,
        revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp()),
        last_used_at IS NOT NULL AND last_used_at > clock_timestamp() - interval '1 minute'
    FROM automator_apikey WHERE key_id = %(key_id)s
    """,
)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Queries that make, verify and revoke keys."""

    def issue(
        self,
        broker: Broker,
        *,
        name: str = "",
        expires_at: datetime | None = None,
        networks: list[str] | None = None,
    ) -> "tuple[ApiKey, str]":
        """Make a key.

        Args:
            broker: the broker whose tickets the key gives access to.
            name: who has the key and what it is for.
            expires_at: the end of the key's validity; None means that it never expires.
            networks: the networks that the key may be used from; none means from anywhere.

        Returns the stored key, and the whole key as text, which is not stored.

        Raises:
            ValidationError: one of the networks is not valid.
        """
        key_id, secret = secrets.token_hex(6), secrets.token_hex(32)
        key = ApiKey(
            broker=broker,
            key_id=key_id,
            secret_hash=hash_secret(secret),
            name=name,
            expires_at=expires_at,
            networks=networks or [],
        )
        key.full_clean(exclude=["secret_hash"])
        key.save()
        return key, f"{KEY_PREFIX}_{key_id}_{secret}"

    def verified(self, sent: str) -> FoundKey | None:
        """Return the key that a caller sent, or None if it is wrong, revoked or expired.

        The statement is prepared because it is executed for every call.
        """
        prefix, _, rest = sent.partition("_")
        key_id, _, secret = rest.partition("_")
        if prefix != KEY_PREFIX or not (key_id.isascii() and key_id.isalnum()):
            return None
        rows = read(_KEY(key_id=key_id))
        found = FoundKey(*rows[0]) if rows else None
        # The comparison always happens, so that its time does not reveal which key ids exist.
        right = hmac.compare_digest(hash_secret(secret), found.secret_hash if found else "")
        return found if found and right and found.live else None

    def note_use(self, key_id: int) -> None:
        """Record the time at which a key was used, without waiting for another call.

        Nor does the statement wait for the disk or a standby: the time is informative, so losing
        it does no harm. Callers check `use_is_noted` first, so that it runs once a minute at most.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE automator_apikey SET last_used_at = clock_timestamp() WHERE id IN"
                " (SELECT id FROM automator_apikey WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)"
                " AND set_config('synchronous_commit', 'off', true) = 'off'",
                (key_id,),
            )

    def revoke(self) -> int:
        """Revoke the keys of this queryset, and return how many had not been revoked before."""
        return self.filter(revoked_at=None).update(revoked_at=Now())


def hash_secret(secret: str) -> str:
    """Return the SHA-256 hash of a secret in hex.

    A slow hash would not make it safer, since the secret has 256 random bits.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKey(models.Model):
    """A key with which a marketplace makes calls for one broker.

    The whole key is shown once. Only a hash of its secret is stored.
    """

    broker = models.ForeignKey(Broker, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(
        max_length=100, blank=True, help_text="Who has the key, and what it is for."
    )
    key_id = models.CharField(max_length=32, editable=False)
    secret_hash = models.CharField(max_length=64, editable=False)
    networks = ArrayField(
        models.CharField(max_length=64, validators=[validate_network]),
        default=list,
        blank=True,
        help_text="The networks that the key may be used from, separated by commas, such as "
        "203.0.113.0/24. Leave empty to allow every address.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="Leave empty for a key that never expires."
    )
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["key_id"],
                name="apikey_key_id_unique",
                violation_error_message="There is a key with that id.",
            ),
            models.CheckConstraint(
                name="apikey_secret_hashed",
                condition=Q(secret_hash__regex=r"^[0-9a-f]{64}$"),  # noqa: S106
                violation_error_message="A key's secret is stored as a SHA-256 hash.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key_id} ({self.name})" if self.name else self.key_id


class LoginOutcome(models.TextChoices):
    """The outcome of an attempt to log in."""

    FAILED = "failed", "Failed"
    CORRECTED = "corrected", "Failed, then logged in"
    LOGGED_IN = "logged_in", "Logged in"


class LoginAttempt(models.Model):
    """An attempt to log in to the admin, recorded before its password is checked.

    The password is not recorded. `automator.login` decides by these rows who has to wait, and
    deletes old ones.
    """

    username = models.CharField(max_length=150)
    address = models.CharField(
        max_length=43,
        blank=True,
        help_text="Where the attempt came from. IPv6 addresses are shown as networks of 64 bits.",
    )
    at = models.DateTimeField()
    outcome = models.CharField(
        max_length=9, choices=LoginOutcome.choices, default=LoginOutcome.FAILED
    )
    locks = models.BooleanField(
        default=False, help_text="Whether a limit was reached, so that the user has to wait."
    )

    class Meta:
        verbose_name = "log-in"
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            models.Index(fields=["username", "at"], name="loginattempt_username_at"),
            models.Index(fields=["address", "at"], name="loginattempt_address_at"),
            models.Index(fields=["outcome", "at"], name="loginattempt_outcome_at"),
        ]

    def __str__(self) -> str:
        return f"{self.username} from {self.address or 'an unknown address'}"
