#!/usr/bin/env bash
# clang-tidy over every .c file that the compile database of a build folder names, or over the files given.
#   tools/check_tidy.sh [-p BUILD] [FILE.c ...]        BUILD: build/dev
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
build=build/dev
if [ "${1:-}" = -p ]; then
    build=$2
    shift 2
fi
if [ ! -f "$build/compile_commands.json" ]; then
    echo "check_tidy.sh: $build has no compile_commands.json; run cmake --preset dev first" >&2
    exit 1
fi
files=("$@")
[ $# -gt 0 ] || mapfile -t files < <(sources '*.c' | while IFS= read -r file; do
    ! grep -qF "\"file\": \"$PWD/$file\"" "$build/compile_commands.json" || printf '%s\n' "$file"
done)
printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p "$build" 2> >(
    grep -v -E '^[0-9]+ warnings? generated\.?$|^Suppressed|^Use -header-filter' >&2 || true)
echo "tidy: ${#files[@]} files"
