// One option table with a row of every kind, for the tests of configs and of the command line.
#pragma once
#include "core/option.h"

struct option_case_inner {
    int epochs;
    double rate;
    const struct int_list *milestones;
};
struct option_case_task {
    const char *network;
    double macs;
    const struct int_map *widths;
    struct option_case_inner tune;
    const struct object_list *stages; // of struct option_case_inner
};
enum option_case_mode { CASE_ASYNC, CASE_SYNC, CASE_LOCAL };
struct option_case {
    bool verbose;
    int batch;
    int64_t images;
    uint64_t seed;
    double share;
    const char *name;
    enum option_case_mode mode;
    const struct int_list *sizes;
    const struct double_list *shares;
    const struct int_map *widths;
    const struct object_list *tasks; // of struct option_case_task
    struct option_case_inner train, tune;
};

static const char *const option_case_modes[] = {
    [CASE_ASYNC] = "async", [CASE_SYNC] = "sync", [CASE_LOCAL] = "local", NULL};

static const struct option option_case_inner_table[] = {
    {.key = "epochs",
     .help = "passes over the images",
     .kind = OPTION_INT,
     .offset = offsetof(struct option_case_inner, epochs),
     .fallback = 8,
     .least = 1,
     .most = 1000},
    {.key = "rate",
     .help = "learning rate",
     .kind = OPTION_DOUBLE,
     .offset = offsetof(struct option_case_inner, rate),
     .fallback = 0.1,
     .least = 0,
     .most = 10},
    {.key = "milestones",
     .help = "epochs after which the rate drops",
     .kind = OPTION_INT_LIST,
     .offset = offsetof(struct option_case_inner, milestones),
     .least = 1,
     .most = 1000},
    {.key = NULL},
};

static const struct option option_case_task_table[] = {
    {.key = "network",
     .help = "file or name",
     .kind = OPTION_STRING,
     .offset = offsetof(struct option_case_task, network),
     .fallback_text = "resnet20"},
    {.key = "macs",
     .kind = OPTION_DOUBLE,
     .offset = offsetof(struct option_case_task, macs),
     .fallback = 0.5,
     .least = 0.01,
     .most = 1.0},
    {.key = "widths", .kind = OPTION_MAP_INT, .offset = offsetof(struct option_case_task, widths)},
    {.key = "tune",
     .kind = OPTION_OBJECT,
     .offset = offsetof(struct option_case_task, tune),
     .table = option_case_inner_table},
    {.key = "stages",
     .kind = OPTION_LIST,
     .offset = offsetof(struct option_case_task, stages),
     .table = option_case_inner_table,
     .element_bytes = sizeof(struct option_case_inner)},
    {.key = NULL},
};

static const struct option option_case_table[] = {
    {.key = "verbose", .kind = OPTION_BOOL, .offset = offsetof(struct option_case, verbose)},
    {.key = "batch",
     .help = "images per step, of which there can be so many that this text has to go on over more "
             "than one line of the help",
     .kind = OPTION_INT,
     .offset = offsetof(struct option_case, batch),
     .fallback = 64,
     .least = 1,
     .most = 4096},
    {.key = "images",
     .kind = OPTION_INT64,
     .offset = offsetof(struct option_case, images),
     .fallback = -1,
     .least = -1,
     .most = 1e15},
    {.key = "seed",
     .kind = OPTION_SEED,
     .offset = offsetof(struct option_case, seed),
     .fallback = 1},
    {.key = "share",
     .kind = OPTION_DOUBLE,
     .offset = offsetof(struct option_case, share),
     .fallback = 0.5,
     .least = 0.25,
     .most = 1.0},
    {.key = "name",
     .kind = OPTION_STRING,
     .offset = offsetof(struct option_case, name),
     .fallback_text = "plain"},
    {.key = "mode",
     .kind = OPTION_CHOICE,
     .offset = offsetof(struct option_case, mode),
     .fallback_text = "sync",
     .choices = option_case_modes},
    {.key = "sizes", .kind = OPTION_INT_LIST, .offset = offsetof(struct option_case, sizes)},
    {.key = "shares",
     .kind = OPTION_DOUBLE_LIST,
     .offset = offsetof(struct option_case, shares),
     .least = 0.0,
     .most = 1.0},
    {.key = "widths",
     .kind = OPTION_MAP_INT,
     .offset = offsetof(struct option_case, widths),
     .least = 1,
     .most = 512},
    {.key = "tasks",
     .help = "what to shrink",
     .kind = OPTION_LIST,
     .offset = offsetof(struct option_case, tasks),
     .table = option_case_task_table,
     .element_bytes = sizeof(struct option_case_task)},
    {.key = "train",
     .kind = OPTION_OBJECT,
     .offset = offsetof(struct option_case, train),
     .table = option_case_inner_table},
    {.key = "tune",
     .kind = OPTION_OBJECT,
     .offset = offsetof(struct option_case, tune),
     .table = option_case_inner_table},
    {.key = NULL},
};
