#!/usr/bin/env bash
# How good the files of `ingle quantize` are beside those of llama.cpp's llama-quantize: MODEL, a GGUF file in F16 or Q8_0, is
# written in every type by both, and `ingle perplexity` in exact precision judges both files, so that only their bytes differ.
# Prints a table with the ratio of the perplexities, which is to be at most 1.005, and the sizes; results.csv has the same.
#
#   cargo build --release -p ingle-cli
#   benches/quantise.sh target/release/ingle LLAMA_QUANTIZE LLAMA_PERPLEXITY MODEL TEXT FOLDER [CHUNKS [THREADS]]
#
# LLAMA_PERPLEXITY judges both files, too, in its own precision, as a second opinion; `-` leaves it out. Of TEXT, CHUNKS
# windows of 512 tokens are read (8). FORMATS names other types than all, IMATRIX an importance matrix for both.
#
# What was measured stays in FOLDER: the same command goes on where it was stopped. A quantised file is removed once it is
# judged, so FOLDER takes one at a time.
set -euo pipefail
export LC_ALL=C INGLE_AUDIT=0
usage="usage: quantise.sh INGLE LLAMA_QUANTIZE LLAMA_PERPLEXITY MODEL TEXT FOLDER [CHUNKS [THREADS]]"
ingle=$(realpath "${1:?$usage}") quantize=$(realpath "${2:?$usage}") second=${3:?$usage}
model=$(realpath "${4:?$usage}") text=$(realpath "${5:?$usage}")
chunks=${7:-8} threads=${8:-$(nproc)} imatrix=${IMATRIX:+$(realpath "$IMATRIX")}
[ "$second" = - ] || second=$(realpath "$second")
# llama-quantize makes Q2_K_S with an importance matrix alone; it has no MXFP4 but for experts.
formats=${FORMATS:-Q8_0 Q6_K Q5_K_M Q5_K_S Q5_1 Q5_0 Q4_K_M Q4_K_S IQ4_NL IQ4_XS Q4_1 Q4_0 Q3_K_L Q3_K_M Q3_K_S Q2_K${imatrix:+ Q2_K_S}}

# Of other programs, or of another model, text or number of windows, nothing is measured yet.
digest() { sha256sum | cut -c1-12; }
what=$(sha256sum "$ingle" "$quantize" "$model" "$text" ${imatrix:+"$imatrix"} | cut -d' ' -f1; echo "$chunks")
mkdir -p "${6:?$usage}"
place=$(realpath "$6")/$(digest <<<"$what")
mkdir -p "$place"
cells=$place/cells.csv said=$place/said file=$place/quantised.gguf
export INGLE_HOME=$place/home
touch "$cells"

failed() { # what could not be done
  cat "$said" >&2
  echo "quantise.sh: $1" >&2
  exit 1
}

write() { # writer, type
  case $1 in
    ingle) "$ingle" quantize "$model" "$file" "$2" -y -t "$threads" ${imatrix:+--imatrix "$imatrix"} ;;
    llama.cpp) "$quantize" --allow-requantize ${imatrix:+--imatrix "$imatrix"} "$model" "$file" "$2" "$threads" ;;
  esac
}

judge() { # judge, file: its perplexity
  case $1 in
    ingle)
      "$ingle" perplexity "$2" --text "$text" -c 512 --chunks "$chunks" -t "$threads" --precision exact --json 2>"$said" |
        sed -n 's/^ *"perplexity": \([0-9.e+]*\),*$/\1/p'
      ;;
    llama.cpp)
      "$second" -m "$2" -f "$text" -c 512 --chunks "$chunks" -t "$threads" 2>&1 | tee "$said" |
        sed -n 's/.*Final estimate: PPL = \([0-9.]*\) .*/\1/p'
      ;;
  esac
}

judges=ingle
[ "$second" = - ] || judges="ingle llama.cpp"

cell() { # type, writer, judge: its line, if it is measured
  grep "^$1,$2,$3," "$cells"
}

measure() { # type, writer: what of its cells is missing
  local judge missing="" perplexity of=$file
  for judge in $judges; do cell "$1" "$2" "$judge" >/dev/null || missing+=" $judge"; done
  [ -n "$missing" ] || return 0
  if [ "$1" = original ]; then
    of=$model
  else
    rm -f "$file"
    write "$2" "$1" >"$said" 2>&1 </dev/null || failed "$2 does not write $1"
  fi
  for judge in $missing; do
    perplexity=$(judge "$judge" "$of" </dev/null) || failed "$judge does not judge $1 of $2"
    [ -n "$perplexity" ] || failed "$judge says no perplexity of $1 of $2"
    echo "$1,$2,$judge,$perplexity,$(stat -c %s "$of")" >>"$cells"
    echo "$1 by $2, judged by $judge: $perplexity" >&2
  done
  rm -f "$file"
}

measure original -
for format in $formats; do
  measure "$format" ingle
  measure "$format" llama.cpp
done

perplexity() { cell "$@" | cut -d, -f4; }
bytes() { cell "$@" | cut -d, -f5; }
results=$place/results.csv
echo "type,judge,perplexity_ingle,perplexity_llama.cpp,ratio,bytes_ingle,bytes_llama.cpp" >"$results"
for format in $formats; do
  for judge in $judges; do
    awk -v type="$format" -v judge="$judge" -v a="$(perplexity "$format" ingle "$judge")" \
      -v b="$(perplexity "$format" llama.cpp "$judge")" -v n="$(bytes "$format" ingle "$judge")" \
      -v m="$(bytes "$format" llama.cpp "$judge")" \
      'BEGIN { printf "%s,%s,%.4f,%.4f,%.5f,%d,%d\n", type, judge, a, b, a / b, n, m }' >>"$results"
  done
done

echo "$("$ingle" --version | head -1), $(basename "$model") ($(stat -c %s "$model") bytes), $(basename "$text"), $chunks windows of 512 tokens"
for judge in $judges; do
  printf '\nPerplexities by %s; of the model itself %.4f:\n\n' "$judge" "$(perplexity original - "$judge")"
  echo "| type | Ingle's file | llama.cpp's file | ratio | at most 1.005 | bytes, Ingle's to llama.cpp's |"
  echo "|---|---|---|---|---|---|"
  awk -F, -v judge="$judge" '$2 == judge {
    printf "| %s | %.4f | %.4f | %.4f | %s | %.4f |\n", $1, $3, $4, $5, $5 <= 1.005 ? "yes" : "NO", $6 / $7
  }' "$results"
done
printf '\n%s\n' "$results"
