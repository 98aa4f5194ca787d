# Two commands: `make demo` and `make test`. Both need Python 3.11 or newer; everything else comes from the lock file.
PYTHON ?= python3
PORT ?= 8000
EHR_PORT ?= 8001
FHIR ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test lint unit nightly bench mutation lock clean docs words screens

demo: $(VENV)/.installed
	@$(BIN)/smart-app demo --port $(PORT) --ehr-port $(EHR_PORT) $(if $(FHIR),--fhir $(FHIR))

test: $(VENV)/.installed-dev lint unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.installed-dev
	$(BIN)/pytest --cov --cov-report= tests
	$(BIN)/coverage report --include='smart_app/domain/*' --fail-under=100 --show-missing
	$(BIN)/coverage report --skip-covered --sort=cover

# the readers' properties with 100,000 examples each and the firewall's walk of 100,000 steps: hours
nightly: $(VENV)/.installed-dev
	HYPOTHESIS_PROFILE=nightly FIREWALL_STEPS=100000 $(BIN)/pytest -q tests/reading/test_results_properties.py tests/smart/test_firewall.py

bench: $(VENV)/.installed-bench
	for file in bench/*.py; do $(BIN)/python $$file || exit 1; done

# some minutes; writes docs/mutation.md, fails below 95 % and on a survivor without a reason
mutation: $(VENV)/.installed-dev
	$(BIN)/python -m tests.mutation $(MODULES)

docs: $(VENV)/.installed-dev
	$(BIN)/python -m tests.spec.render
	$(BIN)/python -m tests.spec.render_rules
	$(BIN)/python -m tests.smart.render
	$(BIN)/python -m tests.ladder.render
	$(BIN)/smart-app evidence --markdown > docs/evidence.md

# after a change of words: new messages into translations/*.po, to be translated there (tests/web/test_words.py)
words: $(VENV)/.installed-dev
	$(BIN)/python -m babel.messages.frontend -q extract -F babel.cfg -k N_ --omit-header --no-location --sort-output -o .messages.pot .
	for code in de es; do po=smart_app/web/translations/$$code.po; sed '/^$$/q' $$po > .messages.po; \
	  $(BIN)/python -m babel.messages.frontend -q update --no-fuzzy-matching --ignore-obsolete --omit-header -w 120 -i .messages.pot -l $$code -o $$po; \
	  sed '/./,$$!d' $$po >> .messages.po; mv .messages.po $$po; done
	rm -f .messages.pot

# after a change of the pages that was looked at: its pictures become the ones that tests/web/test_screens.py compares
screens: $(VENV)/.installed-dev
	$(BIN)/python -m tests.web.screens

lock:
	uv pip compile pyproject.toml --extra install --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements.txt
	uv pip compile pyproject.toml --extra install --extra dev --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements-dev.txt
	uv pip compile pyproject.toml --extra install --extra dev --extra bench --universal --python-version 3.11 --generate-hashes --no-annotate --no-header -o requirements-bench.txt

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; say which with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@$(PYTHON) -m venv $(VENV) || { echo "This Python has no venv module (on Debian: apt install python3-venv)." >&2; exit 2; }

$(VENV)/.installed: requirements.txt pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.installed-bench: requirements-bench.txt $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

clean:
	rm -rf $(VENV) .demo .coverage
