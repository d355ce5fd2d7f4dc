"""The rows that a file must leave, computed from the file alone.

    envelope -> metaData -> bodies -> items -> Row(table, key, columns, leaves that must be in `extra`)
"""

import json
from collections import Counter
from dataclasses import dataclass, field

from documents import Decrypted, RawFloat, parse
from leaves import leaves
from mapping import (AGENT_IDS, BODIES, BOOL, DOUBLE, GEO, INT, JSON, LONG, NAMELESS, SESSION_INFO, STREAMS, TEXT, TIME,
                     VISITOR_IDS, WEB_COUNTS, column_of)

PRIMITIVES = {"string", "long", "int", "double", "float", "boolean", "bytes", "enum", "array", "map", "null"}
DAY_MS = 86_400_000
#: years 1900 to 9999: readers refuse whole files for the sake of one time beyond
READABLE_TIMES = range(-2_208_988_800_000, 253_402_300_800_000)


@dataclass
class Row:
    table: str
    #: (source_file, source_record, source_body, source_item)
    key: tuple
    columns: dict
    extra: Counter = field(default_factory=Counter)
    #: milliseconds of the row's own time, or None
    time: int = None


@dataclass
class Expected:
    rows: list = field(default_factory=list)
    #: (source_file, source_record) -> leaves of unknown fields above item level
    above: dict = field(default_factory=dict)
    #: (source_file, source_record) -> every leaf below the envelope that must be told again, ids of headers apart
    told: dict = field(default_factory=dict)
    #: (source_file, source_record) -> leaves that only need to be there once (headers, metaData)
    seen: dict = field(default_factory=dict)


def short(name):
    return name.rsplit(".", 1)[-1]


def opened(value):
    """Plaintext that stands where no text is expected."""
    if isinstance(value, Decrypted) and value.parsed is None:
        try:
            value.parsed = parse(value)
        except ValueError:
            return value
    return value.parsed if isinstance(value, Decrypted) else value


def unwrapped(value):
    """The branch of a union, wrapped or not: (wrapper's short name or None, value)."""
    if isinstance(value, dict) and len(value) == 1:
        (name, inner), = value.items()
        if "." in name or name.lower() in PRIMITIVES:
            return short(name), inner
    return None, value


def branch(value):
    """The value below all unions and encryption: (short name of its record type or None, value)."""
    name = None
    while True:
        value = opened(value)
        wrapper, inner = unwrapped(value)
        if wrapper is None:
            return name, value
        name = name if wrapper.lower() in PRIMITIVES else wrapper
        value = inner


def items_of(value):
    value = branch(value)[1]
    return value if isinstance(value, list) else None


def fit(kind, value, lost):
    """The value as its column holds it; what does not fit is added to `lost`."""
    inner = unwrapped(value)[1]
    if inner is None:
        return None
    if kind == JSON:
        return value
    if kind != TEXT:
        inner = branch(inner)[1]
    if isinstance(kind, dict):
        return fit_record(kind, inner, lost)
    if isinstance(kind, list):
        if isinstance(inner, list):
            return [fit(kind[0], item, lost) for item in inner]
    elif kind == TEXT:
        if isinstance(inner, str):
            return str(inner)
        if isinstance(inner, (int, float)) and not isinstance(inner, bool):
            return inner.raw if isinstance(inner, RawFloat) else str(inner)
    elif kind in (LONG, INT, TIME):
        bits = 31 if kind == INT else 63
        number = inner
        if isinstance(number, str) and str(number).lstrip("-").isdigit() and str(int(number)) == number:
            number = int(number)
        if isinstance(number, RawFloat) and number == int(number):
            number = int(number)
        if isinstance(number, int) and not isinstance(number, bool) and -(2**bits) <= number < 2**bits:
            if kind != TIME or number in READABLE_TIMES:
                return number
    elif kind == DOUBLE:
        if isinstance(inner, float) or (isinstance(inner, int) and not isinstance(inner, bool) and float(inner) == inner):
            return float(inner)
    elif kind == BOOL and isinstance(inner, bool):
        return inner
    leaves(value, lost)
    return None


def fit_record(fields, value, lost):
    if not isinstance(value, dict):
        leaves(value, lost)
        return None
    found = {}
    for name, member in value.items():
        name = spelled_field(name, fields)
        if name in fields and column_of(name) not in found:
            found[column_of(name)] = fit(fields[name], member, lost)
        else:
            leaves(member, lost)
    return found


