#!/usr/bin/env bash
# What the library takes beside plain tools, with a model of 4 GiB: to verify it, beside `sha256sum`; to import it, beside `cp`,
# `sync` and `sha256sum` of the copy; to fetch it from a hub on loopback, beside `curl -o`, `sync` and `sha256sum` from the same
# server; and to verify one of the same size in 4 shards, beside `sha256sum` of one after the other and of as many at once as there
# are cores. Seconds of whole commands, in turn, ROUNDS times, the ratios of their medians, and what these are to be at most.
# Whatever is timed is checked by its SHA-256 afterwards. Where there is `openssl`, it is timed beside `verify`, too: not every
# `sha256sum` uses the processor's instructions.
#
#   cargo build --release -p ingle-cli && cargo build --release -p ingle-cli --example hub
#   benches/library.sh target/release/ingle target/release/examples/hub FOLDER [BYTES [ROUNDS]]
#
# FOLDER takes up to five times BYTES, and seven where another program was measured before; the server takes as much memory as
# BYTES. What was made and measured stays there: the same command goes on where it was stopped, and prints the table when all is
# measured. Remove FOLDER afterwards.
set -euo pipefail
export LC_ALL=C NO_PROXY=127.0.0.1 no_proxy=127.0.0.1 INGLE_AUDIT=0
usage="usage: library.sh INGLE HUB FOLDER [BYTES [ROUNDS]]"
ingle=$(realpath "${1:?$usage}") hub=$(realpath "${2:?$usage}") bytes=${4:-$((4 << 30))} rounds=${5:-3}
mkdir -p "${3:?$usage}/$bytes/repository"
place=$(realpath "$3/$bytes")
model=$place/repository/model-F32.gguf bundle=$place/model.ingle copy=$place/copy said=$place/said
shards=$place/shards digests=$place/shards.sha256 sharded=$place/sharded n_shards=4
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
header() { # rows of 1,024 numbers, the tensor's name; of a shard, its number and how many there are
  local keys=1
  [ $# -eq 2 ] || keys=4
  printf GGUF && number 3 4 && number 1 8 && number $keys 8
  text general.architecture && number 8 4 && text llama
  if [ $# -eq 4 ]; then
    text split.no && number 4 4 && number "$3" 4
    text split.count && number 4 4 && number "$4" 4
    text split.tensors.count && number 4 4 && number "$4" 4
  fi
  text "$2" && number 2 4 && number 1024 8 && number "$1" 8 && number 0 4 && number 0 8
}
make_file() { # path, and what `header` takes
  local path=$1 rows=$2 written
  shift
  header "$@" >"$path.new" || return 1
  written=$(stat -c %s "$path.new")
  head -c $(((32 - written % 32) % 32)) /dev/zero >>"$path.new" || return 1
  head -c $((rows * 4096)) /dev/urandom >>"$path.new" || return 1
  mv "$path.new" "$path"
}
make_shards() {
  local nth
  rm -rf "$shards" && mkdir "$shards"
  for ((nth = 0; nth < n_shards; nth++)); do
    make_file "$shards/$(printf 'model-F32-%05d-of-%05d.gguf' $((nth + 1)) "$n_shards")" \
      $((bytes / 4096 / n_shards)) "blk.$nth.ffn_up.weight" "$nth" "$n_shards" || return 1
  done
  (cd "$shards" && sha256sum ./*.gguf) >"$digests.new" || return 1
  mv "$digests.new" "$digests"
}
[ -f "$model" ] || make_file "$model" $((bytes / 4096)) token_embd.weight
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
end_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}

# What is timed. Each begins with what `prepare` leaves.
verify_ours() { INGLE_HOME=$place/imported "$ingle" verify --all; }
verify_beside() { sha256sum "$model"; }
verify_openssl() { openssl dgst -sha256 -r "$model"; }
import_ours() { INGLE_HOME=$place/imported "$ingle" import "$bundle"; }
import_beside() { cp "$model" "$copy" && sync "$copy" && sha256sum "$copy"; }
pull_ours() { INGLE_HOME=$place/pulled "$ingle" pull bench/model -y; }
pull_beside() {
  curl -sSfL -o "$copy" "$HF_ENDPOINT/bench/model/resolve/main/model-F32.gguf" && sync "$copy" && sha256sum "$copy"
}
shards_ours() { INGLE_HOME=$sharded "$ingle" verify --all; }
shards_beside() { sha256sum "$shards"/*.gguf; }
shards_together() { printf '%s\0' "$shards"/*.gguf | xargs -0 -n 1 -P "$(nproc)" sha256sum; }

take_shards() {
  rm -rf "$sharded"
  INGLE_HOME=$sharded "$ingle" cp "$shards/$(printf 'model-F32-00001-of-%05d.gguf' "$n_shards")" shards
}

prepare() { # what
  case $1 in
    verify_ours) [ -d "$place/imported" ] || import_ours || return 1 ;;
    import_ours) rm -rf "$place/imported" ;;
    pull_ours) rm -rf "$place/pulled" ;;
    shards_*) [ -f "$digests" ] || make_shards || return 1 ;;
  esac
  case $1 in shards_ours) [ -d "$sharded/models/local/shards/default" ] || take_shards || return 1 ;; esac
  case $1 in pull_*) [ -n "$server" ] || serve || return 1 ;; esac
  rm -f "$copy"
  sync
}

check() { # what
  case $1 in
    shards_ours) (cd "$sharded/models/local/shards/default" && sha256sum --quiet -c "$digests") ;;
    shards_*) [ "$(cut -d' ' -f1 "$said" | sort)" = "$(cut -d' ' -f1 "$digests" | sort)" ] ;;
    *_beside | *_openssl) grep -q "^$digest " "$said" ;;
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

in_turn() { # what
  local round what
  for round in $(seq "$rounds"); do
    for what in "$@"; do measure "$what" "$round"; done
  done
  rm -rf "$copy" "$place/pulled"
}
openssl=
! command -v openssl >"$said" || openssl=verify_openssl
in_turn import_ours import_beside
in_turn verify_ours verify_beside $openssl
in_turn pull_ours pull_beside
# Neither the server's memory nor these files are in the way of what follows.
end_server
rm -rf "$place/imported"
in_turn shards_ours shards_beside shards_together

seconds() { grep "^$1," "$times" | cut -d, -f3; }
listed() { seconds "$1" | paste -sd, | sed 's/,/, /g'; }
median() { seconds "$1" | sort -n | awk '{ x[NR] = $1 } END { print x[int((NR + 1) / 2)] }'; }
row() { # ours, what it is called, what is beside it, what that is called, the most that the ratio is to be
  awk -v name="$2" -v ours="$(listed "$1")" -v beside="$4" -v theirs="$(listed "$3")" -v most="$5" \
    -v a="$(median "$1")" -v b="$(median "$3")" \
    'BEGIN { printf "| %s | %s | %s: %s | %.2f | %s |\n", name, ours, beside, theirs, a / b, most }'
}
echo "$("$ingle" --version), $(stat -c %s "$model") bytes, $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo), $(nproc) cores"
echo
echo "| what | Ingle | beside it | ratio of medians | at most |"
echo "|---|---|---|---|---|"
# Nine tenths of a speed are ten ninths of a time.
row verify_ours '`ingle verify --all`' verify_beside '`sha256sum`' 1.11
[ -z "$openssl" ] || row verify_ours '`ingle verify --all`' verify_openssl '`openssl dgst -sha256`' ''
row shards_ours "\`ingle verify --all\`, $n_shards shards" shards_beside '`sha256sum` of all' 1.11
row shards_ours "\`ingle verify --all\`, $n_shards shards" shards_together "\`sha256sum\`, $(nproc) at a time" 1.11
row import_ours '`ingle import`' import_beside '`cp`, `sync`, `sha256sum` of the copy' 1.10
row pull_ours '`ingle pull` from loopback' pull_beside '`curl -o`, `sync`, `sha256sum`' 1.10
