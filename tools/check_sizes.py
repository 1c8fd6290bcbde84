#!/usr/bin/env python3
"""Checks sizes and names: files of at most 500 lines, functions of at most 60, no two source files of one name."""
import sys

from sources import ROOT, sources

FILE_LINES = 500
FUNCTION_LINES = 60


def long_functions(lines):
    """Line number and body length of long functions. In clang-format's Linux style only the body of a function
    has its braces alone in the first column; that of a struct opens on the line of its name."""
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if number - start - 1 > FUNCTION_LINES:
                yield start - 1, number - start - 1
            start = None


def main():
    errors, seen = [], {}
    names = sources("*.c", "*.h", "*.cu", "*.cuh", "*.py", "*.sh")
    for name in names:
        lines = (ROOT / name).read_text().split("\n")
        count = len(lines) - (lines[-1] == "")
        if count > FILE_LINES:
            errors.append(f"{name}: {count} lines, at most {FILE_LINES}: two ideas in one file?")
        if name.endswith((".c", ".h", ".cu", ".cuh")):
            errors += [f"{name}:{line}: function of {n} lines, at most {FUNCTION_LINES}"
                       for line, n in long_functions(lines)]
        other = seen.setdefault(name.split("/")[-1], name)
        if other != name:
            errors.append(f"{name}: {other} has the same name")
    if errors:
        sys.exit("\n".join(errors))
    print(f"sizes: {len(names)} files")


if __name__ == "__main__":
    main()
