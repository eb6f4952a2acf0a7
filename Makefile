# make demo and make test do all their set-up on a fresh Debian 12; see `make help`.
BUILD ?= build
JOBS ?= $(shell nproc)
CMAKE_FLAGS ?=
VENV := $(BUILD)/venv
LLVM_BIN := /usr/lib/llvm-22/bin

.DEFAULT_GOAL := build
.PHONY: help setup build test test-nightly demo bench gpu-bundle lint docs install clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

setup: ## install the Debian packages that are missing
	@.ci/setup

# Python packages, installed again only when a list of them changes.
$(VENV)/.%: %/requirements.txt | setup
	@test -x $(VENV)/bin/python || python3 -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r $< || \
	  { echo "make: error: pip could not install the packages of $<" >&2; exit 1; }
	@mkdir -p $(dir $@) && touch $@

# NVIDIA's assembler, for tests that look at machine code. Without it they are unsupported.
$(VENV)/.ptxas: test/requirements-ptxas.txt | $(VENV)/.test
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r $< || \
	  echo "make: note: no ptxas: tests of machine code of GPUs will be unsupported" >&2
	@touch $@

$(BUILD)/build.ninja: | setup $(VENV)/.test
	@cmake -S . -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release \
	  -DCMAKE_C_COMPILER=clang-22 -DCMAKE_CXX_COMPILER=clang++-22 \
	  -DMLIR_DIR=/usr/lib/llvm-22/lib/cmake/mlir -DPython3_EXECUTABLE=$(CURDIR)/$(VENV)/bin/python \
	  $(CMAKE_FLAGS)

build: $(BUILD)/build.ninja ## build all tools and libraries (build/bin, build/lib)
	@ninja -C $(BUILD) -j $(JOBS)

test: build $(VENV)/.ptxas ## run all tests: lit, gtest, the out-of-tree consumer
	@status=0; \
	  $(VENV)/bin/python $(LLVM_BIN)/lit -j $(JOBS) --order=lexical -q --show-unsupported $(BUILD)/test || status=1; \
	  ctest --test-dir $(BUILD) -j $(JOBS) --output-on-failure || status=1; \
	  exit $$status

test-nightly: build ## run the random tests with many more cases (hours)
	@COMPRESS_TEST_CASES=50000 $(VENV)/bin/python $(LLVM_BIN)/lit -v $(BUILD)/test/Integration
	@COMPRESS_TEST_CASES=50000 ctest --test-dir $(BUILD) --output-on-failure -R Unit.StoredData

demo: build $(VENV)/.examples/digits ## compile two trained networks, run them, compare
	@$(VENV)/bin/python examples/digits/demo.py --compressc $(BUILD)/bin/compressc --out $(BUILD)/demo

bench: build ## measure throughput; numbers are for this machine (PEERS="DIR ..." has other libraries)
	@$(BUILD)/bin/compress-bench quantize
	@$(BUILD)/bin/compress-bench encode
	@$(BUILD)/bin/compress-bench fused
	@$(BUILD)/bin/compress-bench pack
	@$(BUILD)/bin/compress-bench kernels $(addprefix --peers=,$(PEERS)) -o $(BUILD)/bench.json

gpu-bundle: build ## make a folder that checks and times kernels on a machine with a GPU (build/gpu-bundle; PTXAS=PATH compiles them)
	@PATH="$(CURDIR)/$(BUILD)/bin:$$PATH" $(VENV)/bin/python test/Inputs/gpu-bundle.py $(BUILD)/gpu-bundle $(addprefix --ptxas=,$(PTXAS))

lint: build ## clang-format and clang-tidy on what changed since main (LINT_BASE=REV for another)
	@.ci/setup clang-format-22 clang-tidy-22
	@.ci/lint $(LINT_BASE)

docs: build ## generate the reference pages from TableGen (docs/reference)
	@ninja -C $(BUILD) compress-docs && mkdir -p docs/reference && cp $(BUILD)/docs/*.md docs/reference/

install: build ## install to PREFIX (default /usr/local)
	@cmake --install $(BUILD) --prefix $(or $(PREFIX),/usr/local)

clean: ## remove the build directory
	@rm -rf $(BUILD)