def spelled_field(name, fields):
    """The field's name as declared: the pages spell some with other capitals, some with blanks."""
    tidy = name.replace(" ", "")
    return next((f for f in fields if f == tidy), None) or next((f for f in fields if f.lower() == tidy.lower()), name)


class Envelope:
    """One top-level object on its way to rows."""

    def __init__(self, expected, file, stream, record, value):
        self.out, self.file, self.stream, self.record, self.value = expected, file, stream, record, value
        self.above = expected.above.setdefault((file, record), Counter())
        self.rows = []

    def run(self):
        value = self.value
        told, seen = Counter(), Counter()
        self.meta(branch(value.get("metaData"))[1] or {}, seen)
        self.above.update(leaves({k: v for k, v in value.items() if k not in ("dataType", "metaData", "recordCollection")}))
        bodies = items_of(value.get("recordCollection")) or []
        headers = set()
        ids = []
        leftovers = []
        for index, record in enumerate(bodies):
            record = branch(record)[1]
            if record is None:
                continue
            self.above.update(leaves({k: v for k, v in record.items() if k != "body"}))
            wrapper, body = branch(record.get("body"))
            if body is None:
                continue
            self.body(index, wrapper, body, headers, ids, leftovers)
        if self.stream == "webSession":
            self.web_session(ids, headers)
        for index, wrapper, body, header in leftovers:
            if header and header not in headers:
                self.unrecognized(index, wrapper, body)
        if not self.rows:
            self.unrecognized(None, None, value)
        told.update(leaves({k: v for k, v in value.items() if k not in ("dataType", "metaData")}))
        self.out.told[self.file, self.record] = told
        self.out.seen[self.file, self.record] = seen
        self.out.rows += self.rows

    def meta(self, meta, seen):
        self.lineage = {
            "schema_version": fit(TEXT, meta.get("schemaVersion"), self.above),
            "record_start_time": fit(TIME, meta.get("startTime"), self.above),
            "record_end_time": fit(TIME, meta.get("endTime"), self.above),
        }
        known = ("accountId", "schemaVersion", "startTime", "endTime")
        self.above.update(leaves({k: v for k, v in meta.items() if k not in known}))
        leaves({k: v for k, v in meta.items() if k != "accountId"}, seen)

    def add(self, table, body, item, columns, extra=None, time=None):
        if time is None:
            time = self.lineage["record_start_time"]
        row = Row(table, (self.file, self.record, body, item), {**self.lineage, **columns}, extra or Counter(), time)
        self.rows.append(row)
        return row

    def body(self, index, wrapper, body, headers, ids, leftovers):
        kind, list_field, items = self.kind_of(wrapper, body)
        header = branch(body.get("header"))[1] or {}
        names = AGENT_IDS if kind == "AgentActivityData" else VISITOR_IDS
        told = {column: unwrapped(header.get(name))[1] for name, column in names.items()}
        if kind is None:
            self.unrecognized(index, wrapper, body)
            return
        self.above.update(leaves({k: v for k, v in header.items() if k not in names}))
        if header:
            ids.append(told)
        if kind in BODIES:
            table = BODIES[kind][1]
            known = {list_field, "header"}
        else:
            table = NAMELESS[kind]
            known = set(body) if list_field is None else {list_field, "header"}
        self.above.update(leaves({k: v for k, v in body.items() if k not in known}))
        counters = Counter()
        if kind == "AgentActivityData":
            events = sum(1 for item in items if branch(item)[1] is not None)
            self.add("agent_sessions", index, 0, {**told, "events": events})
        made = self.rows_of(table, items, index, told, counters)
        if made:
            headers.add(tuple(told.values()))
        elif kind != "AgentActivityData" and any(v is not None for v in told.values()):
            leftovers.append((index, wrapper, body, tuple(told.values())))

    def kind_of(self, wrapper, body):
        """(body type, list field or None, items): by wrapper, else by list field, else by the fields of geo and session info."""
        for kind, (list_field, _) in BODIES.items():
            if (wrapper or "").lower() == kind.lower() or (wrapper is None and list_field in body):
                return kind, list_field, items_of(body.get(list_field)) or []
        known = {"geo": {n.lower() for n in GEO}, "session_info": {n.lower() for n in SESSION_INFO}}
        places = [(None, [body])] + [
            (name, inner if isinstance(inner, list) else [inner])
            for name, member in body.items()
            if name != "header" and isinstance(inner := branch(member)[1], (dict, list))
        ]
        for place, items in places:
            for kind, names in known.items():
                met = {
                    k.replace(" ", "").lower() for i in items if isinstance(r := branch(i)[1], dict) for k in r
                } & names
                if len(met) >= 2:
                    if place is None:
                        items = [{k: v for k, v in body.items() if k != "header"}]
                    return kind, place, items
        return None, None, []

    def rows_of(self, table, items, body, ids, counters, parent=None):
        made = 0
        for seq, item in enumerate(items):
            item = branch(item)[1]
            if item is None:
                continue
            made += 1
            self.row_of(table, item, seq, body, ids, counters, parent)
        return made

    def row_of(self, table, item, seq, body, ids, counters, parent):
        extra = Counter()
        columns = dict(ids)
        if parent:
            columns.update(parent)
        if table.seq:
            columns["seq"] = seq
        if table.whole:
            columns[table.whole] = item
        elif not isinstance(item, dict):
            leaves(item, extra)
        else:
            for name, member in item.items():
                tidy = spelled_field(name, table.fields)
                if tidy in table.fields and column_of(tidy) not in columns:
                    columns[column_of(tidy)] = fit(table.fields[tidy], member, extra)
                elif name in table.unions:
                    self.union(table.unions[name], member, columns, extra)
                elif name not in table.children:
                    leaves(member, extra)
        number = counters[table.name]
        counters[table.name] += 1
        time = columns.get(column_of(table.time)) if table.time else None
        row = self.add(table.name, body, number, columns, extra, time)
        if not isinstance(item, dict):
            return
        for name, (child, count) in table.children.items():
            inherited = {
                column: fit(table.fields[field], item.get(field), Counter()) for field, column in child.inherited.items()
            }
            elements = items_of(item.get(name))
            if elements is None and item.get(name) is not None:
                leaves(item[name], extra)
            made = self.rows_of(child, elements or [], body, ids, counters, inherited)
            if count:
                row.columns[count] = made

    def union(self, declared, member, columns, extra):
        type_column, branches = declared
        wrapper, value = branch(member)
        if value is None:
            return
        chosen = next((b for b in branches if b.lower() == (wrapper or "").lower()), None)
        if chosen is None:
            # Unwrapped: the branch that knows all of its fields, if it is the only one.
            fitting = [b for b, f in branches.items() if isinstance(value, dict) and value and set(value) <= set(f)]
            chosen = fitting[0] if wrapper is None and len(fitting) == 1 else None
        if chosen is None:
            columns[type_column] = ANY if wrapper or isinstance(value, dict) else None
            leaves(member, extra)
        else:
            columns[type_column] = chosen
            columns[column_of(chosen)] = fit(branches[chosen], value, extra)

    def web_session(self, ids, headers):
        counts = {c: sum(1 for r in self.rows if r.table == t) for c, t in WEB_COUNTS.items()}
        first = ids[0] if ids else {}
        self.rows.insert(0, Row("web_sessions", (self.file, self.record, None, 0), {**self.lineage, **first, **counts},
                                time=self.lineage["record_start_time"]))
        headers.add(tuple(first.values()))

    def unrecognized(self, index, wrapper, body):
        self.add("unrecognized", index, 0, {"body_type": wrapper, "body": body})


#: a text that is there, whatever it says
ANY = object()


def partition(row, start_ms, end_ms):
    """UTC day of the row's own time, or of the scope's start where that is out of bounds."""
    time = row.time if isinstance(row.time, int) else start_ms
    if not (start_ms - 400 * DAY_MS) // DAY_MS <= time // DAY_MS <= (end_ms + 2 * DAY_MS) // DAY_MS:
        time = start_ms
    return time // DAY_MS


def expect(file_name, scope, documents, expected=None):
    """All rows of one file's documents."""
    expected = expected or Expected()
    for record, value in enumerate(documents):
        if not isinstance(value, dict) or "recordCollection" not in value:
            raise ValueError(f"{file_name}: record {record} is no envelope; this oracle reads sound files only")
        before = len(expected.rows)
        Envelope(expected, file_name, STREAMS[file_name.split(".")[0]], record, value).run()
        for row in expected.rows[before:]:
            row.day = partition(row, *scope)
    return expected


def as_json(value):
    return json.dumps(value, default=str)
