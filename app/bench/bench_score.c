// How well cheap scores rank a config's candidates, and how long they take: for choosing
// scoring.images, scoring.calibration_images, scoring.calibration_pool, scoring.dtype and
// scoring.reward.
#include "app/bench/bench_commands.h"
#include "app/bench/bench_machine.h"
#include "app/bench/list.h"
#include "app/bench/score_bench.h"
#include "app/command_line.h"
#include "app/output.h"
#include "app/search_config_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ENOUGH 0.95

#define AT(field) .offset = offsetof(struct score_bench_config, field)
static const struct option own_table[] = {
    {"candidates", "random candidates of each task", OPTION_INT, AT(candidates), .fallback = 32,
     .least = 3, .most = 10000},
    {"grid_images",
     "numbers of search-validation images; 0 = all; by default 125, 250, 500, 1000 and 2000",
     OPTION_INT_LIST, AT(images), .least = 0, .most = 1e9},
    {"grid_calibration",
     "numbers of training images for the statistics; by default 32, 64, 128, 256 and 512",
     OPTION_INT_LIST, AT(calibration), .least = 2, .most = 1e6},
    {"calibrations", "chosen: of scoring.calibration_pool images, drawn: at random, or both",
     OPTION_STRING, AT(calibrations), .fallback_text = "chosen"},
    {"dtypes", "int8, f32 or both; by default both where the processor is fast at int8",
     OPTION_STRING, AT(dtypes), .fallback_text = "int8,f32"},
    {"rewards", "accuracy, loss, distillation or several of them", OPTION_STRING, AT(rewards),
     .fallback_text = "accuracy,loss,distillation"},
    {"full_calibration", "training images for the statistics of the full score", OPTION_INT,
     AT(full_calibration), .fallback = 2048, .least = 2, .most = 1e6},
    {"task", "only these tasks of the config, comma-separated, or new ones as for a search",
     OPTION_STRING, AT(run.only)},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {.key = NULL},
};
#undef AT

static const char *const positional[] = {"WHAT", "CONFIG", NULL};
const struct cli bench_score_cli = {
    .command = "dikdik bench",
    .usage = "score CONFIG [options]",
    .about = "Scores random candidates of each task of a search's config in many ways, from "
             "few images to all of them, and prints how well each way ranks them (Spearman, "
             "Kendall tau-b) and how many candidates per second a core scores that way. "
             "Networks need weights, or CONFIG is the config.json of a run that trained them.",
    .positional = positional,
    .required = 2,
    .table = own_table,
};

