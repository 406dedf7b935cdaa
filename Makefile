# The workshop. `make help` lists what there is.
.DEFAULT_GOAL := help
.PHONY: help serve test test-faults soak check fmt bench migrate schema frontend baseline explorer lock clean
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CONFIG ?= examples/config.yaml
WORKERS ?= auto
WEB := app/graphql/explorer/web

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

serve: $(VENV)/.run ## Serve the example registries on :8080 and :8081 (CONFIG=file for your own)
	@exec $(BIN)/thv-registry-api serve --config $(CONFIG) $(ARGS)

test: $(VENV)/.dev ## Run the tests (ARGS="-k name" for some of them)
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

test-faults: $(VENV)/.dev ## Kill and stop real processes in the middle of their work (some minutes)
	$(BIN)/pytest -n 2 -m faults tests/faults $(ARGS)

soak: $(VENV)/.dev ## Run servers and workers under random kills for SOAK_SECONDS (default 60)
	@$(BIN)/python -m tests.faults.soak

check: $(VENV)/.dev ## Lint, type-check, check the direction of imports, the committed schema and what is made of it
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/thv-registry-api export-schema | diff -u frontend-schema/schema.graphql - \
		|| { echo "frontend-schema/schema.graphql is not what the code says; run: make schema"; exit 1; }
	$(BIN)/python -m app.graphql.evolution
	@.ci/npm-ci frontend-schema; case $$? in \
		0) echo "npm run check (frontend-schema)"; npm --prefix frontend-schema --silent run check ;; \
		75) echo "*** The generated TypeScript in frontend-schema was NOT checked." ;; \
		*) exit 1 ;; esac

fmt: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev ## Measure listing, search, synchronisation, what clients do and what refusals cost
	$(BIN)/python -m bench.listing
	$(BIN)/python -m bench.search
	$(BIN)/python -m bench.clients
	$(BIN)/python -m bench.sync
	$(BIN)/python -m bench.hostile

migrate: $(VENV)/.run ## Bring the configured database to this release's schema
	$(BIN)/thv-registry-api migrate up --yes --config $(CONFIG)

schema: $(VENV)/.dev ## Write the GraphQL schema to frontend-schema/schema.graphql
	$(BIN)/thv-registry-api export-schema > frontend-schema/schema.graphql.new
	mv frontend-schema/schema.graphql.new frontend-schema/schema.graphql

frontend: schema ## Write the schema, the trusted documents and the generated TypeScript in frontend-schema (needs Node.js)
	$(BIN)/python -m app.graphql.trusted
	.ci/npm-ci frontend-schema
	npm --prefix frontend-schema --silent run generate

baseline: $(VENV)/.dev ## Make the schema of the code the one that later changes are held against (part of a release)
	$(BIN)/python -m app.graphql.evolution --release

explorer: ## Build the GraphQL explorer, the page at /graphql, for use without the Internet (needs Node.js)
	.ci/npm-ci $(WEB)
	npm --prefix $(WEB) --silent run build

lock: $(VENV)/.dev ## Pin the newest versions of all dependencies in the lock files
	$(PYTHON) -m venv $(VENV)/lock && $(VENV)/lock/bin/pip install --quiet uv
	$(VENV)/lock/bin/uv pip compile pyproject.toml --group build --upgrade --quiet --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements.lock
	$(VENV)/lock/bin/uv pip compile pyproject.toml --group dev -c requirements.lock --upgrade --quiet --universal \
		--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		-o requirements-dev.lock

clean: ## Remove the virtual environment, caches and what was built; data stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	rm -rf frontend-schema/node_modules $(WEB)/node_modules app/graphql/explorer/dist app/graphql/explorer/dist.building

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
		|| { rm -rf $(VENV); echo "Python's venv module is needed (on Debian: apt-get install python3-venv)"; exit 1; }

$(VENV)/.run: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "Installing the server's dependencies ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing the workshop's dependencies ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
