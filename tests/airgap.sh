#!/usr/bin/env bash
# In a network namespace of its own, with only a loopback device that is down: a model comes in, is
# verified and answers; and under `strace` no call about sockets is made, with the sandbox and
# without it.
#
#   tests/airgap.sh [INGLE [MODEL.gguf]]
#
# A build without network code is held to more: it fetches nothing, and keeps no chat unless it is told.
# Prints `skipped: …` where the system does not allow such a namespace, lacks `strace`, or has a kernel
# that cannot confine a process; that is a failure where `INGLE_REQUIRE` names `sandbox`.
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

# What this system lacks is told of, and is a failure where it is required.
skip() {
  case ",${INGLE_REQUIRE:-}," in *,sandbox,*) fail "$*" ;; esac
  echo "skipped: $*"
}

# A command where there is no network.
gapped() {
  INGLE_HOME="$place/inside" INGLE_OFFLINE=1 unshare -rn "$@"
}

# The same, and what it does about sockets, where that can be seen.
watched() {
  if ! command -v strace >/dev/null; then
    gapped "$@"
    return
  fi
  gapped strace -f -qq -e trace=%network -o "$place/trace" "$@" || fail "this failed: $*"
  if grep -E '^([0-9]+ +)?[a-z0-9_]+\(' "$place/trace" >&3; then
    fail "these calls about sockets were made by: $*"
  fi
  echo "no call about sockets: ingle ${*:2}" >&3
}

if ! unshare -rn true 2>/dev/null; then
  skip "this system allows no network namespaces"
  exit 0
fi
command -v strace >/dev/null || skip "no strace"

# On the other machine: the model as a file.
model=$place/model.gguf
if [ $# -ge 2 ]; then
  cp "$2" "$model"
else
  INGLE_HOME="$place/outside" "$ingle" quantize ember "$model" f16 2>/dev/null
fi

routes=$(gapped cat /proc/self/net/route | tail -n +2)
[ -z "$routes" ] || fail "the namespace has routes: $routes"

# Across the gap, as a bundle.
INGLE_HOME="$place/outside" "$ingle" export "$model" -o "$place/stick.ingle"
rm "$model"
watched "$ingle" import "$place/stick.ingle"
rm "$place/stick.ingle"
watched "$ingle" verify model
model=model
gapped "$ingle" show "$model" >/dev/null

# What else can be wrong with the sandbox than the kernel is a fault of ours.
level=required
gapped "$ingle" doctor --airgap || {
  report=$(gapped "$ingle" doctor --airgap --json 2>/dev/null) || true
  grep -Eq '"(open|partly)": "(this kernel|only Linux)' <<<"$report" || fail "the report has faults"
  skip "this kernel cannot confine a process whole"
  level=best
}

ask=(run "$model" --no-save -n 16 "Who are you?")
answer=$(gapped "$ingle" "${ask[@]}" --sandbox "$level" 2>/dev/null) || fail "no answer came"
[ -n "$answer" ] || fail "an empty answer came"
echo "answered: $answer"
for level in "$level" off; do
  watched "$ingle" "${ask[@]}" --sandbox "$level" >/dev/null 2>&1
done
watched "$ingle" bench "$model" -p 16 -n 4 -r 1 >/dev/null 2>&1

# A piped question, kept or not as is usual in this build.
echo "Who are you?" | watched "$ingle" run "$model" -n 16 >/dev/null 2>&1
chats=$place/inside/chats
if grep -q '"network_code": false' <<<"$(gapped "$ingle" doctor --airgap --json 2>/dev/null)"; then
  [ ! -e "$chats" ] || fail "a chat was kept, and nobody asked for that"
  INGLE_SAVE=1 gapped "$ingle" run "$model" -n 4 "Who are you?" >/dev/null 2>&1
  refused=$(gapped "$ingle" pull org/model 2>&1) && fail "a build without network code pulled"
  grep -q "this build of \`ingle\` has no network code" <<<"$refused" || fail "it said: $refused"
  refused=$(gapped "$ingle" bench --url http://127.0.0.1:9 2>&1) && fail "a build without network code measured a server"
  grep -q "this build of \`ingle\` has no network code: it asks no server" <<<"$refused" || fail "it said: $refused"
  grep -q -e --url <<<"$("$ingle" bench --help)" && fail "its help speaks of servers"
  echo "a build without network code keeps no chat, fetches nothing and asks no server"
fi
[ -d "$chats" ] || fail "no chat was kept"
