"""Around every request: what pages may load, and what nobody may keep."""

import pytest
from django.test import Client

from inventory.models import Broker
from tests.support.factories import TicketGroupFactory, UserFactory
from tests.support.marketplace import Api


@pytest.mark.django_db
def test_pages_of_the_admin_run_nothing_in_place(client: Client) -> None:
    client.force_login(UserFactory(whole=True))

    for path in ("/admin/", "/admin/inventory/ticketgroup/", "/admin/holds/hold/"):
        answer = client.get(path)
        assert answer.status_code == 200
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert b"<style" not in answer.content
        assert b" style=" not in answer.content
        assert b"<script>" not in answer.content


def test_page_that_is_not_there_has_the_policy_too(client: Client) -> None:
    answer = client.get("/no-such-page/")

    assert answer.status_code == 404
    assert "default-src 'self'" in answer["Content-Security-Policy"]


@pytest.mark.django_db
def test_answers_of_the_api_are_kept_by_no_cache(api: Api, broker: Broker) -> None:
    group = TicketGroupFactory(broker=broker)

    for answer in (
        api.look_up_hold("g-1"),
        api.hold(group, 2, "g-1"),
        api.look_up_hold("g-1"),
        api.client.get("/api/nowhere"),
    ):
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db
def test_pages_and_answers_are_framed_and_guessed_by_nobody(api: Api) -> None:
    for answer in (api.look_up_hold("g-1"), api.client.get("/docs/")):
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
