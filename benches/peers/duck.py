"""The peer DuckDB: the same files into partitioned Parquet, with hand-typed SQL.

    python duck.py DATA OUT [THREADS]

The columns of `read_json` follow the Avro schemas in `fixtures/avro`, so nothing is guessed and nothing is
parsed that the tables do not need. Where it helps DuckDB it is let off: unions of records and nested records
stay as they are (JSON text or wrapped structs), there is no `extra`, no key of a row, no bloom filter, no
check that every record arrived. Each stream is parsed once, into a temporary table, from which the tables
are copied: reading the files once per table would parse them again each time.
"""

import json
import sys
from pathlib import Path

import duckdb

SCHEMAS = Path(__file__).resolve().parents[2] / "fixtures" / "avro"
PRIMITIVES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "int": "INTEGER",
    "double": "DOUBLE",
    "float": "DOUBLE",
    "boolean": "BOOLEAN",
}

# Stream: schema, prefix of the file names, and its tables: name -> (body, list, time of the row).
# A list of None: the body itself makes one row. `child`: a list inside the items of another table.
STREAMS = {
    "WebSession": {
        "engagement_attributes": ("WebSessionEngAttrsData", "engagementAttributes", "timestamp"),
        "navigation": ("WebSessionNavigationData", "navigationData", "timestamp"),
        "goals": ("WebSessionGoalAchievedData", "achievedGoals", "timestamp"),
        "eligibility": ("WebSessionEligibilityData", "eligibilityData", "timestamp"),
        "impressions": ("WebSessionImpressionData", "impressions", "timestamp"),
        "geo": ("WebSessionGeoData", None, None),
        "session_info": ("WebSessionSessionInfoData", None, "sessionStartTime"),
    },
    "AgentActivity": {"agent_activity": ("AgentActivityData", "agentSessionsData", "timestamp")},
    "Engagement": {"conversations": ("EngagementData", "engagements", "conversationStartTime")},
    "Survey": {"surveys": ("SurveyData", "surveys", None)},
}
CHILDREN = {
    "conversations": {"transcripts": ("messages", "timestamp"), "transfers": ("transfers", "timestamp"),
                      "secureForms": ("secure_forms", None)},
    "surveys": {"contents": ("survey_answers", "answerSubmitTime")},
}
PREFIXES = {"AgentActivity": "Agent"}
KEYS = {"conversations": "conversationId", "surveys": "id"}


class Schema:
    def __init__(self, path):
        self.named = {}
        self.root = json.loads(path.read_text())
        self.gather(self.root)

    def gather(self, t):
        if isinstance(t, list):
            for branch in t:
                self.gather(branch)
        elif isinstance(t, dict):
            if t["type"] in ("record", "enum"):
                self.named[t["name"]] = t
            for field in t.get("fields", []):
                self.gather(field["type"])
            if t["type"] == "array":
                self.gather(t["items"])

    def resolve(self, t):
        if isinstance(t, str) and t not in PRIMITIVES and t != "null":
            return self.named[t.rsplit(".", 1)[-1]]
        if isinstance(t, dict) and t["type"] in PRIMITIVES:
            return t["type"]
        return t

    def branches(self, t):
        """Branch name -> type of a union's branches beside null; None for what is no union."""
        if not isinstance(t, list):
            return None
        found = {}
        for branch in map(self.resolve, t):
            if branch == "null":
                continue
            if isinstance(branch, str):
                found[branch] = branch
            elif branch["type"] == "array":
                found["array"] = branch
            else:
                found["com.liveperson.dataaccess." + branch["name"]] = branch
        return found

    def fields(self, record):
        return {field["name"]: field["type"] for field in record["fields"]}

    def type(self, t, spread=False):
        """DuckDB's type; unions of several records are JSON unless `spread`."""
        t = self.resolve(t)
        if isinstance(t, str):
            return PRIMITIVES[t]
        if isinstance(t, list):
            branches = self.branches(t)
            if len(branches) > 1 and not spread:
                return "JSON"
            inside = ", ".join(f'"{name}" {self.type(b)}' for name, b in branches.items())
            return f"STRUCT({inside})"
        if t["type"] == "enum":
            return "VARCHAR"
        if t["type"] == "array":
            return self.type(t["items"]) + "[]"
        inside = ", ".join(
            f'"{name}" {self.type(ft, spread or name == "body")}' for name, ft in self.fields(t).items()
        )
        return f"STRUCT({inside})"

    def unwrap(self, expression, t):
        """The content of a union of one branch, and its type."""
        t = self.resolve(t)
        branches = self.branches(t)
        if branches is None:
            return expression, t
        if len(branches) != 1:
            return expression, None
        ((name, branch),) = branches.items()
        return f"struct_extract({expression}, '{name}')", self.resolve(branch)


