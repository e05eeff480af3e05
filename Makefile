# Every target makes what it needs: `.venv` for the project, `.envs/*` for other products, each in an environment of its own.
PYTHON ?= python3
BIN := .venv/bin
PACKAGES := talon-core talon-ghost talon-detect talon-hw
SOURCES := $(PACKAGES:%=packages/%/src/talon)
PYPROJECTS := pyproject.toml $(PACKAGES:%=packages/%/pyproject.toml)
ENGINES := frameworks published-bridge onnxruntime brian2 contracted
PIP := -m pip --disable-pip-version-check install --quiet

COUNT ?= 1000000
TREES ?= 20000
ARTIFACTS ?= 50000
MINUTES ?= 20
ROUNDS ?= 15
PARTS ?=

# The C library: what the compiler is to warn of, where there is one, and what `make sanitize` builds with.
NATIVE := packages/talon-hw/csrc
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla -Wdouble-promotion -Werror
SANITIZERS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -fno-wrapv -g -O1

.PHONY: help demo setup-browser test lint sanitize bench bench-files bench-engines bench-mapping docs report-picture golden fuzz interop chips train-digits train-fashion accuracy accuracy-whole clean

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

demo: .venv/installed ## run a trained spiking network on real digits, then see what it takes on a chip
	$(BIN)/talon demo
	$(BIN)/talon hw demo --save demo

setup-browser: ## Debian's chromium, which opens the report in tests, where no Chromium is; as root or by sudo
	@$(PYTHON) -m tests.hw.reporting.browser

# Without a browser and a way to install one, the tests that need it say what to do, and all others run.
test: .venv/installed .envs/published/installed .envs/mapping/installed ## the whole test suite; calls setup-browser
	-@$(PYTHON) -m tests.hw.reporting.browser
	$(BIN)/python -m pytest

