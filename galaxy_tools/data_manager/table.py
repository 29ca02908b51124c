#!/usr/bin/env python
"""Write what Galaxy adds to its data table for a file of the registry: table.py CARD.json FILE OUT.json."""

import json
import shutil
import sys
from pathlib import Path

COLUMNS = {"model": ("method", "species", "version"), "reference": ("species", "version")}


def main(card: Path, file: Path, out: Path) -> None:
    """Put the file where Galaxy moves it from, and write its row."""
    (entry,) = json.loads(card.read_text(encoding="utf-8"))
    folder = Path(json.loads(out.read_text(encoding="utf-8"))["output_data"][0]["extra_files_path"])
    folder.mkdir(parents=True, exist_ok=True)
    shutil.move(file, folder / file.name)
    row = {"value": entry["name"], "name": entry["title"], "path": file.name}
    row |= {column: str(entry[column]) for column in COLUMNS[entry["kind"]]}
    out.write_text(json.dumps({"data_tables": {f"unmix_{entry['kind']}s": [row]}}), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
