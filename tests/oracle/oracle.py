"""Independent check of a lake against the files it was made from.

    python tests/oracle/oracle.py compare --lake OUT [--gnupg HOME [--passphrase P]] INPUT...
    python tests/oracle/oracle.py count --lake OUT

`compare` reads the inputs itself, computes every row of every table from them and compares with what DuckDB reads from the lake:
row counts per table and per partition date, the uniqueness of the lineage key, every column of every row, and that every leaf value
of every document is told again. Prints differences (content of the test data!) and exits 1 when there are any.
"""

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from documents import Gpg, input_files, read
from expect import ANY, Expected, expect
from lake import Lake
from leaves import leaves, leaves_of_json, pruned, shown
from mapping import LINEAGE, TABLES

JSON_COLUMNS = {"mcs", "data", "body"}
PARTITIONS = {"account_id", "date"}
MOST_SHOWN = 40


class Findings:
    def __init__(self):
        self.texts, self.count = [], 0

    def add(self, text):
        self.count += 1
        if self.count <= MOST_SHOWN:
            self.texts.append(text)


def key_of(row):
    return (row["source_file"], row["source_record"], row["source_body"], row["source_item"] or 0)


def compare_row(table, want, have, findings):
    place = f"{table} {want.key}"
    for column, expected in want.columns.items():
        actual = have.get(column)
        if expected is ANY:
            same = isinstance(actual, str)
        elif column == "body_type":
            same = (actual or "").rsplit(".", 1)[-1] == (expected or "") or want.key[2] is None
        elif column == "body" and want.key[2] is None:
            # Of a whole envelope: what its lineage columns tell need not be told again.
            same = leaves_of_json(actual) <= leaves(expected)
        elif column in JSON_COLUMNS and table in ("conversations", "messages", "secure_forms", "unrecognized"):
            same = leaves_of_json(actual) == leaves(expected)
        else:
            same = pruned(actual) == pruned(expected)
        if not same:
            findings.add(f"{place}: {column} is {shown(actual)}, not {shown(expected)}")
    for column, actual in have.items():
        unexpected = column not in want.columns and column not in PARTITIONS and column not in LINEAGE and column != "extra"
        if unexpected and pruned(actual) is not None:
            findings.add(f"{place}: {column} is {shown(actual)}, not null")
    have_extra, _ = split_extra(have["extra"])
    if have_extra != want.extra:
        findings.add(f"{place}: extra tells {shown(dict(have_extra))}, not {shown(dict(want.extra))}")
    if have["date"] != want.day:
        findings.add(f"{place}: lies under day {have['date']}, not {want.day}")


def split_extra(text):
    """Leaves of the item's own unknown fields, and of those above it (keys that begin with `$.`)."""
    own, above = Counter(), Counter()
    for key, value in (json_object(text)).items():
        leaves(value, above if key.startswith("$.") else own)
    return own, above


def json_object(text):
    from documents import parse
    return parse(text) if text else {}


def told_by(rows):
    """Leaves that the rows of one document tell, parents' ids in child rows left out."""
    repeated = {"visit_id", "visitor_id", "context_id", "agent_session_id", "seq", "events", "messages", "transfers", "answers",
                "schema_version", "record_start_time", "record_end_time", *PARTITIONS, *LINEAGE}
    found, ids = Counter(), Counter()
    for table, row in rows:
        inherited = {"survey_id", "survey_type", "conversation_id"} if table not in ("conversations", "surveys") else set()
        counts = {"pages", "attributes", "goals", "impressions"} if table == "web_sessions" else set()
        for column, value in row.items():
            if value is None or column in inherited or column in counts:
                continue
            if column == "extra" or (column in JSON_COLUMNS and table in ("conversations", "messages", "secure_forms",
                                                                          "unrecognized")):
                found.update(leaves_of_json(value))
            elif column in repeated:
                if column not in PARTITIONS and column not in LINEAGE:
                    leaves(value, ids)
            else:
                leaves(value, found)
    return found, ids


def compare(lake, expected, findings):
    wanted = defaultdict(dict)
    for row in expected.rows:
        if row.key in wanted[row.table]:
            raise ValueError(f"the oracle made {row.table} {row.key} twice")
        wanted[row.table][row.key] = row
    unknown = set(lake.tables()) - set(TABLES)
    if unknown:
        findings.add(f"the lake has unknown tables {sorted(unknown)}")
    by_document = defaultdict(list)
    above = defaultdict(Counter)
    for table in TABLES:
        want, have_days = wanted[table], Counter()
        have = {}
        for row in lake.rows(table):
            have[key_of(row)] = row
            have_days[row["date"]] += 1
            by_document[row["source_file"], row["source_record"]].append((table, row))
            above[row["source_file"], row["source_record"]].update(split_extra(row["extra"])[1])
        if lake.has(table):
            for doubled in lake.doubled_keys(table):
                findings.add(f"{table}: lineage key {doubled[:4]} is borne by {doubled[4]} rows")
        want_days = Counter(row.day for row in want.values())
        if want_days != have_days:
            findings.add(f"{table}: rows per day {dict(have_days)}, not {dict(want_days)}")
        for key in want.keys() - have.keys():
            findings.add(f"{table}: no row {key}")
        for key in have.keys() - want.keys():
            findings.add(f"{table}: row {key} should not be there")
        for key in want.keys() & have.keys():
            compare_row(table, want[key], have[key], findings)
    for document, told in expected.told.items():
        found, ids = told_by(by_document[document])
        lost = {leaf: n for leaf, n in (told - found).items() if leaf not in ids}
        lost.update({leaf: n for leaf, n in expected.seen[document].items() if leaf not in ids and leaf not in found})
        if lost:
            findings.add(f"{document}: values are lost: {shown(lost, 600)}")
        missing = expected.above[document] - above[document]
        # A body that became a row of `unrecognized` tells its unknown fields there.
        missing = {leaf: n for leaf, n in missing.items() if found[leaf] < n}
        if missing:
            findings.add(f"{document}: values above the items are not in extra: {shown(missing)}")


def run_compare(args):
    gpg = Gpg(args.gnupg, args.passphrase) if args.gnupg else None
    expected, seen, files = Expected(), set(), 0
    for path, name in input_files(args.inputs):
        if name[0] in seen:
            raise ValueError(f"{name[0]} is there twice")
        seen.add(name[0])
        files += 1
        expect(name[0], (int(name[2]), int(name[3])), read(path, gpg), expected)
    findings = Findings()
    lake = Lake(args.lake)
    compare(lake, expected, findings)
    counts = Counter(row.table for row in expected.rows)
    print(json.dumps({"files": files, "rows": dict(sorted(counts.items())), "differences": findings.count}))
    for text in findings.texts:
        print(text, file=sys.stderr)
    if not files:
        sys.exit("no input files with a name of the service")
    sys.exit(1 if findings.count else 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    comparing = commands.add_parser("compare")
    comparing.add_argument("--lake", required=True)
    comparing.add_argument("--gnupg")
    comparing.add_argument("--passphrase")
    comparing.add_argument("inputs", nargs="+")
    counting = commands.add_parser("count")
    counting.add_argument("--lake", required=True)
    args = parser.parse_args()
    if args.command == "compare":
        run_compare(args)
    else:
        lake = Lake(args.lake)
        print(json.dumps({table: lake.count(table) for table in lake.tables()}))


if __name__ == "__main__":
    main()
