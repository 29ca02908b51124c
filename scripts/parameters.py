"""Write docs/parameters.md from nextflow_schema.json and assets/schema_input.json: make sync."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def row(name: str, rule: dict[str, object], required: list[str]) -> str:
    """Return a line of a table."""
    default = json.dumps(rule.get("default", "")).strip('"')
    shown = f"`{default}`" if default else "required" if name in required else ""
    return f"| `{name}` | {shown} | {rule['description']} |"


def page() -> str:
    """Return the text of docs/parameters.md."""
    groups = json.loads((ROOT / "nextflow_schema.json").read_text("utf-8"))["$defs"].values()
    sheet = json.loads((ROOT / "assets" / "schema_input.json").read_text("utf-8"))
    lines = [
        "# Parameters of the pipeline",
        "",
        "Made by `make sync` from `nextflow_schema.json` and `assets/schema_input.json`,",
        "which the pipeline checks before anything runs.",
    ]
    for group in groups:
        lines += ["", f"## {group['title']}", "", "| parameter | default | meaning |", "|---|---|---|"]
        lines += [
            row(f"--{name}", rule, [f"--{x}" for x in group.get("required", [])])
            for name, rule in group["properties"].items()
        ]
    lines += ["", "## Columns of the samplesheet", ""]
    lines += ["Paths are absolute, URLs, or relative to the samplesheet's own folder."]
    lines += ["They hold none of `$ * ? [ ] { }`, which stand for other names in a shell.", ""]
    lines += ["| column | default | meaning |", "|---|---|---|"]
    lines += [row(name, rule, sheet["required"]) for name, rule in sheet["properties"].items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "docs" / "parameters.md").write_text(page(), "utf-8")
