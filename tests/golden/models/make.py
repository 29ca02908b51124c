"""Write the golden models of this format and their numbers: .venv/bin/python tests/golden/models/make.py."""

from pathlib import Path

from unmix import engine
from unmix.contract.model import FORMAT
from unmix.io import check, tables
from unmix.reference.prepare import read_reference

HERE = Path(__file__).parent
REFERENCE = HERE.parents[2] / "galaxy_tools" / "test-data" / "reference.h5ad"

if __name__ == "__main__":
    for name in ("nnls", "scaden"):
        model = engine.train(name, read_reference(REFERENCE), quick=True, device="cpu")
        model.save(HERE / f"format{FORMAT}_{name}.safetensors")
        long = engine.predict(model, check.read_bulk(HERE / "bulk.tsv", genes=model.genes), device="cpu").long()
        tables.write_table(long.set_index("sample"), HERE / f"format{FORMAT}_{name}.fractions_long.tsv", "sample")
