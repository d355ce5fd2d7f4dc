"""Leaf values, in one spelling whatever side they come from."""

import json
import re
from collections import Counter

from documents import Decrypted, parse

NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


def spelled(value):
    """A scalar as text: 5, "5", 5.0 and 5e0 are told apart nowhere, "05" and 5 are."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value == value and abs(value) < 2**53 and value == int(value) else repr(float(value))
    value = str(value)
    if NUMBER.fullmatch(value) and len(value) < 400:
        return str(int(value)) if value.lstrip("-").isdigit() and value != "-0" else spelled(float(value))
    return value


def leaves(value, found=None):
    """Counter of every scalar below a JSON value; nulls and empty containers have none."""
    found = Counter() if found is None else found
    if isinstance(value, Decrypted) and value.parsed is not None:
        value = value.parsed
    if isinstance(value, dict):
        for member in value.values():
            leaves(member, found)
    elif isinstance(value, list):
        for item in value:
            leaves(item, found)
    elif value is not None:
        found[spelled(value)] += 1
    return found


def leaves_of_json(text):
    return Counter() if text is None else leaves(parse(text))


def pruned(value):
    """A value to compare: scalars spelled, records without their nulls, an empty record as null."""
    if isinstance(value, dict):
        kept = {k: p for k, v in value.items() if (p := pruned(v)) is not None}
        return kept or None
    if isinstance(value, list):
        return [pruned(v) for v in value]
    return None if value is None else spelled(value)


def shown(value, width=160):
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else text[:width] + "…"
