#pragma once
#include "run/run_session.h"

// Not collective: for rank 0. Takes the run folder, locked from then on (session->folder): checks
// all that can be known to fail later, and that the config there is of this run where work was done
// already. Options that only later stages use, and search.evaluations upwards, may have changed:
// says what is done again, and removes it. ERR_CONFIG when another run lives there, or another
// process works there.
enum status run_claim(struct run_session *session);
