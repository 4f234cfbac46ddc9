"""The parts of the OpenAPI document that the calls share: schemas, headers and links."""

from typing import Any

from automator.api import problems
from holds.make_room import MOST_LISTED
from inventory.limits import ID_PATTERN

PROBLEM_SCHEMA = {
    "type": "object",
    "description": "An error as RFC 9457 defines it. `code` identifies it; `type` is the "
    "address of the page that explains it.",
    "required": ["type", "title", "status", "detail", "code", "retryable", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A page under /docs/errors/."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "code": {"type": "string", "enum": sorted(problems.PROBLEMS)},
        "retryable": {
            "type": "boolean",
            "description": "Whether repeating the same call can succeed.",
        },
        "request_id": {"type": "string"},
        "available": {"type": "integer", "minimum": 0},
        "may_free_at": {"type": ["string", "null"], "format": "date-time"},
        "allowed_quantities": {
            "type": "array",
            "items": {"type": "integer", "minimum": 1},
            "maxItems": MOST_LISTED,
        },
        "allowed_quantities_cut": {"type": "boolean"},
        "order_id": {"type": "string"},
        "exception_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "message"],
                "properties": {
                    "field": {"type": ["string", "null"]},
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                },
            },
        },
    },
}
PATH_ID = {"type": "string", "pattern": ID_PATTERN}
REQUEST_ID = {
    "description": "The id that the caller sent, if it is valid, or a new one.",
    "required": True,
    "schema": {"type": "string"},
}
REPLAYED = {
    "description": "`true` if the same call had taken effect before.",
    "schema": {"type": "string", "enum": ["true"]},
}
RETRY_AFTER = {
    "description": "Seconds to wait before the call is repeated.",
    "required": True,
    "schema": {"type": "integer", "minimum": 1},
}
CHALLENGE = {
    "description": "The header in which the key is sent.",
    "required": True,
    "schema": {"type": "string", "enum": ["X-API-Key"]},
}
ALLOW = {
    "description": "The methods that the path takes.",
    "required": True,
    "schema": {"type": "string"},
}
# These do not belong to a call, since its path and method are right and its bytes are HTTP. The
# document has them among its shared responses, under these names.
OUTSIDE = {
    "UnknownPath": problems.NOT_FOUND,
    "UnknownMethod": problems.METHOD_NOT_ALLOWED,
    "RequestLineTooLong": problems.NO_REQUEST[414],
    "HeaderTooLarge": problems.NO_REQUEST[431],
}
NO_NUL = {"type": "string", "pattern": "^[^\\u0000]*$"}
# The allowed values of unknown fields. The parser is strict about the whole body.
UNKNOWN_FIELD = {
    "description": "Unknown fields are ignored, provided that they are valid JSON: no NUL and no "
    "lone surrogate in any string, no duplicate name in an object, and at most 20 levels.",
    "anyOf": [
        {"type": ["null", "boolean", "number"]},
        NO_NUL,
        {"type": "array", "items": {"$ref": "#/components/schemas/UnknownField"}},
        {
            "type": "object",
            "propertyNames": NO_NUL,
            "additionalProperties": {"$ref": "#/components/schemas/UnknownField"},
        },
    ],
}
_HOLD = {"global_id": "$response.body#/global_id"}
_ORDER = {"order_id": "$response.body#/order_id"}
# The OpenAPI links of a successful answer: for each call, by the name of the link, the call that
# may follow and the values that it takes from this one.
LINKS: dict[str, dict[str, dict[str, Any]]] = {
    "hold": {
        "Repeat": {"operationId": "hold", "requestBody": "$request.body"},
        "LookUp": {"operationId": "look_up_hold", "parameters": _HOLD},
        "Release": {"operationId": "release", "parameters": _HOLD},
        "Invoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "look_up_hold": {
        "Release": {"operationId": "release", "parameters": _HOLD},
        "Invoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "release": {
        "Repeat": {"operationId": "release", "parameters": _HOLD},
        "LookUp": {"operationId": "look_up_hold", "parameters": _HOLD},
        "LateHold": {"operationId": "hold", "requestBody": _HOLD},
        "LateInvoice": {"operationId": "invoice", "requestBody": _HOLD},
    },
    "invoice": {
        "Repeat": {"operationId": "invoice", "requestBody": "$request.body"},
        "LookUp": {"operationId": "look_up_invoice", "parameters": _ORDER},
        "LookUpHold": {"operationId": "look_up_hold", "parameters": _HOLD},
        "LateRelease": {"operationId": "release", "parameters": _HOLD},
    },
    "look_up_invoice": {
        "LookUpHold": {
            "operationId": "look_up_hold",
            "parameters": {"global_id": "$response.body#/invoices/0/global_id"},
        }
    },
}
