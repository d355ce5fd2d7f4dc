"""Makes Data Access files of random records with a foreign Avro library, and counts their rows.

    make_avro.py SCHEMA_DIR OUT_DIR [SEED] [RECORDS_PER_FILE]

Records are made up at random from the schemas (every union branch, extremes of int and long, unicode), encoded by
`fastavro.json_writer` and written as `OUT_DIR/<name of the service>.gz`. `OUT_DIR/expected.json` holds
`{"rows": {table: n}, "dated": {table: {date: n}}, "records": n, "files": n, "sums": {column: n}}` as DESIGN.md
section 4 defines rows and dates, counted here from the records before they are encoded.
"""

import datetime
import gzip
import io
import json
import random
import string
import sys
from collections import Counter, defaultdict
from pathlib import Path

import fastavro

HOUR = 3_600_000
DAY = 86_400_000
FROM = 1_760_000_400_000
ACCOUNT = "75555851"
PREFIXES = {"AgentActivity": "Agent", "WebSession": "WebSession", "Engagement": "Engagement", "Survey": "Survey"}
TEXTS = ["", "plain", "zwei Wörter", "漢字かな", "😀👩‍👩‍👧", "quote \" back \\ slash /", "a\nb\r\nc\td", "\u0000\u0001\u001f", "\u2028\ufeff",
         "null", "123", "9" * 40, "{\"json\": [1]}", "x" * 5000, "Ω≈ç√∫˜µ", "\U0010ffff"]
LONGS = [0, -1, 2**63 - 1, -(2**63), 2**53 + 1, 1_469_469_281_856]
INTS = [0, -1, 2**31 - 1, -(2**31), 7]
DOUBLES = [0.0, -1.0, 0.1, 1e308, 5e-324, 123456789.125, -2.5]
# Rows of a list field under a body: table, and the field with the row's own time (None: the envelope's start).
LISTS = {
    "agentSessionsData": ("agent_activity", "timestamp"),
    "navigationData": ("navigation", "timestamp"),
    "engagementAttributes": ("engagement_attributes", "timestamp"),
    "achievedGoals": ("goals", "timestamp"),
    "eligibilityData": ("eligibility", "timestamp"),
    "impressions": ("impressions", "timestamp"),
    "engagements": ("conversations", "conversationStartTime"),
    "transcripts": ("messages", "timestamp"),
    "transfers": ("transfers", "timestamp"),
    "secureForms": ("secure_forms", None),
    "surveys": ("surveys", None),
    "contents": ("survey_answers", "answerSubmitTime"),
}


class Maker:
    """Random values for one file."""

    def __init__(self, schema, seed, start):
        self.random = random.Random(seed)
        self.start = start
        self.named = {}
        self.schema = schema
        self.learn(schema)

    def learn(self, schema):
        """Remembers every named type, for references to it."""
        if isinstance(schema, list):
            for branch in schema:
                self.learn(branch)
        elif isinstance(schema, dict):
            if schema["type"] in ("record", "enum"):
                self.named[schema["name"]] = schema
            for field in schema.get("fields", []):
                self.learn(field["type"])
            if "items" in schema:
                self.learn(schema["items"])

    def value(self, schema, field="", depth=0):
        rng = self.random
        if isinstance(schema, list):
            if rng.random() < {"dataType": 0.0, "body": 0.05}.get(field, 0.15):
                return None
            branch = rng.choice([b for b in schema if b != "null"])
            value = self.value(branch, field, depth)
            named = self.named.get(branch) if isinstance(branch, str) else branch
            if isinstance(named, dict) and named["type"] == "record":
                return (named["name"], value)
            return value
        if isinstance(schema, str) and schema in self.named:
            schema = self.named[schema]
        if isinstance(schema, dict):
            kind = schema["type"]
            if kind == "record":
                return {f["name"]: self.value(f["type"], f["name"], depth + 1) for f in schema["fields"]}
            if kind == "enum":
                return rng.choice(schema["symbols"])
            if kind == "array":
                most = 1 if field == "recordCollection" and rng.random() < 0.5 else 4
                least = 1 if field == "recordCollection" else 0
                return [self.value(schema["items"], "item", depth + 1) for _ in range(rng.randint(least, most))]
            schema = kind
        return self.primitive(schema, field)

    def primitive(self, kind, field):
        rng = self.random
        if kind == "string":
            if rng.random() < 0.5:
                return rng.choice(TEXTS)
            return "".join(rng.choice(string.printable + "äöü漢😀") for _ in range(rng.randint(0, 30)))
        if kind == "long":
            if field == "timestamp" or field.endswith("Time"):
                if rng.random() < 0.02:
                    return rng.choice([0, FROM - 401 * DAY, FROM + 30 * DAY])
                return self.start + rng.randint(-30 * HOUR, HOUR)
            return rng.choice(LONGS) if rng.random() < 0.3 else rng.randint(-(2**40), 2**40)
        if kind == "int":
            return rng.choice(INTS) if rng.random() < 0.3 else rng.randint(0, 1000)
        if kind == "double":
            return rng.choice(DOUBLES) if rng.random() < 0.6 else rng.random() * 1e6
        if kind == "boolean":
            return rng.random() < 0.5
        raise ValueError(f"no values for type {kind}")


