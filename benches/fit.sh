#!/usr/bin/env bash
# What `ingle fit` foretells of well-known shapes beside what `ingle bench --shape` measures of them, in turn, ROUNDS times;
# as CSV, the median of each. Fails where one is off by more than LIMIT percent: run it on a quiet machine.
# usage: fit.sh INGLE THREADS [ROUNDS] [LIMIT] >results/MACHINE/DATE-fit.csv
set -euo pipefail
ingle=${1:?usage: fit.sh INGLE THREADS [ROUNDS] [LIMIT]}
threads=${2:?usage: fit.sh INGLE THREADS [ROUNDS] [LIMIT]}
rounds=${3:-3} limit=${4:-15}

# Names of the catalogue, of the shape, and the weight format: small and large, plain and mixed formats.
pairs="
qwen2.5:0.5b qwen2.5-0.5b q4_k_m
llama3.2:1b  llama-3.2-1b q8_0
gemma2:2b    gemma-2-2b   q6_k
llama3.2:3b  llama-3.2-3b q4_k_m
phi3:mini-4k phi-3-mini   q4_0
llama3.1:8b  llama-3.1-8b q4_k_m
"

# What is measured stays out of the user's own home.
INGLE_HOME=$(mktemp -d)
export INGLE_HOME
seen=$(mktemp -d)
trap 'rm -rf "$INGLE_HOME" "$seen"' EXIT

foretold() { # NAME QUANT FIELD: a number of `fit --json`
  "$ingle" fit "$1" --quant "$2" -t "$threads" --no-measure --json 2>/dev/null |
    sed -n "s/^ *\"$3\": \([0-9.eE+-]*\),*$/\1/p" | head -1
}

measured() { # N_PROMPT N_GEN FILE: tokens a second of a line of `bench -o jsonl`
  sed -n "s/.*\"n_prompt\":$1,\"n_gen\":$2,.*\"avg_ts\":\([0-9.eE+-]*\).*/\1/p" "$3"
}

median() { # numbers, one a line
  sort -g | awk '{ all[NR] = $1 } END { print (all[int((NR + 1) / 2)] + all[int(NR / 2) + 1]) / 2 }'
}

echo "shape,quant,test,foretold,measured,off_percent,rounds,threads"
worst=0
while read -r name shape quant; do
  [ -n "$name" ] || continue
  rm -f "$seen"/*
  for _ in $(seq "$rounds"); do
    "$ingle" fit "$name" --quant "$quant" -t "$threads" --json >/dev/null
    "$ingle" bench --shape "$shape:$quant" -p 512 -n 128 -r 1 -t "$threads" -o jsonl >"$seen/lines"
    for test in "pp512 512 0" "tg128 0 128"; do
      set -- $test
      foretold "$name" "$quant" "$1" >>"$seen/$1-foretold"
      measured "$2" "$3" "$seen/lines" >>"$seen/$1-measured"
    done
  done
  for test in pp512 tg128; do
    predicted=$(median <"$seen/$test-foretold") real=$(median <"$seen/$test-measured")
    off=$(awk -v p="$predicted" -v r="$real" 'BEGIN { printf "%.1f", (p / r - 1) * 100 }')
    echo "$shape,$quant,$test,$predicted,$real,$off,$rounds,$threads"
    worst=$(awk -v w="$worst" -v o="$off" 'BEGIN { if (o < 0) o = -o; print (o > w ? o : w) }')
  done
done <<<"$pairs"
awk -v w="$worst" -v l="$limit" 'BEGIN { if (w > l) { print "off by " w "%, allowed " l "%" > "/dev/stderr"; exit 1 } }'
