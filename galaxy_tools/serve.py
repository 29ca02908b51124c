#!/usr/bin/env python
"""Start a real Galaxy on this machine with the tools of unmix: ``python galaxy_tools/serve.py [PORT]``, Ctrl-C ends it.

Galaxy comes from its wheels (requirements/galaxy.lock) into .cache/galaxy; its data live in a folder that is removed at
the end. No container, conda, database server or internet is needed once the wheels are there. Jobs run the scripts of
this checkout. The tests and the demo in a browser use the class :class:`Galaxy`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOOLS = Path(__file__).resolve().parent
ROOT = TOOLS.parent
HOME = ROOT / ".cache" / "galaxy"
LOCK = ROOT / "requirements" / "galaxy.lock"
EMAIL, PASSWORD, BOOTSTRAP = "biologist@example.org", "unmix-demo", "only-for-this-machine"
CONTAINED = {
    "docker_enabled": True,
    "docker_cmd": str(ROOT / "containers" / "ci" / "docker"),
    "docker_sudo": False,
    "docker_net": "none",
    "docker_set_user": "1000:1000",
    "require_container": True,
    "tmp_dir": True,
}
START, STOP = 300, 20  # seconds that Galaxy may take


def install() -> Path:
    """Return the folder of Galaxy's programs; installed from the lock when that has changed."""
    digest, stamp = hashlib.sha256(LOCK.read_bytes()).hexdigest(), HOME / "lock.sha256"
    if not stamp.exists() or stamp.read_text() != digest:
        uv = _find_uv()
        subprocess.run([uv, "venv", "-q", "--clear", "--python", ROOT / ".venv/bin/python", HOME], check=True)
        packages = [uv, "pip", "install", "-q", "--python", HOME / "bin/python", "--no-deps", "--require-hashes"]
        subprocess.run([*packages, "-r", LOCK], check=True)
        stamp.write_text(digest)
    return HOME / "bin"


def _find_uv() -> Path:
    """Return uv as scripts/setup finds it: a working one on PATH, else the one that setup brought."""
    found = shutil.which("uv")
    if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
        return Path(found)
    return ROOT / ".cache" / "uv" / "bin" / "uv"


#: A site's choice of numerical kernels, which jobs do not inherit: other kernels give other last digits.
KERNELS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "MKL_CBWR")


