# Sourced by the checks beside it: sources lists the project's files that match the given patterns, as git sees
# them (tracked, or new and not ignored), one per line and relative to the root, which becomes the working folder.
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sources() {
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file" # deleted, but not yet in a commit
    done
}
