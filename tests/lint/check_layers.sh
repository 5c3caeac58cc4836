#!/usr/bin/env bash
# Includes go downward (docs/architecture.md), and each third-party header has one home. TAP, one line per claim.
set -uo pipefail
cd "$(dirname "$0")/../.."
failed=0
claim() { # text, offending lines
    if [ -n "$2" ]; then
        echo "not ok - $1"
        printf '%s\n' "$2" | head -5
        failed=1
    else
        echo "ok - $1"
    fi
}
# Which rooms may be included from a room (itself is always allowed).
declare -A MAY=(
    [les/base]="" [les/eth]="les/base" [les/evm]="les/eth les/base" [les/p2p]="les/eth les/base"
    [les/proto]="les/p2p les/eth les/base" [les/node]="les/proto les/evm les/p2p les/eth les/base"
    [cache]="les/proto les/p2p les/eth les/base" [conf]="les/proto les/p2p les/eth les/base" [payment]="les/proto les/p2p les/eth les/base"
    [gateway/rpc]="les/proto les/evm les/p2p les/eth les/base"
    [gateway/http]="gateway/rpc conf les/eth les/base"
    [gateway/light]="gateway/rpc cache conf les/proto les/evm les/p2p les/eth les/base"
    [gateway/call]="gateway/light gateway/rpc les/proto les/evm les/p2p les/eth les/base"
    [gateway/eth]="gateway/call gateway/light gateway/rpc cache les/proto les/evm les/p2p les/eth les/base"
    [gateway/serve]="gateway/eth gateway/call gateway/light gateway/rpc gateway/http cache conf payment les/node les/proto les/evm les/p2p les/eth les/base"
    [gateway]="gateway/serve gateway/eth gateway/call gateway/light gateway/rpc gateway/http cache conf payment les/node les/proto les/evm les/p2p les/eth les/base"
)
sources() { git ls-files -o -c --exclude-standard "$1/*.c" "$1/*.h" "$1/*.def" | grep -E "^$1/[^/]+$"; }
for room in "${!MAY[@]}"; do
    files=$(sources "$room")
    [ -n "$files" ] || continue
    bad=""
    while IFS=: read -r file line; do
        to=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$line")
        folder=$(dirname "$to")
        [ "$folder" = "$room" ] && continue
        grep -q -- " $folder " <<<" ${MAY[$room]} " || bad+="$file includes $to"$'\n'
    done < <(grep -H -E '^ *# *include "' $files)
    claim "$room includes only rooms below it" "$bad"
done
home() { # header pattern, files where it may stand
    local hits
    hits=$(git ls-files -o -c --exclude-standard 'les/*.c' 'les/*.h' 'gateway/*.c' 'gateway/*.h' 'cache/*.c' 'cache/*.h' 'conf/*.c' 'conf/*.h' 'payment/*.c' 'payment/*.h' |
        xargs grep -l -E "^ *# *include <($1)" | grep -v -E "^($2)$")
    claim "<$1> is included only in $2" "$hits"
}
home 'uv\.h' 'les/base/[a-z_]+\.[ch]|gateway/http/http[a-z_]*\.c'
home 'h2o' 'gateway/http/(http|websocket)[a-z0-9_]*\.[ch]'
home 'wslay' 'gateway/http/websocket[a-z_]*\.c|les/node/full_ws\.c'
home 'secp256k1' 'les/eth/crypto\.c'
home 'openssl/' 'les/eth/(crypto|crypto_p256|ripemd160)\.c|gateway/http/http[a-z_]*\.c'
home 'sqlite3\.h' 'cache/store\.c|payment/(store|balances)\.c'
home 'hiredis' 'cache/redis\.c'
home 'cyaml' 'conf/[a-z_]+\.[ch]'
home 'jansson\.h' 'conf/[a-z_]+\.c|les/node/full_[a-z_]+\.[ch]'
home 'snappy' 'les/p2p/[a-z_]+\.c'
home 'blst\.h' 'les/evm/pre_bls12\.c'
home 'ckzg\.h' 'les/evm/kzg\.c'
home 'gmp\.h' 'les/evm/[a-z0-9_]+\.[ch]'
claim "pure rooms call no clock, no randomness, no network" "$(git ls-files 'les/eth/*.c' 'les/evm/*.c' 'les/proto/*.c' 'les/p2p/*.c' |
    xargs grep -n -E '\b(time|clock_gettime|gettimeofday|rand|random|getrandom|socket|connect|recv|sendto) *\(' | grep -v -E '^\S+:\s*(/?\*|//)' | grep -v -E 'static|struct' )"
claim "no global variables that change" "$(git ls-files 'les/*.c' 'gateway/*.c' 'cache/*.c' 'conf/*.c' 'payment/*.c' |
    xargs grep -n -E '^(static )?[a-z_]+( [a-z_0-9]+)? \*?[a-z_0-9]+(\[[^]]*\])?( = .*)?;' | grep -v -E 'const|extern|typedef|return|_Static_assert|:[0-9]+:(static )?(struct|enum|union) [a-z_0-9]+;' )"
claim "markers of unfinished work are not committed" "$(git ls-files '*.c' '*.h' '*.def' '*.mjs' | grep -v node_modules | xargs grep -n -E '\b(TODO|FIXME|XXX)\b')"
exit $failed
