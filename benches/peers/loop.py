"""The peer everybody writes first: a plain Python loop over json and gzip, rows counted per table.

    python loop.py DATA

It writes nothing: reading alone is what it is measured by (Parquet by way of pyarrow would double it).
"""

import gzip
import json
import sys
from collections import Counter
from pathlib import Path


def content(value):
    """What a union holds."""
    if isinstance(value, dict) and len(value) == 1:
        (inner,) = value.values()
        return inner
    return value


def run(data):
    rows = Counter()
    for path in sorted(Path(data).glob("*.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            text = lines.read()
        decoder, at = json.JSONDecoder(), 0
        while at < len(text):
            while at < len(text) and text[at].isspace():
                at += 1
            if at == len(text):
                break
            record, at = decoder.raw_decode(text, at)
            for element in content(record["recordCollection"]) or []:
                body = content((element or {}).get("body")) or {}
                for key, value in body.items():
                    items = content(value)
                    if isinstance(items, list):
                        rows[key] += sum(
                            1 for item in items if item and {k: content(v) for k, v in item.items()}
                        )
    print(json.dumps(rows))


if __name__ == "__main__":
    run(sys.argv[1])
