#!/usr/bin/env bash
# Makes ember.gguf anew: the texts, the training (which goes on where it was interrupted), the file.
# It needs Rust, a C++ compiler and Python 3.11 or later; PyTorch is installed into target/ember.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=${1:-target/ember}
forge() { cargo run --quiet --release --locked -p ingle-ember-forge -- "$@"; }

mkdir -p "$work"
if [ ! -x "$work/python/bin/python" ]; then
  python3 -m venv "$work/python"
  "$work/python/bin/pip" install --quiet -r models/ember/requirements.txt
fi
# Memory once taken is kept, which makes the training faster. Threads that wait spin; where something else runs
# beside it, `OMP_WAIT_POLICY=passive` lets them sleep.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-active} MALLOC_MMAP_THRESHOLD_=4000000000 MALLOC_TRIM_THRESHOLD_=8000000000
export MALLOC_TOP_PAD_=200000000 TORCHINDUCTOR_CACHE_DIR=$(realpath "$work")/compiled
[ -f "$work/train.bin" ] || forge corpus --seed 1 "$work"
# A fresh process every so often, since memory gets scattered.
until [ -f "$work/report.json" ]; do
  "$work/python/bin/python" models/ember/train.py "$work" --at-most 1000
done
forge pack "$work" models/ember/ember.gguf
cp "$work/held-out.txt" "$work/loss.svg" models/ember/
