// Speed of the search: candidates per second by number of workers, and the learner's frames per
// second.
#pragma once
#include "app/command.h"

// dikdik bench search. Forks workers, so it is called before there are threads.
enum status bench_search_run(int argc, char **argv);
