// dikdik bench: speed of the engine on this machine, at full and at slimmed widths, as a share of
// the measured convolution peak.
#include "app/bench.h"
#include "app/command.h"
#include "app/command_line.h"
#include "app/load.h"
#include "app/output.h"
#include "app/slim_widths.h"
#include "core/log.h"
#include "core/machine.h"
#include "nn/network.h"
#include "search_space/cost.h"
#include "search_space/criterion.h"

#include <stdio.h>
#include <string.h>

#define PEAK_SECONDS 1.5
#define INFER_OPERATIONS 2 // per multiply-add
#define TRAIN_OPERATIONS 6 // forward, and two products of the same size backward
#define NAME_CHARS 64

struct bench_config {
    const char *models, *modes, *dtypes;
    const struct int_list *batches;
    double slim, seconds;
    int round_to, size, classes;
    struct backend_config backend;
    bool json;
};

#define AT(field) .offset = offsetof(struct bench_config, field)
static const struct option bench_option_table[] = {
    {"models", "zoo networks, comma-separated", OPTION_STRING, AT(models),
     .fallback_text = "resnet20,resnet56"},
    {"batches", "images per call; by default 32,64,128,256", OPTION_INT_LIST, AT(batches),
     .least = 1, .most = 65536},
    {"modes", "infer, train or both", OPTION_STRING, AT(modes), .fallback_text = "infer,train"},
    {"dtypes", "of inference: f32, int8 or both", OPTION_STRING, AT(dtypes),
     .fallback_text = "f32,int8"},
    {"slim", "also measure networks cut uniformly to this share of their MACs; 0 = do not",
     OPTION_DOUBLE, AT(slim), .fallback = 0.5, .least = 0, .most = 1},
    {"round_to", "their widths are multiples of this", OPTION_INT, AT(round_to), .fallback = 1,
     .least = 1, .most = 1024},
    {"seconds", "time window of one measurement", OPTION_DOUBLE, AT(seconds), .fallback = 2,
     .least = 0.01, .most = 3600},
    {"size", "height and width of the images", OPTION_INT, AT(size), .fallback = 32, .least = 8,
     .most = 1024},
    {"classes", "classes of the networks", OPTION_INT, AT(classes), .fallback = 10, .least = 2,
     .most = 100000},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const bench_positional[] = {"WHAT", NULL};
static const struct cli bench_cli = {
    .command = "dikdik bench",
    .usage = "nn [options]",
    .about = "Measures images per second and GFLOP/s of networks on random images (the median "
             "over a time window), and their share of what a single large convolution reaches.",
    .positional = bench_positional,
    .required = 1,
    .table = bench_option_table,
};

struct bench_result {
    char model[NAME_CHARS], widths[NAME_CHARS];
    struct bench_case what;
    struct bench_speed speed;
    int64_t macs;
    double gflops, share_of_peak;
};

struct bench_session {
    const struct bench_config *config;
    struct backend *backend;
    double peak_f32, peak_int8; // GFLOP/s, 0 = not measured
    struct arena arena;
    struct bench_result *results; // arena
    int n, capacity;
    struct progress progress;
};

// Whether `word` is an entry of the comma-separated list.
static bool list_has(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *at = list; *at != '\0';) {
        const size_t n = strcspn(at, ",");
        if (n == length && strncmp(at, word, n) == 0) {
            return true;
        }
        at += n + (at[n] == ',');
    }
    return false;
}

static int list_count(const char *list)
{
    int n = 1;
    for (const char *at = list; *at != '\0'; at++) {
        n += *at == ',';
    }
    return n;
}

static enum status check_list(const char *option, const char *list, const char *first,
                              const char *second)
{
    for (const char *at = list;;) {
        const size_t n = strcspn(at, ",");
        const bool known = (n == strlen(first) && strncmp(at, first, n) == 0) ||
                           (n == strlen(second) && strncmp(at, second, n) == 0);
        if (!known) {
            FAIL(ERR_CONFIG, "%s: expected %s, %s or both separated by a comma, got \"%s\"", option,
                 first, second, list);
        }
        if (at[n] == '\0') {
            return OK;
        }
        at += n + 1;
    }
}

