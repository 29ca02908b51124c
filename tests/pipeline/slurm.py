"""A real SLURM of one node, loopback only and without accounting: ``with running(folder) as settings``."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

DAEMONS = ("munged", "slurmctld", "slurmd")
PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
#: `small` has no node that grants the memory of a task; a job that asks for more is refused when it is submitted.
CONF = """\
ClusterName=unmix
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmUser=root
SlurmdUser=root
SlurmctldPort=16817
SlurmdPort=16818
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/log/ctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=2
EnforcePartLimits=ALL
SchedulerParameters=sched_interval=1
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=small Nodes=ALL MaxMemPerNode=500 MaxTime=INFINITE State=UP
"""


def missing() -> str:
    """Return why SLURM cannot be run here, or nothing; root with apt installs it."""
    if all(map(shutil.which, DAEMONS)):
        return "" if os.geteuid() == 0 else "the daemons of SLURM are started by root only"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "SLURM is not installed, and only root with apt can install it here"
    # The packages start their own daemons where there is an init; these need a configuration that is not there
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", "-qq", *command], env=environment, capture_output=True, text=True)
        if done.returncode:
            return f"apt could not install SLURM: {done.stderr.strip()[-300:]}"
    return ""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[dict[str, str]]:
    """Start SLURM below a folder; give the environment in which its commands find it, and stop it at the end."""
    for name in ("munge", "spool", "state", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "munge").chmod(0o700)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    host = os.uname().nodename.partition(".")[0]
    (folder / "slurm.conf").write_text(CONF.format(host=host, folder=folder, cpus=os.cpu_count()))
    (folder / "cgroup.conf").write_text("CgroupPlugin=cgroup/v1\nConstrainCores=no\n")
    settings = {"SLURM_CONF": str(folder / "slurm.conf")}
    environment = {**os.environ, **settings}
    munge = {name: folder / "munge" / name for name in ("socket", "pid", "log", "seed")}
    options = ["--key-file", key, "--socket", munge["socket"], "--pid-file", munge["pid"]]
    options += ["--log-file", munge["log"], "--seed-file", munge["seed"]]
    try:
        subprocess.run(["munged", "--force", *map(str, options)], check=True, capture_output=True)
        for daemon in ("slurmctld", "slurmd"):
            subprocess.run([daemon], check=True, env=environment, capture_output=True)
        end = time.monotonic() + 60
        while "idle" not in said(environment, "sinfo", "-h", "-o", "%t"):
            if time.monotonic() > end:
                raise RuntimeError((folder / "log" / "ctld.log").read_text()[-2000:])
            time.sleep(0.2)
        yield settings
    finally:
        for pid in (folder / "slurmd.pid", folder / "ctld.pid", munge["pid"]):
            with contextlib.suppress(OSError, ValueError):
                _end(int(pid.read_text()))


def _end(number: int) -> None:
    """End a daemon and wait until it has: it writes its state last."""
    os.kill(number, 15)
    end = time.monotonic() + 20
    while Path(f"/proc/{number}").exists() and time.monotonic() < end:
        time.sleep(0.1)


def said(environment: dict[str, str], *command: str) -> str:
    """Return what a command of SLURM says; nothing while its daemon does not answer."""
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout
