// dikdik slim: cuts channels of a network file to a budget or to given widths, and writes the
// smaller network.
#include "app/command.h"
#include "app/command_line.h"
#include "app/output.h"
#include "app/slim_widths.h"
#include "core/clock.h"
#include "core/log.h"
#include "nn/network_input.h"
#include "nn/plan.h"
#include "run/run_weights.h"
#include "search_space/cost.h"
#include "search_space/importance.h"
#include "search_space/refit.h"
#include "search_space/refit_rank.h"
#include "train/calibrate.h"
#include "train/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum slim_by { BY_AUTO, BY_IMPORTANCE, BY_ERRORS };
struct slim_config {
    struct slim_request request;
    struct dataset_options data;
    struct backend_config backend;
    const char *output;
    struct network_hints hints;
    bool restore_batchnorm;
    enum slim_by by;
    enum criterion_kind criterion;
    struct importance_options importance;
    int recalibrate, refit_images, refit_points;
    double refit_lambda;
    uint64_t seed;
    bool refit, json;
};

static const char *const by_names[] = {
    [BY_AUTO] = "auto", [BY_IMPORTANCE] = "importance", [BY_ERRORS] = "errors", NULL};

#define AT(field) .offset = offsetof(struct slim_config, field)
static const struct option slim_option_table[] = {
    {"output", "the file to write, -o for short", OPTION_STRING, AT(output)},
    {"macs", "budget of multiply-adds: a share of the network's own up to 1, a number above",
     OPTION_DOUBLE, AT(request.macs), .fallback = 0, .least = 0, .most = 1e15},
    {"params", "budget of parameters, likewise", OPTION_DOUBLE, AT(request.params), .fallback = 0,
     .least = 0, .most = 1e15},
    {"share", "keep this share of every group's channels", OPTION_DOUBLE, AT(request.share),
     .fallback = 0, .least = 0, .most = 1},
    {"widths", "JSON file {\"group\": width, ...}; groups not named stay whole", OPTION_STRING,
     AT(request.widths)},
    {"global",
     "to the budget by one ranking of all channels, instead of by the same share of every group",
     OPTION_BOOL, AT(request.global), .fallback = 0},
    {"groups", "inner: only inside blocks, the residual streams stay whole; all: those too",
     OPTION_CHOICE, AT(request.groups), .fallback_text = "inner", .choices = group_ranges},
    {"least_share", "with a budget: no group keeps a smaller share of its channels", OPTION_DOUBLE,
     AT(request.least_share), .fallback = 0, .least = 0, .most = 1},
    {"round_to", "widths are multiples of this; odd ones save arithmetic but hardly any time",
     OPTION_INT, AT(request.round_to), .fallback = 8, .least = 1, .most = 1024},
    {"by",
     "what decides which channels stay, and with --global how many of each group: importance, from "
     "weights alone; errors: what the layers that read a channel lose without it; auto: errors "
     "where "
     "weights are refitted",
     OPTION_CHOICE, AT(by), .fallback_text = "auto", .choices = by_names},
    {"criterion", "how important a channel is to each layer that makes or reads it", OPTION_CHOICE,
     AT(criterion), .fallback_text = "l2", .choices = criterion_names},
    {"normalise", "what each layer's values are divided by, over the group", OPTION_CHOICE,
     AT(importance.normalise), .fallback_text = "mean", .choices = importance_normalisers},
    {"reduce", "how the layers of a channel add up to its importance; most: the largest",
     OPTION_CHOICE, AT(importance.reduce), .fallback_text = "sum",
     .choices = importance_reductions},
    {"data", "data set to recalibrate and refit on", OPTION_OBJECT, AT(data),
     .table = dataset_option_table},
    {"recalibrate",
     "with a data set: recompute BatchNorm statistics on so many training images; 0 = do not",
     OPTION_INT, AT(recalibrate), .fallback = 1024, .least = 0, .most = 1e9},
    {"refit", "with a data set: refit the kept weights by least squares; --refit=false: do not",
     OPTION_BOOL, AT(refit), .fallback = 1},
    {"refit_images", "training images that refit samples", OPTION_INT, AT(refit_images),
     .fallback = 512, .least = 1, .most = 1e6},
    {"refit_points", "output positions sampled per image and layer", OPTION_INT, AT(refit_points),
     .fallback = 16, .least = 1, .most = 65536},
    {"refit_lambda", "ridge, as a share of the Gram matrix' mean diagonal", OPTION_DOUBLE,
     AT(refit_lambda), .fallback = 1e-6, .least = 0, .most = 1},
    {"architecture", "zoo network, in CIFAR form, of a file that does not say it", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct slim_config, hints),
    RESTORE_BATCHNORM_ROW(AT(restore_batchnorm)),
    {"seed", "of samples and of the random criterion", OPTION_SEED, AT(seed), .fallback = 0},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const slim_positional[] = {"FILE", NULL};
static const struct cli slim_cli = {
    .command = "dikdik slim",
    .usage = "FILE -o OUT (--macs B | --params B | --share S | --widths JSON) [options]",
    .about = "Cuts channels: keeps those that matter most, so many of each group "
             "that the budget is met, and writes the smaller network. With --data NAME the kept "
             "weights are refitted and BatchNorm statistics recomputed on training images.",
    .positional = slim_positional,
    .required = 1,
    .table = slim_option_table,
};

struct slimming {
    const struct slim_config *config;
    struct network before, after;
    struct dataset data; // zeroed without one
    struct backend *backend;
    struct groups groups;
    struct arena arena;
    int *widths;     // [groups.n]
    int32_t *images; // [n_images] of the data set, which the network may be fitted to; arena
    int n_images;
    bool seen;           // it was trained on none of them: by fitting it sees them
    struct refit *refit; // NULL: weights are not refitted
    double refit_seconds;
    int n_refit_images;
    bool by_errors; // else by importance
};

static enum status check_config(const struct slim_config *config)
{
    TRY(slim_request_check(&config->request));
    if (config->output[0] == '\0') {
        FAIL(ERR_CONFIG, "--output is missing: the file to write the slimmed network to");
    }
    if (config->by == BY_ERRORS && (config->data.name[0] == '\0' || !config->refit)) {
        FAIL(ERR_CONFIG, "--by errors needs a refit: name a data set with --data");
    }
    return OK;
}

static enum status open_network(struct slimming *s, const char *path)
{
    const struct slim_config *config = s->config;
    if (config->data.name[0] != '\0') {
        TRY(load_network_and_data(path, &config->hints, &config->data, DATASET_TRAIN, &s->before,
                                  &s->data));
        TRY(evaluate_check_fit(&s->before, &s->data));
        TRY(load_backend(&config->backend, 0, 1, &s->backend));
        return config->restore_batchnorm
                   ? run_restore_batchnorm(path, &s->data, s->backend, &s->arena, &s->before)
                   : OK;
    }
    return network_file_load(path, &config->hints, NULL, &s->before);
}

// The images that the network was trained on, where it says so: then it has still seen no others.
// One that was trained on none of them takes all, and says that.
static enum status choose_images(struct slimming *s)
{
    const struct network *before = &s->before;
    const bool ours = strcmp(before->info.dataset, s->data.name) == 0;
    ARENA_NEW(&s->arena, s->images, (size_t)s->data.n);
    for (int i = 0; i < s->data.n && ours && before->train_rows.known; i++) {
        if (row_set_has(&before->train_rows, dataset_row(&s->data, i))) {
            s->images[s->n_images++] = i;
        }
    }
    s->seen = s->n_images == 0 && ours;
    for (bool all = s->n_images == 0; all && s->n_images < s->data.n; s->n_images++) {
        s->images[s->n_images] = s->n_images;
    }
    return OK;
}

// Gathers what the kept weights are fitted to.
static enum status open_refit(struct slimming *s)
{
    const struct slim_config *config = s->config;
    const struct plan_input input = network_plan_input(&s->before.info);
    const struct refit_options options = {
        .images = config->refit_images < s->n_images ? config->refit_images : s->n_images,
        .points_per_image = config->refit_points,
        .lambda = config->refit_lambda,
        .seed = config->seed,
    };
    uint8_t *images;
    const double start = clock_seconds();
    TRY(dataset_sample(&s->data, s->images, s->n_images, options.images, config->seed, &s->arena,
                       &images));
    TRY(refit_open(s->backend, &s->before.graph, &s->groups, s->before.params, &input, images,
                   &options, &s->refit));
    s->refit_seconds = clock_seconds() - start;
    s->n_refit_images = options.images;
    return OK;
}

static enum status choose_channels(struct slimming *s, struct keep *keep)
{
    const struct slim_config *config = s->config;
    const struct criterion_input input = {
        .graph = &s->before.graph,
        .groups = &s->groups,
        .params = s->before.params,
        .seed = config->seed,
    };
    float **importance;
    struct ranking ranking;
    TRY(importance_score(criteria[config->criterion], &input, &config->importance, &s->arena,
                         &importance));
    TRY(s->by_errors ? refit_rank(&input, s->refit, &s->arena, &ranking)
                     : ranking_by_score(&s->groups, importance, &s->arena, &ranking));
    const struct slim_basis basis = {
        .importance = importance, .ranking = &ranking, .refit = s->by_errors ? s->refit : NULL};
    ARENA_NEW(&s->arena, s->widths, (size_t)s->groups.n);
    TRY(slim_widths_choose(&input, &config->request, &basis, &s->arena, s->widths));
    return ranking_keep(&s->groups, &ranking, s->widths, &s->arena, keep);
}

static enum status cut(struct slimming *s)
{
    const struct slim_config *config = s->config;
    struct keep keep;
    TRY(choose_channels(s, &keep));
    TRY(slim_network(&s->before.graph, &s->groups, s->before.params, &keep, &s->after.graph,
                     &s->after.params));
    s->after.info = s->before.info;
    TRY(network_note_whole(&s->after, &s->before.graph, s->before.whole));
    TRY(row_set_copy(&s->before.train_rows, &s->after.train_rows));
    if (s->backend == NULL) {
        log_warning("BatchNorm statistics are still those of the uncut network and no weights are "
                    "refitted, which costs accuracy; name a data set with --data for both");
        return OK;
    }
    if (s->seen) {
        TRY(row_set_add(&s->after.train_rows, s->data.rows, s->data.n));
    }
    if (s->refit != NULL) {
        const double start = clock_seconds();
        TRY(refit_apply(s->refit, &keep, &s->after.graph, s->after.params));
        s->refit_seconds += clock_seconds() - start;
    }
    if (config->recalibrate == 0) {
        return OK;
    }
    return calibrate_network(s->backend, &s->after, &s->data, s->images, s->n_images,
                             config->recalibrate, config->seed, true, NULL);
}

// How many groups on residual streams lost channels.
static int streams_cut(const struct slimming *s)
{
    int n = 0;
    for (int g = 0; g < s->groups.n; g++) {
        const struct channel_group *group = &s->groups.groups[g];
        n += !group->inner && s->widths[g] < group->channels;
    }
    return n;
}

static enum status print_json(const struct slimming *s)
{
    const struct network_cost before = cost_of_graph(&s->before.graph);
    const struct network_cost after = cost_of_graph(&s->after.graph);
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "file", s->config->output);
    json_write_string(w, "architecture", s->after.info.architecture);
    json_write_string(w, "by", s->by_errors ? "errors" : "importance");
    if (!s->by_errors) {
        json_write_string(w, "criterion", criterion_names[s->config->criterion]);
    }
    json_write_int(w, "macs", after.macs);
    json_write_int(w, "params", after.params);
    json_write_int(w, "bytes", (int64_t)network_bytes(&s->after));
    json_write_int(w, "macs_before", before.macs);
    json_write_int(w, "params_before", before.params);
    json_write_int(w, "bytes_before", (int64_t)network_bytes(&s->before));
    if (s->refit != NULL) {
        json_write_int(w, "refit_images", s->n_refit_images);
        json_write_double(w, "refit_seconds", s->refit_seconds);
    }
    json_write_int(w, "streams_cut", streams_cut(s));
    json_write_begin(w, '[', "groups");
    for (int g = 0; g < s->groups.n; g++) {
        const struct channel_group *group = &s->groups.groups[g];
        json_write_begin(w, '{', NULL);
        json_write_string(w, "name", group->name);
        json_write_int(w, "width_before", group->channels);
        json_write_int(w, "width", s->widths[g]);
        json_write_bool(w, "inner", group->inner);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static void add_total(struct output_table *table, const char *what, int64_t before, int64_t after)
{
    output_cell(table, "%s", what);
    output_cell_count(table, before);
    output_cell_count(table, after);
    output_cell(table, "%.1f%%", 100 * (double)after / (double)before);
}

static void print_tables(const struct slimming *s)
{
    static const char *const group_headers[] = {"group", ">before", ">after", ">kept", NULL};
    static const char *const total_headers[] = {"total", ">before", ">after", ">kept", NULL};
    struct output_table table;
    output_table_open(&table, group_headers);
    for (int g = 0; g < s->groups.n; g++) {
        const struct channel_group *group = &s->groups.groups[g];
        add_total(&table, group->name, group->channels, s->widths[g]);
    }
    output_table_print(&table);
    output_table_close(&table);
    printf("\n");
    const struct network_cost before = cost_of_graph(&s->before.graph);
    const struct network_cost after = cost_of_graph(&s->after.graph);
    output_table_open(&table, total_headers);
    add_total(&table, "MACs", before.macs, after.macs);
    add_total(&table, "parameters", before.params, after.params);
    add_total(&table, "bytes", (int64_t)network_bytes(&s->before),
              (int64_t)network_bytes(&s->after));
    output_table_print(&table);
    output_table_close(&table);
    if (streams_cut(s) > 0) {
        printf("\n%d groups on residual streams were cut too\n", streams_cut(s));
    }
    if (s->refit != NULL) {
        printf("\nrefitted on %d images in %.1f s\n", s->n_refit_images, s->refit_seconds);
    }
    printf("\nwritten to %s\n", s->config->output);
}

static enum status slim_file(struct slimming *s, const char *path)
{
    TRY(check_config(s->config));
    TRY(open_network(s, path));
    TRY(groups_find(&s->before.graph, &s->groups));
    if (s->backend != NULL && (s->config->refit || s->config->recalibrate > 0)) {
        TRY(choose_images(s));
    }
    if (s->backend != NULL && s->config->refit) {
        TRY(open_refit(s));
    }
    s->by_errors = s->refit != NULL && s->config->by != BY_IMPORTANCE;
    TRY(cut(s));
    TRY(network_save(&s->after, s->config->output));
    if (s->config->json) {
        return print_json(s);
    }
    print_tables(s);
    return OK;
}

static enum status slim_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct slim_config config;
    struct cli_result words;
    struct slimming slimming = {.config = &config};
    enum status code = command_line_read(&slim_cli, argc, argv, &config, &slimming.arena, &words);
    if (code == OK && !words.help) {
        code = slim_file(&slimming, words.positional[0]);
    }
    refit_close(slimming.refit);
    backend_close(slimming.backend);
    groups_close(&slimming.groups);
    network_close(&slimming.after);
    network_close(&slimming.before);
    dataset_close(&slimming.data);
    arena_close(&slimming.arena);
    return code;
}

static const struct cli *const slim_clis[] = {&slim_cli, NULL};

const struct command command_slim = {
    .name = "slim",
    .about = "cut channels of a network to a budget or to given widths",
    .clis = slim_clis,
    .run = slim_run,
};
