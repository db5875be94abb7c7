#!/usr/bin/env bash
# Makes the certificates beside it anew, with OpenSSL:
#
#   authority  vouches for the four below
#   right      127.0.0.1, 2020 to 2120
#   elsewhere  elsewhere.example, as long
#   expired    127.0.0.1, the year 2020
#   early      127.0.0.1, 2100 to 2120
#   stranger   an authority that vouches for nobody
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

cat >"$work/ca.conf" <<END
[ca]
default_ca = tests
[tests]
database = $work/index
serial = $work/serial
new_certs_dir = $work
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[here]
subjectAltName = IP:127.0.0.1
[elsewhere]
subjectAltName = DNS:elsewhere.example
END
touch "$work/index"
echo 01 >"$work/serial"

key() { # file
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

sign() { # name, key of it, key of the authority, extensions, first year, last year, more
  local name=$1 key=$2 by=$3 extensions=$4 from=$5 to=$6
  shift 6
  openssl req -new -key "$key" -subj "/CN=$name, of the tests of Ingle" -out "$work/request"
  openssl ca -batch -notext -config "$work/ca.conf" -extensions "$extensions" -keyfile "$by" \
    -startdate "${from}0101000000Z" -enddate "${to}1231235959Z" -in "$work/request" -out "$name.pem" "$@"
}

key server.key
for name in authority stranger; do
  key "$work/$name.key"
  sign "$name" "$work/$name.key" "$work/$name.key" authority 2020 2120 -selfsign
done
by=$work/authority.key
sign right server.key "$by" here 2020 2120 -cert authority.pem
sign elsewhere server.key "$by" elsewhere 2020 2120 -cert authority.pem
sign expired server.key "$by" here 2020 2020 -cert authority.pem
sign early server.key "$by" here 2100 2120 -cert authority.pem
