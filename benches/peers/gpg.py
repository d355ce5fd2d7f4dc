"""`convert` of encrypted files beside `gpg -d` of the same files and `convert` of what comes out, in turn.

    cargo build --release
    python3 benches/peers/gpg.py [--size 600MiB] [--times 3] [--data DIR] [--keep DIR]

The files are encrypted as a whole, gzip inside, by gpg with its defaults and to the demonstration's key. All of them are
decrypted by one process, which saves gpg most of its start-ups; what its agent works is counted with it. CPU time, user
and system, on one thread, the least of all rounds.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from compare import arguments, clear, make_data, measure

ROOT = Path(__file__).resolve().parents[2]
KEY_PAIR = ROOT / "src" / "demo" / "demo-key.asc"


class Gpg:
    """gpg with a home of its own."""

    def __init__(self, home):
        home.mkdir(mode=0o700)
        self.base = ["gpg", "--homedir", home, "--batch", "--quiet", "--trust-model", "always"]
        subprocess.run([*self.base, "--import", KEY_PAIR], check=True)
        listed = subprocess.run([*self.base, "--list-keys", "--with-colons"], check=True, capture_output=True, text=True)
        self.key = next(line.split(":")[9] for line in listed.stdout.splitlines() if line.startswith("fpr:"))
        ask = ["gpg-connect-agent", "--homedir", home, "getinfo pid", "/bye"]
        self.agent = subprocess.run(ask, check=True, capture_output=True, text=True).stdout.split()[1]
        self.home = home

    def seal(self, data, sealed):
        sealed.mkdir()
        for file in sorted(data.iterdir()):
            out = sealed / (file.name + ".pgp")
            subprocess.run([*self.base, "--recipient", self.key, "--output", out, "--encrypt", file], check=True)

    def open(self, sealed, plain):
        """CPU seconds that it takes to decrypt all files into a folder."""
        shutil.rmtree(plain, ignore_errors=True)
        shutil.copytree(sealed, plain)
        files = sorted(plain.iterdir())
        before = self.agent_seconds()
        cpu, *_ = measure([*self.base, "--decrypt-files", *files], self.home / "nothing")
        cpu += self.agent_seconds() - before
        for file in files:
            file.unlink()
        return cpu

    def agent_seconds(self):
        told = Path(f"/proc/{self.agent}/stat").read_text().rpartition(")")[2].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    def end(self):
        subprocess.run(["gpgconf", "--homedir", self.home, "--kill", "all"], check=False)


def main():
    parser = arguments(__doc__, "600MiB", 3)
    parser.add_argument("--data", type=Path, help="folder of parts, not encrypted")
    args = parser.parse_args()
    folder = Path(args.keep or tempfile.mkdtemp(prefix="lp-gpg-"))
    folder.mkdir(exist_ok=True)
    data, sealed, plain, out = args.data or folder / "data", folder / "sealed", folder / "plain", folder / "out"
    if not args.data:
        make_data(args.program, data, args.size, args.seed, 1)
    # Short: the name of the agent's socket lies in it.
    home = Path(tempfile.mkdtemp(prefix="gpg-")) / "home"
    gpg = Gpg(home)
    if not sealed.exists():
        gpg.seal(data, sealed)
    secret = folder / "key.asc"
    pair = KEY_PAIR.read_text()
    secret.write_text(pair[pair.index("-----BEGIN PGP PRIVATE KEY BLOCK-----") :])
    secret.chmod(0o600)
    convert = [args.program, "convert", "--account", "75555851", "--quiet", "--threads", "1", "--out", out]
    ours, gpgs, converts = [], [], []
    for _ in range(args.times):
        ours.append(measure([*convert, "--pgp-key", secret, sealed], out)[0])
        gpgs.append(gpg.open(sealed, plain))
        converts.append(measure([*convert, plain], out)[0])
    gpg.end()
    megabytes = sum(file.stat().st_size for file in sealed.iterdir()) / 1e6
    theirs = min(gpgs) + min(converts)
    print(f"{len(list(sealed.iterdir()))} encrypted files, {megabytes:.0f} MB; CPU seconds, 1 thread\n")
    print("| | CPU s |")
    print("| --- | --- |")
    print(f"| `convert` of encrypted files | {min(ours):.2f} |")
    print(f"| `gpg -d` | {min(gpgs):.2f} |")
    print(f"| `convert` of what it decrypted | {min(converts):.2f} |")
    print(f"| ours over both together | {min(ours) / theirs:.2f} |")
    clear(out)
    for made in [plain, home.parent]:
        shutil.rmtree(made, ignore_errors=True)
    if not args.keep:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
