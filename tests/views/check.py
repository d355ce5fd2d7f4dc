"""Loads the DDL into DuckDB and Spark and compares what the views show with what the input files tell.

    python tests/views/check.py FOLDER
    python tests/views/check.py foreign LAKE      adds objects of other declarations to the lake

FOLDER holds `inputs/<account>/…`, `schema.json`, `tables.md`, and for each of the lakes `whole` (of all inputs), `agents` (of those of
agents, and foreign ones) and `empty`: `<lake>/`, `<lake>.duckdb.sql`, `<lake>.spark.sql`, and `growing.duckdb.sql` of a
lake that the script makes. Prints differences
and exits 1 when there are any.
"""

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import duckdb

import recompute

TIME, DATE = "time", "date"

#: columns of the views for analysts, with the kind of those that need to be made comparable
ANALYSIS = {
    "agent_state_intervals": {
        "account_id": None, "date": DATE, "agent_id": None, "agent_username": None, "agent_session_id": None, "state": None,
        "state_text": None, "concurrent_eng": None, "max_concurrent_eng": None, "started_at": TIME, "ended_at": TIME, "time_ms": None,
    },
    "agent_state_daily": {
        "account_id": None, "date": DATE, "agent_id": None, "agent_username": None, "state": None, "state_text": None, "time_ms": None,
    },
    "agent_utilisation_daily": {
        "account_id": None, "date": DATE, "agent_id": None, "agent_username": None, "sessions": None, "first_at": TIME,
        "last_at": TIME, "logged_in_ms": None, "online_ms": None, "back_soon_ms": None, "away_ms": None, "offline_ms": None,
        "unknown_ms": None, "busy_ms": None, "chat_ms": None, "capacity_ms": None, "online_share": None, "busy_share": None,
        "load_share": None,
    },
    "visitor_journey_events": {
        "account_id": None, "visit_id": None, "visitor_id": None, "step": None, "happened_at": TIME, "event": None, "url": None,
        "campaign_id": None, "engagement_id": None, "goal_id": None, "conversation_id": None, "detail": None,
    },
    "visitor_journey": {
        "account_id": None, "visit_id": None, "visitor_id": None, "started_at": TIME, "ended_at": TIME, "duration_ms": None,
        "pages": None, "first_url": None, "last_url": None, "first_referrer": None, "campaigns_eligible": None,
        "campaigns_shown": None, "engagements_shown": None, "engagements_accepted": None, "engagements_closed": None,
        "engagements_timed_out": None, "chats": None, "conversation_ids": None, "goals": None, "goal_ids": None, "country": None,
        "city": None, "device_family": None, "device_os": None, "search_engine": None,
    },
}
LINEAGE = ["account_id", "source_file", "source_record", "source_body", "source_item"]


class Duck:
    name = "DuckDB"
    quote, milliseconds = '"', "epoch_ms"

    def load(self, script):
        self.db = duckdb.connect()
        # Far from UTC: no view may depend on where it is asked.
        self.db.execute("SET TimeZone = 'Pacific/Auckland'")
        self.db.execute(script)

    def views(self):
        return [row[0] for row in self.db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]

    def describe(self, view):
        return {name: kind.lower() for name, kind, *_ in self.db.execute(f'DESCRIBE "{view}"').fetchall()}

    def rows(self, sql):
        return self.db.execute(sql).fetchall()


class Spark:
    name = "Spark"
    quote, milliseconds = "`", "unix_millis"

    def __init__(self, folder):
        # The pinned Spark, whatever other one the machine is set up for; nothing listens beyond loopback.
        for name in ("SPARK_HOME", "SPARK_CONF_DIR", "PYSPARK_SUBMIT_ARGS", "SPARK_REMOTE"):
            os.environ.pop(name, None)
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        from pyspark.sql import SparkSession
        settings = {
            "spark.ui.enabled": "false", "spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR",
            "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.driver.memory": "512m",
            "spark.sql.shuffle.partitions": "1", "spark.sql.session.timeZone": "Pacific/Auckland",
            "spark.sql.warehouse.dir": str(folder / "warehouse"), "spark.local.dir": str(folder / "spark"),
            # The data is small and the plans are many: compiling them well would take longer than running them.
            "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
            "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
            "spark.sql.adaptive.enabled": "false",
        }
        builder = SparkSession.builder.master("local[1]")
        for name, value in settings.items():
            builder = builder.config(name, value)
        self.session = builder.getOrCreate()

    def load(self, script):
        for statement in script.split(";\n"):
            if statement.strip():
                self.session.sql(statement)

    def views(self):
        return [row.viewName for row in self.session.sql("SHOW VIEWS").collect() if not row.viewName.endswith("_objects")]

    def describe(self, view):
        return {row.col_name: row.data_type for row in self.session.sql(f"DESCRIBE `{view}`").collect()}

    def rows(self, sql):
        return [tuple(row) for row in self.session.sql(sql).collect()]


