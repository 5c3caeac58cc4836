#!/usr/bin/env bash
# The demo of `./dev run`: three lesserve on one chain that keeps producing blocks, and one lesgate that wants two of the three to
# agree. Usage: demo.sh BUILD_DIR [HOST:PORT]
set -euo pipefail
build=$1
listen=${2:-127.0.0.1:8545}
here=$(dirname "${BASH_SOURCE[0]}")
dir=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"' EXIT
trap 'exit 0' INT TERM HUP

serve() { # number, options...: sets enode
    local number=$1
    shift
    "$build/lesserve" --genesis "$here/genesis.json" --listen "127.0.0.1:$((30310 + number))" --datadir "$dir/serve$number" "$@" \
        >"$dir/serve$number.out" 2>"$dir/serve$number.log" &
    pids+=($!)
    for _ in $(seq 100); do
        enode=$(head -n 1 "$dir/serve$number.out" 2>/dev/null || true)
        [ -n "$enode" ] && return
        kill -0 "${pids[-1]}" 2>/dev/null || break
        sleep 0.05
    done
    echo "lesserve $number did not start:" >&2
    cat "$dir/serve$number.log" >&2
    exit 1
}

serve 1 --dev.period-ms 4000
leader=$enode
trusted=$enode
for number in 2 3; do
    serve "$number" --follow "$leader"
    trusted+=,$enode
done

"$build/lesgate" --genesis "$here/genesis.json" --ulc.trusted "$trusted" --ulc.fraction 66 --http "$listen" \
    --datadir "$dir/gate" >"$dir/gate.out" 2>"$dir/gate.log" &
gate=$!
pids+=("$gate")
until grep -q '^ready' "$dir/gate.out"; do
    kill -0 "$gate" 2>/dev/null || { cat "$dir/gate.log" >&2; exit 1; }
    sleep 0.05
done
url=$(awk '/^ready/ {print $2}' "$dir/gate.out")

cat <<EOF

  $(cat "$dir/gate.out")
  Chain id 20955, a block every 4 seconds, three lesserve on 127.0.0.1:30311 to 30313, two of the three must agree on a head.

  Try, in another terminal:

    curl -s $url -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_blockNumber","params":[]}'
    curl -s $url -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x962e5688b759063da8b12141272ecd1a123c518e","latest"]}'
    curl -s $url -H 'content-type: application/json' -d '{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["latest",true]}'

  For a wallet that wants to send: 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266 has 10,000 ether here. Its key is Hardhat's first,
  known to everybody: 0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80

  What each request costs (servers asked, bytes from and to them, milliseconds, proved now or from the cache). Ctrl-C stops.

EOF
# In the background: a shell sees to signals only between foreground commands.
tail -n +1 -f "$dir/gate.log" > >(grep --line-buffered -E ' (rpc|ulc): | (warn|error) ') &
pids+=($!)
rc=0
wait "$gate" || rc=$?
echo "lesgate ended by itself (status $rc):" >&2
tail -n 5 "$dir/gate.log" >&2
exit 1
