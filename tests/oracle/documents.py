"""Reads Data Access files on its own: gzip or not, JSON objects one after another, PGP by the `gpg` program."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

sys.set_int_max_str_digits(0)

NAME = re.compile(r"(Agent|WebSession|Engagement|Survey)\.(\d+)\.(\d+)\.part-\d+-\d+")
MESSAGE = "-----BEGIN PGP MESSAGE-----"
PUBLIC_KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----"


class RawFloat(float):
    """A number that still knows how it was written."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.raw = text
        return number


class Decrypted(str):
    """Plaintext of a PGP value; `parsed` once a reader took it for JSON."""

    parsed = None


def members(pairs):
    """An object of which no member is lost: a repeated key becomes `name#2`, `name#3`."""
    found, seen = {}, {}
    for key, value in pairs:
        seen[key] = seen.get(key, 0) + 1
        found[key if seen[key] == 1 else f"{key}#{seen[key]}"] = value
    return found


DECODER = json.JSONDecoder(object_pairs_hook=members, parse_float=RawFloat)


def parse(text):
    return DECODER.decode(text)


def documents(text):
    """Every top-level JSON value of a text, in order."""
    at = 0
    while True:
        while at < len(text) and text[at] in " \t\r\n\ufeff":
            at += 1
        if at == len(text):
            return
        value, at = DECODER.raw_decode(text, at)
        yield value


class Gpg:
    """Opens messages with the keys of one GnuPG home."""

    def __init__(self, home, passphrase=None):
        self.command = ["gpg", "--homedir", str(home), "--batch", "--quiet", "--ignore-mdc-error"]
        if passphrase:
            self.command += ["--pinentry-mode", "loopback", "--passphrase", passphrase]
        self.opened = {}

    def open(self, message):
        if message not in self.opened:
            run = subprocess.run([*self.command, "--decrypt"], input=message, capture_output=True)
            if run.returncode not in (0, 2) or (run.returncode == 2 and not run.stdout):
                raise ValueError(f"gpg: {run.stderr.decode(errors='replace')}")
            self.opened[message] = run.stdout
        return self.opened[message]


def holds(value, mark):
    """Whether a string, bare or in a union, holds the mark."""
    if isinstance(value, dict) and list(value) == ["string"]:
        value = value["string"]
    return isinstance(value, str) and mark in value


def decrypted(value, gpg):
    """The same value with every PGP message opened and every attached public key dropped."""
    if isinstance(value, dict):
        encrypted = any(holds(v, MESSAGE) for v in value.values())
        return {
            k: decrypted(v, gpg)
            for k, v in value.items()
            if not (encrypted and holds(v, PUBLIC_KEY) and not holds(v, MESSAGE))
        }
    if isinstance(value, list):
        return [decrypted(v, gpg) for v in value]
    if isinstance(value, str) and MESSAGE in value:
        found = re.findall(r"-----BEGIN PGP MESSAGE-----.*?-----END PGP MESSAGE-----", value, re.S)
        return Decrypted("".join(gpg.open(m.encode()).decode() for m in found))
    return value


def read(path, gpg=None):
    """All documents of one file. Encrypted bytes are handed to gpg first, gzip is peeled in any order."""
    data = Path(path).read_bytes()
    while True:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif gpg and (data.lstrip()[:27] == MESSAGE.encode() or (data[:1] and data[0] & 0x80 and data[:3] != b"\xef\xbb\xbf")):
            data = gpg.open(data)
        else:
            break
    for value in documents(data.decode("utf-8")):
        yield decrypted(value, gpg) if gpg else value


def input_files(paths):
    """Every file below the paths that bears a name of the service: (path, name without .gz)."""
    for path in map(Path, paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            name = NAME.match(file.name)
            if name and file.is_file():
                yield file, name
