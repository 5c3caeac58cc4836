#!/usr/bin/env bash
# Builds the release programs and runs the benchmarks: run.sh [hot|cold|start|memory|instructions|trie|rounds|evm|precompile|trace|serve]; all without a name.
# Figures are ratios to a bound or a peer measured in the same run; nothing here passes or fails by time.
# Environment: RUNS and SECONDS_EACH change how much is measured; GETH_ENODE, GETH_GENESIS and GETH_ACCOUNTS (a file of lines
# `ADDRESS BALANCE`, both 0x...) add a go-ethereum LES server to `cold`; BENCH_BUILD names a finished build to measure instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

for tool in node wrk valgrind taskset; do
    command -v "$tool" >/dev/null || { echo "bench: $tool is missing" >&2; exit 1; }
done
build=${BENCH_BUILD:-build/bench-release}
if [ -z "${BENCH_BUILD:-}" ]; then
    [ -f "$build/build.ninja" ] || cmake --preset release -B "$build" >/dev/null
    ninja -C "$build" --quiet lesgate lesserve les_load bare_h2o bench_trie bench_rounds bench_evm bench_precompile
fi
BUILD="$PWD/$build" exec node tests/bench/bench.mjs "$@"