class Check:
    def __init__(self):
        self.wrong = []

    def same(self, what, have, want):
        have, want = Counter(map(plain, have)), Counter(map(plain, want))
        more, less = have - want, want - have
        if more or less:
            self.wrong.append(f"{what}: {sum(more.values())} rows too many, {sum(less.values())} missing of {sum(want.values())}\n"
                              f"  too many: {sorted(more, key=str)[:4]}\n  missing:  {sorted(less, key=str)[:4]}")

    def equal(self, what, have, want):
        if isinstance(want, dict) and list(have) == list(want):
            have, want = ({k: v for k, v in one.items() if have[k] != want[k]} for one in (have, want))
        if have != want:
            self.wrong.append(f"{what}: {have}, not {want}")


def plain(row):
    return tuple(tuple(value) if isinstance(value, list) else value for value in row)


def selected(engine, view, columns):
    """Rows of a view, times in milliseconds and dates in days since 1970."""
    shown = []
    for name, kind in columns.items():
        name = f"{engine.quote}{name}{engine.quote}"
        shown.append(f"{engine.milliseconds}({name})" if kind == TIME else f"CAST({name} AS STRING)" if kind == DATE else name)
    rows = engine.rows(f"SELECT {', '.join(shown)} FROM {view}")
    days = [i for i, kind in enumerate(columns.values()) if kind == DATE]
    return [tuple(day_number(value) if i in days else value for i, value in enumerate(row)) for row in rows]


