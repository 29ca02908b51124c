"""Put the demo's input into .cache/demo: it comes out of three Python packages, so no other download is needed.

pbmc68k_reduced.h5ad is the file of PBMC single cells in the installed scanpy; bulk.tsv and truth.tsv are 20 PBMC bulk
samples and their measured fractions in the source archive of daism (requirements/demo.lock pins its checksum; nothing
of it is installed); calibration.tsv and calibration_truth.tsv are 20 more of the same study, for methods that learn
from such samples. immune_profiles.tsv holds the profiles of 51 states of immune cells in the package immucellai2.
"""

import importlib.util
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / ".cache" / "demo"
PROFILES, OF_PROFILES = "immune_profiles.tsv", "immucellai2/myconfig/reference_normalCelltypes.txt"
MEMBERS = {
    "example/testexp.txt": "bulk.tsv",
    "example/testfra.txt": "truth.tsv",
    "example/caliexp.txt": "calibration.tsv",
    "example/califra.txt": "calibration_truth.tsv",
}


def package(pattern: str) -> Path:
    """Return the file of a package in requirements/demo.lock, fetched by pip, which checks its sha256."""
    if not any(DEMO.glob(pattern)):
        command = ["pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", "daism"]
        command += ["--require-hashes", "-r", str(ROOT / "requirements" / "demo.lock"), "-d", str(DEMO)]
        uv = shutil.which("uv") or str(ROOT / ".cache" / "uv" / "bin" / "uv")
        done = subprocess.run([uv, "tool", "run", "--quiet", *command], check=False)
        if done.returncode or not any(DEMO.glob(pattern)):
            sys.exit(f"unmix: the demo's input ({pattern}) could not be fetched from the package index.")
    return sorted(DEMO.glob(pattern))[-1]


def appear(name: str, content: bytes) -> None:
    """Write a file of the demo, complete or not at all."""
    part = DEMO / f"{name}.part"
    part.write_bytes(content)
    part.rename(DEMO / name)


def main() -> None:
    """Fetch what is not there yet."""
    DEMO.mkdir(parents=True, exist_ok=True)
    if not all((DEMO / name).exists() for name in MEMBERS.values()):
        with tarfile.open(package("daism-*.tar.gz")) as tar:
            for member, name in MEMBERS.items():
                appear(name, tar.extractfile(f"daism-2.0.5/{member}").read())
    if not (DEMO / PROFILES).exists():
        with zipfile.ZipFile(package("immucellai2-*.whl")) as wheel:
            appear(PROFILES, wheel.read(OF_PROFILES))
    if not (DEMO / "pbmc68k_reduced.h5ad").exists():
        scanpy = Path(importlib.util.find_spec("scanpy").origin).parent
        appear("pbmc68k_reduced.h5ad", (scanpy / "datasets" / "10x_pbmc68k_reduced.h5ad").read_bytes())


if __name__ == "__main__":
    main()
