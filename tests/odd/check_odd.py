"""Runs `convert` on every odd input and checks what became of it.

    python tests/odd/check_odd.py --binary target/debug/lp-archive [--only NAME] [--keep DIR]
"""

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "oracle")]

from cases import made
from lake import Lake
from leaves import leaves
from mapping import TABLES


def convert(binary, out, inputs):
    command = [binary, "convert", "--account", "75555851", "--out", str(out), "--json", str(inputs)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)


def same_leaf(value, expected):
    """The expected leaf is all that the kept JSON tells, wrapped or not; hexadecimal digits in either case."""
    told = {str(k).lower() for k in leaves(value)}
    return told == {str(k).lower() for k in leaves(expected)}


def check(name, case, binary, folder):
    wrong = []
    inputs, out = folder / name / "in", folder / name / "lake"
    inputs.mkdir(parents=True)
    for file, data in case.files.items():
        (inputs / file).write_bytes(data)
    run = convert(binary, out, inputs)
    if "panicked" in run.stderr:
        wrong.append("the program panicked")
    if run.returncode != case.exit:
        wrong.append(f"exit code {run.returncode}, not {case.exit}")
    try:
        summary = json.loads(run.stdout)
    except ValueError:
        return [*wrong, f"no JSON summary on stdout: {run.stdout[:200]!r}; stderr: {run.stderr[-600:]}"]
    for figure in ("quarantined", "mistyped", "unknown_fields"):
        expected = getattr(case, figure)
        if expected is not None and summary[figure] != expected:
            wrong.append(f"{figure} is {summary[figure]}, not {expected}")
    if len(summary["failed"]) != case.failed:
        wrong.append(f"{len(summary['failed'])} parts failed, not {case.failed}: {summary['failed']}")
    lake = Lake(out)
    for table in TABLES:
        rows = lake.count(table)
        if case.rows.get(table, 0) not in (rows, None):
            wrong.append(f"{table} has {rows} rows, not {case.rows.get(table, 0)}")
        if rows != summary["rows"].get(table, 0):
            wrong.append(f"the summary tells {summary['rows'].get(table, 0)} rows of {table}, the lake holds {rows}")
        if rows and (doubled := lake.doubled_keys(table)):
            wrong.append(f"{table}: doubled lineage keys {doubled}")
    if not wrong:
        for sql, expected in case.cells:
            found = lake.db.execute(sql.format(**{t: lake.scan(t) for t in TABLES})).fetchall()
            if found != expected:
                wrong.append(f"{sql.split(' FROM')[0]} gives {found}, not {expected}")
        for table, key, expected in case.extra:
            held = [json.loads(r["extra"]) for r in lake.rows(table) if r["extra"]]
            if not any(key in e and same_leaf(e[key], expected) for e in held):
                wrong.append(f"extra of {table} has no {key} = {expected!r}: {held}")
    told = everything(lake, out)
    wrong += [f"{text!r} is found nowhere in the lake" for text in case.told if text not in told]
    if case.failed and not any((out / "_lp_archive" / "raw").rglob("*")):
        wrong.append("nothing is kept under raw/")
    if case.quarantined and not any((out / "_lp_archive" / "quarantine").rglob("*")):
        wrong.append("nothing is kept under quarantine/")
    if any(p.is_file() for p in (out / "_lp_archive" / "pending").rglob("*")):
        wrong.append("a pending note was left behind")
    if wrong:
        wrong.append("stderr: " + run.stderr[-600:])
    return wrong


def everything(lake, out):
    """All text that the lake tells: cells and quarantine, with the escapes of one more JSON layer undone."""
    texts = [json.dumps(row, default=str, ensure_ascii=False) for table in lake.tables() for row in lake.rows(table)
             if lake.count(table) < 1000]
    for path in (out / "_lp_archive" / "quarantine").rglob("*"):
        if path.suffix == ".parquet":
            texts += [repr(row) for row in lake.db.execute(f"SELECT * FROM read_parquet('{path}')").fetchall()]
        elif path.is_file():
            texts.append(path.read_text(errors="replace"))
    joined = "\n".join(texts)
    return joined + joined.replace('\\"', '"')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--only")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    cases = {n: c for n, c in made().items() if args.only in (None, n)}
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(2) as pool:
        folder = args.keep or Path(temporary)
        found = dict(zip(cases, pool.map(lambda item: check(*item, args.binary, folder), cases.items())))
    bad = {name: wrong for name, wrong in found.items() if wrong}
    for name, wrong in bad.items():
        print(f"{name}:\n  " + "\n  ".join(wrong), file=sys.stderr)
    print(f"{len(cases)} odd inputs, {len(bad)} wrong")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