lint: .venv/installed ## ruff, mypy --strict, pyright, and the warnings of the C compiler
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/pyright
	@command -v $(CC) > /dev/null || { echo "no C compiler here: the C sources are not checked"; exit 0; }; \
	  include=$$($(BIN)/python -c "import sysconfig; print(sysconfig.get_path('include'))"); \
	  for file in $(NATIVE)/*.c; do \
	    $(CC) -std=c11 -O2 -ffp-contract=off $(WARNINGS) -DPy_LIMITED_API=0x030B0000 -isystem $$include \
	      -c $$file -o /dev/null || exit 1; done && echo "C sources: no warnings"

sanitize: .envs/sanitize/installed ## all tests of the C library, built with the address and undefined-behaviour sanitizers
	LD_PRELOAD=$$($(CC) -print-file-name=libasan.so) PYTHONMALLOC=malloc ASAN_OPTIONS=detect_leaks=0 \
	  .envs/sanitize/bin/python -m pytest -s -q tests/hw/test_native*.py tests/hw/test_integers_native.py tests/hw/test_sparse_integers.py \
	  tests/hw/test_integer_neurons.py tests/hw/test_short_cells.py tests/hw/test_programs.py \
	  tests/hw/mapping --ignore tests/hw/mapping/test_extra.py

bench: .venv/installed ## speed of the core, as pytest-benchmark tables
	$(BIN)/python -m pytest benchmarks --benchmark-only

bench-files: .venv/installed .envs/safetensors/installed .envs/nir/installed .envs/published/installed ## speed of files beside other products, written to docs/performance-files.md
	$(BIN)/python benchmarks/files/run.py

bench-engines: .venv/installed $(ENGINES:%=.envs/%/installed) ## speed of running networks beside other products, written to docs/performance.md: ROUNDS turns each, PARTS of it
	$(BIN)/python benchmarks/engines/run.py --rounds $(ROUNDS) $(PARTS:%=--parts %)

bench-mapping: .venv/installed .envs/mapping/installed ## partitions, placements and routes beside other products, written to docs/performance-mapping.md
	$(BIN)/python benchmarks/mapping/run.py

docs: .venv/installed ## write the pages that follow from tables in the code
	$(BIN)/python docs/generate.py

report-picture: .venv/installed ## the picture of a report in docs/images; needs Chromium
	$(BIN)/python docs/picture.py

golden: .venv/installed ## golden files of the format of today that are not there yet; what is there is never changed
	$(BIN)/python -m tests.golden.record_formats
	$(BIN)/python -m tests.golden.record_quantised

fuzz: .venv/installed ## mutated files through the reader, with a fixed seed: COUNT indexes, TREES without and ARTIFACTS, MINUTES each at most
	$(BIN)/python -m tests.hostile.fuzz --kind index --count $(COUNT) --minutes $(MINUTES) --seed 1
	$(BIN)/python -m tests.hostile.fuzz --kind tree --count $(TREES) --minutes $(MINUTES) --seed 1
	$(BIN)/python -m tests.hostile.fuzz --kind artifact --count $(ARTIFACTS) --minutes $(MINUTES) --seed 1

interop: .envs/frameworks/installed ## record other frameworks' neurons again, for the tests to compare with
	.envs/frameworks/bin/python tests/interchange/frameworks/record.py

chips: .venv/installed .envs/loihi/installed .envs/xylo/installed .envs/sanafe/installed ## record emulators of Loihi and Xylo and the energies of SANA-FE again, for the tests to compare ours with
	.envs/loihi/bin/python tests/interchange/loihi/record.py
	.envs/xylo/bin/python tests/interchange/xylo/record.py
	$(BIN)/python -m tests.interchange.sanafe.networks
	.envs/sanafe/bin/python tests/interchange/sanafe/record.py

train-digits: .envs/digits/installed ## train the demo's network again, with torch in an environment of its own
	.envs/digits/bin/python examples/digits/train.py

train-fashion: .envs/fashion/installed ## train the networks of the accuracy table again; needs Debian's dataset-fashion-mnist
	.envs/fashion/bin/python examples/fashion/train.py

accuracy: .venv/installed ## trained networks in floats and in integers of 8, 6 and 4 bits, written to docs/accuracy.md
	$(BIN)/python examples/accuracy.py

accuracy-whole: .venv/installed ## the Fashion-MNIST networks on all test images; needs Debian's dataset-fashion-mnist
	$(BIN)/python examples/fashion/whole.py

clean: ## remove the environments and caches
	rm -rf .venv .envs .mypy_cache .ruff_cache .hypothesis .benchmarks

# The project's own environment, made anew when a pyproject changes.
.venv/installed: $(PYPROJECTS)
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(BIN)/python $(PIP) --upgrade 'pip>=25.1'
	$(BIN)/python $(PIP) $(PACKAGES:%=--editable packages/%) --group dev
	touch $@

# The C library with sanitizers. It is built from a copy: no other build may find its parts.
.envs/sanitize/installed: $(PYPROJECTS) packages/talon-hw/setup.py \
  $(wildcard $(NATIVE)/* packages/talon-hw/src/talon/hw/*.py packages/talon-hw/src/talon/hw/*/*.py)
	rm -rf .envs/sanitize
	$(PYTHON) -m venv .envs/sanitize
	.envs/sanitize/bin/python $(PIP) --upgrade 'pip>=25.1'
	cp -R packages/talon-hw .envs/sanitize/talon-hw
	rm -rf .envs/sanitize/talon-hw/build .envs/sanitize/talon-hw/src/talon/hw/_native*
	.envs/sanitize/bin/python $(PIP) $(patsubst %,--editable packages/%,$(filter-out talon-hw,$(PACKAGES))) pytest hypothesis
	TALON_NATIVE=require TALON_NATIVE_CFLAGS="$(SANITIZERS)" .envs/sanitize/bin/python $(PIP) .envs/sanitize/talon-hw
	touch $@

# The published package, which must read what we write. No wheel for this machine: the tests say so and skip.
.envs/published/installed: tests/interchange/requirements.txt
	rm -rf .envs/published
	$(PYTHON) -m venv .envs/published
	.envs/published/bin/python $(PIP) --requirement $< 2> .envs/published/log || { cat .envs/published/log; \
	  grep -q 'No matching distribution' .envs/published/log && cp .envs/published/log .envs/published/missing; }
	touch $@

