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
    double grace_seconds; // for the job to end once a rank has reported an error. 0 = 5 s
    int progress;         // descriptor that gets rank 0's lines of progress; 0 = none
};
// Runs "mpiexec -n RANKS this-program argv..." and waits for it. What a job that ends well prints
// on standard output appears when it ends; other output goes to standard error. An interrupt
// (interrupt.h) is handed on once, for a checkpoint; a second one a second later ends this process,
// and the job with it. Needs interrupt_install. Standard input is empty for the ranks. *exit_code
// is the job's: 0, 130 after an interrupt, else as a rank reported. ERR_UNSUPPORTED without MPICH's
// mpiexec, or where it cannot reach the hosts (slurm.h); ERR_COMM when ranks were lost more often
// than `restarts`, or no rank came to run twice in a row; ERR_IO when no process can be made.
enum status launch_ranks(const struct launch *launch, int *exit_code);

// ---- in a rank; these do nothing in a process that launch_ranks did not start
bool launch_is_rank(void);
// Opens the way to the launcher's descriptor for lines of progress, where it has one.
void launch_open_progress(void);
// All ranks are there.
void launch_running(void);
// Before it ends with `code`: 0 of rank 0, and errors of any, are an end that was meant. Lost peers
// (ERR_COMM) are not.
void launch_report(int rank, enum status code);
