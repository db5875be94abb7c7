#!/usr/bin/env bash
# Seconds from start to the end of the first token, and peak memory, of whole processes: Ingle's and llama.cpp's, in
# turn, medians of ROUNDS runs. The model file is in the page cache for both: each is run once before.
# usage: first_token.sh MODEL.gguf INGLE LLAMA_COMPLETION THREADS [ROUNDS]
set -euo pipefail
model=${1:?usage: first_token.sh MODEL.gguf INGLE LLAMA_COMPLETION THREADS [ROUNDS]}
ingle=$2 peer=$3 threads=$4 rounds=${5:-5}
prompt="Once upon a time"

report=$(mktemp)
once() { # command…: "seconds MiB" of one run, which must succeed
  /usr/bin/time -o "$report" -f '%e %M' "$@" </dev/null >/dev/null 2>&1
  awk '{ printf "%.2f %.0f\n", $1, $2 / 1024 }' "$report"
}

ours() { once "$ingle" run "$model" "$prompt" --raw -n 1 -c 2048 -t "$threads" --temp 0 --no-save; }
# Its warm-up is an empty run before the first token, which ours has not.
theirs() { once "$peer" --no-warmup -m "$model" -p "$prompt" -no-cnv -n 1 -c 2048 -t "$threads" --temp 0; }

median() { sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }

ours >/dev/null
theirs >/dev/null
a=$(mktemp) b=$(mktemp)
trap 'rm -f "$a" "$b" "$report"' EXIT
for _ in $(seq "$rounds"); do
  ours >>"$a"
  theirs >>"$b"
done
echo "model,program,seconds_to_first_token,peak_mib,rounds,threads"
for pair in "ingle $a" "llama.cpp $b"; do
  set -- $pair
  echo "$(basename "$model"),$1,$(cut -d' ' -f1 "$2" | median),$(cut -d' ' -f2 "$2" | median),$rounds,$threads"
done
