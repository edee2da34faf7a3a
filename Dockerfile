# syntax=docker/dockerfile:1.7
# Four images from one file; k8s/README.md says what was tried of them.
#
#   docker build --target cpu -t rayscribe:0.1.0-cpu .              the engine for the CPU
#   docker build --target gpu -t rayscribe:0.1.0-gpu .              with vLLM, for NVIDIA GPUs
#   docker build --target gpu-runtime -t rayscribe:0.1.0-gpu-runtime .   without the code, for
#                                                      k8s/components/configmap-code
#
# Weights are not in any of them: they come from a volume, at the commits that the code names.

# The digest is that of the tag's index (amd64, arm64). The index of 3.11-slim-bookworm moves with
# every security update of Debian: put the new digest here to take one.
ARG BASE=python:3.11-slim-bookworm@sha256:b18992999dbe963a45a8a4da40ac2b1975be1a776d939d098c647482bcad5cba

# What all images share: the tools of KubeRay's probes and start command, a user, the places.
FROM ${BASE} AS base
# Versions of Debian's packages vanish from its mirrors; the digest above is the pin.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bash wget \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 1000 ray \
    && useradd --uid 1000 --gid 1000 --create-home --shell /bin/bash ray \
    && install --directory --owner=1000 --group=1000 /app /cache
ENV PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    RAY_SERVE_PROXY_USE_GRPC=1 \
    HF_HOME=/cache/huggingface
WORKDIR /app

FROM base AS cpu-runtime
COPY requirements.lock k8s/image/trim.py /tmp/
RUN pip install --no-deps --require-hashes --requirement /tmp/requirements.lock \
    && python /tmp/trim.py
# In the place of the one that pip installed.
COPY --chmod=755 k8s/image/ray_command.py /usr/local/bin/ray
USER 1000:1000

# CUDA's libraries come with PyTorch's wheels, the driver's from the node. vLLM compiles at its start: Triton
# wants a C compiler and Python's headers; CUDA's compiler comes with vLLM's wheels.
FROM base AS gpu-runtime
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev \
    && rm -rf /var/lib/apt/lists/*
COPY requirements-gpu.lock k8s/image/trim.py /tmp/
RUN pip install --no-deps --require-hashes --requirement /tmp/requirements-gpu.lock \
    && python /tmp/trim.py
# In the place of the one that pip installed.
COPY --chmod=755 k8s/image/ray_command.py /usr/local/bin/ray
# FlashInfer compiles its sampler when the first request comes, with a CUDA that is installed as a whole.
# There is none, so a request with `top_p` would end the engine.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    VLLM_USE_FLASHINFER_SAMPLER=0
USER 1000:1000

FROM cpu-runtime AS cpu
COPY pipeline /app/pipeline
COPY serving /app/serving
COPY jobs /app/jobs
COPY samples /app/samples
COPY pyproject.toml LICENSE /app/
CMD ["python", "-m", "jobs.serve", "--help"]

FROM gpu-runtime AS gpu
COPY pipeline /app/pipeline
COPY serving /app/serving
COPY jobs /app/jobs
COPY samples /app/samples
COPY pyproject.toml LICENSE /app/
CMD ["python", "-m", "jobs.serve", "--help"]
