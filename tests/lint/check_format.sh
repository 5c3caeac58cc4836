#!/usr/bin/env bash
# The sources are formatted as .clang-format says. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=$(git ls-files '*.c' '*.h' | xargs clang-format --dry-run 2>&1 | grep -E 'warning: code should be' | cut -d: -f1 | sort -u)
if [ -n "$bad" ]; then
    echo "not ok - sources are formatted (run ./dev format)"
    printf '%s\n' "$bad" | head -20
    exit 1
fi
echo "ok - sources are formatted"
