// dikdik bench: what it measures is in app/bench/.
#include "app/bench/bench_commands.h"
#include "app/command.h"

#include <string.h>

static enum status bench_run(struct app *app, int argc, char **argv)
{
    (void)app;
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "nn") == 0) {
        return bench_nn_run(argc, argv);
    }
    if (strcmp(what, "search") == 0) {
        return bench_search_run(argc, argv);
    }
    if (strcmp(what, "score") == 0) {
        return bench_score_run(argc, argv);
    }
    return bench_files_run(argc, argv);
}

static const struct cli *const bench_clis[] = {&bench_files_cli, &bench_nn_cli, &bench_search_cli,
                                               &bench_score_cli, NULL};

const struct command command_bench = {
    .name = "bench",
    .about = "latency of networks, speed of the engine and of the search, worth of cheap scores",
    .clis = bench_clis,
    .run = bench_run,
};
