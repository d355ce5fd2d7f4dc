"""Checks what every object of a lake promises to readers, whatever its rows: column order, types, names, footers.

    python tests/oracle/contract.py LAKE
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from lake import Lake
from mapping import TABLES

LINEAGE = {
    "schema_version": "VARCHAR", "record_start_time": "TIMESTAMP WITH TIME ZONE", "record_end_time": "TIMESTAMP WITH TIME ZONE",
    "source_file": "VARCHAR", "source_record": "BIGINT", "source_body": "BIGINT", "source_item": "BIGINT",
}
NAME = re.compile(
    r"(?P<table>[a-z_]+)/account_id=\w+/date=\d{4}-\d\d-\d\d/"
    r"(agentActivity|webSession|engagement|survey)-\d{8}-r\d+-[0-9a-zA-Z]+(-p\d+)?\.parquet"
)
PHYSICAL = {"BOOLEAN", "INT32", "INT64", "DOUBLE", "BYTE_ARRAY", None}


def check(lake, object_path):
    wrong = []
    relative = object_path.relative_to(lake.out).as_posix()
    name = NAME.fullmatch(relative)
    if not name or name["table"] not in TABLES:
        return [f"{relative}: the name is not of the contract"]
    quoted = str(object_path).replace("'", "''")
    scan = f"read_parquet('{quoted}', hive_partitioning=false)"
    described = [(n, t) for n, t, *_ in lake.db.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
    for (have, kind), (want, wanted) in zip(described, LINEAGE.items()):
        # Indices are small: 32 bits are as good a choice as 64.
        if have != want or kind not in (wanted, "INTEGER" if have.startswith("source_") else wanted):
            wrong.append(f"{relative}: column {have} {kind} stands where {want} {wanted} should")
    if described[-1] != ("extra", "VARCHAR"):
        wrong.append(f"{relative}: the last column is {described[-1]}, not extra")
    for column, kind in described:
        if re.search(r"TIMESTAMP(?! WITH TIME ZONE)|TIMESTAMP_NS|UINTEGER|UBIGINT|USMALLINT|UTINYINT|BLOB|HUGEINT", kind):
            wrong.append(f"{relative}: {column} has type {kind}")
        if not re.fullmatch(r"[a-z][a-z0-9_]*", column):
            wrong.append(f"{relative}: {column} is not snake_case")
    for codec, in lake.db.execute(f"SELECT DISTINCT compression FROM parquet_metadata('{quoted}')").fetchall():
        if codec != "ZSTD":
            wrong.append(f"{relative}: compressed with {codec}")
    schema = lake.db.execute(f"SELECT name, type, logical_type FROM parquet_schema('{quoted}')").fetchall()
    for column, physical, logical in schema:
        if physical not in PHYSICAL:
            wrong.append(f"{relative}: {column} is stored as {physical}")
        if logical and "Timestamp" in logical and ("MILLIS" not in logical or "isAdjustedToUTC=1" not in logical.replace("true", "1")):
            wrong.append(f"{relative}: {column} is {logical}, not milliseconds in UTC")
    footer = lake.db.execute(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata('{quoted}')").fetchall()
    if not any("." in value and len(value) < 40 for key, value in footer if not key.startswith("ARROW")):
        wrong.append(f"{relative}: the footer names no program version: {[key for key, _ in footer]}")
    if not lake.db.execute(f"SELECT count(*) FROM {scan}").fetchone()[0]:
        wrong.append(f"{relative}: holds no row")
    return wrong


def main():
    lake = Lake(sys.argv[1])
    objects = [p for t in lake.tables() for p in sorted((lake.out / t).rglob("*.parquet"))]
    wrong = [text for path in objects for text in check(lake, path)]
    print(f"{len(objects)} objects, {len(wrong)} wrong")
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1 if wrong or not objects else 0)


if __name__ == "__main__":
    main()
