// --progress-json: where lines of progress go (core/progress_lines.h).
#pragma once
#include "core/status.h"

// Not collective; every rank of a job may call it, and that with the number 0 talks. At once
// ERR_CONFIG where the descriptor is not open for writing, where `result` says that standard output
// is for the result and it is that, or where it would have to reach a rank of an mpirun that
// somebody else has started.
enum status progress_option_open(int file, bool result);
