# The tasks of unmix: make help
SHELL := bash
NEXTFLOW := scripts/nextflow
PYTEST := .venv/bin/python -m pytest
# Where bytecode is not kept, every task compiles torch anew: ten seconds each
unexport PYTHONDONTWRITEBYTECODE
export UNMIX_SHARED ?= $(abspath ../shared)
# Reuse finished tasks of the last run, unless the library is newer than that run's records
records = results/$(1)/pipeline_info/request.json
resume = $(if $(shell [ -e .nextflow/history ] || echo none; [ ! -e $(records) ] || find src -name '*.py' -newer $(records)),,-resume)

.PHONY: sbom audit benchmark results zoo help setup demo demo-pbmc test lint test-unit test-pipeline test-containers test-galaxy test-docs docs galaxy-demo format sync lock clean
help: ## this list
	@sed -n 's/^\([a-z][a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 22

setup: .venv/.setup ## .venv with everything that the scripts and tests need
# An editable install copies the scripts of bin/ into .venv/bin, so a new script asks for a new setup
.venv/.setup: requirements/base.lock requirements/torch.lock pyproject.toml src/unmix/__init__.py scripts/setup $(wildcard bin/*.py)
	@scripts/setup

.PHONY: prerequisites
prerequisites:
	@scripts/require python java >/dev/null

demo: prerequisites setup .cache/demo/ready ## fractions of 20 real PBMC samples -> results/demo/
	@$(NEXTFLOW) run . -profile demo $(call resume,demo) $(ARGS)
	@echo "demo: by 700 single cells" && .venv/bin/python scripts/scores.py results/demo
	@echo "demo: by profiles of 24 states of blood cells" && .venv/bin/python scripts/scores.py results/demo-profiles
	@echo "demo: open results/demo/report.html; fractions: results/demo/fractions.tsv, beside the truth: results/demo/metrics.tsv; by profiles: results/demo-profiles/"

.cache/demo/ready: scripts/demo_data.py requirements/demo.lock | .venv/.setup
	@.venv/bin/python scripts/demo_data.py && touch $@

demo-pbmc: prerequisites setup ## the accuracy story, on the data beside the project (UNMIX_SHARED) -> results/demo-pbmc/
	@[ -d $(UNMIX_SHARED)/data ] || { echo "unmix: no development data at $(UNMIX_SHARED); set UNMIX_SHARED to its folder." >&2; exit 1; }
	@ln -sfn $(UNMIX_SHARED) .cache/shared
	@$(NEXTFLOW) run . -profile demo-pbmc $(call resume,demo-pbmc) $(ARGS)
	@.venv/bin/python scripts/scores.py results/demo-pbmc
	@echo "demo-pbmc: open results/demo-pbmc/report.html; metrics: results/demo-pbmc/<method>/metrics.tsv"

test: prerequisites lint test-unit test-docs test-pipeline test-containers test-galaxy ## everything that CI runs

lint: setup ## style of the Python code, order of its rooms, consistent locks
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	scripts/lock --check

# Two at a time, each on one thread; tests of one method go together, since they share its training. Long ones first
test-unit: setup .cache/demo/ready ## the library, and attacks on it
	OMP_NUM_THREADS=1 $(PYTEST) -n 2 --dist loadgroup --no-loadscope-reorder \
		tests/contract tests/hostile tests/golden tests/doctor tests/unit

# Two files at a time: much of a run of Nextflow is waiting; tests of one file share their runs
test-pipeline: setup .cache/demo/ready ## the real Nextflow on a small real input
	$(PYTEST) -n 2 --dist loadfile tests/pipeline

test-containers: setup ## the image
	$(PYTEST) tests/containers

# The files without the server beside the one with it
test-galaxy: prerequisites .cache/galaxy/lock.sha256 ## the Galaxy tools, in a real Galaxy
	$(PYTEST) -n 2 --dist loadfile tests/galaxy

.cache/galaxy/lock.sha256: requirements/galaxy.lock .venv/.setup
	@.venv/bin/python -c 'import sys; sys.path.insert(0, "galaxy_tools"); import serve; serve.install()' && touch $@

test-docs: docs ## the site of the documentation: links, and its pages in a browser
	$(PYTEST) tests/docs

docs: setup .venv/.docs .cache/demo/ready ## the site of the documentation, its notebooks executed -> docs/_build/html/
	OMP_NUM_THREADS=1 .venv/bin/python -m sphinx --fail-on-warning --keep-going --fresh-env --jobs 2 --quiet docs docs/_build/html

.venv/.docs: requirements/docs.lock .venv/.setup
	@scripts/setup docs

galaxy-demo: .cache/galaxy/lock.sha256 .cache/demo/ready ## the form of unmix filled in a browser -> results/galaxy-demo/
	@.cache/galaxy/bin/python galaxy_tools/demo.py

format: setup ## lay the Python code out
	.venv/bin/ruff check --fix-only .
	.venv/bin/ruff format .

sync: setup ## pages and files that are made from others
	.venv/bin/python scripts/results_page.py
	.venv/bin/python scripts/standing.py
	.venv/bin/python scripts/parameters.py
	.venv/bin/python scripts/method_pages.py
	.venv/bin/python galaxy_tools/make_macros.py
	.venv/bin/python galaxy_tools/test-data/make_test_data.py

results: setup .cache/demo/ready ## accuracy of all methods on the real sets beside the project, three seeds -> docs/results.md
	OMP_NUM_THREADS=1 .venv/bin/python benchmarks/results.py -n 2

zoo: setup .cache/demo/ready ## the models and references of the registry, built and measured (docs/registry.md)
	.venv/bin/python scripts/zoo.py --record --write

benchmark: setup ## speed against the limits and other programs, on one core -> docs/performance.md
	.venv/bin/python benchmarks/speed.py --write
	.venv/bin/python benchmarks/peers.py .cache/peers --write

audit: ## known vulnerabilities of the locked dependencies (asks the database of PyPI)
	@scripts/audit

sbom: setup ## bill of materials (CycloneDX) and licences of what is installed -> dist/
	@scripts/sbom

lock: ## resolve requirements/*.lock anew from pyproject.toml
	@scripts/lock

clean: ## remove work folders and results, not the environment
	rm -rf work .nextflow .nextflow.log* results
