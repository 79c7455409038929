"""The published JSON Schemas of what farthing keeps."""

from typing import Any

import msgspec

from farthing.ledger.exports import Catalog
from farthing.model import Alert, RunRecord
from farthing.signals.feedback import Decision

DRAFT = "https://json-schema.org/draft/2020-12/schema"

_AMOUNT = {
    "type": "string",
    "pattern": r"^(0|-?(0|[1-9][0-9]{0,19})(\.[0-9]{0,17}[1-9])?)$",
    "not": {"const": "-0"},
}
_TOTALS = {
    "type": "object",
    "description": "sums of the rows",
    "additionalProperties": {"$ref": "#/$defs/amount"},
}
_CHARGES = {"type": "array", "items": {"$ref": "#/$defs/charge"}}
_TIME = {"type": "string", "format": "date-time", "pattern": "Z$"}

DAILY_REPORT: dict[str, Any] = {
    "$schema": DRAFT,
    "$id": "urn:farthing:daily-report:1",
    "title": "farthing daily report, version 1",
    "description": "What one UTC day cost, FOCUS-shaped: rows and keys sorted, amounts as plain decimal strings.",
    "type": "object",
    "required": [
        "schema",
        "date",
        "currency",
        "estimated",
        "collected_at",
        "totals",
        "charges",
        "revisions",
        "source",
    ],
    "additionalProperties": False,
    "properties": {
        "schema": {"const": "farthing.daily-report/1"},
        "date": {"type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
        "currency": {"type": "string", "minLength": 1, "description": "ISO 4217, as the source names it"},
        "estimated": {"type": "boolean", "description": "AWS has not invoiced the month yet"},
        "collected_at": {**_TIME, "description": "when these amounts were first seen"},
        "totals": _TOTALS,
        "charges": _CHARGES,
        "revisions": {
            "type": "array",
            "description": "each earlier state, oldest first",
            "items": {
                "type": "object",
                "required": ["seen_at", "estimated", "totals", "charges"],
                "additionalProperties": False,
                "properties": {
                    "seen_at": _TIME,
                    "estimated": {"type": "boolean"},
                    "currency": {"type": "string", "description": "only where it is not the report's"},
                    "totals": _TOTALS,
                    "charges": {
                        **_CHARGES,
                        "description": "rows that differ from the next state; one that did not exist yet is zero",
                    },
                },
            },
        },
        "source": {
            "type": "object",
            "required": ["kind", "group_by", "scope"],
            "additionalProperties": False,
            "properties": {
                "kind": {"type": "string", "examples": ["cost-explorer", "simulated"]},
                "group_by": {"type": "array", "items": {"type": "string"}},
                "scope": {"type": ["string", "null"]},
            },
        },
    },
    "$defs": {
        "amount": _AMOUNT,
        "charge": {
            "type": "object",
            "required": ["ServiceName", "SubAccountId", "SubAccountName"],
            "properties": {
                "ServiceName": {"type": "string"},
                "SubAccountId": {"type": "string"},
                "SubAccountName": {"type": ["string", "null"]},
            },
            "additionalProperties": {"$ref": "#/$defs/amount"},
        },
    },
}


def _lens_report() -> dict[str, Any]:
    """The daily report's schema with the rows of a lens: ServiceName and the lens's own column."""
    charge = {
        "type": "object",
        "description": "ServiceName, the column that source.group_by names second, and one amount per metric",
        "required": ["ServiceName"],
        "minProperties": 2,
        "properties": {
            "ServiceName": {"type": "string"},
            "RegionId": {"type": "string"},
            "x_RecordType": {"type": "string"},
        },
        "patternProperties": {"^(Tags|x_CostCategories)/.": {"type": "string"}},
        "additionalProperties": {"$ref": "#/$defs/amount"},
    }
    source = {**DAILY_REPORT["properties"]["source"]}
    source["properties"] = {
        **source["properties"],
        "group_by": {
            "type": "array",
            "minItems": 2,
            "maxItems": 2,
            "items": {"type": "string"},
            "examples": [["ServiceName", "RegionId"], ["ServiceName", "Tags/team"]],
        },
    }
    return {
        **DAILY_REPORT,
        "$id": "urn:farthing:lens-report:1",
        "title": "farthing lens report, version 1",
        "description": "What one UTC day cost by service and one further key; otherwise as the daily report.",
        "properties": {
            **DAILY_REPORT["properties"],
            "schema": {"const": "farthing.lens-report/1"},
            "source": source,
        },
        "$defs": {"amount": _AMOUNT, "charge": charge},
    }


def _of_type(type_: type, name: str, title: str, **extra: Any) -> dict[str, Any]:
    (schema,), definitions = msgspec.json.schema_components([type_])
    own = definitions.pop(schema["$ref"].rsplit("/", 1)[-1])
    own["properties"] = {"schema": {"const": f"farthing.{name}/1"}, **extra, **own["properties"]}
    definitions = {key.rsplit(".", 1)[-1]: value for key, value in definitions.items()}
    return {**own, "$schema": DRAFT, "$id": f"urn:farthing:{name}:1", "title": title, "$defs": definitions}


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of that name, one of :data:`NAMES`."""
    if name == "daily-report":
        return DAILY_REPORT
    if name == "lens-report":
        return _lens_report()
    relinked: dict[str, Any]
    if name == "alert":
        state = {"enum": ["pending", "claimed", "sent", "failed", "suppressed"]}
        relinked = _relinked(_of_type(Alert, "alert", "farthing alert, version 1", state=state))
    elif name == "decision":
        relinked = _relinked(_of_type(Decision, "decision", "farthing decision about an incident, version 1"))
    elif name == "exports":
        relinked = _relinked(_of_type(Catalog, "exports", "farthing catalog of imported exports, version 1"))
    else:
        relinked = _relinked(_of_type(RunRecord, "run", "farthing run record, version 1"))
    return relinked


def _relinked(value: Any) -> Any:
    """The references that msgspec writes, made local to the document they stand in."""
    if isinstance(value, dict):
        if isinstance(value.get("description"), str):
            value = {**value, "description": " ".join(value["description"].replace("``", "").split())}
        return {
            key: f"#/$defs/{part.rsplit('/', 1)[-1].rsplit('.', 1)[-1]}" if key == "$ref" else _relinked(part)
            for key, part in value.items()
        }
    return [_relinked(part) for part in value] if isinstance(value, list) else value


NAMES = ("daily-report", "lens-report", "alert", "run", "exports", "decision")
