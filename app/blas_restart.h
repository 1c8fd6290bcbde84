// OpenBLAS chooses its kernels for a processor when it is loaded; old versions take new processors
// for very old ones and run several times slower than they could. Only an environment variable,
// read at load time, can correct it.
#pragma once
#include <stdbool.h>

// Compares OpenBLAS's choice with what the processor offers. When it is worse, starts this program
// anew, once, with the variable set; returns when there is nothing to correct. To be called before
// threads, MPI and any use of BLAS. A user's own OPENBLAS_CORETYPE is left alone.
void blas_restart(char **argv);

// Whether OpenBLAS, as it is loaded now, uses worse kernels than the processor offers.
bool blas_restart_needed(void);

// The core that OpenBLAS had chosen before it was corrected; NULL when it was not.
const char *blas_restart_was(void);
