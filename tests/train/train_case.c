// The tests' small training job.
#include "train_case.h"

#include "core/log.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASE_SEED 7

void train_case_open(struct train_case *c, int images)
{
    static const struct int_list no_steps = {0};
    static const int circle_and_bars[TRAIN_CASE_CLASSES] = {0, 6};
    static const struct int_list classes = {.n = TRAIN_CASE_CLASSES, .values = circle_and_bars};
    const struct backend_options backend = {.threads = 2};
    struct dataset_options data;
    memset(c, 0, sizeof *c);
    log_set_level(LOG_QUIET);
    option_defaults(dataset_option_table, &data);
    data.name = "shapes";
    data.size = 12;
    data.classes = &classes;
    data.count = images * 10 / TRAIN_CASE_CLASSES; // of all ten shapes
    assert_ok(dataset_open(&data, DATASET_TRAIN, &c->data));
    assert_ok(backend_open("cpu", &backend, &c->backend));
    option_defaults(train_option_table, &c->recipe);
    c->recipe.epochs = 3;
    c->recipe.batch = 32;
    c->recipe.learning_rate = 0.05;
    c->recipe.crop_pad = 1;
    c->recipe.seed = CASE_SEED;
    c->recipe.steps = &no_steps;
    train_case_restart(c);
}

void train_case_restart(struct train_case *c)
{
    struct network_info info = {.architecture = "convnet",
                                .h = c->data.h,
                                .w = c->data.w,
                                .c = c->data.c,
                                .classes = c->data.classes};
    for (int i = 0; i < c->data.c; i++) {
        info.mean[i] = c->data.mean[i];
        info.std[i] = c->data.std[i];
    }
    network_close(&c->network);
    memset(&c->network, 0, sizeof c->network);
    assert_ok(network_create(&info, CASE_SEED, &c->network));
}

void train_case_close(struct train_case *c)
{
    backend_close(c->backend);
    network_close(&c->network);
    dataset_close(&c->data);
    arena_close(&c->arena);
}

enum status train_case_run(struct train_case *c, const char *checkpoint, const char *identity)
{
    static const struct collective alone = {.ranks = 1, .local_ranks = 1};
    const struct train_job job = {
        .backend = c->backend,
        .collective = &alone,
        .dataset = &c->data,
        .recipe = &c->recipe,
        .checkpoint = checkpoint,
        .identity = identity,
        .seconds = c->seconds,
        .quiet = c->quiet,
    };
    return train_network(&job, &c->network, &c->arena, &c->report);
}

void train_case_make_folder(char *out, size_t n)
{
    snprintf(out, n, "/tmp/dikdik-train-XXXXXX");
    assert_non_null(mkdtemp(out));
}

void train_case_remove_folder(const char *folder)
{
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (const struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        unlink(path); // "." and ".." refuse
    }
    closedir(entries);
    rmdir(folder);
}
