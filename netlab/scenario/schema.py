# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language as a JSON Schema, for editors that complete and check YAML."""

from __future__ import annotations

from typing import Any

from netlab.model.vocabulary import Side
from netlab.scenario import language
from netlab.scenario.kinds import STATES, Kind, Schema
from netlab.scenario.language import MODIFIERS, STEPS
from netlab.scenario.shapes import Either, Field, Hops, ListOf, MapOf, Steps, Struct, Takes
from netlab.scenario.steps import ACTIONS, FAULTS
from netlab.scenario.steps.hops import HOPS, ORDERS


def schema() -> Schema:
    """The whole schema (draft 2020-12), generated from the tables that the loader reads by."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "netlab scenario",
        **_of(language.SCENARIO),
        "$defs": {"steps": _steps(), "hops": _hops(), "action": _action(), "state": STATES},
    }


def _of(takes: Takes) -> Schema:
    match takes:
        case Kind():
            return dict(takes.schema)
        case ListOf():
            one = _of(takes.kind)
            return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}
        case MapOf():
            names = (
                {} if takes.key.schema == {"type": "string"} else {"propertyNames": _of(takes.key)}
            )
            return {"type": "object", **names, "additionalProperties": _of(takes.value)}
        case Either():
            return {"anyOf": [_of(takes.scalar), _of(takes.mapping)]}
        case Steps():
            return {"$ref": "#/$defs/steps"}
        case Hops():
            return {"$ref": "#/$defs/hops"}
        case Struct():
            return _table(takes)


def _table(table: Struct) -> Schema:
    whole: Schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {key: _field(field) for key, field in table.fields.items()},
    }
    required = [key for key, field in table.fields.items() if field.required]
    if required:
        whole["required"] = required
    if not table.short or any(key != table.short for key in required):
        return whole
    return {"anyOf": [_of(table.fields[table.short].takes), whole]}


def _field(field: Field) -> Schema:
    described: Schema = {"description": field.doc} if field.doc else {}
    return {**_of(field.takes), **described}


def _steps() -> Schema:
    forms: list[Schema] = []
    for side in Side:
        properties: dict[str, Any] = {str(side): {"$ref": "#/$defs/action"}}
        properties.update({key: _field(field) for key, field in MODIFIERS.items()})
        forms.append(_form(properties, str(side)))
    forms += [_form({word: _of_word(kind.takes)}, word) for word, kind in FAULTS.items()]
    forms += [_form({key: _field(field)}, key) for key, field in STEPS.items()]
    forms += [_form({word: _of_word(each.takes)}, word) for word, each in ORDERS.items()]
    return {"type": "array", "minItems": 1, "items": {"anyOf": forms}}


def _hops() -> Schema:
    alone = [
        word
        for word, kind in HOPS.items()
        if not any(field.required for field in kind.takes.fields.values())
    ]
    forms = [_form({word: _of_word(kind.takes)}, word) for word, kind in HOPS.items()]
    return {"type": "array", "minItems": 1, "items": {"anyOf": [{"enum": alone}, *forms]}}


def _form(properties: dict[str, Any], *required: str) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "required": [*required],
    }


def _of_word(takes: Struct) -> Schema:
    """What a word for a step takes, with what it does."""
    return _field(Field(takes, doc=takes.says))


def _beside(takes: Struct, word: str) -> Schema:
    """An action with its other arguments beside it."""
    fields = {word if key == takes.short else key: field for key, field in takes.fields.items()}
    required = [key for key, field in fields.items() if field.required and key != word]
    return _form({key: _field(field) for key, field in fields.items()}, word, *required)


def _action() -> Schema:
    """A lone word for actions that need nothing more, or one key with its value."""
    words = []
    forms: list[Schema] = []
    for word, action in ACTIONS.items():
        takes, spellings = action.takes, sorted({word, word.replace("-", "_")})
        if isinstance(takes, Struct) and not any(f.required for f in takes.fields.values()):
            words += spellings
        shown = {**_of(takes), "description": takes.what}
        forms += [_form({spelling: shown}, spelling) for spelling in spellings]
        if isinstance(takes, Struct) and takes.short and len(takes.fields) > 1:
            forms += [_beside(takes, spelling) for spelling in spellings]
    return {"anyOf": [{"enum": words}, *forms]}
