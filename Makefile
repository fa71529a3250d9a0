# fastfound: every target sets up what it needs in .venv, once, and again when settings.ini or constraints.txt change
PYTHON ?= python3
BIN    := .venv/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
NEEDS  := settings.ini setup.py constraints.txt

# notebooks run in nbs/, so a relative folder must not stay relative
ifneq ($(FASTFOUND_DATA),)
export FASTFOUND_DATA := $(abspath $(FASTFOUND_DATA))
endif
ifneq ($(FASTFOUND_HOME),)
export FASTFOUND_HOME := $(abspath $(FASTFOUND_HOME))
endif

.PHONY: help demo test types conformance doctor lab notebooks figures docs book export release clean constraints
.NOTPARALLEL:

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

demo: .venv/.run ## watch a network learn handwritten digits; options in ARGS, such as ARGS='--epochs 5'
	$(BIN)/fastfound demo $(ARGS)

test: .venv/.dev ## run every notebook and the tests; ARGS=05_training_loop only that page and its tests, ARGS=--long those that take long
	$(BIN)/python tools/test.py $(ARGS)

# mypy in its mildest mode: a function without annotations is not checked. Left out: methods that `patch` adds (attr-defined, operator),
# calls with `*args` of any length (call-arg), what PyTorch's own annotations leave open or do not know (union-attr, call-overload),
# wishes for more annotations (var-annotated), bytes in messages (str-bytes-safe)
LEFT_OUT := attr-defined operator call-arg union-attr call-overload var-annotated str-bytes-safe
MYPY := --ignore-missing-imports --implicit-optional --allow-redefinition $(addprefix --disable-error-code=,$(LEFT_OUT))

types: .venv/.dev ## check that the annotations of the package are true
	$(BIN)/mypy --cache-dir=.venv/.mypy $(MYPY) -p fastfound

conformance: .venv/.dev ## run the test suites that PyTorch and NumPy bring along against our pieces; names of suites in ARGS, or --save
	$(BIN)/python tools/conformance.py $(ARGS)

doctor: .venv/.run ## look at this machine and say what to do about each problem
	$(BIN)/fastfound doctor $(ARGS)

lab: .venv/.dev ## open the notebooks in JupyterLab
	$(BIN)/python tools/hooks.py
	cd nbs && ../$(BIN)/jupyter lab $(ARGS)

notebooks: .venv/.dev ## run every notebook in a fresh kernel and store its outputs (FASTFOUND_DATA names the full data)
	$(BIN)/python tools/run_nbs.py --save $(ARGS)
	$(BIN)/nbdev_clean

figures: .venv/.dev ## compute the figures of the book and fail if one is outside its band (FASTFOUND_DATA names the full data)
	$(BIN)/python bench/figures.py $(ARGS)

docs: .venv/.docs ## build the site in _docs from the outputs stored in the notebooks
	$(BIN)/python tools/docs.py

book: .venv/.docs ## write the book as fastfound.epub and fastfound.pdf to _docs; the PDF needs Chromium or Chrome
	$(BIN)/python tools/docs.py --book

export: .venv/.dev ## write the modules and README.md from the notebooks
	$(BIN)/python tools/first_cell.py
	$(BIN)/nbdev_clean
	$(BIN)/nbdev_export
	$(BIN)/python tools/road.py
	$(BIN)/python tools/readme.py
	$(BIN)/python tools/house.py
	$(BIN)/python tools/workbook.py

release: .venv/.release ## rehearse a release in a copy, up to a package index here; ARGS: a version, or '--part patch'; --real commits and tags
	$(BIN)/python tools/release.py $(ARGS)

clean: ## remove what can be made again, the environment too
	rm -rf .venv _docs _proc build dist *.egg-info

constraints: .venv/bin/python ## choose anew the exact set of packages that fit together, for every Python and system
	$(PIP) install -q uv
	printf 'torch==2.13.0\npip\n' | $(BIN)/uv pip compile -q --universal --python-version 3.10 --extra dev --extra docs --extra release --extra fast \
	  --no-annotate --no-header setup.py - > .venv/all.txt
	{ sed '/^$$/q' constraints.txt; grep -v -E '^(nvidia-|cuda-)' .venv/all.txt; } > .venv/constraints.txt
	mv .venv/constraints.txt constraints.txt

# a half-made environment is made anew; CPU=1 takes the small PyTorch without CUDA, where pip would take the large one
.venv/bin/python:
	@$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.version_info >= (3,10) or sys.exit("fastfound: got Python " + v + ", wanted 3.10 or newer: make PYTHON=python3.12 ...")'
	@echo 'fastfound: making .venv and installing PyTorch and the rest into it; once, and it takes minutes'
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; echo 'fastfound: this Python has no venv module; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@$(PIP) install -q -c constraints.txt pip || { rm -rf .venv; exit 1; }
ifdef CPU
	$(PIP) install -q uv && $(BIN)/uv pip install -q -p $(BIN)/python --torch-backend=cpu -c constraints.txt torch || { rm -rf .venv; exit 1; }
endif

.venv/.run: .venv/bin/python $(NEEDS)
	@$(PIP) install -qq -c constraints.txt -e .
	@touch $@

.venv/.dev: .venv/bin/python $(NEEDS)
	@$(PIP) install -qq -c constraints.txt -e '.[dev]'
	@touch .venv/.run $@

.venv/.docs: .venv/.dev
	@$(PIP) install -qq -c constraints.txt -e '.[docs]'
	@touch .venv/.run .venv/.dev $@

.venv/.release: .venv/.dev
	@$(PIP) install -qq -c constraints.txt -e '.[release]'
	@touch .venv/.run .venv/.dev $@
