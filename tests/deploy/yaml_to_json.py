"""Prints the documents of YAML files as a list of JSON documents per file. `#volume# ` marks are taken away with --volume."""

import json
import sys

import yaml

volume = "--volume" in sys.argv
documents = []
for path in [argument for argument in sys.argv[1:] if argument != "--volume"]:
    text = open(path, encoding="utf-8").read()
    documents.append(list(yaml.safe_load_all(text.replace("#volume# ", "") if volume else text)))
json.dump(documents, sys.stdout)
