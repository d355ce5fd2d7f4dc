"""Questions of a DuckDB user, on our lake and on DuckDB's own files of the same data, in turn.

    cargo build --release
    .venv/bin/python benches/peers/queries.py [--keep DIR] [--size 600MiB] [--days 1] [--times 9] [--same]

Both sides are made from the same generated files (`compare.py`): ours by `convert`, DuckDB's by `duck.py`, or with
`--same` by DuckDB from each of our files, with the same columns and rows. Each round
asks every question once on each side, in a connection of its own, with nothing cached but the files' bytes.
Medians and ratios are printed; ratios count. CPU is the process's, over all threads. The sizes are of the same
tables; ours hold more columns (key of each row, `extra`), bloom filters and page indexes.
"""

import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
from compare import arguments, make_data

HERE = Path(__file__).resolve().parent

# Columns that DuckDB's files call otherwise.
RENAMED = {("messages", "conversation_id"): "parent_id"}

QUESTIONS = {
    "count by day": "SELECT date, count(*) FROM {navigation} GROUP BY ALL",
    "count by hour": "SELECT date_trunc('hour', timestamp), count(*) FROM {navigation} GROUP BY ALL",
    "distinct visitors": "SELECT count(DISTINCT visitor_id) FROM {navigation}",
    "visitors by day": "SELECT date, count(DISTINCT visitor_id) FROM {navigation} GROUP BY ALL",
    "journey by id": """
        SELECT timestamp, 'page', url FROM {navigation} WHERE visitor_id = {visitor}
        UNION ALL SELECT timestamp, 'shown', impression_type FROM {impressions} WHERE visitor_id = {visitor}
        UNION ALL SELECT timestamp, 'attribute', NULL FROM {engagement_attributes} WHERE visitor_id = {visitor}
        UNION ALL SELECT conversation_start_time, 'chat', agent_id FROM {conversations} WHERE visitor_id = {visitor}
        ORDER BY 1""",
    "one conversation": 'SELECT timestamp, "by", text FROM {messages} WHERE {messages.conversation_id} = {chat} ORDER BY 1',
    "messages per agent": "SELECT agent_id, count(*) FROM {messages} GROUP BY ALL",
    "words in messages": "SELECT count(*) FROM {messages} WHERE text LIKE '%delivery%'",
    "pages of a shop": "SELECT count(*) FROM {navigation} WHERE url LIKE '%checkout%'",
    "devices": "SELECT device_family, count(*) FROM {session_info} GROUP BY ALL",
    "agents' states": "SELECT agent_id, state, count(*), max(timestamp) FROM {agent_activity} GROUP BY ALL",
    "last hour": "SELECT count(*), count(url) FROM {navigation} WHERE timestamp > {late}",
}
TABLES = ["navigation", "impressions", "engagement_attributes", "conversations", "messages", "session_info",
          "agent_activity"]


class Side:
    """One way of keeping the tables. `ours`: with our columns and folders."""

    def __init__(self, folder, ours):
        self.folder, self.ours = folder, ours

    def table(self, name):
        depth = "*/*" if self.ours else "*"
        return f"read_parquet('{self.folder}/{name}/{depth}/*.parquet', hive_partitioning = true)"

    def column(self, table, name):
        return name if self.ours else RENAMED.get((table, name), name)

    def sql(self, question, ids):
        for table in TABLES:
            question = question.replace("{%s}" % table, self.table(table))
        for table, name in RENAMED:
            question = question.replace("{%s.%s}" % (table, name), self.column(table, name))
        for name, value in ids.items():
            question = question.replace("{%s}" % name, value)
        return question

    def ask(self, question, threads):
        """Wall seconds, CPU seconds, number of rows of the answer, which stays in DuckDB."""
        con = duckdb.connect(config={"threads": threads, "enable_external_file_cache": False})
        con.execute("SET TimeZone = 'UTC'")
        before, started = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
        con.execute(f"CREATE TEMP TABLE answer AS {question}")
        wall = time.monotonic() - started
        used = resource.getrusage(resource.RUSAGE_SELF)
        (rows,) = con.execute("SELECT count(*) FROM answer").fetchone()
        con.close()
        return wall, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, rows

    def value(self, sql):
        """One value as SQL text."""
        return "'%s'" % duckdb.sql(f"SET TimeZone = 'UTC'; {sql}").fetchone()[0]


