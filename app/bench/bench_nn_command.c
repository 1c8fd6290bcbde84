// dikdik bench nn: speed of the engine on this machine, at full and at slimmed widths, as a share
// of the measured convolution peak.
#include "app/bench/bench_commands.h"
#include "app/bench/bench_machine.h"
#include "app/bench/bench_suite.h"
#include "app/bench/list.h"
#include "app/command_line.h"
#include "app/output.h"

#include <stdio.h>
#include <string.h>

#define AT(field) .offset = offsetof(struct bench_config, field)
static const struct option bench_option_table[] = {
    {"models", "zoo networks, comma-separated", OPTION_STRING, AT(models),
     .fallback_text = "resnet20,resnet56"},
    {"batches", "images per call; by default 32,64,128,256", OPTION_INT_LIST, AT(batches),
     .least = 1, .most = 65536},
    {"modes", "infer, train or both", OPTION_STRING, AT(modes), .fallback_text = "infer,train"},
    {"dtypes", "of inference: f32, int8 or both", OPTION_STRING, AT(dtypes),
     .fallback_text = "f32,int8"},
    {"slim",
     "also measure networks cut uniformly, inside blocks only, to this share of their MACs; 0 = do "
     "not",
     OPTION_DOUBLE, AT(slim), .fallback = 0.5, .least = 0, .most = 1},
    {"round_to", "their widths are multiples of this", OPTION_INT, AT(round_to), .fallback = 8,
     .least = 1, .most = 1024},
    {"seconds", "time window of one measurement", OPTION_DOUBLE, AT(seconds), .fallback = 2,
     .least = 0.01, .most = 3600},
    {"size", "height and width of the images", OPTION_INT, AT(size), .fallback = 32, .least = 8,
     .most = 1024},
    {"classes", "classes of the networks", OPTION_INT, AT(classes), .fallback = 10, .least = 2,
     .most = 100000},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"csv", "print the results as comma-separated values", OPTION_BOOL, AT(csv), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const bench_positional[] = {"WHAT", NULL};
const struct cli bench_nn_cli = {
    .command = "dikdik bench",
    .usage = "nn [options]",
    .about = "Measures images per second and GFLOP/s of zoo networks on random images (the median "
             "over a time window), and their share of what a single large convolution reaches. The "
             "images lie in the memory of what computes.",
    .positional = bench_positional,
    .required = 1,
    .table = bench_option_table,
};

static const char *result_mode(const struct bench_result *result)
{
    return result->what.mode == BENCH_TRAIN ? "train" : "infer";
}

static const char *result_dtype(const struct bench_session *session,
                                const struct bench_result *result)
{
    return result->what.int8 ? "int8" : bench_machine_dtype(&session->use);
}

static enum status print_json(const struct bench_session *session)
{
    struct output_json json;
    output_json_begin(&json);
    json.csv = session->config->csv ? "results" : NULL;
    struct json_writer *w = &json.writer;
    bench_machine_json(w, &session->use);
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
        json_write_string(w, "dtype", result_dtype(session, result));
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
    bench_machine_print(&session->use);
    if (session->use.facts.n_devices == 0) {
        printf(", %d threads", session->backend->lanes);
    }
    printf("; convolution peak %.1f GFLOP/s in %s", session->peak_f32,
           bench_machine_dtype(&session->use));
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
        output_cell(&table, "%s", result_dtype(session, result));
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
    static const char *const modes[] = {"infer", "train", NULL};
    TRY(output_check(config->json, config->csv));
    TRY(list_check("--modes", config->modes, modes));
    TRY(list_check("--dtypes", config->dtypes, list_dtypes));
    TRY(load_settle_backend(&config->backend, 0, &session->use));
    load_say_backend(&session->use);
    TRY(load_settled_backend(&session->use, &session->backend));
    TRY(bench_suite_run(session));
    if (config->json || config->csv) {
        return print_json(session);
    }
    print_text(session);
    return OK;
}

enum status bench_nn_run(int argc, char **argv)
{
    static const int usual_batches[] = {32, 64, 128, 256};
    static const struct int_list usual = {.n = 4, .values = usual_batches};
    struct bench_config config;
    struct cli_result words;
    struct bench_session session = {.config = &config};
    enum status code =
        command_line_read(&bench_nn_cli, argc, argv, &config, &session.arena, &words);
    if (code == OK && !words.help) {
        config.batches = config.batches->n > 0 ? config.batches : &usual;
        code = bench_nn(&session);
    }
    backend_close(session.backend);
    arena_close(&session.arena);
    return code;
}
