# Requires make and Python 3.11 or newer with venv, and nothing else. Paths are relative and programs
# are run with -m, so that the checkout may be moved, and its path may contain spaces.

SHELL = /bin/sh
PIP = .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input
COMPILE = .venv/bin/python -m uv pip compile --quiet --universal --generate-hashes \
	--no-emit-index-url --no-header --no-annotate --python-version 3.11 $(LOCK) pyproject.toml

# These targets use no production database, so they may make the demo's database.
test lint check: export DEMO = 1

.PHONY: help demo test bench lint check format lock again

help:
	@echo "make demo    serve a demo on http://127.0.0.1:8000 (another port: PORT=8001 make demo)"
	@echo "make test    run the tests (one file: make test T=tests/test_postgres.py)"
	@echo "make bench   measure the calls beside other ways to write them (quickly: BENCH_ARGS=--quick)"
	@echo "make lint    check formatting, style, types, layers and templates"
	@echo "make check   check migrations, production settings, the database and the OpenAPI document"
	@echo "make format  format the code"
	@echo "make lock    pin the dependencies of pyproject.toml (newer versions: make lock LOCK=--upgrade)"

demo: .venv/demo.stamp
	@exec .venv/bin/python manage.py demo

# COVERAGE=1 measures what of the code the tests run; the floor stands in pyproject.toml.
test: .venv/test.stamp
	@.venv/bin/python -m $(if $(COVERAGE),coverage run -m )pytest $(PARALLEL) $(T) $(PYTEST_ARGS)
	$(if $(COVERAGE),@.venv/bin/python -m coverage combine --quiet)
	$(if $(COVERAGE),@.venv/bin/python -m coverage report --skip-covered --sort=cover)

# One process for each processor, unless there is only one file, or DATABASE_URL names one server.
PARALLEL = $(if $(DATABASE_URL)$(filter 1,$(words $(T))),,-n logical)

# It needs wrk as well, and says how to install it.
bench: .venv/bench.stamp
	@exec .venv/bin/python manage.py bench $(BENCH_ARGS)

lint: .venv/test.stamp
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m ruff check .
	.venv/bin/python -m mypy .
	.venv/bin/python -c "from importlinter.cli import lint_imports_command; lint_imports_command()"
	find templates -name '*.html' -exec .venv/bin/djade --check --target-version 5.2 {} +

check: .venv/test.stamp
	.venv/bin/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) .venv/bin/python manage.py check --deploy --fail-level WARNING
	.venv/bin/python manage.py check --database default
	.venv/bin/python manage.py spectacular --validate --fail-on-warn --file /dev/null

# Example settings of production. Nothing connects to that database.
PRODUCTION = DEMO=0 DATABASE_URL=postgresql://automator@db.example.com/automator \
	SECRET_KEY=checked-and-never-served-0123456789-abcdefghijklmnopqrstuvwxyz \
	ALLOWED_HOSTS=tickets.example.com PROXY_HOPS=1

format: .venv/test.stamp
	.venv/bin/python -m ruff format .
	.venv/bin/python -m ruff check --fix .
	find templates -name '*.html' -exec .venv/bin/djade --target-version 5.2 {} +

lock: .venv/test.stamp
	$(COMPILE) -o requirements.txt
	$(COMPILE) --group dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --group bench -c requirements-dev.txt -o requirements-bench.txt

# A stamp records that a requirements file is installed. It is ignored if the Python of .venv does not
# run, for example because the machine's Python was replaced, or if an installation was interrupted.
WHOLE := $(shell test ! -e .venv/unfinished -a -x .venv/bin/python && \
	.venv/bin/python -c "" 2>/dev/null && echo yes)

.venv/demo.stamp: requirements.txt $(if $(WHOLE),,again)
	$(call install,requirements.txt)

.venv/test.stamp: requirements-dev.txt $(if $(WHOLE),,again)
	$(call install,requirements-dev.txt)

.venv/bench.stamp: requirements-bench.txt $(if $(WHOLE),,again)
	$(call install,requirements-bench.txt)

again:

# .venv/unfinished exists during an installation. If one was interrupted, .venv is made again, since
# pip would treat a partly installed package as complete.
# The umask matters for root, whose PostgreSQL runs as another user, who must be able to execute it.
define install
@umask 022; \
if test -e .venv/unfinished || ! .venv/bin/python -c $(FIT) 2>/dev/null; then \
	$(pick_python); \
	rm -rf .venv && mkdir .venv && touch .venv/unfinished && "$$python" -m venv .venv || exit 1; \
fi; \
touch .venv/unfinished; \
echo "Installing the pinned requirements ($1) ..."; \
$(PIP) --require-hashes -r $1 || exit 1; \
rm .venv/unfinished; \
touch $@
endef

# Sets $python to the first suitable Python, or ends with one line that says what is missing.
define pick_python
python="$(PYTHON)"; \
for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	test -n "$$python" || ! "$$name" -c $(FIT) 2>/dev/null || python="$$name"; \
done; \
python="$${python:-python3}"; \
version=`"$$python" -c $(VERSION) 2>/dev/null` || version="not there"; \
if ! "$$python" -c $(NEW) 2>/dev/null; then \
	echo "automator needs Python 3.11 or newer; $$python is $$version." \
		"Install one and run: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; \
elif ! "$$python" -c $(FIT) 2>/dev/null; then \
	echo "automator needs Python's venv, which $$python ($$version) lacks." \
		"On Debian and Ubuntu, as root: apt install python3-venv" >&2; exit 1; \
fi
endef

NEW = "import sys; sys.exit(sys.version_info < (3, 11))"
FIT = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
VERSION = "import platform; print(platform.python_version())"
