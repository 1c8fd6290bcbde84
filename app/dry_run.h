// dikdik run --dry-run: what a run will do, and how long it will take here.
#pragma once
#include "run/run_session.h"

// Before MPI and before there are threads; the session has its config and is settled. Measures for
// some seconds, in processes and a temporary folder of its own, and prints. finishes: the run
// fine-tunes as well.
enum status dry_run(struct run_session *session, bool finishes);
