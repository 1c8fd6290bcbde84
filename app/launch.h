// Starting the program as an MPI job of its own, and starting it again when a rank is lost. The job
// says in a small file how it ended (launch_report), so that a rank that was killed is told from an
// error that somebody must look at.
#pragma once
#include "core/status.h"

struct launch {
    char *const *argv;    // words after the program's name, NULL-ended; borrowed
    int ranks, restarts;  // restarts: at most so many after the first start
    double pause_seconds; // before the first restart; twice as long before each further one, up to
                          // a minute. 0 = 1 s
};
// Runs "mpiexec -n RANKS this-program argv..." and waits for it. What a job that ends well prints
// on standard output appears when it ends; other output goes to standard error. SIGINT and SIGTERM
// are handed on once, for a checkpoint; a second one a second later ends this process, and the job
// with it. Needs interrupt_install. Standard input is empty for the ranks. *exit_code is the job's:
// 0, 130 after an interrupt, else as a rank reported. ERR_UNSUPPORTED without MPICH's mpiexec;
// ERR_COMM when ranks were lost more often than `restarts`; ERR_IO when no process can be made.
enum status launch_ranks(const struct launch *launch, int *exit_code);

// In a rank, before it ends with `code`: 0 of rank 0, and errors of any, are an end that was meant.
// Lost peers (ERR_COMM) are not. Does nothing in a process that launch_ranks did not start.
void launch_report(int rank, enum status code);
