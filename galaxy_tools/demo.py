#!/usr/bin/env python
"""Do in a browser what a user does: log in, fill the form of unmix, run it on the demo's data, open the report.

``make galaxy-demo`` runs it; screenshots go to results/galaxy-demo/. It needs Chromium on PATH and the demo's data
(``make demo`` brings them). Run by the Python of .cache/galaxy, which has playwright and bioblend.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import serve
from bioblend.galaxy import GalaxyInstance
from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCRIPT = serve.ROOT / "scripts" / "galaxy_tutorial_data.py"
DATA = serve.ROOT / "results" / "galaxy-tutorial"
FILES = {
    "bulk.tsv": "tabular",
    "pbmc68k_reduced.h5ad": "h5ad",
    "truth.tsv": "tabular",
    "labels.tsv": "tabular",
    "samples.tsv": "tabular",
}
OUT = serve.ROOT / "results" / "galaxy-demo"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
COUNT_CLICKS = """
addEventListener("pointerdown", event => {
    if (event.isTrusted) sessionStorage.clicks = 1 + Number(sessionStorage.clicks || 0);
}, true);
"""
WAIT = 600_000  # milliseconds: training takes its time


def upload(galaxy: serve.Galaxy) -> str:
    """Put the demo's files into a history and return it."""
    api = GalaxyInstance(galaxy.url, key=galaxy.key)
    history = api.histories.create_history("Blood, 20 samples")["id"]
    for name, kind in FILES.items():
        made = api.tools.upload_file(str(DATA / name), history, file_type=kind)["outputs"][0]["id"]
        api.datasets.wait_for_dataset(made, maxwait=300, interval=0.5)
    return history


def choose(page: Page, field: str, text: str) -> None:
    """Choose an entry of a menu of the form, as a user does: click on it, type a part of the entry, press Enter."""
    menu = page.locator(f'[id="form-element-{field}"] .multiselect').first
    menu.scroll_into_view_if_needed()
    menu.click()
    menu.locator("input").first.press_sequentially(text, delay=20)
    page.wait_for_timeout(500)
    page.keyboard.press("Enter")
    page.wait_for_timeout(1500)  # the form asks the server for what depends on the choice


def log_in(page: Page, galaxy: serve.Galaxy, history: str) -> None:
    """Log in, and take a history as the current one."""
    page.goto(f"{galaxy.url}/login/start")
    page.fill('input[name="login"]', serve.EMAIL)
    page.fill('input[name="password"]', serve.PASSWORD)
    with page.expect_response(lambda answer: "/user/login" in answer.url and answer.request.method == "POST"):
        page.press('input[name="password"]', "Enter")
    page.wait_for_timeout(2000)
    page.goto(f"{galaxy.url}/history/set_as_current?id={history}")


def walk(page: Page, galaxy: serve.Galaxy, history: str) -> int:
    """Go from the uploaded files to the open report, take a screenshot of each page, and return the clicks."""
    log_in(page, galaxy, history)
    page.add_init_script(COUNT_CLICKS)
    page.goto(galaxy.url)
    page.wait_for_timeout(3000)
    page.locator('a[data-tool-id="unmix_run"], a[href*="tool_id=unmix_run"]').first.click()
    page.wait_for_selector("#execute")
    page.wait_for_timeout(3000)
    page.screenshot(path=OUT / "1-form.png")
    choose(page, "bulk", "bulk.tsv")
    choose(page, "source|cell_type_key", "bulk_labels")
    choose(page, "samples", "samples.tsv")
    page.evaluate("document.querySelector('.center-panel, #center').scrollTo(0, 0)")
    page.screenshot(path=OUT / "2-filled.png")
    page.set_viewport_size({"width": 1400, "height": 3600})
    page.wait_for_timeout(1000)
    page.screenshot(path=OUT / "3-whole-form.png")
    page.set_viewport_size({"width": 1400, "height": 900})
    page.locator("#execute").first.click()
    page.wait_for_timeout(5000)
    page.screenshot(path=OUT / "4-started.png")
    report = page.locator(".content-item[data-state=ok]", has_text="Report (").first
    report.wait_for(timeout=WAIT)
    page.wait_for_timeout(2000)
    page.screenshot(path=OUT / "5-done.png")
    report.locator(".display-btn").first.click()
    page.wait_for_timeout(6000)
    page.screenshot(path=OUT / "6-report.png")
    return int(page.evaluate("Number(sessionStorage.clicks)"))


def main() -> None:
    """Run the demo."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("galaxy-demo: no Chromium on PATH; install it (Debian: apt-get install chromium)")
    OUT.mkdir(parents=True, exist_ok=True)
    subprocess.run([serve.ROOT / ".venv" / "bin" / "python", SCRIPT], check=True)
    with tempfile.TemporaryDirectory(prefix="unmix-galaxy-") as made, serve.Galaxy(Path(made)) as galaxy:
        history = upload(galaxy)
        with sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=FLAGS)
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.set_default_timeout(120_000)
            clicks = walk(page, galaxy, history)
            browser.close()
    sys.stdout.write(f"galaxy-demo: {clicks} clicks from the uploaded files to the open report; look at {OUT}\n")


if __name__ == "__main__":
    main()
