#!/usr/bin/env bash
# How far fast precision is from exact, Ingle's beside llama.cpp's. MODEL, a GGUF file in F32 or F16, is written in every type of
# `ingle quantize`; both programs compute the same file as they usually do, and each is held against its own exact figures of it:
# Ingle with `--precision exact`; llama.cpp, which rounds activations to suit the weights, with the same weights decoded to F32 and
# keys and values in F32. Prints a table: of the logarithm of the ratio of the perplexities, which is to be at most 0.003, or
# llama.cpp's where that is more, and of the mean Kullback-Leibler divergence, at most 1.1 × llama.cpp's. Fails where one is more.
#
#   cargo build --release -p ingle-cli
#   benches/precision.sh target/release/ingle LLAMA MODEL TEXT FOLDER [CHUNKS [THREADS]]
#
# LLAMA is the folder of llama.cpp's programs, …/build/bin. Of TEXT, CHUNKS windows (8) of 512 tokens are read, or of CONTEXT;
# llama-perplexity wants two at least. TYPES names other types than all.
#
# What was measured stays in FOLDER: the same command goes on where it was stopped. precision.csv there has a line a type. FOLDER
# takes the model in F32 and in one type at a time, and two bytes for each token of the vocabulary and each that counts.
set -euo pipefail
# shellcheck source=cells.sh
source "$(dirname "$0")/cells.sh"
usage="usage: precision.sh INGLE LLAMA MODEL TEXT FOLDER [CHUNKS [THREADS]]"
ingle=$(realpath "${1:?$usage}") llama=$(realpath "${2:?$usage}")/llama-perplexity
model=$(realpath "${3:?$usage}") text=$(realpath "${4:?$usage}") chunks=${6:-8} threads=${7:-$(nproc)} context=${CONTEXT:-512}
begin "${5:?$usage}" "precision $chunks $context ${INGLE_ISA:-}" "$ingle" "$llama" "$model" "$text"
file=$place/quantised.gguf exact=$place/exact.gguf base=$place/base
window=(-c "$context" --chunks "$chunks" -t "$threads")

all_types() { # but the one that is Q8_0 where a model has no experts
  "$ingle" quantize --help | sed -n '/^Types, /,/^$/{//!p}' | tr -s ' \n' ' ' | sed 's/ MXFP4_MOE / /'
}
read -ra types <<<"${TYPES:-$(all_types)}"

ours() { # type
  local json
  json=$(perplexity "$ingle" "$file" --text "$text" "${window[@]}" --precision fast --kl-divergence "$file") ||
    failed "ingle does not compute $1"
  noted "$1,ingle" "$(number mean_ln_ratio <<<"$json"),$(number mean <<<"$json")"
}

theirs() { # type
  "$ingle" quantize "$file" "$exact" F32 -y -t "$threads" >"$said" 2>&1 </dev/null || failed "ingle does not decode $1"
  llama_perplexity "$exact" -fa off -ctk f32 -ctv f32 --kl-divergence-base "$base"
  llama_perplexity "$file" -fa on --kl-divergence-base "$base" --kl-divergence
  noted "$1,llama.cpp" "$(figure 'Mean ln(PPL(Q)/PPL(base))'),$(figure 'Mean    KLD')"
}

llama_perplexity() { # file, and what else it takes
  "$llama" -m "$1" -f "$text" -b "$context" "${window[@]}" "${@:2}" >"$said" 2>&1 </dev/null ||
    failed "llama-perplexity does not compute $1"
}

figure() { # its name: the number that llama-perplexity said last
  awk -F: -v name="$1" 'index($0, name) == 1 { split($2, words, " "); print words[1] }' "$said"
}

noted() { # key, two numbers by a comma
  [[ $2 =~ ^[-0-9.e]+,[-0-9.e]+$ ]] || failed "no figures of $1 were said, but \`$2\`"
  note "$1" "$2"
}

for type in "${types[@]}"; do
  if cell "$type,ingle" >/dev/null && cell "$type,llama.cpp" >/dev/null; then continue; fi
  "$ingle" quantize "$model" "$file" "$type" -y -t "$threads" >"$said" 2>&1 </dev/null || failed "ingle does not write $type"
  cell "$type,ingle" >/dev/null || ours "$type"
  cell "$type,llama.cpp" >/dev/null || theirs "$type"
  rm -f "$file" "$exact" "$base"
done

# llama-perplexity says six decimals: what it does not say may be half of the last.
csv=$place/precision.csv
for type in "${types[@]}"; do
  echo "$type,$(cell "$type,ingle"),$(cell "$type,llama.cpp")"
done | awk -F, '
  function size(x) { return x < 0 ? -x : x }
  BEGIN { print "type,ln_ratio_ingle,ln_ratio_llama.cpp,kld_ingle,kld_llama.cpp,holds" }
  {
    ln = size($4) > 0.003 ? size($4) : 0.003
    kld = 1.1 * (($5 > 0 ? $5 : 0) + 0.0000005)
    holds = size($2) <= ln && $3 <= kld
    printf "%s,%.6f,%.6f,%.7f,%.6f,%s\n", $1, size($2), size($4), $3, $5, holds ? "yes" : "NO"
  }' >"$csv"

echo "$("$ingle" --version | paste -sd' '), $(basename "$model"), $(basename "$text"), $chunks windows of $context tokens"
echo
echo "| type | ln of the ratio of perplexities | llama.cpp's | mean KLD | llama.cpp's | within bounds |"
echo "|---|---|---|---|---|---|"
sed '1d;s/,/ | /g;s/.*/| & |/' "$csv"
printf '\n%s\n' "$csv"
! grep -q ',NO$' "$csv"