static enum status measure(struct bench_session *session, const struct network *network,
                           const char *widths, const struct bench_case *what)
{
    CHECK(session->n < session->capacity);
    struct bench_result *result = &session->results[session->n];
    snprintf(result->model, sizeof result->model, "%s", network->info.architecture);
    snprintf(result->widths, sizeof result->widths, "%s", widths);
    result->what = *what;
    TRY(bench_network(session->backend, network, what, &result->speed));
    const int operations = what->mode == BENCH_TRAIN ? TRAIN_OPERATIONS : INFER_OPERATIONS;
    const double peak = what->int8 ? session->peak_int8 : session->peak_f32;
    result->macs = cost_of_graph(&network->graph).macs;
    result->gflops = operations * (double)result->macs * result->speed.images_per_second * 1e-9;
    result->share_of_peak = peak > 0 ? result->gflops / peak : 0;
    session->n++;
    progress_update(&session->progress, session->n, "%s %s %s, batch %d: %.0f images/s",
                    result->model, result->widths, what->mode == BENCH_TRAIN ? "train" : "infer",
                    what->batch, result->speed.images_per_second);
    return OK;
}

static enum status measure_widths(struct bench_session *session, const struct network *network,
                                  const char *widths)
{
    static const struct {
        const char *mode, *dtype;
        struct bench_case what;
    } kinds[] = {
        {"infer", "f32", {.mode = BENCH_INFER}},
        {"infer", "int8", {.mode = BENCH_INFER, .int8 = true}},
        {"train", NULL, {.mode = BENCH_TRAIN}},
    };
    const struct bench_config *config = session->config;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        if (!list_has(config->modes, kinds[k].mode) ||
            (kinds[k].dtype != NULL && !list_has(config->dtypes, kinds[k].dtype)) ||
            (kinds[k].what.int8 && session->peak_int8 == 0)) {
            continue;
        }
        for (int b = 0; b < config->batches->n; b++) {
            struct bench_case what = kinds[k].what;
            what.batch = config->batches->values[b];
            what.seconds = config->seconds;
            TRY(measure(session, network, widths, &what));
        }
    }
    return OK;
}

// Cuts a copy of the network uniformly to the configured share of its MACs.
static enum status slim_copy(const struct bench_config *config, const struct network *network,
                             const struct groups *groups, struct arena *arena, struct network *out)
{
    const struct slim_request request = {
        .macs = config->slim, .widths = "", .round_to = config->round_to};
    const struct criterion_input input = {
        .graph = &network->graph, .groups = groups, .params = network->params};
    struct keep keep;
    int *widths;
    ARENA_NEW(arena, widths, (size_t)groups->n);
    TRY(slim_widths_choose(&network->graph, groups, &request, arena, widths));
    TRY(criterion_keep(criterion_find("l1"), &input, widths, arena, &keep));
    TRY(slim_network(&network->graph, groups, network->params, &keep, &out->graph, &out->params));
    out->info = network->info;
    return OK;
}

static enum status measure_slimmed(struct bench_session *session, const struct network *network)
{
    char widths[NAME_CHARS];
    struct groups groups = {0};
    struct arena arena = {0};
    struct network slimmed = {0};
    snprintf(widths, sizeof widths, "macs %g", session->config->slim);
    TRY(groups_find(&network->graph, &groups));
    enum status code = slim_copy(session->config, network, &groups, &arena, &slimmed);
    if (code == OK) {
        code = measure_widths(session, &slimmed, widths);
    }
    network_close(&slimmed);
    arena_close(&arena);
    groups_close(&groups);
    return code;
}

static enum status measure_model(struct bench_session *session, const char *name, int length)
{
    const struct bench_config *config = session->config;
    struct network_info info = {
        .h = config->size, .w = config->size, .c = 3, .classes = config->classes};
    snprintf(info.architecture, sizeof info.architecture, "%.*s", length, name);
    struct network network = {0};
    TRY(network_create(&info, 0, &network));
    enum status code = measure_widths(session, &network, "full");
    if (code == OK && config->slim > 0) {
        code = measure_slimmed(session, &network);
    }
    network_close(&network);
    return code;
}

static enum status measure_peaks(struct bench_session *session)
{
    const struct bench_config *config = session->config;
    TRY(bench_peak(session->backend, false, PEAK_SECONDS, &session->peak_f32));
    log_info("convolution peak, f32: %.1f GFLOP/s", session->peak_f32);
    if (!list_has(config->modes, "infer") || !list_has(config->dtypes, "int8")) {
        return OK;
    }
    if (!session->backend->int8) {
        log_warning("int8 is left out: this backend has no fast 8-bit convolutions here");
        return OK;
    }
    TRY(bench_peak(session->backend, true, PEAK_SECONDS, &session->peak_int8));
    log_info("convolution peak, int8: %.1f GFLOP/s", session->peak_int8);
    return OK;
}