def make(folder, args):
    """Our lake and DuckDB's, unless they are there."""
    data, ours, theirs, same = (folder / name for name in ["data", "ours", "theirs", "same"])
    make_data(args.program, data, args.size, args.seed, args.days)
    if not theirs.exists() and not args.same:
        subprocess.run([sys.executable, HERE / "duck.py", data, theirs, str(args.threads)], check=True)
    shutil.rmtree(ours, ignore_errors=True)
    subprocess.run(
        [args.program, "convert", "--account", "75555851", "--quiet", "--out", ours, *args.flags, data], check=True
    )
    if args.same:
        copy(ours, same)
    return Side(ours, True), Side(same, True) if args.same else Side(theirs, False)


def copy(ours, same):
    """Has DuckDB write each of our objects anew."""
    shutil.rmtree(same, ignore_errors=True)
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    for path in ours.glob("[!_]*/*/*/*.parquet"):
        into = same / path.relative_to(ours)
        into.parent.mkdir(parents=True, exist_ok=True)
        con.execute(
            f"COPY (FROM read_parquet('{path}', hive_partitioning = false)) TO '{into}' (FORMAT parquet, COMPRESSION zstd)"
        )


def size(side, names):
    files = [path for name in names for path in (side.folder / name).rglob("*.parquet")]
    return sum(path.stat().st_size for path in files) / 1e6, len(files)


def main():
    parser = arguments(__doc__, "600MiB", 9)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--same", action="store_true", help="beside DuckDB's copies of our files")
    parser.add_argument("--only", help="questions whose name holds this")
    parser.add_argument("flags", nargs="*", help="more flags for convert, after --")
    args = parser.parse_args()
    folder = Path(args.keep or tempfile.mkdtemp(prefix="lp-queries-")).resolve()
    sides = make(folder, args)
    names = sorted(path.name for path in sides[1].folder.iterdir())
    print("tables of both: ours %.1f MB in %d files, DuckDB's %.1f MB in %d files\n" %
          (*size(sides[0], names), *size(sides[1], names)))

    ours = sides[0]
    pick = "SELECT {0} FROM {1} WHERE {0} IS NOT NULL ORDER BY hash({0}) LIMIT 1"
    late = "SELECT (max(record_start_time) - INTERVAL 1 HOUR)::TIMESTAMP::VARCHAR FROM "
    ids = {
        "visitor": ours.value(pick.format("visitor_id", ours.table("navigation"))),
        "chat": ours.value(pick.format("conversation_id", ours.table("messages"))),
        "late": "TIMESTAMP " + ours.value(late + ours.table("navigation")),
    }
    print("| question | ours, ms | DuckDB's, ms | ratio | CPU ratio |\n| --- | --- | --- | --- | --- |")
    for name, question in QUESTIONS.items():
        if args.only and args.only not in name:
            continue
        runs = ([], [])
        for turn in range(args.times):
            found = []
            for side, seen in zip(sides, runs):
                wall, cpu, rows = side.ask(side.sql(question, ids), args.threads)
                seen.append((wall, cpu))
                found.append(rows)
            if found[0] != found[1]:
                print(f"{name}: the answers differ: {found[0]} and {found[1]} rows", file=sys.stderr)
        (wall, cpu), (their_wall, their_cpu) = ([statistics.median(f) for f in zip(*seen)] for seen in runs)
        print(f"| {name} | {wall * 1e3:.1f} | {their_wall * 1e3:.1f} | {wall / their_wall:.2f} | {cpu / their_cpu:.2f} |")
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
