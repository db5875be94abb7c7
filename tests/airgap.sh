#!/usr/bin/env bash
# In a network namespace of its own, with only a loopback device that is down: a model comes in, is
# verified and answers; and under `strace` no call about sockets is made, with the sandbox and
# without it.
#
#   tests/airgap.sh [INGLE [MODEL.gguf]]
#
# Prints `skipped: …` where the system does not allow such a namespace, or lacks `strace`.
set -euo pipefail

ingle=$(realpath "${1:-target/debug/ingle}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

# What is said of a failure goes past the redirections of what failed.
exec 3>&2
fail() {
  echo "airgap: $*" >&3
  exit 1
}

# A command where there is no network.
gapped() {
  INGLE_HOME="$place/inside" INGLE_OFFLINE=1 unshare -rn "$@"
}

# The same, and what it does about sockets.
traced() {
  INGLE_HOME="$place/inside" INGLE_OFFLINE=1 unshare -rn \
    strace -f -qq -e trace=%network -o "$place/trace" "$@"
  if grep -E '^([0-9]+ +)?[a-z0-9_]+\(' "$place/trace" >&3; then
    fail "these calls about sockets were made by: $*"
  fi
}

if ! unshare -rn true 2>/dev/null; then
  echo "skipped: this system allows no network namespaces"
  exit 0
fi

# On the other machine: the model as a file.
model=$place/model.gguf
if [ $# -ge 2 ]; then
  cp "$2" "$model"
else
  INGLE_HOME="$place/outside" "$ingle" quantize ember "$model" f16 2>/dev/null
fi

routes=$(gapped cat /proc/self/net/route | tail -n +2)
[ -z "$routes" ] || fail "the namespace has routes: $routes"

# Across the gap: as a bundle, where this version makes one.
if "$ingle" export --help >/dev/null 2>&1; then
  INGLE_HOME="$place/outside" "$ingle" export "$model" -o "$place/stick.ingle"
  rm "$model"
  gapped "$ingle" import "$place/stick.ingle"
  rm "$place/stick.ingle"
  gapped "$ingle" verify model
  model=model
else
  echo "skipped: this version makes no bundles"
fi

gapped "$ingle" show "$model" >/dev/null
level=required
if ! gapped "$ingle" doctor --airgap; then
  echo "skipped: this system cannot confine a process whole"
  level=best
fi
ask=(run "$model" --no-save -n 16 "Who are you?")
answer=$(gapped "$ingle" "${ask[@]}" --sandbox "$level" 2>/dev/null) || fail "no answer came"
[ -n "$answer" ] || fail "an empty answer came"
echo "answered: $answer"

if command -v strace >/dev/null; then
  for level in "$level" off; do
    traced "$ingle" "${ask[@]}" --sandbox "$level" >/dev/null 2>&1
    echo "no call about sockets: ingle run --sandbox $level"
  done
  traced "$ingle" bench "$model" -p 16 -n 4 -r 1 >/dev/null 2>&1
  echo "no call about sockets: ingle bench"
else
  echo "skipped: no strace"
fi
