# From a fresh clone to a running service. Requires only Python 3.11 or later and git.

.DEFAULT_GOAL := help
.PHONY: help run test install check audit bench faults docs lock pictures test-next clean

PYTHON_NEXT ?= python3.13
# Many tests wait for processes that they start. On two cores, two test processes take little more than half the time.
SIDE_BY_SIDE = --numprocesses=2 --dist=loadfile
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
PIP_COMPILE = CUSTOM_COMPILE_COMMAND="make lock" .venv/bin/python -m piptools compile --quiet --generate-hashes \
	--strip-extras --allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
	$(if $(UPGRADE),--upgrade)

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

run: install var/static/staticfiles.json ## Start the service on HOST and PORT; the first run creates an API key and prints it
	@.venv/bin/python manage.py migrate --verbosity 0 --skip-checks
	@.venv/bin/python manage.py first_run demo --skip-checks
	@exec .venv/bin/gunicorn

test: .venv/dev var/static/staticfiles.json ## Run the tests on DATABASE_URL's database or SQLite, in two processes; ARGS replaces pytest's arguments
	@SECRET_KEY="$${SECRET_KEY:-of the tests alone}" .venv/bin/python -m pytest $(or $(ARGS),$(SIDE_BY_SIDE))

install: .venv/runtime ## Create .venv with the service's locked dependencies

check: .venv/dev ## Check format, lint, types, missing migrations, deployment settings and dependencies
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy .
	@echo manage.py makemigrations --check
	@DATABASE_URL= SECRET_KEY=unused .venv/bin/python manage.py makemigrations --check --dry-run
	@echo manage.py check --deploy
	@DATABASE_URL=postgres://goatfish@127.0.0.1/goatfish HTTPS=true ALLOWED_HOSTS=example.org DEBUG= \
		REDIS_URL=redis://127.0.0.1 \
		SECRET_KEY="$$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
		.venv/bin/python manage.py check --deploy --fail-level WARNING
	@$(MAKE) --no-print-directory audit

audit: .venv/dev ## Check the locked dependencies for known vulnerabilities, if the database of those can be reached
	@echo pip-audit
	@found="$$(.venv/bin/pip-audit --progress-spinner=off --disable-pip --require-hashes -r requirements.lock 2>/dev/null)" \
		|| { test -z "$$found" && echo "The vulnerability database cannot be reached. Nothing was checked."; } \
		|| { echo "$$found"; exit 1; }; \
	echo "$$found" | grep -c "could not be audited" | sed 's/^0$$//; s/^..*/Not checked: & packages./'

bench: .venv/runtime .venv-bench/installed ## Compare Goatfish with its peers (needs wrk and PostgreSQL); ARGS is passed to the benchmark
	@.venv/bin/python -m benchmarks.bench $(ARGS)

faults: .venv/dev ## Inject faults for up to an hour, and count what is lost; the table is written to the page PAGE
	@FAULTS=long FAULTS_PAGE="$(PAGE)" SECRET_KEY="of the tests alone" \
		DATABASE_URL="$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/postgres}" \
		.venv/bin/python -m pytest tests/faults $(ARGS)

docs: .venv/dev ## Update docs/openapi.json from the code
	@SECRET_KEY=unused DATABASE_URL= .venv/bin/python manage.py export_openapi_schema --skip-checks --api config.api.api \
		--indent 2 --output docs/openapi.json

pictures: .venv/dev ## Update the screenshots in docs/images (needs Chromium and npm)
	@PICTURES=docs/images $(MAKE) test ARGS="tests/browser -k pictures"

lock: .venv/dev ## Update the lock files from pyproject.toml; UPGRADE=1 upgrades all packages to their latest versions
	$(PIP_COMPILE) --output-file=requirements.lock pyproject.toml
	$(PIP_COMPILE) --output-file=requirements-dev.lock --extra=dev --constraint=requirements.lock pyproject.toml
	$(PIP_COMPILE) --output-file=benchmarks/requirements.lock benchmarks/requirements.in

test-next: ## Run the tests on PYTHON_NEXT (python3.13) with the latest Django, if that Python is installed
	@if ! "$(PYTHON_NEXT)" -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then \
		echo "Skipped: $(PYTHON_NEXT) is not installed or is older than 3.12. Set PYTHON_NEXT to another Python."; \
	else \
		set -e; \
		"$(PYTHON_NEXT)" -m venv .venv-next; \
		.venv-next/bin/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
			print("django>=6", *p["dependencies"], *p["optional-dependencies"]["dev"], sep="\n")' \
			> .venv-next/requirements.txt; \
		.venv-next/bin/python $(PIP_INSTALL) --upgrade --requirement .venv-next/requirements.txt; \
		SECRET_KEY="$${SECRET_KEY:-of the tests alone}" .venv-next/bin/python -m pytest $(ARGS); \
	fi

clean: ## Delete the virtual environments and caches; keep the database and the secret in var/
	rm -rf .venv .venv-bench .venv-next .mypy_cache .pytest_cache .ruff_cache .hypothesis var/static
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamp files: each is newer than the lock file that was last installed.

.venv/runtime: requirements.lock
	$(call install,requirements.lock)

.venv/dev: requirements-dev.lock
	$(call install,requirements-dev.lock)
	@touch .venv/runtime

.venv-bench/installed: benchmarks/requirements.lock .venv/runtime
	@echo "Installing $<. The first time takes a minute."
	@.venv/bin/python -m venv --clear .venv-bench
	@.venv-bench/bin/python $(PIP_INSTALL) --require-hashes --requirement $<
	@touch $@

var/static/staticfiles.json: .venv/runtime config/settings.py $(shell find static -type f)
	@echo "Collecting and compressing the static files."
	@DATABASE_URL= REPLICA_URL= SECRET_KEY=unused .venv/bin/python manage.py collectstatic --noinput --verbosity 0
	@touch $@

# Install a lock file into .venv. Create .venv first if it is missing or its Python is gone.
define install
@.venv/bin/python -c 'import pip' 2>/dev/null || { \
	for python in python3.11 python3 none; do \
		$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	if [ $$python = none ]; then \
		echo "Python 3.11 or later is required, as python3.11 or python3 (on Debian, install python3 and python3-venv)." >&2; \
		exit 1; \
	fi; \
	echo "Creating .venv with $$($$python --version)."; \
	rm -rf .venv && $$python -m venv .venv; \
}
@echo "Installing $(1). The first time takes a minute."
@.venv/bin/python $(PIP_INSTALL) --require-hashes --requirement $(1)
@touch $@
endef
