"""The lake as any reader sees it: DuckDB over a plain glob."""

from pathlib import Path

import duckdb


class Lake:
    def __init__(self, out):
        self.out = Path(out)
        self.db = duckdb.connect()
        self.db.execute("SET TimeZone = 'UTC'")

    def has(self, table):
        return any((self.out / table).rglob("*.parquet"))

    def scan(self, table):
        glob = str(self.out / table / "**" / "*.parquet").replace("'", "''")
        return f"read_parquet('{glob}', hive_partitioning=true, union_by_name=true)"

    def tables(self):
        return sorted(p.name for p in self.out.iterdir() if p.is_dir() and not p.name.startswith("_"))

    def types(self, table):
        described = self.db.execute(f"DESCRIBE SELECT * FROM {self.scan(table)}").fetchall()
        return {name: kind for name, kind, *_ in described}

    def count(self, table):
        return self.db.execute(f"SELECT count(*) FROM {self.scan(table)}").fetchone()[0] if self.has(table) else 0

    def rows(self, table):
        """Every row as a dict; times as milliseconds since 1970, the partition date as days since 1970."""
        if not self.has(table):
            return
        columns = []
        for name, kind in self.types(table).items():
            quoted = '"' + name.replace('"', '""') + '"'
            if kind.startswith("TIMESTAMP"):
                columns.append(f"epoch_ms({quoted}) AS {quoted}")
            elif name == "date":
                columns.append(f"date_diff('day', DATE '1970-01-01', CAST({quoted} AS DATE)) AS {quoted}")
            elif name == "account_id":
                columns.append(f"CAST({quoted} AS VARCHAR) AS {quoted}")
            else:
                columns.append(quoted)
        cursor = self.db.execute(f"SELECT {', '.join(columns)} FROM {self.scan(table)}")
        names = [d[0] for d in cursor.description]
        while chunk := cursor.fetchmany(10_000):
            for row in chunk:
                yield dict(zip(names, row))

    def doubled_keys(self, table):
        """Lineage keys that more than one row bears."""
        return self.db.execute(
            "SELECT source_file, source_record, source_body, source_item, count(*) AS n, any_value(account_id) "
            f"FROM {self.scan(table)} GROUP BY account_id, source_file, source_record, source_body, source_item "
            "HAVING n > 1 LIMIT 5"
        ).fetchall()
