// Signals that ask for an end as a flag that long work looks at between steps: SIGINT, SIGTERM,
// SIGHUP (a closed terminal; left ignored where nohup did so), SIGUSR1, SIGUSR2 and SIGXCPU (batch
// systems before a time limit). Who asks again (SIGINT or SIGTERM, a second later or more; mpirun
// repeats one Ctrl-C) ends the process at once.
#pragma once
#include "core/status.h"

// What processes of ours tell each other to stop with: signals that come from nobody else. MPICH's
// mpiexec passes the first one on to its ranks, every time that it comes; a second one a second
// later or more ends those at once.
#define INTERRUPT_BY_LAUNCHER SIGQUIT
#define INTERRUPT_BY_NURSERY SIGURG

// Also lets them through where the starter had blocked them. What is written to a reader that is
// gone fails from here on, instead of ending the process.
void interrupt_install(void);
void interrupt_install_one(int number); // one of the two above
void interrupt_ignore(void); // all but INTERRUPT_BY_NURSERY: in a process that is told otherwise,
                             // and its children
void interrupt_block(void);  // before another program is executed that would die of them
// To be called first of all: a library's start-up code may have hidden that SIGHUP is ignored.
void interrupt_keep_nohup(void);

bool interrupt_pending(void);
enum status interrupt_check(void); // OK, or ERR_INTERRUPTED
