# The image for the CPU with vLLM's build for the CPU, and a chat model of a few kilobytes that says one
# sentence: what `gpu-runtime` is to a cluster with GPUs. For a test; ../vllm/requirements.txt says more.
ARG BASE=rayscribe:0.1.0-cpu
FROM ${BASE}
USER 0:0
# vLLM's library for the CPU is linked against libnuma.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libnuma1 \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt models.py sitecustomize.py /tmp/vllm/
# A .pth and not `sitecustomize`, as Debian's Python has one of its own.
RUN pip install --no-deps --no-index --find-links=/wheels --requirement=/tmp/vllm/requirements.txt \
    && packages=$(python -c "import sysconfig; print(sysconfig.get_path('purelib'))") \
    && cp /tmp/vllm/sitecustomize.py "$packages/torchvision_on_cpu.py" \
    && echo "import torchvision_on_cpu" >"$packages/torchvision_on_cpu.pth" \
    && cd /tmp/vllm \
    && python -c "from pathlib import Path; from models import write_llama; write_llama(Path('/models/llama'), ('Why?', '</think>', 'Yes.'))" \
    && chmod --recursive a+rX /models
USER 1000:1000
