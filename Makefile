# make demo   recognise the samples into out/
# make serve  serve OCR at http://127.0.0.1:8000/v1 until Ctrl-C
# make test   run the tests
# make test-vllm  run the tests that need vLLM, on the CPU (Python 3.11, 2.4 GB to download)
# make test-vllm-newest  run them with the newest vLLM for the CPU, in one more environment
# make test-serve  run the tests of the running service
# make test-cluster  run whole jobs: killed, resumed, on stores, on full disks, on two nodes
# make test-k8s   check the deployments (needs KubeRay's CRDs; fails without them and says how to get them)
# make test-k8s-live  apply the deployments to a real cluster: the one in KUBECONFIG, else one that is started
# make test-k8s-live-faults  the same cluster, and what becomes of requests and jobs when something is lost
# make image-cpu  build the image for the CPU with docker, podman or buildah
# make image-gpu  build the one with vLLM for GPUs (4.2 GB to download; buildah needs 35 GB of disk meanwhile)
# make test-image-gpu  build it, and run what can be run of it without a GPU
# make k8s    regenerate the generated files under k8s/
# make screenshots  docs/page-*.png anew, of the service that `make serve` runs (needs chromium)
# make check  lint, format, types, order of imports
# make lock   resolve the dependencies again (needs uv)

VENV := .venv
VLLM := .venv-vllm
BIN := $(VENV)/bin
# The first interpreter that is new enough; name another with make PYTHON=...
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps

.PHONY: demo serve test test-vllm test-vllm-newest vllm-environments test-serve test-cluster test-k8s test-k8s-live test-k8s-live-faults image-cpu image-gpu test-image-gpu k8s screenshots check lock clean

demo: $(VENV)/base
	$(BIN)/python -m jobs.ocr samples --output out --export markdown,searchable-pdf
	$(BIN)/python -m jobs.view out --to out/viewer

serve: $(VENV)/base
	$(BIN)/python -m jobs.serve --scale.ocr.min-replicas 1

test: $(VENV)/dev
	$(BIN)/python -m pytest
	@echo "Not run here: the running service (make test-serve), whole jobs (make test-cluster), the deployments (make test-k8s, make test-k8s-live) and the real vLLM (make test-vllm)."

test-serve: $(VENV)/dev
	$(BIN)/python -m pytest tests/integration/serving

test-cluster: $(VENV)/dev
	$(BIN)/python -m pytest tests/integration/batch

test-k8s: $(VENV)/dev
	$(BIN)/python -m pytest tests/integration/k8s

# As root where no KUBECONFIG names a cluster. The tables go to RAYSCRIBE_RESULTS=benchmarks/results.
test-k8s-live: $(VENV)/dev
	$(BIN)/python -m pytest --timeout=1500 -m "not faults" tests/integration/k8s_live

test-k8s-live-faults: $(VENV)/dev
	$(BIN)/python -m pytest --timeout=1500 -m faults tests/integration/k8s_live

image-cpu:
	k8s/image/build.sh cpu rayscribe:0.1.0-cpu

image-gpu:
	k8s/image/build.sh gpu rayscribe:0.1.0-gpu

test-image-gpu: image-gpu $(VENV)/dev
	$(BIN)/python -m pytest --timeout=900 tests/integration/image_gpu

k8s: $(VENV)/dev
	$(BIN)/python k8s/closure.py
	$(BIN)/python k8s/render.py

screenshots: $(VENV)/dev
	$(BIN)/python -m tests.support.page_screenshots http://127.0.0.1:8000 docs

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

$(VENV)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/base: requirements.lock | $(VENV)/python
	$(PIP) --requirement requirements.lock
	touch $@

# A superset of the base lock with the same versions.
$(VENV)/dev: requirements-dev.lock | $(VENV)/python
	$(PIP) --requirement requirements-dev.lock
	touch $@ $(VENV)/base

# An environment of its own: vLLM pins other versions, and its CPU build is for Python 3.11 alone.
test-vllm: $(VLLM)/ready
	PYTHONPATH=tests/integration/vllm $(VLLM)/bin/python -m pytest tests/integration/vllm

$(VLLM)/ready: tests/integration/vllm/requirements.txt
	python3.11 -m venv $(VLLM)
	$(VLLM)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $<
	touch $@

# From 0.31 on vLLM's second model runner takes the n-gram rule by another interface.
test-vllm-newest: $(VLLM)-newest/ready
	PYTHONPATH=tests/integration/vllm $(VLLM)-newest/bin/python -m pytest tests/integration/vllm

$(VLLM)-newest/ready: tests/integration/vllm/requirements.txt tests/integration/vllm/requirements-newest.txt
	python3.11 -m venv $(VLLM)-newest
	for file in $^; do $(VLLM)-newest/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --requirement $$file || exit 1; done
	touch $@

# Both, ahead of the tests: most of it is downloads.
vllm-environments: $(VLLM)/ready $(VLLM)-newest/ready

lock:
	$(COMPILE) pyproject.toml --extra orientation --output-file requirements.lock
	$(COMPILE) pyproject.toml --extra orientation --extra dev --extra clients --constraint requirements.lock --output-file requirements-dev.lock
	$(RESOLVE) --python-platform x86_64-manylinux_2_28 pyproject.toml --extra orientation --extra gpu --output-file requirements-gpu.lock

RESOLVE := uv pip compile --quiet --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
COMPILE := $(RESOLVE) --universal

clean:
	rm -rf $(VENV) $(VLLM) out
