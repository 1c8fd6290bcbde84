// Other programs' readers for files that ours writes: Python packages that scripts/setup.sh
// --readers installs.
#pragma once
#include "run_program.h"

enum { READERS_MISSING = 77 };
// Runs "SCRIPT words..." in the program's folder, with the Python that has the packages, else with
// any; the test fails with what it printed unless it ends with 0. READERS_MISSING: a package is not
// here; the script has said which, and the test goes no further.
int readers_run(const struct program *program, const char *script, const char *words);
