"""lp-archive beside what one would take instead, in turn, on the same data and threads.

    cargo build --release
    python -m venv .venv && .venv/bin/pip install duckdb==1.5.5
    .venv/bin/python benches/peers/compare.py [--size 1500MiB] [--days 1] [--times 3] [--threads 2] [--keep DIR]

The data is the generator's: all four types, two parts per hour or more, wrapped as the published schemas say
(`--documented`), so that the peers can read it with one set of types. On one day they are few large files, on
thirty many small ones. (DuckDB 1.5.5 cannot read some sound gzip files: "Malformed JSON … unexpected end of data".
Then another `--seed` helps.) Each round runs every peer once, so that a slow minute of the machine hits all alike.
Medians and ratios are printed; ratios count. What is written stays until the end, and is on the disk before the next
run begins: ext4 without a journal looks at each inode that was freed within minutes before it makes a new file (a second
of CPU for a thousand files), and nobody should pay for what another one left to be written.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parents[1] / "target" / "release" / "lp-archive"


def measure(command, out):
    """CPU seconds, wall seconds, peak MiB and output MB of a command that writes to `out`. What was there moves aside."""
    if Path(out).exists():
        aside(out).mkdir(exist_ok=True)
        Path(out).rename(aside(out) / str(len(os.listdir(aside(out)))))
    os.sync()
    started = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    wall = time.monotonic() - started
    if status != 0:
        sys.exit(f"{' '.join(map(str, command))} failed: {errors.decode()[-2000:]}")
    size = sum(path.stat().st_size for path in Path(out).rglob("*.parquet"))
    return used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024, size / 1e6


def aside(out):
    """Where earlier runs' output is kept."""
    return Path(out).with_name("earlier")


def clear(out):
    """Removes what all runs wrote."""
    for folder in (out, aside(out)):
        shutil.rmtree(folder, ignore_errors=True)


def make_data(program, data, size, seed, days):
    """The generator's files, unless they are there."""
    if not data.exists():
        make = [program, "demo", "--write-files", data, "--size", size, "--documented"]
        make += ["--seed", seed, "--from", "2026-10-01T00:00:00Z", "--hours", str(24 * days)]
        subprocess.run(make, check=True, stdout=sys.stderr)


def arguments(description, size, times):
    """What every comparison is told; the defaults are of size and rounds."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default=size)
    parser.add_argument("--seed", default="2")
    parser.add_argument("--times", type=int, default=times)
    parser.add_argument("--keep", help="folder for data and output; made once, kept")
    parser.add_argument("--program", default=PROGRAM)
    return parser


def main():
    parser = arguments(__doc__, "1500MiB", 3)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--loop-times", type=int, default=1, help="rounds of the slow Python loop")
    args = parser.parse_args()
    folder = Path(args.keep or tempfile.mkdtemp(prefix="lp-peers-"))
    data, out = folder / "data", folder / "out"
    make_data(args.program, data, args.size, args.seed, args.days)
    ours = [args.program, "convert", "--account", "75555851", "--quiet", "--out", out]
    peers = {
        "lp-archive": [*ours, "--threads", str(args.threads), data],
        "lp-archive, 1 thread": [*ours, "--threads", "1", data],
        "DuckDB, typed SQL": [sys.executable, HERE / "duck.py", data, out, str(args.threads)],
        "Python json + gzip, writes nothing": [sys.executable, HERE / "loop.py", data],
    }
    runs = {name: [] for name in peers}
    for turn in range(args.times):
        for name, command in peers.items():
            if "Python" in name and turn >= args.loop_times:
                continue
            runs[name].append(measure(command, out))
    medians = {name: [statistics.median(figures) for figures in zip(*all)] for name, all in runs.items() if all}
    base = medians["lp-archive"]
    print("| | CPU s | ratio | wall s | ratio | peak MiB | Parquet MB |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for name, (cpu, wall, peak, size) in medians.items():
        print(
            f"| {name} | {cpu:.1f} | {cpu / base[0]:.2f} | {wall:.1f} | {wall / base[1]:.2f} | {peak:.0f} | {size:.0f} |"
        )
    clear(out)
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
