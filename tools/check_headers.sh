#!/usr/bin/env bash
# Every header compiles alone: it includes what it needs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/sources.sh"
mapfile -t headers < <(sources '*.h')
alone() {
    ${CC:-cc} -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. -Itests/support -fsyntax-only -x c \
        -include "$1" /dev/null || { echo "$1 does not compile alone" >&2; return 1; }
}
export -f alone
printf '%s\0' "${headers[@]}" | xargs -0 -P "$(nproc)" -I{} bash -c 'alone "$1"' alone {}
echo "headers: ${#headers[@]} compile alone"