// The rows of a search's config and those above.
static enum status join_tables(struct arena *arena, const struct option **out)
{
    size_t n = 0;
    const size_t own = sizeof own_table / sizeof *own_table;
    struct option *table;
    while (run_config_table[n].key != NULL) {
        n++;
    }
    ARENA_NEW(arena, table, n + own);
    memcpy(table, run_config_table, n * sizeof *table);
    memcpy(table + n, own_table, own * sizeof *table);
    *out = table;
    return OK;
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

// Ascending; 0 stands for all.
static enum status take_numbers(const char *option, const struct int_list *list, int *to, int *n)
{
    if (list->n > SCORE_GRID_MOST) {
        FAIL(ERR_CONFIG, "%s: at most %d numbers, got %d", option, SCORE_GRID_MOST, list->n);
    }
    for (int i = 0; i < list->n; i++) {
        to[i] = list->values[i] == 0 ? INT32_MAX : list->values[i];
    }
    qsort(to, (size_t)list->n, sizeof *to, compare);
    *n = list->n;
    return OK;
}

// Each number of images, chosen and drawn as asked for.
static enum status fill_calibrations(const struct score_bench_config *config,
                                     struct score_grid_axes *axes)
{
    static const int usual[] = {32, 64, 128, 256, 512};
    static const struct int_list usual_list = {5, usual};
    static const char *const known[] = {"chosen", "drawn", NULL};
    int numbers[SCORE_GRID_MOST], n;
    TRY(list_check("--calibrations", config->calibrations, known));
    TRY(take_numbers("--grid-calibration",
                     config->calibration->n > 0 ? config->calibration : &usual_list, numbers, &n));
    for (int way = 0; way < 2; way++) {
        if (!list_has(config->calibrations, known[way])) {
            continue;
        }
        if (axes->n_calibration + n > SCORE_GRID_MOST) {
            FAIL(ERR_CONFIG, "--grid-calibration: at most %d numbers, chosen and drawn together",
                 SCORE_GRID_MOST);
        }
        for (int i = 0; i < n; i++) {
            axes->calibration[axes->n_calibration++] =
                (struct score_calibration){.images = numbers[i], .chosen = way == 0};
        }
    }
    return OK;
}

static enum status fill_dtypes(const struct score_bench *bench, struct score_grid_axes *axes)
{
    const char *dtypes = bench->config->dtypes;
    TRY(list_check("--dtypes", dtypes, list_dtypes));
    if (list_has(dtypes, "int8") && bench->backend->int8) {
        axes->dtypes[axes->n_dtypes++] = SCORING_INT8;
    }
    if (list_has(dtypes, "f32")) {
        axes->dtypes[axes->n_dtypes++] = SCORING_FLOAT32;
    }
    if (axes->n_dtypes == 0) {
        FAIL(ERR_UNSUPPORTED, "--dtypes: this backend is not fast at int8 here; measure f32");
    }
    return OK;
}

static const char *const rewards[] = {[REWARD_ACCURACY] = "accuracy",
                                      [REWARD_LOSS] = "loss",
                                      [REWARD_DISTILLATION] = "distillation",
                                      NULL};

static enum status fill_axes(struct score_bench *bench)
{
    static const int images[] = {125, 250, 500, 1000, 2000};
    static const struct int_list usual_images = {5, images};
    const struct score_bench_config *config = bench->config;
    struct score_grid_axes *axes = &bench->axes;
    axes->full_calibration = config->full_calibration;
    TRY(take_numbers("--grid-images", config->images->n > 0 ? config->images : &usual_images,
                     axes->images, &axes->n_images));
    TRY(fill_calibrations(config, axes));
    TRY(fill_dtypes(bench, axes));
    TRY(list_check("--rewards", config->rewards, rewards));
    for (int r = 0; rewards[r] != NULL; r++) {
        if (list_has(config->rewards, rewards[r])) {
            axes->rewards[axes->n_rewards++] = (enum scoring_reward)r;
        }
    }
    return OK;
}

// ---- output
static const char *dtype_name(const struct score_cell *cell)
{
    return cell->dtype == SCORING_INT8 ? "int8" : "f32";
}

static const char *choice_name(const struct score_cell *cell)
{
    return cell->calibration.chosen ? "chosen" : "drawn";
}

static void write_cell(struct json_writer *w, const char *key, const struct score_cell *cell,
                       const struct score_cell *own)
{
    json_write_begin(w, '{', key);
    json_write_int(w, "images", cell->images);
    json_write_int(w, "calibration_images", cell->calibration.images);
    json_write_string(w, "calibration", choice_name(cell));
    json_write_string(w, "dtype", dtype_name(cell));
    json_write_string(w, "reward", rewards[cell->reward]);
    json_write_int(w, "samples", cell->samples);
    json_write_double(w, "spearman", cell->spearman);
    json_write_double(w, "kendall", cell->kendall);
    json_write_double(w, "spearman_accuracy", cell->spearman_accuracy);
    json_write_double(w, "candidates_per_second", cell->candidates_per_second);
    json_write_bool(w, "configured", cell == own);
    json_write_end(w, '}');
}

static enum status print_json(const struct score_bench *bench)
{
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    bench_machine_json(w, &bench->use);
    json_write_begin(w, '[', "tasks");
    for (int t = 0; t < bench->n_tasks; t++) {
        const struct score_bench_task *task = &bench->tasks[t];
        const struct score_grid *grid = &task->grid;
        const struct score_cell *cheapest = score_grid_cheapest(grid, ENOUGH);
        json_write_begin(w, '{', NULL);
        json_write_string(w, "task", task->name);
        json_write_int(w, "candidates", grid->n);
        json_write_int(w, "diverged", grid->diverged);
        json_write_double(w, "full_accuracy_least", grid->full_accuracy_least);
        json_write_double(w, "full_accuracy_most", grid->full_accuracy_most);
        json_write_double(w, "full_candidates_per_second", grid->full_candidates_per_second);
        json_write_begin(w, '[', "cells");
        for (int i = 0; i < grid->n_cells; i++) {
            write_cell(w, NULL, &grid->cells[i], task->own);
        }
        json_write_end(w, ']');
        if (cheapest != NULL) {
            write_cell(w, "cheapest", cheapest, task->own);
        }
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static const char *per_what(const struct score_bench *bench)
{
    return bench->use.facts.n_devices > 0 ? "the device" : "one core";
}

static void print_task(const struct score_bench *bench, const struct score_bench_task *task)
{
    static const char *const headers[] = {
        ">images",   ">recalibration", "", "dtype", "reward", ">Spearman", ">Kendall",
        ">accuracy", ">per second",    "", NULL};
    const struct score_grid *grid = &task->grid;
    struct output_table table;
    printf("%s: %d candidates, accuracies %.2f to %.2f%% by the full score (all images, float32, "
           "%d for recalibration), %.2f candidates per second of %s\n\n",
           task->name, grid->n, 100 * grid->full_accuracy_least, 100 * grid->full_accuracy_most,
           bench->axes.full_calibration, grid->full_candidates_per_second, per_what(bench));
    output_table_open(&table, headers);
    for (int i = 0; i < grid->n_cells; i++) {
        const struct score_cell *cell = &grid->cells[i];
        output_cell(&table, "%d", cell->images);
        output_cell(&table, "%d", cell->calibration.images);
        output_cell(&table, "%s", choice_name(cell));
        output_cell(&table, "%s", dtype_name(cell));
        output_cell(&table, "%s", rewards[cell->reward]);
        output_cell(&table, "%.3f", cell->spearman);
        output_cell(&table, "%.3f", cell->kendall);
        output_cell(&table, "%.3f", cell->spearman_accuracy);
        output_cell(&table, "%.2f", cell->candidates_per_second);
        output_cell(&table, "%s", cell == task->own ? "<- as configured" : "");
    }
    output_table_print(&table);
    output_table_close(&table);
    const struct score_cell *cheapest = score_grid_cheapest(grid, ENOUGH);
    if (cheapest == NULL) {
        printf("\nno setting of these reaches a correlation of %.2f\n\n", ENOUGH);
        return;
    }
    printf("\ncheapest with a correlation of %.2f or more: %d images, %d %s ones for "
           "recalibration, %s, %s: %.3f at %.2f candidates per second\n\n",
           ENOUGH, cheapest->images, cheapest->calibration.images, choice_name(cheapest),
           dtype_name(cheapest), rewards[cheapest->reward], cheapest->spearman,
           cheapest->candidates_per_second);
}

static enum status measure(struct score_bench *bench)
{
    const struct score_bench_config *config = bench->config;
    TRY(load_settle_backend(&config->run.backend, 0, &bench->use));
    load_say_backend(&bench->use);
    bench->use.options.threads = 1; // of one core
    TRY(load_settled_backend(&bench->use, &bench->backend));
    TRY(fill_axes(bench));
    TRY(score_bench_measure(bench));
    if (config->json) {
        return print_json(bench);
    }
    bench_machine_print(&bench->use);
    printf("; correlations are with the full score of the same reward, of distillation with the "
           "full "
           "loss, \"accuracy\" with the full accuracy, means over as many samples of images as the "
           "most images of the grid give; candidates per second are one by one, of %s\n\n",
           per_what(bench));
    for (int t = 0; t < bench->n_tasks; t++) {
        print_task(bench, &bench->tasks[t]);
    }
    return OK;
}

enum status bench_score_run(int argc, char **argv)
{
    struct score_bench *bench = calloc(1, sizeof *bench);
    if (bench == NULL) {
        FAIL(ERR_MEMORY, "no memory to measure with");
    }
    struct score_bench_config config = {.run = {.run_dir = "", .policy = ""}};
    struct cli cli = bench_score_cli; // and its config's options
    struct cli_result words;
    bench->config = &config;
    enum status code = join_tables(&bench->arena, &cli.table);
    if (code == OK) {
        code = command_line_read(&cli, argc, argv, &config, &bench->arena, &words);
    }
    if (code == OK && !words.help) {
        code = search_config_resolve(&config.run, words.positional[1], &bench->arena);
        bench->config_path = words.positional[1];
        if (code == OK) {
            code = measure(bench);
        }
    }
    score_bench_close(bench);
    free(bench);
    return code;
}
