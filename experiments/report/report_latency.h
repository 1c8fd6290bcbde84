// How long a run's networks take on this machine, kept as latency.json of the run folder so that
// the same machine is asked once.
#pragma once
#include "experiments/report/report_run.h"

// Fills the tasks' latencies of a run that is tested: from latency.json where that was measured on
// such a processor and is of networks of these sizes, else by timing each task's network in turn
// with the uncut one, each for `seconds`, one image at a time, on all cores that this process may
// use; 0: what was measured before, or nothing. Nothing is timed while the run goes on. What cannot
// be timed or kept is a warning, no error; ERR_INTERRUPTED.
enum status report_latency_find(double seconds, struct arena *arena, struct report_run *run);