class Galaxy:
    """A running Galaxy: the web server, and a worker beside it that looks at finished jobs.

    Parameters
    ----------
    folder
        For its configuration, database, datasets and logs.
    port
        On 127.0.0.1; 0 takes a free one.
    contained
        Tools whose jobs run in the image ``unmix:VERSION`` as an ordinary user, by the engine of containers/ci/docker.

    Attributes
    ----------
    url, key
        Address, and the API key of its one user, who is the administrator.
    """

    def __init__(self, folder: Path, port: int = 0, contained: Sequence[str] = ()) -> None:
        self.folder, self.programs = folder, install()
        self.port = port or _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key = ""
        self._contained = contained
        self._processes: list[subprocess.Popen] = []
        self._stopped = threading.Event()

    def __enter__(self) -> Galaxy:
        """Start both processes and make the user."""
        self._configure()
        threading.Thread(target=self._carry, daemon=True).start()
        server = self._start("server", "galaxy-web", "-c", self.config, "-b", f"127.0.0.1:{self.port}")
        self._wait(server, lambda: "Parsing the tool configuration" in self.log("server"))  # the database is there
        worker = ("--app", "galaxy.celery", "worker", "--concurrency", "2", "--pool", "threads", "--loglevel", "INFO")
        worker = self._start("worker", "celery", *worker)
        self._wait(server, self._answers)
        self._wait(worker, lambda: "ready." in self.log("worker"))
        user = self.call("/api/users", {"username": "biologist", "email": EMAIL, "password": PASSWORD})
        self.key = self.call(f"/api/users/{user['id']}/api_key", {})
        return self

    def __exit__(self, *_: object) -> None:
        """End both processes, and what they started."""
        self._stopped.set()
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    @property
    def config(self) -> Path:
        """Galaxy's configuration."""
        return self.folder / "galaxy.yml"

    def log(self, name: str) -> str:
        """Return what a process has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def call(self, path: str, data: dict | None = None) -> dict | str:
        """Ask the API; with data, post them."""
        body = None if data is None else json.dumps(data).encode()
        headers = {"x-api-key": self.key or BOOTSTRAP, "Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + path, body, headers), timeout=60) as answer:
            return json.load(answer)

    def _start(self, name: str, program: str, *arguments: object) -> subprocess.Popen:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "GALAXY_CONFIG_FILE": str(self.config)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # without bytecode every job compiles Galaxy anew
        environment.pop("PYTHONPATH", None)
        with (self.folder / f"{name}.log").open("w") as log:
            process = subprocess.Popen(
                [str(part) for part in (self.programs / program, *arguments)],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                umask=0,  # users of containers write where the server made folders
            )
        self._processes.append(process)
        return process

    def _wait(self, process: subprocess.Popen, ready: Callable[[], bool]) -> None:
        end = time.monotonic() + START
        while not ready():
            if process.poll() is not None or time.monotonic() > end:
                last = "\n".join(self.log("server").splitlines()[-30:])
                self.__exit__()
                message = f"Galaxy did not start:\n{last}"
                raise RuntimeError(message)
            time.sleep(0.3)

    def _carry(self) -> None:
        """Carry messages between server and worker, whole.

        Celery's file broker reads a message that is still being written, which ends the worker. Each is written by one
        call, so a file that is not empty is complete.
        """
        sent, arrived = self.folder / "sent", self.folder / "arrived"
        while not self._stopped.wait(0.03):
            for message in sorted(sent.iterdir()):
                if message.stat().st_size:
                    message.rename(arrived / message.name)

    def _answers(self) -> bool:
        try:
            self.call("/api/version")
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return True

    def _configure(self) -> None:
        """Write the configuration: SQLite, jobs on this machine, the packages of .venv as their only dependency."""
        self.folder.chmod(0o755)  # the user of a container reads its script here
        for name in ("data/managed", "sent", "arrived", "control"):  # a container mounts the first
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        version = _version()
        package = self.folder / "packages" / "unmix" / version
        package.mkdir(parents=True, exist_ok=True)
        lines = [f'export PATH="{ROOT / "bin"}:{ROOT / ".venv" / "bin"}:$PATH"']
        lines += [f'export {name}="{os.environ[name]}"' for name in KERNELS if name in os.environ]
        (package / "env.sh").write_text("\n".join(lines) + "\n")
        first, *others = sorted(TOOLS.glob("unmix_*.xml"), key=lambda path: (path.stem != "unmix_run", path.stem))
        entries = "".join(f'<tool file="{path.name}"/>' for path in others)
        (self.folder / "tools.xml").write_text(
            f'<toolbox tool_path="{TOOLS}"><tool file="{first.name}"/>'
            f'<section id="unmix" name="Deconvolution">{entries}</section></toolbox>\n'
        )
        self._tables_and_manager()
        (self.folder / "allowlist.txt").write_text("unmix_run\nunmix_report\nunmix_reference\n")
        here = {"runner": "local", "local_slots": 1}
        settings = {
            "config_dir": str(self.folder),
            "data_dir": str(self.folder / "data"),
            "database_connection": f"sqlite:///{self.folder}/data/universe.sqlite?isolation_level=IMMEDIATE",
            "tool_config_file": str(self.folder / "tools.xml"),
            "tool_data_table_config_path": str(self.folder / "tables.xml"),
            "data_manager_config_file": str(self.folder / "data_managers.xml"),
            "galaxy_data_manager_data_path": str(self.folder / "data" / "managed"),
            "tour_config_dir": str(TOOLS / "tours"),
            "static_dir": str(self._static()),
            "sanitize_allowlist_file": str(self.folder / "allowlist.txt"),
            "admin_users": EMAIL,
            "bootstrap_admin_api_key": BOOTSTRAP,
            "id_secret": BOOTSTRAP,
            "allow_local_account_creation": True,
            "conda_auto_init": False,
            "conda_auto_install": False,
            "enable_mulled_containers": False,
            "use_cached_dependency_manager": False,
            "dependency_resolvers": [{"type": "galaxy_packages", "base_path": str(self.folder / "packages")}],
            "container_resolvers": [{"type": "explicit"}],
            "job_config": {
                "runners": {"local": {"load": "galaxy.jobs.runners.local:LocalJobRunner", "workers": 2}},
                "execution": {
                    "default": "here",
                    "environments": {"here": here, "contained": here | CONTAINED},
                },
                "tools": [{"id": tool, "environment": "contained"} for tool in self._contained],
            },
            "cleanup_job": "onsuccess",
            "job_handler_monitor_sleep": 0.2,
            "calculate_dataset_hash": "never",
            "metadata_strategy": "directory_celery",
            "enable_celery_tasks": True,
            "celery_conf": {
                "task_ignore_result": False,
                "broker_url": "filesystem://",
                "broker_transport_options": {
                    "data_folder_in": str(self.folder / "arrived"),
                    "data_folder_out": str(self.folder / "sent"),
                    "control_folder": str(self.folder / "control"),
                    "polling_interval": 0.1,
                },
            },
            "welcome_url": "/static/welcome.sample.html",
        }
        self.config.write_text(json.dumps({"galaxy": settings}, indent=1))  # JSON is YAML

    def _tables_and_manager(self) -> None:
        """Write the tables of installed models and references, which a data manager extends, and the manager's file."""
        data = TOOLS / "test-data"
        for table in data.glob("*.loc"):
            (self.folder / table.name).write_text(table.read_text().replace("${__HERE__}", str(data)))
        tables = (TOOLS / "tool_data_table_conf.xml.test").read_text()
        (self.folder / "tables.xml").write_text(tables.replace("${__HERE__}/test-data", str(self.folder)))
        manager = (TOOLS / "data_manager" / "data_manager_conf.xml").read_text()
        tool = f'tool_file="{TOOLS / "data_manager"}/'
        (self.folder / "data_managers.xml").write_text(manager.replace('tool_file="', tool))

    def _static(self) -> Path:
        """Return a folder with Galaxy's own pages and images, and the images of the tools' help."""
        static = self.folder / "static"
        own = next(HOME.glob("lib/python*/site-packages/galaxy/webapps/base/static"))
        for source, target in ((own, static), (TOOLS / "static" / "images", static / "images")):
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.py"))
        return static


def _version() -> str:
    text = (ROOT / "src" / "unmix" / "__init__.py").read_text()
    return text.split('__version__ = "')[1].split('"')[0]


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def main() -> None:
    """Serve until Ctrl-C."""
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    with tempfile.TemporaryDirectory(prefix="unmix-galaxy-") as made, Galaxy(Path(made), port) as galaxy:
        sys.stdout.write(
            f"Galaxy: {galaxy.url}\nlog in as {EMAIL}, password {PASSWORD}; API key {galaxy.key}\nCtrl-C ends it\n"
        )
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
