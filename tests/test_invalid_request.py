"""Bodies that no call takes, and the odd ones that it does take."""

import json
from typing import Any

import pytest

from holds.models import Hold
from inventory.models import TicketGroup
from tests.support.factories import TicketGroupFactory
from tests.support.fixtures import Unchanged
from tests.support.marketplace import Api, ask, checked

pytestmark = pytest.mark.django_db

GOOD = {"remote_id": "r", "quantity": 1, "global_id": "g-1"}
BODIES = [
    ("hold", "holds", ["remote_id", "quantity", "global_id"]),
    ("invoice", "invoices", ["order_id", "global_id"]),
]
POSTS = [("hold", "holds"), ("invoice", "invoices"), ("release", "holds/g-1/release")]


def deep(levels: int) -> str:
    return '{"more": ' * levels + "0" + "}" * levels


MALFORMED = {
    "cut short": '{"remote_id": "r", "quan',
    "no JSON": "remote_id=r&quantity=1&global_id=g-1",
    "more after the end": json.dumps(GOOD) + "{}",
    "single quotes": "{'remote_id': 'r'}",
    "a comment": json.dumps(GOOD) + " // please",
    "a trailing comma": '{"remote_id": "r",}',
    "an array": json.dumps([GOOD]),
    "null": "null",
    "text": '"remote_id"',
    "a number": "1",
    "a key twice": '{"remote_id": "r", "quantity": 1, "global_id": "g-1", "quantity": 2}',
    "a key twice further in": '{"more": [{"a": 1, "a": 2}]}',
    "NaN": '{"quantity": NaN}',
    "Infinity": '{"quantity": Infinity}',
    "minus Infinity": '{"more": [-Infinity]}',
    "NUL": r'{"remote_id": "r\u0000"}',
    "NUL in a key": r'{"r\u0000": 1}',
    "NUL as it is": '{"remote_id": "r\0"}',
    "a lone surrogate": r'{"remote_id": "\ud800"}',
    "a lone surrogate in a key": r'{"\udfff": 1}',
    "deep nesting": deep(30),
    "deepest nesting": "[" * 16_000,
    "a number of 5000 digits": '{"quantity": ' + "9" * 5000 + "}",
    "a control character": '{"remote_id": "a\nb"}',
    "no UTF-8": b'{"remote_id": "\xff"}',
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "a byte order mark": json.dumps(GOOD).encode("utf-8-sig"),
}


@pytest.mark.parametrize(("operation", "path"), POSTS)
@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_body_is_invalid(
    api: Api, unchanged: Unchanged, operation: str, path: str, fault: str
) -> None:
    with unchanged():
        answer = api.post(operation, path, MALFORMED[fault])

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    (error,) = answer.json()["errors"]
    assert (error["field"], error["code"]) == (None, "malformed")
    assert error["message"]


@pytest.mark.parametrize(("operation", "path", "fields"), BODIES)
@pytest.mark.parametrize("body", [{}, None])
def test_every_missing_field_is_named_at_once(
    api: Api, operation: str, path: str, fields: list[str], body: object
) -> None:
    answer = api.post(operation, path, body)

    assert answer.status_code == 400
    errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert errors == [(field, "required") for field in fields]
    for field in fields:
        assert field in answer.json()["detail"]


def test_every_wrong_field_is_named_at_once(api: Api, unchanged: Unchanged) -> None:
    with unchanged():
        answer = api.post(
            "hold", "holds", {"remote_id": None, "quantity": 0, "global_id": "a b", "more": None}
        )

    errors = [(error["field"], error["code"]) for error in answer.json()["errors"]]
    assert errors == [("remote_id", "null"), ("quantity", "invalid"), ("global_id", "invalid")]
    assert all(error["message"] for error in answer.json()["errors"])


WRONG_IDS = [
    *("null", "true", "false", "1.5", "1.0", "1e3", "[]", '["r"]', "{}", '""', '" "', '"a b"'),
    *('" a"', '"a "', '"a/b"', '"/"', '"é"', r'"\u007f"', r'"\t"', r'"a\n"', r'"\ud83d\ude00"'),
    *(f'"{"x" * 129}"', "9" * 129, "1" + "0" * 4000),
]


