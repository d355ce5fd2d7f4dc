"""`sync` beside `convert` on the same files, and a `sync` that finds nothing to do.

    cargo build --release
    .venv/bin/python benches/peers/sync.py [--size 600MiB] [--times 3] [--threads 2] [--days 30] [--keep DIR]

The service is the stand-in, as a process of its own: its CPU time is not counted, but it wants a share of the same
cores, so on a small machine the wall time of `sync` tells less than its CPU time. Both are told.

The idle `sync` runs over `--days` days of four small streams, into a folder and into S3 (SeaweedFS, `.venv/bin/weed`
as `tests/run.sh` installs it). What the listings alone take (`plan` with a lake that is empty) is told beside it.
"""

import argparse
import json
import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parents[1] / "target" / "release" / "lp-archive"
ACCOUNT = "75555851"
BUCKET = "lake"


def run(command, environment):
    """Wall seconds, CPU seconds and what it says on stdout."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    child = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, errors = child.communicate()
    wall = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    if child.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))} failed: {errors.decode()[-2000:]}")
    return wall, used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime, out


class Service:
    """The stand-in over a folder."""

    def __init__(self, program, data, folder):
        self.port_file = folder / "port.json"
        self.port_file.unlink(missing_ok=True)
        self.child = subprocess.Popen([program, "demo", "--serve", data, "--port-file", self.port_file])
        while not self.port_file.exists():
            if self.child.poll() is not None:
                sys.exit("the stand-in does not start")
            time.sleep(0.02)
        known = json.loads(self.port_file.read_text())
        self.environment = {
            "LP_ARCHIVE_ACCOUNT_ID": ACCOUNT,
            "LP_ARCHIVE_BASE_URL": known["base_url"],
            "LP_ARCHIVE_AUTH_METHOD": "oauth2",
            "LP_ARCHIVE_TOKEN_URL": f"{known['base_url']}/sentinel/api/v2/account/{ACCOUNT}/app/token",
            "LP_ARCHIVE_CLIENT_ID": known["client_id"],
            "LP_ARCHIVE_CLIENT_SECRET": known["client_secret"],
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


class S3:
    """SeaweedFS with one bucket, on ports of its own (each also + 10000)."""

    def __init__(self, folder):
        base = free_ports()
        names = ["master", "volume", "filer", "s3", "admin"]
        ports = [f"-{name}.port{kind}={base + i + more}" for i, name in enumerate(names)
                 for kind, more in (("", 0), (".grpc", 10_000))]
        weed = HERE.parents[1] / ".venv" / "bin" / "weed"
        keys = {"AWS_ACCESS_KEY_ID": "benchkey", "AWS_SECRET_ACCESS_KEY": "benchsecret"}
        (folder / "weed").mkdir()
        self.log = folder / "weed.log"
        self.child = subprocess.Popen(
            [weed, "-logtostderr=true", "mini", f"-dir={folder}/weed", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", *ports,
             "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", f"-bucket={BUCKET}",
             "-webdav=false", "-admin.ui=false", "-master.telemetry=false", f"-filer.localSocket={folder}/filer",
             f"-s3.localSocket={folder}/s3"],
            env={**os.environ, **keys, "HOME": str(folder)}, stdout=self.log.open("wb"), stderr=subprocess.STDOUT)
        self.environment = {**keys, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{base + 3}", "AWS_REGION": "us-east-1"}
        ends = time.monotonic() + 60
        while b"All enabled components are running" not in self.log.read_bytes():
            if time.monotonic() > ends or self.child.poll() is not None:
                sys.exit("the S3 server does not start: " + self.log.read_text()[-2000:])
            time.sleep(0.05)
        time.sleep(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()


def free_ports():
    def free(port):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    # All below 32,768, from where systems give ports to whoever connects.
    for base in range(12_000 + os.getpid() % 500 * 10, 22_000, 10):
        if all(free(port) and free(port + 10_000) for port in range(base, base + 5)):
            return base
    sys.exit("no free ports")


def make(program, data, size, *more):
    if not data.exists():
        command = [program, "demo", "--write-files", data, "--size", size, "--documented", *more]
        subprocess.run(command, check=True, stdout=sys.stderr)


def beside_convert(args, folder):
    """Both on the same files."""
    data, out = args.keep / "large", folder / "out"
    make(args.program, data, args.size)
    flags = ["--quiet", "--threads", str(args.threads), "--out", out]
    with Service(args.program, data, folder) as service:
        ways = {
            "convert": [args.program, "convert", "--account", ACCOUNT, *flags, data],
            "sync": [args.program, "sync", *flags],
        }
        runs = {name: [] for name in ways}
        for _ in range(args.times):
            for name, command in ways.items():
                shutil.rmtree(out, ignore_errors=True)
                runs[name].append(run(command, service.environment if name == "sync" else {})[:2])
    (wall, cpu), (sync_wall, sync_cpu) = ([statistics.median(f) for f in zip(*runs[name])] for name in ways)
    print("| | wall s | CPU s |\n| --- | --- | --- |")
    print(f"| convert | {wall:.2f} | {cpu:.2f} |")
    print(f"| sync | {sync_wall:.2f} | {sync_cpu:.2f} |")
    print(f"| ratio | {sync_wall / wall:.2f} | {sync_cpu / cpu:.2f} |\n")
    shutil.rmtree(out)


def nothing_to_do(args, folder):
    """A second `sync`, on a folder and on S3."""
    data = args.keep / "many"
    started = time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(time.time() - args.days * 86_400 - 4 * 3600))
    hours = str(args.days * 24)
    make(args.program, data, args.many_size, "--from", started, "--hours", hours, "--parts-per-hour", "1")
    print(f"| second sync over {args.days} days, {len(list(data.iterdir()))} parts | wall s | CPU s |\n| --- | --- | --- |")
    with Service(args.program, data, folder) as service, S3(folder) as s3:
        sync = [args.program, "sync", "--quiet", "--threads", str(args.threads), "--out"]
        plan = [args.program, "plan", "--json", "--out", folder / "no-lake"]
        environment = {**service.environment, **s3.environment}
        tell("listings alone", [run(plan, environment) for _ in range(args.times)])
        for place, out in (("folder", folder / "out"), ("S3", f"s3://{BUCKET}/lp")):
            wall, cpu, _ = run([*sync, out], environment)
            print(f"| (first sync, {place}) | {wall:.2f} | {cpu:.2f} |")
            tell(place, [run([*sync, out], environment) for _ in range(args.times)])


def tell(name, runs):
    wall, cpu = (statistics.median(figures) for figures in list(zip(*runs))[:2])
    print(f"| {name} | {wall:.2f} | {cpu:.2f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--size", default="600MiB")
    parser.add_argument("--many-size", default="60MiB", help="JSON of the many small files")
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--keep", help="folder for the files; made once, kept")
    parser.add_argument("--program", default=PROGRAM)
    parser.add_argument("--only", choices=["convert", "idle"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lp-sync-") as scratch:
        folder = Path(scratch)
        args.keep = Path(args.keep or folder).resolve()
        if args.only != "idle":
            beside_convert(args, folder)
        if args.only != "convert":
            nothing_to_do(args, folder)


if __name__ == "__main__":
    main()