def snake(name):
    out = ""
    for i, letter in enumerate(name):
        if letter.isupper() and i and not name[i - 1].isupper():
            out += "_"
        out += letter.lower()
    return out


def columns(schema, record, item, skip=()):
    """SELECT terms of a record's fields."""
    for name, t in schema.fields(record).items():
        if name in skip or name == "header":
            continue
        expression, inner = schema.unwrap(f'{item}."{name}"', t)
        if inner == "long" and ("time" in name.lower()):
            expression = f"epoch_ms({expression})"
        yield f'{expression} AS "{snake(name)}"'


def run(data, out, threads):
    con = duckdb.connect()
    con.execute(f"SET threads = {threads}")
    con.execute("SET preserve_insertion_order = false")
    con.execute("SET enable_progress_bar = false")
    for stream, tables in STREAMS.items():
        schema = Schema(SCHEMAS / f"{stream}.avsc")
        types = ", ".join(
            f"\"{name}\": '{schema.type(t, spread=True)}'" for name, t in schema.fields(schema.root).items()
        )
        con.execute(
            f"""CREATE TEMP TABLE part AS
            SELECT parse_filename(filename) AS source_file,
                   metaData."schemaVersion" AS schema_version,
                   epoch_ms(metaData."startTime"."long") AS record_start_time,
                   epoch_ms(metaData."endTime"."long") AS record_end_time,
                   unnest(recordCollection).body AS body
            FROM read_json('{data}/{PREFIXES.get(stream, stream)}.*.gz', columns = {{{types}}}, filename = true,
                           format = 'auto', maximum_object_size = 67108864)"""
        )
        body_types = schema.branches(
            schema.fields(schema.resolve(schema.fields(schema.root)["recordCollection"])["items"])["body"]
        )
        for table, (body, items, time) in tables.items():
            name = f"com.liveperson.dataaccess.{body}"
            record = body_types[name]
            body_expr = f"""struct_extract(body, '{name}')"""
            header, header_type = schema.unwrap(f"{body_expr}.header", schema.fields(record)["header"])
            leads = [
                schema.unwrap(f'{header}."{field}"', t)[0] + f' AS "{snake(field)}"'
                for field, t in schema.fields(header_type).items()
            ]
            base = ["source_file", "schema_version", "record_start_time", "record_end_time", *leads]
            if items is None:
                select = f"SELECT {', '.join(base)}, {{}} FROM part WHERE {body_expr} IS NOT NULL"
                item, item_type = body_expr, record
            else:
                array, array_type = schema.unwrap(f'{body_expr}."{items}"', schema.fields(record)[items])
                select = (
                    f"SELECT {', '.join(base)}, {{}} FROM (SELECT *, unnest({array}) AS item FROM part"
                    f" WHERE {body_expr} IS NOT NULL)"
                )
                item, item_type = schema.unwrap("item", array_type["items"])
            children = CHILDREN.get(table, {})
            copy(con, out, table, select, list(columns(schema, item_type, item, children)), time)
            for child_list, (child, child_time) in children.items():
                expr, list_type = schema.unwrap(f'{item}."{child_list}"', schema.fields(item_type)[child_list])
                key, _ = schema.unwrap(f'{item}."{KEYS[table]}"', schema.fields(item_type)[KEYS[table]])
                inner = select.format(f"{key} AS parent_id, unnest({expr}) AS line")
                line, child_type = schema.unwrap("line", list_type["items"])
                names = [term.rsplit(" AS ", 1)[-1] if " AS " in term else term for term in base]
                child_select = f"SELECT {', '.join(names)}, parent_id, {{}} FROM ({inner})"
                copy(con, out, child, child_select, list(columns(schema, child_type, line)), child_time)
        con.execute("DROP TABLE part")


def copy(con, out, table, select, terms, time):
    rows = select.format(", ".join(terms))
    date = f'coalesce("{snake(time)}", record_start_time)::DATE' if time else "record_start_time::DATE"
    Path(out).mkdir(parents=True, exist_ok=True)
    con.execute(
        f"""COPY (SELECT *, {date} AS date FROM ({rows})) TO '{out}/{table}'
        (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (date), OVERWRITE true)"""
    )


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2)
