// SIGINT and SIGTERM as a flag that long work looks at between steps. A second signal ends the
// process at once (mpirun repeats one Ctrl-C: what arrives within a second counts as one).
#pragma once
#include "core/status.h"

void interrupt_install(void);
bool interrupt_pending(void);
enum status interrupt_check(void); // OK, or ERR_INTERRUPTED
