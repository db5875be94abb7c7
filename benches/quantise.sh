#!/usr/bin/env bash
# How good the files of `ingle quantize` are beside those of llama.cpp's llama-quantize: MODEL, a GGUF file in F32, F16 or Q8_0, is
# written in every type by both. Prints one table: by format, what the weights have lost (RMSE over the tensors that have the format
# in both files; Ingle's is to be no more), and the perplexity by `ingle perplexity` in exact precision, so that only the bytes of the
# files differ (Ingle's is to be at most 1.005 × llama.cpp's). Fails where one is more.
#
#   cargo build --release -p ingle-cli && cargo build --release -p ingle-benches --example rmse
#   benches/quantise.sh target/release/ingle LLAMA MODEL TEXT FOLDER [CHUNKS [THREADS]]
#
# LLAMA is the folder of llama.cpp's programs, …/build/bin. Of TEXT, CHUNKS windows (8) of 512 tokens are read, or of CONTEXT.
# FORMATS names types in the place of all that `ingle quantize --help` lists and llama-quantize has, IMATRIX an importance matrix for both,
# RMSE the example where it is not beside INGLE.
# SPECIAL=1 lets Ingle take the model's control tokens in TEXT for what they are, as Ember's held-out conversations want it (llama.cpp's judge reads
# them as letters).
# JUDGES="ingle llama.cpp" lets llama-perplexity judge the files, too, in its own precision, as a second opinion.
#
# What was measured stays in FOLDER: the same command goes on where it was stopped. FOLDER takes two quantised files at a time.
set -euo pipefail
# shellcheck source=cells.sh
source "$(dirname "$0")/cells.sh"
usage="usage: quantise.sh INGLE LLAMA MODEL TEXT FOLDER [CHUNKS [THREADS]]"
ingle=$(realpath "${1:?$usage}") llama=$(realpath "${2:?$usage}") rmse=${RMSE:-$(dirname "$1")/examples/rmse}
model=$(realpath "${3:?$usage}") text=$(realpath "${4:?$usage}") imatrix=${IMATRIX:+$(realpath "$IMATRIX")}
window=(-c "${CONTEXT:-512}" --chunks "${6:-8}") threads=${7:-$(nproc)} judges=${JUDGES:-ingle}
special=()
[ -z "${SPECIAL:-}" ] || special=(--parse-special)

types() { # what `ingle quantize --help` lists, however wide the terminal is, but for what says nothing beside llama.cpp
  # llama-quantize has no MXFP4 but for experts, and makes Q2_K_S with an importance matrix alone. F32 loses nothing.
  local others='F32|MXFP4|MXFP4_MOE'
  [ -n "$imatrix" ] || others+='|Q2_K_S'
  "$ingle" quantize --help </dev/null | sed -n '/^Types, /,/^$/p' | grep -oE '[A-Z]+[0-9][A-Z0-9_]*' | grep -vxE "$others" | paste -sd' '
}

formats=${FORMATS:-$(types)} || {
  echo "quantise.sh: \`$1 quantize --help\` lists no types: expected them below \"Types, \"; FORMATS names some" >&2
  exit 1
}

begin "${5:?$usage}" "quantise ${window[*]}${special[*]:+ ${special[*]}}" \
  "$ingle" "$rmse" "$llama/llama-quantize" "$llama/llama-perplexity" "$model" "$text" ${imatrix:+"$imatrix"}

write() { # writer, type: the file `$place/TYPE-WRITER.gguf`, if it is not there
  local file=$place/$2-$1.gguf draft=$place/draft.gguf
  [ ! -f "$file" ] || return 0
  case $1 in
    ingle) "$ingle" quantize "$model" "$draft" "$2" -y -t "$threads" ${imatrix:+--imatrix "$imatrix"} ;;
    llama.cpp)
      "$llama/llama-quantize" --allow-requantize ${imatrix:+--imatrix "$imatrix"} "$model" "$draft" "$2" "$threads"
      ;;
  esac >"$said" 2>&1 </dev/null || failed "$1 does not write $2"
  mv "$draft" "$file"
}

judged() { # judge, file: its perplexity
  case $1 in
    ingle)
      perplexity "$ingle" "$2" --text "$text" "${window[@]}" "${special[@]}" -t "$threads" --precision exact | number perplexity
      ;;
    llama.cpp)
      "$llama/llama-perplexity" -m "$2" -f "$text" "${window[@]}" -t "$threads" 2>&1 </dev/null | tee "$said" |
        sed -n 's/.*Final estimate: PPL = \([0-9.]*\) .*/\1/p'
      ;;
  esac
}

judge() { # KEY, file: what is missing of its perplexities
  local judge value
  for judge in $judges; do
    if cell "$1,perplexity,$judge" >/dev/null; then continue; fi
    value=$(judged "$judge" "$2") || failed "$judge does not judge $1"
    [ -n "$value" ] || failed "$judge says no perplexity of $1"
    note "$1,perplexity,$judge" "$value"
  done
}

is_judged() { # KEY: whether nothing is missing of them
  local judge
  for judge in $judges; do cell "$1,perplexity,$judge" >/dev/null || return 1; done
}

compare() { # type: what its two files have lost, format by format, and their sizes
  local lost line
  lost=$("$rmse" "$model" "$place/$1-ingle.gguf" "$place/$1-llama.cpp.gguf" 2>"$said") || failed "no RMSE of $1"
  sed 1d <<<"$lost" | while read -r line; do note "$1,rmse" "$line"; done
  # The last, so that it says that the others are there.
  note "$1,bytes" "$(stat -c %s "$place/$1-ingle.gguf" "$place/$1-llama.cpp.gguf" | paste -sd,)"
}

judge original,- "$model"
for format in $formats; do
  if cell "$format,bytes" >/dev/null && is_judged "$format,ingle" && is_judged "$format,llama.cpp"; then continue; fi
  write ingle "$format"
  write llama.cpp "$format"
  cell "$format,bytes" >/dev/null || compare "$format"
  judge "$format,ingle" "$place/$format-ingle.gguf"
  judge "$format,llama.cpp" "$place/$format-llama.cpp.gguf"
  rm -f "$place/$format"-*.gguf
done

echo "$("$ingle" --version | paste -sd' '), $(basename "$model") ($(stat -c %s "$model") bytes), $(basename "$text"), ${window[*]}${special[*]:+ ${special[*]}}"
for judge in $judges; do echo "Perplexity of the model itself by $judge: $(cell "original,-,perplexity,$judge")"; done
echo
table=$(awk -F, -v formats="$formats" -v judges="$judges" -f "$(dirname "$0")/quantise.awk" "$cells")
echo "$table"
! grep -q ' NO |' <<<"$table"
