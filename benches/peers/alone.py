"""`convert` on one thread beside the sum of its own stages, each measured alone, on the same files in turn.

    cargo build --release
    python3 benches/peers/alone.py [--size 1500MiB] [--days 1] [--times 5] [--data DIR] [--keep DIR]

The stages are those of `benches/alone.rs`, whose head says what is timed and what is not. CPU time, user and system, the
least of all rounds for each line: what else the machine does can only add to it. `--data` takes parts that are there
already, such as those that `compare.py --keep` made. The written files go to the folder of temporary files, or to `--keep`.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from compare import arguments, clear, make_data, measure

ROOT = Path(__file__).resolve().parents[2]
# The stages that a record passes; the others are bytes in and out.
MAIN = ["inflate, with its checksum", "framing", "records to columns", "gathering, arrays", "Parquet"]


def stages(data, folder):
    """CPU seconds of each stage, and the line that says what it was."""
    environment = {**os.environ, "ALONE_DATA": str(data.resolve()), "TMPDIR": str(folder.resolve())}
    command = ["cargo", "bench", "--quiet", "--bench", "alone"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    found = re.findall(r"^(.+?) +([0-9.]+) s$", done.stdout, re.MULTILINE)
    return {name: float(seconds) for name, seconds in found}, done.stdout.splitlines()[-1]


def main():
    parser = arguments(__doc__, "1500MiB", 5)
    parser.add_argument("--days", type=int, default=1)
    parser.add_argument("--data", type=Path, help="folder of parts")
    args = parser.parse_args()
    folder = Path(args.keep or tempfile.mkdtemp(prefix="lp-alone-"))
    folder.mkdir(exist_ok=True)
    data, out = args.data or folder / "data", folder / "out"
    if not args.data:
        make_data(args.program, data, args.size, args.seed, args.days)
    convert = [args.program, "convert", "--account", "75555851", "--quiet", "--threads", "1", "--out", out, data]
    alone, whole = [], []
    for _ in range(args.times):
        seconds, what = stages(data, folder)
        alone.append(seconds)
        whole.append(measure(convert, out))
    least = {name: min(round[name] for round in alone) for name in alone[0]}
    cpu, parquet = min(cpu for cpu, *_ in whole), whole[0][3]
    print(f"{what}; convert: {parquet:.1f} MB\n")
    print("| stage, alone | CPU s | of the sum |")
    print("| --- | --- | --- |")
    total = sum(least.values())
    for name, seconds in least.items():
        print(f"| {name} | {seconds:.2f} | {100 * seconds / total:.0f} % |")
    main_sum = sum(least[name] for name in MAIN)
    print(f"| all | {total:.2f} | |")
    print(f"| `convert`, 1 thread | {cpu:.2f} | {cpu / total:.2f} times; {cpu / main_sum:.2f} times the first {len(MAIN)} |")
    clear(out)
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