static enum status measure_all(struct bench_session *session)
{
    const struct bench_config *config = session->config;
    TRY(measure_peaks(session));
    const int kinds = list_has(config->modes, "infer") *
                          (list_has(config->dtypes, "f32") + (session->peak_int8 > 0)) +
                      list_has(config->modes, "train");
    session->capacity =
        list_count(config->models) * config->batches->n * kinds * (config->slim > 0 ? 2 : 1);
    ARENA_NEW(&session->arena, session->results, (size_t)session->capacity);
    progress_begin(&session->progress, "bench", "measurements", session->capacity);
    enum status code = OK;
    for (const char *at = config->models; code == OK;) {
        const size_t length = strcspn(at, ",");
        code = measure_model(session, at, (int)length);
        if (at[length] == '\0') {
            break;
        }
        at += length + 1;
    }
    progress_end(&session->progress);
    return code;
}

static const char *result_mode(const struct bench_result *result)
{
    return result->what.mode == BENCH_TRAIN ? "train" : "infer";
}

static const char *result_dtype(const struct bench_result *result)
{
    return result->what.int8 ? "int8" : "f32";
}

static enum status print_json(const struct bench_session *session)
{
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "processor", machine_processor());
    json_write_string(w, "backend", session->backend->ops->name);
    json_write_int(w, "threads", session->backend->lanes);
    json_write_double(w, "peak_gflops_f32", session->peak_f32);
    if (session->peak_int8 > 0) {
        json_write_double(w, "peak_gflops_int8", session->peak_int8);
    }
    json_write_begin(w, '[', "results");
    for (int i = 0; i < session->n; i++) {
        const struct bench_result *result = &session->results[i];
        json_write_begin(w, '{', NULL);
        json_write_string(w, "model", result->model);
        json_write_string(w, "mode", result_mode(result));
        json_write_string(w, "dtype", result_dtype(result));
        json_write_int(w, "batch", result->what.batch);
        json_write_double(w, "images_per_second", result->speed.images_per_second);
        json_write_double(w, "gflops", result->gflops);
        json_write_double(w, "share_of_peak", result->share_of_peak);
        json_write_string(w, "widths", result->widths);
        json_write_int(w, "macs", result->macs);
        json_write_int(w, "repeats", result->speed.repeats);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static void print_text(const struct bench_session *session)
{
    static const char *const headers[] = {"model",     "widths",   "mode",     "dtype", ">batch",
                                          ">images/s", ">GFLOP/s", ">of peak", NULL};
    printf("%s, backend %s, %d threads; convolution peak %.1f GFLOP/s in f32", machine_processor(),
           session->backend->ops->name, session->backend->lanes, session->peak_f32);
    if (session->peak_int8 > 0) {
        printf(", %.1f in int8", session->peak_int8);
    }
    printf("\n\n");
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < session->n; i++) {
        const struct bench_result *result = &session->results[i];
        output_cell(&table, "%s", result->model);
        output_cell(&table, "%s", result->widths);
        output_cell(&table, "%s", result_mode(result));
        output_cell(&table, "%s", result_dtype(result));
        output_cell(&table, "%d", result->what.batch);
        output_cell(&table, "%.0f", result->speed.images_per_second);
        output_cell(&table, "%.1f", result->gflops);
        output_cell(&table, "%.0f%%", 100 * result->share_of_peak);
    }
    output_table_print(&table);
    output_table_close(&table);
}

static enum status bench_nn(struct bench_session *session)
{
    const struct bench_config *config = session->config;
    TRY(check_list("--modes", config->modes, "infer", "train"));
    TRY(check_list("--dtypes", config->dtypes, "f32", "int8"));
    TRY(load_backend(&config->backend, 1, &session->backend));
    TRY(measure_all(session));
    if (config->json) {
        return print_json(session);
    }
    print_text(session);
    return OK;
}

static enum status bench_run(struct app *app, int argc, char **argv)
{
    (void)app;
    static const int usual_batches[] = {32, 64, 128, 256};
    static const struct int_list usual = {.n = 4, .values = usual_batches};
    struct bench_config config;
    struct cli_result words;
    struct bench_session session = {.config = &config};
    enum status code = command_line_read(&bench_cli, argc, argv, &config, &session.arena, &words);
    if (code == OK && !words.help) {
        config.batches = config.batches->n > 0 ? config.batches : &usual;
        if (strcmp(words.positional[0], "nn") == 0) {
            code = bench_nn(&session);
        } else {
            code = status_fail(ERR_CONFIG, __FILE__, __LINE__,
                               "dikdik bench: expected what to measure, \"nn\", got \"%s\"",
                               words.positional[0]);
        }
    }
    backend_close(session.backend);
    arena_close(&session.arena);
    return code;
}

const struct command command_bench = {
    .name = "bench",
    .about = "speed of the engine on this machine",
    .run = bench_run,
};
