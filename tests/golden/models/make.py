"""Write a small golden model of every method, of this format, and its numbers: python tests/golden/models/make.py.

Run it when the format changes, or for a new method (name it). Older folders stay: every released format is tested.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from unmix import engine, methods, toy
from unmix.contract.model import FORMAT
from unmix.io import check, tables
from unmix.settings import asdict

FOLDER = Path(__file__).parent / f"format{FORMAT}"
#: Settings that make networks large, and what they are here at most.
LARGEST = {"hidden": 8, "filters": 4, "ranges": 4, "components": 4, "clusters": 4}


def small(data: Any, key: str = "") -> Any:
    """Return recipe data with small networks."""
    if isinstance(data, dict):
        return {name: small(value, name) for name, value in data.items()}
    if isinstance(data, list):
        return [small(value, key) for value in data]
    return min(data, LARGEST[key]) if key in LARGEST and isinstance(data, int) else data


def given(needs: Any, bulk: Any, folder: Path) -> dict[str, Any]:
    """Return what a method is given beside the reference."""
    found: dict[str, Any] = {"bulk": bulk} if needs.bulk else {}
    if needs.calibration:
        other = toy(genes=120, cells_per_type=12, samples=8, seed=7)[1]
        found["calibration"] = other, other.obsm["cell_fractions"]
    if needs.malignant:
        found["malignant"] = ("Monocyte/Macrophage", "NK")
    if needs.prior:
        found["prior"] = "pbmc"
    if needs.gene_sets:
        path, genes = folder / "sets.gmt", list(bulk.var_names)
        sets = {"StromalSignature": genes[:20], "ImmuneSignature": genes[20:40]}
        path.write_text("".join(f"{name}\t\t" + "\t".join(own) + "\n" for name, own in sets.items()))
        found["gene_sets"] = [path]
    return found


def main(names: list[str]) -> None:
    """Train, save and predict."""
    FOLDER.mkdir(exist_ok=True)
    reference, mixed = toy(genes=120, cells_per_type=12, samples=6)
    tables.write_table(mixed.to_df().T.round().astype(int), FOLDER / "bulk.tsv", "gene")
    bulk = check.read_bulk(FOLDER / "bulk.tsv", genes=reference.var)
    for name in names:
        method, cells = methods.get(name), reference.copy()
        if method.needs.profiles:
            cells.uns["unmix"] = {**cells.uns["unmix"], "kind": "profiles"}
        recipe = small(asdict(method.recipes["default"])) if method.info.family == "deep" else "default"
        with tempfile.TemporaryDirectory() as folder:
            options = {"recipe": recipe, "quick": True, "device": "cpu", **given(method.needs, bulk, Path(folder))}
            model = engine.train(name, cells, **options)
        model.save(FOLDER / f"{name}.safetensors")
        long = engine.predict(model, bulk, device="cpu").long()
        tables.write_table(long.set_index("sample"), FOLDER / f"{name}.tsv", "sample")


if __name__ == "__main__":
    main(sys.argv[1:] or list(methods.all_methods()))
