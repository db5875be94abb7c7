#!/usr/bin/env bash
# The core table: tokens a second of Ingle beside llama.cpp, with and without its repacking of weights, on the same files. A cell is a
# model and a test. In each round of it every program measures it once, in turn, in a process of its own, when others leave the
# processors alone. Prints a table in Markdown: medians, Ingle to the best of the others round by round, what memory gave before
# and after each answer of Ingle, and the most memory that each program had.
#
#   core.sh [OPTION…] INGLE LLAMA FOLDER OUT.csv
#
#   INGLE           target/release/ingle
#   LLAMA           the folder of llama.cpp's programs, …/build/bin
#   FOLDER          for the models, random weights that `ingle bench --shape` writes; all six take 8 GB
#   OUT.csv         takes a line a measurement: benches/results/MACHINE/DATE.csv. The same command goes on where it was stopped,
#                   and measures anew what it has of other programs or numbers of threads
#   --only A,B,…    formats, or paths of GGUF files [default: q4_0,q4_k_m,q6_k,q8_0,iq4_xs,bf16]
#   --test A,B,…    prompts and answers, at a depth or not [default: pp512,tg128,tg128@d4096]
#   --rounds N      [default: 5]
#   --threads N     [default: all processors]
#   --patience N    seconds to wait for a quiet machine before each measurement [default: 60]; the table tells where it was not
#   --shape NAME    one that `ingle bench --shape` knows [default: llama-3.2-1b]
#   --ik FOLDER     the folder of ik_llama.cpp's programs: it is measured, too, with and without `-rtr 1`
set -euo pipefail
export LC_ALL=C INGLE_AUDIT=0
usage() { sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0" >&2 && exit 2; }

only=q4_0,q4_k_m,q6_k,q8_0,iq4_xs,bf16 tests=pp512,tg128,tg128@d4096 rounds=5
threads=$(nproc) patience=60 shape=llama-3.2-1b ik=
while [[ ${1:-} == --* ]]; do
  [ $# -gt 1 ] || usage
  case $1 in
    --only) only=$2 ;;
    --test) tests=$2 ;;
    --rounds) rounds=$2 ;;
    --threads) threads=$2 ;;
    --patience) patience=$2 ;;
    --shape) shape=$2 ;;
    --ik) ik=$2/llama-bench ;;
    *) usage ;;
  esac
  shift 2
done
[ $# -eq 4 ] || usage
ingle=$1 llama=$2/llama-bench models=$3 csv=$4
programs=(ingle llama.cpp "llama.cpp --repack 0" ${ik:+ik_llama.cpp} ${ik:+"ik_llama.cpp -rtr 1"})
# Other kernels are another program.
build=$({ sha256sum "$ingle" "$llama" ${ik:+"$ik"} | cut -d' ' -f1 && echo "${INGLE_ISA:-}"; } | sha256sum | cut -c1-12)
mkdir -p "$models" "$(dirname "$csv")"
export INGLE_HOME=$models/home
said=$models/said told=$models/told peak=$models/peak
header=build,threads,model,test,round,program,tokens_per_second,peak_mib,gbs_before,gbs_after,percent_of_gbs,others_percent,quiet,time
[ -s "$csv" ] || echo "$header" >"$csv"
[ "$(head -1 "$csv")" = "$header" ] || { echo "core.sh: \`$csv\` has other columns: name another file" >&2 && exit 1; }

locate() { # a format or a path: sets `model` and `file`, and writes the file if it is not there
  case $1 in
    *.gguf) model=$(basename "$1" .gguf) file=$1 ;;
    *) model=$shape-$1 file=$models/$shape-$1.gguf ;;
  esac
  [ -f "$file" ] || "$ingle" bench --shape "$shape:$1" -p 0 -n 0 --write "$file"
}

parse() { # a test: sets `kind`, `n` and `depth`
  [[ $1 =~ ^(pp|tg)([1-9][0-9]*)(@d([0-9]+))?$ ]] || usage
  kind=${BASH_REMATCH[1]} n=${BASH_REMATCH[2]} depth=${BASH_REMATCH[4]:-0}
  [ -z "$ik" ] || [ "$kind" = tg ] || [ "$depth" = 0 ] ||
    { echo "core.sh: ik_llama.cpp measures no prompt at a depth, as \`$1\` is" >&2 && exit 2; }
}

