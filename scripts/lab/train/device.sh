#!/bin/sh
# Trains the embedded model on a machine with a GPU, with its Python's torch and nothing from the network.
# OUT: where the weights go. JUDGE: a folder with leather27/ to judge by and whl/ with the packages missing there.
# SECONDS_LEFT: how long it may take. A failure goes on from what is rendered and trained, without comparing recipes.
set -eu
JUDGE=${JUDGE:-.judge}
SECONDS_LEFT=${SECONDS_LEFT:-470}
end=$(($(date +%s) + SECONDS_LEFT))
python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --target /tmp/train-site "$JUDGE"/whl/*.whl
export PYTHONPATH="/tmp/train-site:." PYTHONUNBUFFERED=1 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
train() {
	python3 -W ignore -m scripts.lab.train.device --out "$OUT" --work /tmp/train-work --leather "$JUDGE/leather27" \
		--seconds $((end - $(date +%s))) "$@"
}
train || train --recipe "grey and colour"
