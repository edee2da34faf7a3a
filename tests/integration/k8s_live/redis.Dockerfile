# Redis for the test of gcs-fault-tolerance, where no registry is reached: Debian's, under the name that
# the component has.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends redis-server \
    && rm -rf /var/lib/apt/lists/*
