// What `dikdik bench` measures, one command each. argv[0] is "bench".
#pragma once
#include "core/config.h"

// bench FILE...: latency of networks, in turn.
enum status bench_files_run(int argc, char **argv);
// bench nn: speed of the engine, as a share of this machine's peak.
enum status bench_nn_run(int argc, char **argv);
// bench search: candidates per second by number of workers, and the learner's frames per second.
// Forks workers, so it is called before there are threads.
enum status bench_search_run(int argc, char **argv);
// bench score: how well cheap scores rank a config's candidates, and what they cost.
enum status bench_score_run(int argc, char **argv);

// How their words are read. bench_score_cli: its own options, beside those of the config.
extern const struct cli bench_files_cli, bench_nn_cli, bench_search_cli, bench_score_cli;
