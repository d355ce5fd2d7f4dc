"""The oracle must find what is wrong: a lake made from its own rows agrees, and each spoiled one does not.

    python tests/oracle/check_oracle.py INPUT...
"""

import json
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import duckdb

from documents import input_files, read
from expect import Expected, expect
from lake import Lake
from mapping import LINEAGE
from oracle import Findings, compare


def rows_of(expected):
    """Rows as the program would write them, by table."""
    tables, first = {}, set()
    for row in expected.rows:
        columns = {c: v for c, v in row.columns.items()}
        for column in ("mcs", "data", "body"):
            if columns.get(column) is not None:
                columns[column] = json.dumps(columns[column])
        extra = {f"own{i}": leaf for i, leaf in enumerate(row.extra.elements())}
        document = row.key[:2]
        if document not in first:
            first.add(document)
            extra |= {f"$.above{i}": leaf for i, leaf in enumerate(expected.above[document].elements())}
        columns |= dict(zip(LINEAGE, row.key)) | {"extra": json.dumps(extra) if extra else None}
        columns |= {"account_id": "1", "date": str(date(1970, 1, 1) + timedelta(days=row.day))}
        tables.setdefault(row.table, []).append(columns)
    return tables


def differences(expected, tables):
    with tempfile.TemporaryDirectory() as folder:
        for table, rows in ((table, rows) for table, rows in tables.items() if rows):
            lines = Path(folder, f"_{table}.jsonl")
            lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
            texts = ", ".join(
                f"CAST({c} AS VARCHAR) AS {c}" for c in ("extra", "mcs", "data", "body") if any(c in row for row in rows)
            )
            duckdb.execute(
                f"COPY (SELECT * REPLACE ({texts}) FROM read_json('{lines}', convert_strings_to_integers=false, "
                f"sample_size=-1, maximum_object_size=100000000)) TO '{folder}/{table}' (FORMAT parquet, PARTITION_BY (account_id, date))"
            )
        findings = Findings()
        compare(Lake(folder), expected, findings)
        return findings


def spoiled(tables):
    """(what is wrong, tables) for every kind of mistake."""
    def copy():
        return json.loads(json.dumps(tables))
    for table in tables:
        lost, doubled = copy(), copy()
        lost[table].pop()
        doubled[table].append(doubled[table][0])
        yield f"a row of {table} lost", lost
        yield f"a row of {table} doubled", doubled
        for column in ("timestamp", "agent_id", "url", "extra", "eligible_campaigns", "text", "answer", "visit_id", "date"):
            wrong = copy()
            row = next((r for r in wrong[table] if r.get(column) not in (None, "", "1")), None)
            if row:
                row[column] = "2001-01-01" if column == "date" else None
                yield f"{table}.{column} spoiled", wrong


def main():
    expected = Expected()
    for path, name in input_files(sys.argv[1:]):
        expect(name[0], (int(name[2]), int(name[3])), read(path), expected)
    tables = rows_of(expected)
    found = differences(expected, tables)
    wrong = [f"finds fault with its own rows: {text}" for text in found.texts]
    count = 0
    for what, lake in spoiled(tables):
        count += 1
        if not differences(expected, lake).count:
            wrong.append(f"does not notice: {what}")
    print(f"{len(expected.rows)} rows, {count} spoiled lakes, {len(wrong)} wrong")
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1 if wrong or not count else 0)


if __name__ == "__main__":
    main()
