"""Loads the program's DuckDB DDL and reads a lake through it.

    python tests/oracle/ddl.py LAKE VIEWS.sql
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import duckdb

from lake import Lake


def main():
    lake, script = Lake(sys.argv[1]), Path(sys.argv[2]).read_text()
    os.chdir(sys.argv[1])
    db = duckdb.connect()
    db.execute(script)
    found = [row[0] for row in db.execute("SELECT table_name FROM information_schema.tables").fetchall()]
    wrong = []
    for table in lake.tables():
        if table not in found:
            wrong.append(f"the DDL defines no {table}")
        elif (rows := db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) != lake.count(table):
            wrong.append(f"{table} has {rows} rows through the DDL, {lake.count(table)} in the lake")
    print(f"{len(found)} tables and views, {len(wrong)} wrong")
    print("\n".join(wrong), file=sys.stderr)
    sys.exit(1 if wrong or not lake.tables() else 0)


if __name__ == "__main__":
    main()
