#!/bin/sh
# The digests that the base images have now, into .env: docker compose reads it, and builds and runs exactly those. Call it again,
# and build again, to take up their security updates. Needs Docker with buildx, and a registry.
set -eu
cd "$(dirname "$0")/.."

pinned() {
    digest=$(docker buildx imagetools inspect "$1" --format '{{.Manifest.Digest}}')
    case $digest in sha256:*) echo "$1@$digest" ;; *) echo "pin_images: no digest of $1: $digest" >&2; exit 1 ;; esac
}

python=$(pinned python:3.11-slim-bookworm)
redis=$(pinned redis:7-bookworm)
index=$(pinned pgvector/pgvector:pg18)
prometheus=$(pinned prom/prometheus:v2.53.3)
grafana=$(pinned grafana/grafana:11.4.0)
new=$(mktemp)
[ ! -f .env ] || grep -v '^WEFT_\(PYTHON\|REDIS\|INDEX\|PROMETHEUS\|GRAFANA\)_IMAGE=' .env >"$new" || true
printf 'WEFT_PYTHON_IMAGE=%s\nWEFT_REDIS_IMAGE=%s\n' "$python" "$redis" >>"$new"
printf 'WEFT_INDEX_IMAGE=%s\n' "$index" >>"$new"
printf 'WEFT_PROMETHEUS_IMAGE=%s\nWEFT_GRAFANA_IMAGE=%s\n' "$prometheus" "$grafana" >>"$new"
mv "$new" .env
cat .env
