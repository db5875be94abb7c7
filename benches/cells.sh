# shellcheck shell=bash
# For scripts that go on where they were stopped: what is measured stands in a file of lines `KEY,VALUES`, in a folder for the
# programs, the model and the settings that it was measured with.

export LC_ALL=C INGLE_AUDIT=0

begin() { # FOLDER, settings, FILE…: sets `place`, `cells` and `said`; of other files or settings nothing is measured yet
  local folder=$1 settings=$2
  shift 2
  mkdir -p "$folder"
  place=$(realpath "$folder")/$({ sha256sum "$@" | cut -d' ' -f1 && echo "$settings"; } | sha256sum | cut -c1-12)
  mkdir -p "$place"
  cells=$place/cells.csv said=$place/said
  touch "$cells"
  export INGLE_HOME=$place/home
}

failed() { # what could not be done
  cat "$said" >&2
  echo "${0##*/}: $1" >&2
  exit 1
}

cell() { # KEY: its values, if they are measured
  grep "^$1," "$cells" | sed "s/^$1,//"
}

note() { # KEY, VALUES
  echo "$1,$2" >>"$cells"
  echo "$1: $2" >&2
}

perplexity() { # INGLE, what else its `perplexity` takes: its JSON
  "$1" perplexity "${@:2}" --json 2>"$said" </dev/null
}

number() { # NAME: of JSON in lines
  sed -n "/^ *\"$1\": /s/^[^:]*: \([0-9.e+-]*\),*\$/\1/p"
}
