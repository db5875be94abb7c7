#!/usr/bin/env bash
# Whether llama.cpp computes Ember as Ingle does: from the same F32 file, `llama-server` and `ingle` go on greedily for 64 tokens after
# each of the first 20 questions of models/ember/held-out.txt, beyond the end of an answer, too. Both keep keys and values in F32; Ingle
# computes in exact precision, llama.cpp without flash attention. Prints a table: how many tokens are equal, where the first other one
# is, and how far apart the two likeliest tokens are there, which is the difference of their logits in llama.cpp. Fails where that is
# 0.01 or more, and where the two cut a question into other tokens.
#
#   cargo build --release -p ingle-cli
#   benches/ember.sh LLAMA FOLDER [THREADS]
#
# LLAMA is the folder of llama.cpp's programs, …/build/bin. FOLDER takes 25 MB. INGLE names another program than target/release/ingle,
# EMBER another file than models/ember/ember.gguf, and PORT where llama-server listens.
set -euo pipefail
# shellcheck source=cells.sh
source "$(dirname "$0")/cells.sh"
usage="usage: ember.sh LLAMA FOLDER [THREADS]"
root=$(realpath "$(dirname "$0")/..")
llama=$(realpath "${1:?$usage}")/llama-server ingle=$(realpath "${INGLE:-$root/target/release/ingle}")
model=$(realpath "${EMBER:-$root/models/ember/ember.gguf}") texts=$root/models/ember/held-out.txt threads=${3:-$(nproc)}
prompts=20 n=64 bound=0.01 url=http://127.0.0.1:${PORT:-$((20000 + RANDOM % 10000))}
begin "${2:?$usage}" ember "$ingle" "$llama" "$model"
file=$place/ember-f32.gguf

server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true' EXIT

serve() {
  local begin=$SECONDS log=$place/server
  "$llama" -m "$file" --host 127.0.0.1 --port "${url##*:}" -c 512 -np 1 -t "$threads" -fa off -ctk f32 -ctv f32 \
    >"$log" 2>&1 </dev/null &
  server=$!
  until get health >/dev/null 2>&1; do
    if ! kill -0 "$server" 2>/dev/null || [ $((SECONDS - begin)) -ge 120 ]; then
      said=$log
      failed "llama-server does not load \`$file\`, or not within 120 seconds"
    fi
    sleep 0.2
  done
}

get() { # path: what llama-server says
  curl -sSf --noproxy '*' "$url/$1" 2>"$said"
}

post() { # path, JSON: what it says to that
  curl -sSf --noproxy '*' -H 'Content-Type: application/json' -d "$2" "$url/$1" 2>"$said"
}

tokens() { # of JSON: the ids, by commas
  sed -n 's/.*"tokens": *\[\([0-9, ]*\)\].*/\1/p' | tr -d ' '
}

our_ids() { # text
  "$ingle" tokenize "$file" "$1" --parse-special 2>"$said" </dev/null | awk '{ print $1 }' | paste -sd,
}

their_ids() { # text
  local json=${1//\\/\\\\}
  post tokenize "{\"content\":\"${json//\"/\\\"}\",\"add_special\":true,\"parse_special\":true}" | tokens
}

ours() { # ids: those that follow, a line each
  local out=$place/ours.safetensors
  "$ingle" logits "$file" --ids "$1" --greedy "$n" --precision exact --cache-type f32 --device cpu -t "$threads" -y -o "$out" \
    >"$said" 2>&1 </dev/null || failed "ingle does not compute Ember"
  # They are the end of the file, in eight bytes each.
  tail -c $((8 * n)) "$out" | od -An -v -w8 -t d8 | tr -d ' '
}

theirs() { # ids: those that follow, a line each, with how far apart the two likeliest are
  local ids=$1 left=$n answer said_ids gaps found
  # An answer ends with its last token: what follows is asked for anew.
  while [ "$left" -gt 0 ]; do
    answer=$(post completion "{\"prompt\":[$ids],\"n_predict\":$left,\"temperature\":0,\"n_probs\":2,\"return_tokens\":true}") ||
      failed "llama-server does not answer"
    said_ids=$(tokens <<<"$answer")
    # Of each token its own, the likeliest one's and the next one's.
    gaps=$(grep -o '"logprob": *[^,}]*' <<<"$answer" |
      awk -F: 'NR % 3 == 2 { first = $2 } NR % 3 == 0 { printf "%.6g\n", first - $2 }') || true
    found=$(tr , '\n' <<<"$said_ids" | grep -c .) || true
    [ "$found" -gt 0 ] && [ "$found" = "$(grep -c . <<<"$gaps")" ] ||
      failed "llama-server does not say of each token how likely it and the next one were"
    paste -d' ' <(tr , '\n' <<<"$said_ids") - <<<"$gaps"
    ids=$ids,$said_ids left=$((left - found))
  done
}

compare() { # question: its row of the table; whether nothing differs but what was as likely
  paste -d' ' "$place/ours" "$place/theirs" | question=$1 awk -v n="$n" -v bound="$bound" '
    $1 != $2 && !at { at = NR; gap = $3 }
    !at && (least == "" || $3 + 0 < least) { least = $3 + 0 }
    END {
      where = at ? at " | " gap : "none | -"
      printf "| %s | %d of %d | %s | %s |\n", ENVIRON["question"], at ? at - 1 : n, n, where, least == "" ? "-" : least
      exit at && gap + 0 >= bound + 0
    }'
}

[ -f "$file" ] || {
  "$ingle" quantize "$model" "$place/draft.gguf" F32 -y -t "$threads" >"$said" 2>&1 </dev/null ||
    failed "ingle does not write \`$model\` in F32"
  mv "$place/draft.gguf" "$file"
}
serve
mapfile -t asked < <(head -n "$prompts" "$texts" | sed 's/<|ember|>.*/<|ember|>/')
[ "${#asked[@]}" = "$prompts" ] || { echo "ember.sh: \`$texts\` has ${#asked[@]} lines, expected $prompts" >&2 && exit 1; }

echo "$("$ingle" --version | paste -sd' '), llama.cpp $("$llama" --version 2>&1 | sed -n 's/^version: //p'), $(basename "$model") in F32"
echo
echo "| question | equal tokens | first other one | gap there | least gap before |"
echo "|---|---|---|---|---|"
same=0 wrong=0
for text in "${asked[@]}"; do
  question=$(sed 's/.*<|user|>//; s/<|end|>.*//; s/|/\\|/g' <<<"$text")
  ids=$(our_ids "$text") || failed "ingle does not read \`$question\`"
  other=$(their_ids "$text") || failed "llama-server does not read \`$question\`"
  [ "$ids" = "$other" ] || { echo "ember.sh: \`$text\` is $ids in Ingle, $other in llama.cpp" >&2 && exit 1; }
  ours "$ids" >"$place/ours"
  theirs "$ids" >"$place/theirs"
  if ! compare "$question"; then wrong=$((wrong + 1)); fi
  if cmp -s "$place/ours" <(cut -d' ' -f1 "$place/theirs"); then same=$((same + 1)); fi
done
echo
if [ "$wrong" -gt 0 ]; then
  echo "NOT the same: $wrong of $prompts texts differ first where the gap is $bound or more; $same are equal."
  exit 1
fi
echo "The same: $same of $prompts texts are equal, and none differs first where the gap is $bound or more."