@pytest.mark.parametrize(
    ("operation", "path", "field"),
    [
        ("hold", "holds", "remote_id"),
        ("hold", "holds", "global_id"),
        ("invoice", "invoices", "order_id"),
        ("invoice", "invoices", "global_id"),
    ],
)
def test_wrong_id_is_invalid(
    api: Api, unchanged: Unchanged, operation: str, path: str, field: str
) -> None:
    for wrong in WRONG_IDS:
        good = {"remote_id": "r", "quantity": 1, "global_id": "g-1", "order_id": "o-1"}
        body = json.dumps({**good, field: "WRONG"}).replace('"WRONG"', wrong)
        with unchanged():
            answer = api.post(operation, path, body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request"), wrong
        assert [error["field"] for error in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    "wrong",
    [
        *("null", "true", "false", "0", "-1", "-0", "1.5", "1.0", "1e3", "1E0", "[]", "[1]", "{}"),
        *('""', '"0"', '"02"', '"+2"', '" 2"', '"2 "', '"2.0"', '"1e3"', '"two"', '"-1"', '"٣"'),
        *(f'"{"9" * 19}"', '"0x2"', '"1_0"'),
    ],
)
def test_wrong_quantity_is_invalid(
    api: Api, group: TicketGroup, unchanged: Unchanged, wrong: str
) -> None:
    body = f'{{"remote_id": "{group.remote_id}", "quantity": {wrong}, "global_id": "g-1"}}'
    with unchanged():
        answer = api.post("hold", "holds", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [error["field"] for error in answer.json()["errors"]] == ["quantity"]


def test_integers_are_ids_and_answered_as_text(api: Api) -> None:
    TicketGroupFactory(broker=api.broker, remote_id="605696419")
    held = api.post("hold", "holds", {"remote_id": 605696419, "quantity": "2", "global_id": -7})
    sold = api.post("invoice", "invoices", {"order_id": 2**70, "global_id": "-7"})

    assert held.status_code == 201
    assert (held.json()["remote_id"], held.json()["global_id"]) == ("605696419", "-7")
    assert held.json()["quantity"] == 2
    assert sold.status_code == 201
    assert sold.json()["order_id"] == str(2**70)
    assert api.look_up_hold("-7").json()["order_id"] == str(2**70)


def test_integer_and_its_decimal_text_are_the_same_call(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, remote_id="17")
    api.hold(group, 2, "5")
    answer = api.post("hold", "holds", {"remote_id": 17, "quantity": "2", "global_id": 5})

    assert (answer.status_code, answer["Idempotent-Replayed"]) == (200, "true")


def test_id_of_128_characters_is_taken(api: Api) -> None:
    group = TicketGroupFactory(broker=api.broker, remote_id="r" * 128)

    assert api.hold(group, 2, "g" * 128).status_code == 201
    assert api.invoice("o" * 128, "g" * 128).json()["order_id"] == "o" * 128


@pytest.mark.parametrize("quantity", [7, 2**31, 2**63, 10**300, "9" * 18])
def test_huge_quantity_is_too_many(
    api: Api, group: TicketGroup, unchanged: Unchanged, quantity: object
) -> None:
    body = {"remote_id": group.remote_id, "quantity": quantity, "global_id": "g-1"}
    with unchanged():
        answer = api.post("hold", "holds", body)
    assert (answer.status_code, answer.json()["available"]) == (409, 6)

    api.hold(group, 2, "g-1")
    assert api.post("hold", "holds", body).json()["code"] == "global_id_reused"


def test_unknown_fields_are_ignored_and_stored_nowhere(api: Api, group: TicketGroup) -> None:
    body: dict[str, Any] = {"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"}
    first = api.post("hold", "holds", {**body, "buyer_email": "a@b.example", "seats": [1]})
    again = api.post("hold", "holds", {**body, "buyer_email": "other", "price": {"usd": 1.5}})
    sold = api.post(
        "invoice", "invoices", {"order_id": "o-1", "global_id": "g-1", "buyer": "a@b.example"}
    )

    assert (first.status_code, again.status_code, sold.status_code) == (201, 200, 201)
    assert again["Idempotent-Replayed"] == "true"
    assert sold.json()["buyer"] == "Ticket Evolution"
    assert "example" not in str(Hold.objects.values())


def test_names_of_fields_are_case_sensitive(api: Api, group: TicketGroup) -> None:
    answer = api.post(
        "hold", "holds", {"Remote_Id": group.remote_id, "quantity": 1, "global_id": "g-1"}
    )

    assert [error["field"] for error in answer.json()["errors"]] == ["remote_id"]


def padded(group: TicketGroup, size: int) -> str:
    body = {"remote_id": group.remote_id, "quantity": 2, "global_id": "g-1"}
    return json.dumps(body).ljust(size)


def test_body_of_16_kib_is_taken(api: Api, group: TicketGroup) -> None:
    assert api.post("hold", "holds", padded(group, 16 * 1024)).status_code == 201


@pytest.mark.parametrize("size", [16 * 1024 + 1, 3 * 1024 * 1024])
@pytest.mark.parametrize(("operation", "path"), POSTS)
def test_larger_body_is_too_large(
    api: Api, unchanged: Unchanged, operation: str, path: str, size: int
) -> None:
    group = TicketGroupFactory(broker=api.broker)
    with unchanged():
        answer = api.post(operation, path, padded(group, size))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"),
        *("application/xml", "application/json-patch+json", "json", ""),
        *("*/*", "application/*", "*/*; charset=utf-8"),
    ],
)
@pytest.mark.parametrize(("operation", "path"), POSTS)
def test_body_of_another_media_type_is_not_supported(
    api: Api, unchanged: Unchanged, operation: str, path: str, content_type: str
) -> None:
    with unchanged():
        answer = checked(
            operation,
            ask(api.client, "POST", f"/api/v1/{path}", "{}", content_type=content_type),
        )

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_media_type_may_have_parameters_and_any_case(
    api: Api, group: TicketGroup, content_type: str
) -> None:
    body = padded(group, 0)
    answer = ask(api.client, "POST", "/api/v1/holds", body, content_type=content_type)

    assert checked("hold", answer).status_code == 201


def test_body_may_be_nested_twenty_levels_deep(api: Api, unchanged: Unchanged) -> None:
    with unchanged():
        refused = api.post("release", "holds/g-1/release", deep(21))
    assert refused.json()["errors"][0]["message"] == "The JSON is nested too deeply."

    assert api.post("release", "holds/g-1/release", deep(20)).status_code == 200