def day_number(text):
    return text and (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def check_columns(engine, schema, check):
    """The views are those of the declarations, with their columns and types."""
    kind = "type" if engine.name == "DuckDB" else "spark_type"
    tidy = lambda text: re.sub('[ "`]', "", text.lower()).replace("integer", "int")
    wanted = set(ANALYSIS)
    for table in schema:
        name = table["table"]
        text = tidy("VARCHAR" if engine.name == "DuckDB" else "STRING")
        columns = {c["name"]: tidy(c[kind]) for c in table["columns"]} | {"account_id": text, "date": "date"}
        for view in [name] + ([f"{name}_latest"] if table["latest"] else []):
            wanted.add(view)
            have = {column: tidy(of) for column, of in engine.describe(view).items()}
            stored = dict(list(have.items())[:len(columns)])
            check.equal(f"{engine.name}: columns of {view}", stored, columns)
            words = [column for column in have if column not in columns]
            check.equal(f"{engine.name}: {view} in words", [w for w in words if not w.endswith("_text") or have[w] != text], [])
            coded = [f"{c['name']}_text" for c in table["columns"] if c["codes"]]
            check.equal(f"{engine.name}: codes of {view} without words", [c for c in coded if c not in words], [])
    for view, columns in ANALYSIS.items():
        check.equal(f"{engine.name}: columns of {view}", list(engine.describe(view)), list(columns))
    check.equal(f"{engine.name}: views", sorted(engine.views()), sorted(wanted))


def check_reference(duck, reference, check):
    """The reference tells the views' columns in their order, with their types."""
    told = {}
    for section in reference.split("\n### ")[1:]:
        rows = [line.split(" | ") for line in section.splitlines() if line.startswith("| `")]
        told[section.split()[0]] = {row[0].strip("| `"): row[1].lower() for row in rows}
    check.equal("views of the reference", sorted(told), sorted(ANALYSIS))
    for view, columns in told.items():
        have = {name: kind.replace("timestamp with time zone", "time") for name, kind in duck.describe(view).items()}
        check.equal(f"the reference of {view}", list(columns.items()), list(have.items()))


def check_numbers(engine, schema, facts, latest, analysis, check):
    """Rows of all tables, of the tables as told last, and of the views for analysts."""
    for table in schema:
        name = table["table"]
        if engine.name == "DuckDB":
            have = engine.rows(f"SELECT {', '.join(LINEAGE)} FROM {name}")
            check.same(f"{engine.name}: {name}", have, [fact.lineage() for fact in facts[name]])
        if table["latest"]:
            have = engine.rows(f"SELECT {', '.join(LINEAGE)} FROM {name}_latest")
            check.same(f"{engine.name}: {name}_latest", have, [fact.lineage() for fact in latest[name]])
    for view, want in analysis.items():
        check.same(f"{engine.name}: {view}", selected(engine, view, ANALYSIS[view]), want)


def check_engines_agree(duck, spark, schema, check):
    """Every value that is no record is the same in both engines, times to the millisecond."""
    for table in schema:
        columns = {c["name"]: TIME if c["spark_type"] == "TIMESTAMP" else None for c in table["columns"]
                   if "STRUCT" not in c["spark_type"]} | {"account_id": None, "date": DATE}
        columns |= {name: None for name in duck.describe(table["table"]) if name.endswith("_text")}
        check.same(f"Spark against DuckDB: {table['table']}", selected(spark, table["table"], columns),
                   selected(duck, table["table"], columns))


def analysis_of(latest):
    pieces = list(recompute.intervals(latest))
    events = list(recompute.journey_events(latest))
    return {
        "agent_state_intervals": [(*piece, piece[-1] - piece[-2]) for piece in pieces],
        "agent_state_daily": list(recompute.state_daily(pieces)),
        "agent_utilisation_daily": list(recompute.utilisation_daily(pieces)),
        "visitor_journey_events": events,
        "visitor_journey": list(recompute.journeys(latest, events)),
    }


def check_empty(engine, check):
    counted = " UNION ALL ".join(f"SELECT '{view}', count(*) FROM {view}" for view in engine.views())
    check.equal(f"{engine.name}: rows of an empty lake", [row for row in engine.rows(counted) if row[1]], [])


COUNTS = """
import sys, duckdb
db = duckdb.connect(sys.argv[1], read_only=True)
views = [row[0] for row in db.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL").fetchall()]
for view in views:
    print(view, db.execute(f'SELECT count(*) FROM "{view}"').fetchone()[0])
"""


def check_database_file(folder, script, duck, check):
    """Views kept in a database file show the same to those who did not load them, wherever they run."""
    file = folder / "kept.duckdb"
    want = {view: duck.rows(f'SELECT count(*) FROM "{view}"')[0][0] for view in duck.views()}
    with duckdb.connect(str(file)) as db:
        db.execute(script)
        for who, connection in (("connection", db), ("cursor", db.cursor())):
            have = {view: connection.execute(f'SELECT count(*) FROM "{view}"').fetchone()[0] for view in want}
            check.equal(f"DuckDB: counts of a file's {who}", have, want)
    done = subprocess.run([sys.executable, "-c", COUNTS, str(file)], cwd="/", capture_output=True, text=True)
    have = {view: int(count) for view, count in (line.split() for line in done.stdout.splitlines())}
    check.equal(f"DuckDB: counts of a file opened again {done.stderr}", have, want)
    with duckdb.connect() as db:
        db.execute(f"ATTACH '{file}' AS kept (READ_ONLY)")
        have = {view: db.execute(f'SELECT count(*) FROM kept."{view}"').fetchone()[0] for view in want}
        check.equal("DuckDB: counts of an attached file", have, want)


def check_first_rows(folder, script, whole, check):
    """A view made before its table had objects never passes for an empty one afterwards."""
    lake, file = folder / "growing", folder / "growing.duckdb"
    shutil.copytree(whole / "navigation", lake / "navigation")
    with duckdb.connect(str(file)) as db:
        db.execute(script)
        check.equal("DuckDB: rows of a table without objects", db.execute("SELECT count(*) FROM goals").fetchone(), (0,))
    shutil.copytree(whole / "goals", lake / "goals")
    with duckdb.connect(str(file)) as db:
        for query in ["SELECT * FROM goals", "SELECT count(*) FROM goals", "SELECT 1 FROM goals WHERE date = '2026-02-10'",
                      "SELECT count(*) FROM goals_latest WHERE account_id = '0042'", "SELECT max(timestamp) FROM goals",
                      "SELECT sum(goals) FROM visitor_journey", "SELECT url FROM navigation LEFT JOIN goals USING (visit_id)"]:
            try:
                said = db.execute(query).fetchall()
            except duckdb.Error as error:
                said = str(error)
            check.equal(f"DuckDB: {query} after the first rows", "goals has got its first rows" in said, True)
        db.execute(script)
        check.equal("DuckDB: first rows after loading again", db.execute("SELECT count(*) > 0 FROM goals").fetchone(), (True,))


def write_foreign_objects(lake):
    """Objects of an older and of a later declaration: columns and members of records missing, others unknown."""
    db = duckdb.connect()
    for table, day, query in [
        ("navigation", "2026-02-10", "SELECT 'WebSession.1.2.part-00000-0' AS source_file, 0::BIGINT AS source_record, 'v' AS visit_id, "
                                     "TIMESTAMPTZ '2026-02-10 10:00:00+00' AS timestamp, 'https://old/' AS url"),
        ("navigation", "2026-02-11", "SELECT 'https://new/' AS url, 'v' AS visit_id, TIMESTAMPTZ '2026-02-11 10:00:00+00' AS timestamp, "
                                     "1 AS column_of_tomorrow, 'WebSession.1.2.part-00001-0' AS source_file, 0::BIGINT AS source_record"),
        ("impressions", "2026-02-10", "SELECT 'v' AS visit_id, {'type': '5', 'tomorrow': 1} AS engagement, {'id': 7::BIGINT} AS campaign, "
                                      "'Show' AS impression_type, 'WebSession.1.2.part-00002-0' AS source_file, 0::BIGINT AS source_record"),
    ]:
        folder = lake / table / "account_id=007" / f"date={day}"
        folder.mkdir(parents=True)
        db.execute(f"COPY ({query}) TO '{folder / 'webSession-20260210-r9-foreign.parquet'}'")


def check_foreign_objects(engine, check):
    have = selected(engine, "visitor_journey_events", ANALYSIS["visitor_journey_events"])
    ten = 1_770_717_600_000
    check.same(f"{engine.name}: objects of other declarations", have, [
        ("007", "v", None, 1, ten, "page", "https://old/", None, None, None, None, None),
        ("007", "v", None, 2, ten + recompute.DAY, "page", "https://new/", None, None, None, None, None),
        ("007", "v", None, 3, None, "engagement shown", None, 7, None, None, None, None),
    ])
    check.equal(f"{engine.name}: words of a member", engine.rows("SELECT engagement_type_text FROM impressions"), [("embedded",)])
    # DuckDB 1.5.5 cannot do this on a plain read of one object.
    check.equal(f"{engine.name}: least of a partition column", selected(
        engine, "(SELECT min(date) AS date, max(account_id) AS account_id FROM impressions) AS bounds", {"date": DATE, "account_id": None},
    ), [(20_494, "007")])


def main():
    folder = Path(sys.argv[1])
    os.chdir(folder)
    script = lambda lake, engine: (folder / f"{lake}.{engine}.sql").read_text()
    schema = json.loads((folder / "schema.json").read_text())
    check, clock = Check(), time.monotonic()
    facts = recompute.facts_of(folder / "inputs")
    latest = recompute.latest_of(facts)
    analysis = analysis_of(latest)
    told_again = {name: len(facts[name]) - len(rows) for name, rows in latest.items()}
    check.equal("tables of which the inputs tell nothing twice", [name for name, n in told_again.items() if n == 0], [])
    check.equal("views that show nothing", [view for view, rows in analysis.items() if not rows], [])
    print(f"inputs read after {time.monotonic() - clock:.0f} s")

    duck = Duck()
    duck.load(script("empty", "duckdb"))
    check_empty(duck, check)
    duck.load(script("whole", "duckdb"))
    check_columns(duck, schema, check)
    check_reference(duck, (folder / "tables.md").read_text(), check)
    check_numbers(duck, schema, facts, latest, analysis, check)
    check_database_file(folder, script("whole", "duckdb"), duck, check)
    check_first_rows(folder, script("growing", "duckdb"), folder / "whole", check)
    print(f"DuckDB done after {time.monotonic() - clock:.0f} s")

    spark = Spark(folder)
    spark.load(script("whole", "spark"))
    check_columns(spark, schema, check)
    check_engines_agree(duck, spark, schema, check)
    check_numbers(spark, schema, facts, latest, analysis, check)
    print(f"Spark done after {time.monotonic() - clock:.0f} s")

    # The Spark DDL of this lake was made after the foreign objects came.
    for engine in (duck, spark):
        engine.load(script("agents", engine.name.lower()))
        check_foreign_objects(engine, check)
        check.same(f"{engine.name}: agents alone", selected(engine, "agent_state_daily", ANALYSIS["agent_state_daily"]),
                   [row for row in analysis["agent_state_daily"] if row[0] == "0042"])
    spark.load(script("empty", "spark"))
    check_empty(spark, check)
    print(f"all done after {time.monotonic() - clock:.0f} s")
    for text in check.wrong:
        print(text, file=sys.stderr)
    sys.exit(1 if check.wrong else 0)


if __name__ == "__main__":
    if sys.argv[1] == "foreign":
        write_foreign_objects(Path(sys.argv[2]))
    else:
        main()
