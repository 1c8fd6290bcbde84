// Errors of MPI as ours. Needs no mpi.h itself; inside transport/ only.
#pragma once
#include "core/status.h"

// ERR_COMM: MPI could not finish `what`, with its own reason.
enum status mpi_failed(int code, const char *what);

#define MPI_TRY(call, what)                                                                        \
    do {                                                                                           \
        const int mpi_code_ = (call);                                                              \
        if (mpi_code_ != MPI_SUCCESS) {                                                            \
            return mpi_failed(mpi_code_, (what));                                                  \
        }                                                                                          \
    } while (0)