quiet() { # waits until nobody uses the processors, `patience` seconds at most: whether that came
  local begin=$SECONDS
  while true; do
    if { head -1 /proc/stat && sleep 1 && head -1 /proc/stat; } | awk '
      { all = 0; for (i = 2; i <= 9; i++) all += $i; idle = $5 + $6 }
      NR == 1 { was_all = all; was_idle = idle }
      END { exit !(idle - was_idle >= 0.95 * (all - was_all)) }'; then return 0; fi
    [ $((SECONDS - begin)) -lt "$patience" ] || return 1
  done
}

measure() { # program: its line, from tokens a second on
  local -a command flags=(-p 0 -n "$n")
  local is_quiet=1
  [ "$kind" = tg ] || flags=(-p "$n" -n 0)
  case $1 in
    ingle) command=("$ingle" bench "$file" "${flags[@]}" -d "$depth") ;;
    llama.cpp*) command=("$llama" -m "$file" "${flags[@]}" -d "$depth" -fa 1) ;;
    ik_llama.cpp*)
      # It calls a depth the prompt before an answer.
      [ "$depth" = 0 ] || flags=(-p 0 -n 0 -gp "$depth,$n")
      command=("$ik" -m "$file" "${flags[@]}" -fa 1)
      ;;
  esac
  case $1 in
    *'--repack 0') command+=(--repack 0) ;;
    *'-rtr 1') command+=(-rtr 1) ;;
  esac
  quiet || is_quiet=0
  /usr/bin/time -o "$peak" -f %M "${command[@]}" -t "$threads" -r 1 -o json >"$said" 2>"$told" </dev/null ||
    { cat "$told" >&2 && echo "core.sh: $1 does not measure \`$file\`" >&2 && exit 1; }
  # Ingle says its memory itself, without what it reads to measure the bandwidth.
  awk -v quiet="$is_quiet" -v kib="$(tail -1 "$peak")" -v time="$(date -u +%FT%TZ)" '
    match($0, /"[a-z_]*": *[0-9.eE+-]+/) { split(substr($0, RSTART + 1, RLENGTH - 1), it, /": */); of[it[1]] = it[2] }
    function gigabytes(x) { return x == "" ? "" : sprintf("%.1f", x / 1e9) }
    function short(x) { return x == "" ? "" : sprintf("%.1f", x) }
    END {
      if (!("avg_ts" in of)) exit 1
      mib = "peak_memory" in of ? of["peak_memory"] / 1048576 : kib / 1024
      printf "%.2f,%.0f,%s,%s,%s,%s,%s,%s\n", of["avg_ts"], mib, gigabytes(of["bandwidth"]), gigabytes(of["bandwidth_after"]),
        short(of["roofline_percent"]), short(of["others_percent"]), quiet, time
    }' "$said"
}

round() { # its number: all programs, whose lines are kept together or not at all
  local key=$build,$threads,$model,$test,$1 program lines=
  ! grep -q "^$key," "$csv" || return 0
  # Nobody is measured with a file that is still on the disk.
  cat "$file" >/dev/null
  for program in "${programs[@]}"; do
    lines+="$key,$program,$(measure "$program")"$'\n'
  done
  printf %s "$lines" | tee -a "$csv" >&2
}

table() {
  echo "$("$ingle" --version | paste -sd' '); $(awk -F': ' '/^model name/ { print $2; exit }' /proc/cpuinfo); $threads threads; $(date -u +%F)"
  echo
  local IFS='|'
  awk -F, -v build="$build" -v threads="$threads" -v programs="${programs[*]}" -f "$(dirname "$0")/core.awk" "$csv"
}

for format in ${only//,/ }; do
  locate "$format"
  for test in ${tests//,/ }; do
    parse "$test"
    for ((nth = 1; nth <= rounds; nth++)); do round "$nth"; done
  done
done
table
