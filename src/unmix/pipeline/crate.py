"""A folder of results as a Process Run Crate: what ran, on what, with which versions, and what it gave.

Profile: https://w3id.org/ro/wfrun/process/0.5, on RO-Crate 1.1. The records of the steps hold all of it.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from unmix.errors import UsageError
from unmix.io import records
from unmix.io.outputs import standing
from unmix.io.registry import sha256
from unmix.pipeline.repeat import OF_NEXTFLOW
from unmix.pipeline.start import REQUEST

if TYPE_CHECKING:
    from pathlib import Path

NAME = "ro-crate-metadata.json"
CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
CONTEXT = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
MIT = "https://spdx.org/licenses/MIT"


def crate(folder: Path, licence: str) -> dict[str, Any]:
    """Return the metadata of a folder of results, as JSON-LD.

    Parameters
    ----------
    folder
        Of ``unmix_run.py``, or of the pipeline.
    licence
        Of the results: an address, or words.

    Raises
    ------
    UsageError
        If the folder holds no record of a step.
    """
    steps = {
        str(path.relative_to(folder)): records.read(path)
        for end in ("run.json", "skipped.json")
        for path in standing(folder, f"**/*{end}")
    }
    steps = {name: step for name, step in steps.items() if step.get("step") and step.get("started")}
    if not steps:
        raise UsageError(f"{folder} holds no record of a step", "a folder of results of unmix", "correct the path")
    paths = [path for path in standing(folder, "**/*") if path.name != NAME and not path.name.startswith(".")]
    files = {str(path.relative_to(folder)): _file(path, folder) for path in paths}
    known = {one["sha256"]: name for name, one in reversed(files.items())}
    others: dict[str, dict[str, Any]] = {}
    actions = [_action(name, step, files, known, others) for name, step in sorted(steps.items())]
    request = next((path for path in (folder / OF_NEXTFLOW / REQUEST, folder / REQUEST) if path.exists()), None)
    asked = _parameters(records.read(request) if request else {})
    for action in actions:
        action["object"] += [{"@id": one["@id"]} for one in asked]
    ended = max(action["endTime"] for action in actions)
    software = _software(list(steps.values()))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": "Cell-type fractions by unmix",
        "description": "Results of a deconvolution of bulk RNA-seq: tables, models, report and steps.",
        "datePublished": ended,
        "license": {"@id": licence} if "://" in licence else licence,
        "conformsTo": {"@id": PROFILE},
        "hasPart": [{"@id": one["@id"]} for one in [*files.values(), *others.values()]],
        "mentions": [{"@id": action["@id"]} for action in actions],
    }
    about = {"@id": NAME, "@type": "CreativeWork", "conformsTo": {"@id": CRATE}, "about": {"@id": "./"}}
    profile = {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"}
    entities = [about, root, profile, *software, *asked, *others.values(), *files.values(), *actions]
    return {"@context": CONTEXT, "@graph": entities}


def _file(path: Path, folder: Path) -> dict[str, Any]:
    size = str(path.stat().st_size)
    return {
        "@id": quote(str(path.relative_to(folder))),
        "@type": "File",
        "name": path.name,
        "sha256": sha256(path),
        "contentSize": size,
    }


def _action(
    name: str,
    step: dict[str, Any],
    files: dict[str, dict[str, Any]],
    known: dict[str, str],
    others: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return a step; an input that is no file of the folder is added to `others` under its hash."""
    given = []
    for one in step.get("inputs", {}).values():
        place = known.get(one["sha256"], f"hash://sha256/{one['sha256']}")
        if place not in files:
            size = str(one.get("bytes", ""))
            known_by = {"name": one["path"], "sha256": one["sha256"], "contentSize": size}
            others[place] = {"@id": place, "@type": "File", **known_by}
        given.append({"@id": files[place]["@id"] if place in files else place})
    beside = name.rpartition("/")[0]
    made = [f"{beside}/{output}" if beside else output for output in step.get("outputs", {})]
    started = datetime.datetime.fromisoformat(step["started"])
    ended = started + datetime.timedelta(seconds=step.get("seconds", 0))
    error = step.get("error")
    end = (
        {"actionStatus": {"@id": "http://schema.org/FailedActionStatus"}, "error": error["found"]}
        if error
        else {"actionStatus": {"@id": "http://schema.org/CompletedActionStatus"}}
    )
    return {
        "@id": f"#{quote(name)}",
        "@type": "CreateAction",
        "name": f"{step['step']} ({name})",
        "description": " ".join(step.get("command", [])),
        "instrument": {"@id": "#unmix"},
        "object": list({one["@id"]: one for one in given}.values()),
        "result": [{"@id": files[place]["@id"]} for place in made if place in files],
        "startTime": step["started"],
        "endTime": ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
        **end,
    }


def _parameters(request: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of the run that have a value."""
    return [
        {"@id": f"#parameter/{name}", "@type": "PropertyValue", "name": name, "value": value}
        for name, value in request.get("parameters", {}).items()
        if value
    ]


def _software(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return unmix and what it needs, in the versions of the records; several where the records differ."""
    versions = sorted({pair for step in steps for pair in step.get("versions", {}).items()})
    needed = [
        {"@id": f"#{name}-{version}", "@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        for name, version in versions
    ]
    unmix = {
        "@id": "#unmix",
        "@type": "SoftwareApplication",
        "name": "unmix",
        "softwareVersion": ", ".join(sorted({step.get("unmix", "") for step in steps} - {""})),
        "license": {"@id": MIT},
        "softwareRequirements": [{"@id": one["@id"]} for one in needed],
    }
    return [unmix, *needed]
