from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from automator.models import ApiKey
from inventory.services import create_broker

pytestmark = pytest.mark.django_db


@pytest.fixture
def whole_key() -> str:
    _, whole = ApiKey.objects.issue(create_broker(name="Harbor Lane Tickets"), name="TEvo")
    return whole


def revoke_api_key(key_id: str) -> str:
    out = StringIO()
    call_command("revoke_api_key", key_id, stdout=out)
    return out.getvalue()


def status(client: Client, key: str) -> int:
    """What a look-up of a hold that never was is answered: 404 where the key is good."""
    return client.get("/api/v1/holds/g-1", headers={"x-api-key": key}).status_code


def test_the_next_call_with_the_key_is_answered_401(client: Client, whole_key: str) -> None:
    key_id = whole_key.split("_")[1]
    before = status(client, whole_key)

    said = revoke_api_key(key_id)

    assert (before, status(client, whole_key)) == (404, 401)
    assert said == f"Revoked the API key {key_id} (TEvo) of Harbor Lane Tickets.\n"


def test_other_keys_stay_good(client: Client, whole_key: str) -> None:
    _, other = ApiKey.objects.issue(ApiKey.objects.get().broker)

    revoke_api_key(whole_key.split("_")[1])

    assert status(client, other) == 404


def test_a_repeat_says_that_it_was_revoked_before_and_when(whole_key: str) -> None:
    key_id = whole_key.split("_")[1]
    revoke_api_key(key_id)
    first = ApiKey.objects.get().revoked_at

    said = revoke_api_key(key_id)

    assert first
    assert f"was revoked before, at {first:%Y-%m-%d %H:%M:%S} UTC" in said
    assert ApiKey.objects.get().revoked_at == first


def test_a_whole_key_is_taken_for_its_id_and_its_secret_is_not_said(
    client: Client, whole_key: str
) -> None:
    said = revoke_api_key(f" {whole_key}\n")

    assert status(client, whole_key) == 401
    assert whole_key.split("_")[2] not in said


@pytest.mark.parametrize("key_id", ["feedfeedfeed", "automator_feedfeedfeed_5ec4e7"])
def test_an_unknown_key_is_an_error(key_id: str, whole_key: str) -> None:
    with pytest.raises(CommandError) as refused:
        revoke_api_key(key_id)

    assert str(refused.value) == "There is no API key with the id feedfeedfeed."
    assert ApiKey.objects.get().revoked_at is None


@pytest.mark.parametrize("text", ["", "a b", "*"])
def test_what_can_be_no_key_id_is_an_error(text: str, whole_key: str) -> None:
    with pytest.raises(CommandError, match="That is not a key id"):
        revoke_api_key(text)

    assert ApiKey.objects.get().revoked_at is None


def test_a_secret_pasted_alone_is_not_said(whole_key: str) -> None:
    secret = whole_key.split("_")[2]

    with pytest.raises(CommandError) as refused:
        revoke_api_key(secret)

    assert secret not in str(refused.value)