class Counts:
    """Rows by table and date."""

    def __init__(self):
        self.dated = defaultdict(Counter)
        self.sums = Counter()

    def row(self, table, own, start, scope):
        ms = own if own is not None else start if start is not None else scope[0]
        if not scope[0] - 400 * DAY <= ms <= scope[1] + 2 * DAY:
            ms = scope[0]
        date = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc).date().isoformat()
        self.dated[table][date] += 1


def plain(value):
    """A union's record without the name of its branch."""
    return value[1] if isinstance(value, tuple) else value


def count(envelope, stream, scope, counts):
    """Rows of one envelope."""
    start = envelope["metaData"]["startTime"]
    made = 0

    def row(table, own=None):
        nonlocal made
        made += 1
        counts.row(table, own, start, scope)

    web = stream == "WebSession"
    if web:
        row("web_sessions")
    for item in envelope["recordCollection"]:
        if item["body"] is None:
            continue
        name, body = item["body"]
        if name == "AgentActivityData":
            row("agent_sessions")
        elif name == "WebSessionGeoData":
            row("geo")
        elif name == "WebSessionSessionInfoData":
            row("session_info", body["sessionStartTime"])
        rows_of_lists(body, row, counts)
    # `plain_cases` leaves at most one body without rows where no other row tells its header.
    if made == 0:
        row("unrecognized")


def rows_of_lists(record, row, counts):
    for field, value in record.items():
        if field not in LISTS or value is None:
            continue
        table, time = LISTS[field]
        for item in map(plain, value):
            if item is None:
                continue
            row(table, item[time] if time else None)
            for key, text in item.items():
                if (table, key) in (("messages", "text"), ("navigation", "url"), ("survey_answers", "answer")) and text is not None:
                    counts.sums[f"{table}.{key}"] += len(text.encode("utf-8"))
            rows_of_lists(item, row, counts)


def main(schema_dir, out_dir, seed=1, per_file=40):
    out = Path(out_dir)
    out.mkdir(parents=True, exist_ok=True)
    counts = Counts()
    records = files = 0
    for number, stream in enumerate(PREFIXES):
        text = (Path(schema_dir) / f"{stream}.avsc").read_text("utf-8")
        raw, parsed = json.loads(text), fastavro.parse_schema(json.loads(text))
        for hour in range(3):
            for part in range(2):
                scope = (FROM + hour * HOUR, FROM + (hour + 1) * HOUR)
                maker = Maker(raw, f"{seed}/{number}/{hour}/{part}", scope[0])
                envelopes = []
                for _ in range(per_file):
                    envelope = maker.value(raw)
                    envelope["dataType"] = stream
                    envelope["metaData"]["accountId"] = ACCOUNT
                    envelope["metaData"]["schemaVersion"] = "1.0.0.35"
                    plain_cases(envelope, stream)
                    count(envelope, stream, scope, counts)
                    envelopes.append(envelope)
                sink = io.StringIO()
                fastavro.json_writer(sink, parsed, [qualified(e) for e in envelopes])
                name = f"{PREFIXES[stream]}.{scope[0]}.{scope[1]}.part-{part:05}-0.gz"
                with gzip.GzipFile(out / name, "wb", mtime=0) as file:
                    file.write(sink.getvalue().encode("utf-8"))
                records += len(envelopes)
                files += 1
    dated = {table: dict(sorted(days.items())) for table, days in sorted(counts.dated.items())}
    expected = {
        "rows": {table: sum(days.values()) for table, days in dated.items()},
        "dated": dated,
        "sums": dict(counts.sums),
        "records": records,
        "files": files,
    }
    (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")
    print(json.dumps(expected["rows"]))


def plain_cases(envelope, stream):
    """Makes the bodies of an envelope share one header, as the service has it, and leaves out bodies of which
    DESIGN.md does not say plainly whether they are rows of `unrecognized`: those without items and without a
    header, or beside others."""
    if stream == "AgentActivity":
        return
    items = envelope["recordCollection"]
    bodies = [plain(item["body"]) for item in items if item["body"] is not None]
    header = next((body["header"] for body in bodies if body["header"] is not None), None)
    for body in bodies:
        if body["header"] is not None:
            body["header"] = header

    def has_rows(body):
        lists = [value for field, value in body.items() if field in LISTS]
        return not lists or any(item is not None for item in lists[0] or [])

    if stream == "WebSession":
        keep = [body for body in bodies if has_rows(body) or body["header"] is not None]
    else:
        keep = [body for body in bodies if has_rows(body)] or bodies[:1]
    envelope["recordCollection"] = [
        item for item in items if item["body"] is None or any(plain(item["body"]) is body for body in keep)
    ]


def qualified(value):
    """Union branches under their full names, as fastavro wants them."""
    if isinstance(value, tuple):
        return (f"com.liveperson.dataaccess.{value[0]}", qualified(value[1]))
    if isinstance(value, dict):
        return {k: qualified(v) for k, v in value.items()}
    if isinstance(value, list):
        return [qualified(v) for v in value]
    return value


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
