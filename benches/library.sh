#!/usr/bin/env bash
# What the library takes beside plain tools, with a model of 4 GiB: to verify it, beside `sha256sum`; to import it, beside `cp`,
# `sync` and `sha256sum` of the copy; to fetch it from a hub on loopback, beside `curl -o`, `sync` and `sha256sum` from the same
# server. Seconds of whole commands, in turn, ROUNDS times, and the ratios of their medians. Whatever is timed is checked by its
# SHA-256 afterwards.
#
#   cargo build --release -p ingle-cli && cargo build --release -p ingle-cli --example hub
#   benches/library.sh target/release/ingle target/release/examples/hub FOLDER [BYTES [ROUNDS]]
#
# FOLDER takes up to five times BYTES, and the server as much memory. What was made and measured stays there: the same command
# goes on where it was stopped, and prints the table when all is measured. Remove FOLDER afterwards.
set -euo pipefail
export LC_ALL=C NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 INGLE_AUDIT=0
usage="usage: library.sh INGLE HUB FOLDER [BYTES [ROUNDS]]"
ingle=$(realpath "${1:?$usage}") hub=$(realpath "${2:?$usage}") bytes=${4:-$((4 << 30))} rounds=${5:-3}
mkdir -p "${3:?$usage}/$bytes/repository"
place=$(realpath "$3/$bytes")
model=$place/repository/model-F32.gguf bundle=$place/model.ingle copy=$place/copy said=$place/said
# Of another program, nothing is measured yet.
times=$place/times-$(sha256sum "$ingle" | cut -c1-12).csv
touch "$times"

server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

# A GGUF file of one tensor of noise: the header, in little-endian numbers and texts with their lengths, then the bytes.
number() { # value, bytes
  local value=$1 nth
  for ((nth = 0; nth < $2; nth++)); do
    printf "\\x$(printf %02x $((value & 255)))"
    value=$((value >> 8))
  done
}
text() { number ${#1} 8 && printf %s "$1"; }
header() { # rows of 1,024 numbers
  printf GGUF && number 3 4 && number 1 8 && number 1 8
  text general.architecture && number 8 4 && text llama
  text token_embd.weight && number 2 4 && number 1024 8 && number "$1" 8 && number 0 4 && number 0 8
}
make_model() {
  local rows=$((bytes / 4096)) written
  header "$rows" >"$model.new"
  written=$(stat -c %s "$model.new")
  head -c $(((32 - written % 32) % 32)) /dev/zero >>"$model.new"
  head -c $((rows * 4096)) /dev/urandom >>"$model.new"
  mv "$model.new" "$model"
}
[ -f "$model" ] || make_model
[ -f "$bundle" ] || INGLE_HOME=$place/none "$ingle" export "$model" -o "$bundle"
digest=$(sha256sum "$model" | cut -d' ' -f1)

serve() {
  "$hub" "bench/model=$place/repository" >"$place/address" 2>"$place/server" &
  server=$!
  until grep -qs ^HF_ENDPOINT= "$place/address"; do
    kill -0 "$server" 2>/dev/null || { cat "$place/server" && return 1; }
    sleep 1
  done
  export HF_ENDPOINT
  HF_ENDPOINT=$(sed -n 's/^HF_ENDPOINT=//p' "$place/address")
}

# What is timed. Each begins with what `prepare` leaves.
verify_ours() { INGLE_HOME=$place/imported "$ingle" verify --all; }
verify_beside() { sha256sum "$model"; }
import_ours() { INGLE_HOME=$place/imported "$ingle" import "$bundle"; }
import_beside() { cp "$model" "$copy" && sync "$copy" && sha256sum "$copy"; }
pull_ours() { INGLE_HOME=$place/pulled "$ingle" pull bench/model -y; }
pull_beside() {
  curl -sSfL -o "$copy" "$HF_ENDPOINT/bench/model/resolve/main/model-F32.gguf" && sync "$copy" && sha256sum "$copy"
}

prepare() { # what
  case $1 in
    verify_ours) [ -d "$place/imported" ] || import_ours || return 1 ;;
    import_ours) rm -rf "$place/imported" ;;
    pull_ours) rm -rf "$place/pulled" ;;
  esac
  case $1 in pull_*) [ -n "$server" ] || serve || return 1 ;; esac
  rm -f "$copy"
  sync
}

check() { # what
  case $1 in
    *_beside) grep -q "^$digest " "$said" ;;
    pull_ours) sha256sum "$place/pulled/models/bench/model"/*/*.gguf | grep -q "^$digest " ;;
    *) sha256sum "$place/imported/models"/*/*/*/*.gguf | grep -q "^$digest " ;;
  esac
}

measure() { # what, round
  local begin end
  ! grep -q "^$1,$2," "$times" || return 0
  prepare "$1" >"$said" 2>&1 || { cat "$said" >&2 && exit 1; }
  begin=$EPOCHREALTIME
  "$1" >"$said" 2>&1 || { cat "$said" >&2 && exit 1; }
  end=$EPOCHREALTIME
  check "$1" || { echo "$1: other bytes than those of $model" >&2 && exit 1; }
  awk -v what="$1" -v round="$2" -v begin="$begin" -v end="$end" \
    'BEGIN { printf "%s,%s,%.3f\n", what, round, end - begin }' >>"$times"
}

for what in import verify pull; do
  for round in $(seq "$rounds"); do
    measure "${what}_ours" "$round"
    measure "${what}_beside" "$round"
  done
  rm -rf "$copy" "$place/pulled"
done

seconds() { grep "^$1," "$times" | cut -d, -f3; }
listed() { seconds "$1" | paste -sd, | sed 's/,/, /g'; }
median() { seconds "$1" | sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
row() { # what, what ours is called, what stands beside it
  awk -v name="$2" -v ours="$(listed "$1_ours")" -v beside="$3" -v theirs="$(listed "$1_beside")" \
    -v a="$(median "$1_ours")" -v b="$(median "$1_beside")" \
    'BEGIN { printf "| %s | %s | %s: %s | %.2f |\n", name, ours, beside, theirs, a / b }'
}
echo "$("$ingle" --version), $(stat -c %s "$model") bytes, $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores"
echo
echo "| what | Ingle | beside it | ratio of medians |"
echo "|---|---|---|---|"
row verify '`ingle verify --all`' '`sha256sum`'
row import '`ingle import`' '`cp`, `sync`, `sha256sum` of the copy'
row pull '`ingle pull` from loopback' '`curl -o`, `sync`, `sha256sum`'