# What files are compared with, each by itself.
.envs/safetensors/installed .envs/nir/installed: .envs/%/installed: benchmarks/files/%.txt
	rm -rf .envs/$*
	$(PYTHON) -m venv .envs/$*
	.envs/$*/bin/python $(PIP) --requirement $<
	touch $@

# The extra `mapping` and METIS, with a copy of talon-hw: no other build may find its parts. No wheel for this machine: the
# tests of the extra say so and skip.
.envs/mapping/installed: benchmarks/mapping/requirements.txt $(PYPROJECTS) packages/talon-hw/setup.py $(wildcard $(NATIVE)/*) $(shell find packages/talon-hw/src -name '*.py')
	rm -rf .envs/mapping
	$(PYTHON) -m venv .envs/mapping
	cp -R packages/talon-hw .envs/mapping/talon-hw
	rm -rf .envs/mapping/talon-hw/build .envs/mapping/talon-hw/src/talon/hw/_native*
	.envs/mapping/bin/python $(PIP) --editable packages/talon-core
	.envs/mapping/bin/python $(PIP) --requirement $< '.envs/mapping/talon-hw[mapping]' 2> .envs/mapping/log || { cat .envs/mapping/log; \
	  grep -q 'No matching distribution' .envs/mapping/log && cp .envs/mapping/log .envs/mapping/missing; }
	touch $@

# What the engines are compared with, each by itself.
.envs/published-bridge/installed .envs/onnxruntime/installed .envs/brian2/installed: .envs/%/installed: benchmarks/engines/%.txt
	rm -rf .envs/$*
	$(PYTHON) -m venv .envs/$*
	.envs/$*/bin/python $(PIP) --requirement $<
	touch $@

# The same engine, its sums contracted to fused multiply-adds by the compiler: what giving the same bits everywhere costs.
.envs/contracted/installed: $(PYPROJECTS) packages/talon-hw/setup.py $(wildcard $(NATIVE)/* packages/talon-hw/src/talon/hw/native/*.py)
	rm -rf .envs/contracted
	$(PYTHON) -m venv .envs/contracted
	cp -R packages/talon-hw .envs/contracted/talon-hw
	rm -rf .envs/contracted/talon-hw/build .envs/contracted/talon-hw/src/talon/hw/_native*
	.envs/contracted/bin/python $(PIP) $(patsubst %,--editable packages/%,$(filter-out talon-hw,$(PACKAGES)))
	TALON_NATIVE=require TALON_NATIVE_CFLAGS=-ffp-contract=fast .envs/contracted/bin/python $(PIP) .envs/contracted/talon-hw
	touch $@

# pip resolves the paths of talon's own packages from the folder it runs in.
.envs/digits/installed .envs/fashion/installed: .envs/%/installed: examples/%/requirements.txt $(PYPROJECTS)
	rm -rf .envs/$*
	$(PYTHON) -m venv .envs/$*
	cd examples/$* && ../../.envs/$*/bin/python $(PIP) --requirement requirements.txt
	touch $@

# Other frameworks: the second list without its dependencies, which would bring what their neurons do not need.
.envs/frameworks/installed: tests/interchange/frameworks/requirements.txt tests/interchange/frameworks/frameworks.txt
	rm -rf .envs/frameworks
	$(PYTHON) -m venv .envs/frameworks
	.envs/frameworks/bin/python $(PIP) --requirement tests/interchange/frameworks/requirements.txt
	.envs/frameworks/bin/python $(PIP) --no-deps --requirement tests/interchange/frameworks/frameworks.txt
	touch $@

# Emulators of chips; xylosim is compiled here.
.envs/loihi/installed .envs/xylo/installed .envs/sanafe/installed: .envs/%/installed: tests/interchange/%/requirements.txt
	rm -rf .envs/$*
	$(PYTHON) -m venv .envs/$*
	.envs/$*/bin/python $(PIP) --requirement $<
	touch $@
