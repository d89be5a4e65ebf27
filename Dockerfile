# One file, an image a role: `web` (pages, API, dispatcher, work on banks), `worker` (OpenVINO), `models` (torch: conversion, once).
# An image holds what its role runs and no more; the code is the same in all, compiled: nothing can be written beside it later.
# Every package is installed only if it has one of the hashes of its lock. `make pin-images` writes the base image's digest into .env.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
FROM ${PYTHON_IMAGE} AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    WEFT_DATA_DIR=/data WEFT_HOST=0.0.0.0 WEFT_LOG_JSON=true
RUN useradd --create-home --uid 1000 weft && mkdir -p /data/weights && chown -R weft:weft /data
WORKDIR /app
# The locks alone: an edit of anything else leaves the layers with the packages as they are.
COPY scripts/locks scripts/locks

FROM base AS assets
RUN pip install --quiet --require-hashes --requirement scripts/locks/assets.lock
COPY package.json package-lock.json .npmrc ./
COPY scripts/__init__.py scripts/setup_assets.py scripts/
RUN python -m scripts.setup_assets

FROM base AS web
RUN pip install --quiet --require-hashes --requirement scripts/locks/build.lock --requirement scripts/locks/web.lock \
    && pip uninstall --quiet --yes uv
COPY pyproject.toml README.md LICENSE ./
RUN pip install --quiet --no-deps --no-build-isolation .
COPY shared shared
COPY scripts scripts
COPY worker worker
COPY web web
COPY --from=assets /app/web/static/vendor web/static/vendor
RUN python -m compileall -qq shared scripts worker web
USER weft
EXPOSE 8000
CMD ["weft", "web"]

FROM base AS worker
RUN pip install --quiet --require-hashes --requirement scripts/locks/build.lock --requirement scripts/locks/worker.lock \
    && pip uninstall --quiet --yes uv
COPY pyproject.toml README.md LICENSE ./
RUN pip install --quiet --no-deps --no-build-isolation .
COPY shared shared
COPY scripts scripts
COPY worker worker
RUN python -m compileall -qq shared scripts worker
USER weft
CMD ["weft", "worker"]

FROM base AS models
RUN pip install --quiet --require-hashes --requirement scripts/locks/build.lock --requirement scripts/locks/models.lock \
    && pip uninstall --quiet --yes uv
COPY pyproject.toml README.md LICENSE ./
RUN pip install --quiet --no-deps --no-build-isolation .
COPY shared shared
COPY scripts scripts
RUN python -m compileall -qq shared scripts
USER weft
CMD ["weft", "model", "pull"]
