"""Checks generated documents against the Avro schemas with a foreign Avro library.

    check_avro.py SCHEMA_DIR FILE_DIR

Every file of FILE_DIR named as the service names its files (`Survey.<ms>.<ms>.part-00000-0.gz`) must consist of
JSON values that fastavro reads under the schema of its stream, losing nothing: what it reads equals the document
without the names of union branches (absent fields counting as null). Only files of the strict generator pass.

Prints one line per stream; exit code 1 and the first faults otherwise.
"""

import gzip
import io
import json
import sys
from pathlib import Path

import fastavro

PREFIXES = {"Agent": "AgentActivity", "WebSession": "WebSession", "Engagement": "Engagement", "Survey": "Survey"}


def documents(text):
    """Top-level JSON values, one per line or pretty-printed one after another."""
    decoder = json.JSONDecoder()
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
        if at == len(text):
            return
        value, at = decoder.raw_decode(text, at)
        yield value


BRANCHES = {"string", "long", "int", "double", "boolean", "array"}


def unwrapped(value):
    """The document as plain values: without the names of union branches and without null members."""
    if isinstance(value, dict):
        if len(value) == 1:
            name, inner = next(iter(value.items()))
            if name in BRANCHES or name.startswith("com.liveperson."):
                return unwrapped(inner)
        return {k: unwrapped(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [unwrapped(v) for v in value]
    return value


def check(document, schema):
    """None, or what is wrong."""
    try:
        record = next(iter(fastavro.json_reader(io.StringIO(json.dumps(document) + "\n"), schema)))
        fastavro.validation.validate(record, schema)
    except Exception as fault:  # any failure of the library is a finding
        return f"{type(fault).__name__}: {fault}"
    return None if unwrapped(record) == unwrapped(document) else "the document holds more than its schema"


def main(schema_dir, file_dir):
    schemas = {
        name: fastavro.parse_schema(json.loads((Path(schema_dir) / f"{name}.avsc").read_text("utf-8")))
        for name in PREFIXES.values()
    }
    seen = dict.fromkeys(schemas, 0)
    faults = []
    for path in sorted(Path(file_dir).iterdir()):
        stream = PREFIXES.get(path.name.split(".")[0])
        if stream is None:
            continue
        for number, document in enumerate(documents(gzip.decompress(path.read_bytes()).decode("utf-8"))):
            seen[stream] += 1
            fault = check(document, schemas[stream])
            if fault:
                faults.append(f"{path.name} record {number}: {fault}")
    for stream, count in seen.items():
        print(f"{stream}: {count} records")
    for fault in faults[:20]:
        print(fault, file=sys.stderr)
    empty = [stream for stream, count in seen.items() if count == 0]
    if empty:
        print(f"no records of {', '.join(empty)}", file=sys.stderr)
    return 1 if faults or empty else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
