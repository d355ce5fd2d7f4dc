"""What a reader with a plain glob sees of a lake, and what lies beside it; prints one JSON object.

    fingerprint.py OUT [--extension FILE]

OUT is a folder or s3://bucket/prefix (endpoint and keys from the AWS_* variables; DuckDB reads it with its
httpfs extension, loaded by path). Rows are hashed and the hashes summed, so that two lakes with equal
fingerprints hold the same rows whatever their objects are called and in whatever order they lie:

    {"tables": {"geo": [rows, sum of hashes, distinct lineage keys]}, "ledger_gaps": [], "orphans": [],
     "doubled_parts": [], "pending": [], "staging": [], "uploads": [], "raw": 0}
"""

import datetime
import hashlib
import hmac
import json
import os
import re
import sys
import urllib.parse
import urllib.request
from pathlib import Path

import duckdb

KEY = "account_id, source_file, source_record, source_body, source_item"


class Lake:
    """Paths relative to the lake, whatever it lies in."""

    def __init__(self, out):
        self.out = out.rstrip("/")
        self.remote = self.out.startswith("s3://")
        self.db = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
        self.db.execute("SET TimeZone = 'UTC'")
        if self.remote:
            import duckdb_extension_httpfs

            folder = Path(list(duckdb_extension_httpfs.__path__)[0])
            self.db.execute(f"LOAD '{next(folder.rglob('httpfs.duckdb_extension'))}'")
            endpoint = urllib.parse.urlsplit(os.environ["AWS_ENDPOINT_URL"])
            self.db.execute(
                f"CREATE SECRET (TYPE s3, KEY_ID '{os.environ['AWS_ACCESS_KEY_ID']}', "
                f"SECRET '{os.environ['AWS_SECRET_ACCESS_KEY']}', ENDPOINT '{endpoint.netloc}', "
                "USE_SSL false, URL_STYLE 'path', REGION 'us-east-1')"
            )

    def files(self):
        if self.remote:
            bucket, _, prefix = self.out.removeprefix("s3://").partition("/")
            keys = listed(bucket, {"list-type": "2", "prefix": prefix + "/"}, "Contents", "Key")
            return sorted(key.removeprefix(prefix + "/") for key, in keys)
        root = Path(self.out)
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file())

    def uploads(self):
        if not self.remote:
            return []
        bucket, _, prefix = self.out.removeprefix("s3://").partition("/")
        found = listed(bucket, {"uploads": "", "prefix": prefix + "/"}, "Upload", "Key", "UploadId")
        return sorted(key for key, _ in found)

    def text(self, path):
        if self.remote:
            bucket, _, prefix = self.out.removeprefix("s3://").partition("/")
            return ask(f"/{bucket}/{prefix}/{path}", {})
        return (Path(self.out) / path).read_text()

    def table(self, name):
        glob = f"{self.out}/{name}/**/*.parquet".replace("'", "''")
        scan = f"read_parquet('{glob}', hive_partitioning=true, union_by_name=true)"
        return list(self.db.execute(
            f"SELECT count(*), CAST(coalesce(sum(hash(t)), 0) AS VARCHAR), count(DISTINCT ({KEY})) FROM {scan} t"
        ).fetchone())


def listed(bucket, query, element, *fields):
    """Values of the fields of every such element, over all pages."""
    found = []
    while True:
        page = ask(f"/{bucket}", query)
        for inner in re.findall(f"<{element}>(.*?)</{element}>", page, re.S):
            values = (re.search(f"<{field}>(.*?)</{field}>", inner, re.S) for field in fields)
            found.append(tuple(value.group(1) for value in values))
        token = re.search("<NextContinuationToken>(.*?)</NextContinuationToken>", page)
        if not token:
            return found
        query = query | {"continuation-token": token.group(1)}


def ask(path, query):
    """A GET signed with AWS Signature Version 4."""
    endpoint = os.environ["AWS_ENDPOINT_URL"].rstrip("/")
    host = urllib.parse.urlsplit(endpoint).netloc
    now = datetime.datetime.now(datetime.timezone.utc)
    stamp, day, region = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d"), "us-east-1"
    empty = hashlib.sha256(b"").hexdigest()
    quoted = urllib.parse.quote(path, safe="/-_.~")
    pairs = "&".join(f"{k}={urllib.parse.quote(v, safe='-_.~')}" for k, v in sorted(query.items()))
    head = f"host:{host}\nx-amz-content-sha256:{empty}\nx-amz-date:{stamp}\n"
    names = "host;x-amz-content-sha256;x-amz-date"
    canonical = f"GET\n{quoted}\n{pairs}\n{head}\n{names}\n{empty}"
    scope = f"{day}/{region}/s3/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{os.environ['AWS_SECRET_ACCESS_KEY']}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"{os.environ['AWS_ACCESS_KEY_ID']}/{scope}"
    authorization = f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"
    headers = {"x-amz-date": stamp, "x-amz-content-sha256": empty, "Authorization": authorization}
    url = f"{endpoint}{quoted}" + (f"?{pairs}" if pairs else "")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return answer.read().decode()


def main():
    lake = Lake(sys.argv[1])
    files = lake.files()
    under = lambda folder: [path for path in files if path.startswith(f"_lp_archive/{folder}/")]
    entries = [json.loads(lake.text(path)) for path in under("ledger")]
    named = [item["path"] for entry in entries for item in entry["objects"]]
    parts = [part["name"] for entry in entries for part in entry["parts"]]
    there = [path for path in files if path.endswith(".parquet")]
    tables = sorted({path.split("/")[0] for path in there if not path.startswith("_")})
    print(json.dumps({
        "tables": {name: lake.table(name) for name in tables},
        "parts": sorted(set(parts)),
        "doubled_parts": sorted({name for name in parts if parts.count(name) > 1}),
        "ledger_gaps": sorted(set(named) - set(there)),
        "orphans": sorted(set(there) - set(named)),
        "pending": under("pending"),
        "staging": under("staging"),
        "uploads": lake.uploads(),
        "raw": len(under("raw")),
    }))


if __name__ == "__main__":
    main()
