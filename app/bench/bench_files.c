// dikdik bench FILE...: latency of networks, in turn, at several batch sizes and number formats.
#include "app/bench/bench_commands.h"
#include "app/bench/list.h"
#include "app/command_line.h"
#include "app/output.h"
#include "core/log.h"
#include "core/machine.h"
#include "core/rng.h"
#include "deploy/network_timing.h"
#include "nn/calibrate_params.h"
#include "nn/network.h"
#include "nn/network_input.h"
#include "run/load.h"
#include "search_space/cost.h"

#include <stdio.h>
#include <string.h>

enum { MOST_FILES = 8, CALIBRATION_IMAGES = 64 };

struct files_config {
    const struct int_list *batches;
    const char *dtypes;
    double seconds;
    struct network_hints hints;
    struct backend_config backend;
    bool json, csv;
};

#define AT(field) .offset = offsetof(struct files_config, field)
static const struct option files_option_table[] = {
    {"batches", "images per call; by default 1,32", OPTION_INT_LIST, AT(batches), .least = 1,
     .most = 65536},
    {"dtypes", "f32, int8 or both", OPTION_STRING, AT(dtypes), .fallback_text = "f32,int8"},
    {"seconds", "time for one network at one batch size and number format", OPTION_DOUBLE,
     AT(seconds), .fallback = 3, .least = 0.01, .most = 3600},
    {"architecture", "zoo network of files that do not say it", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct files_config, hints),
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"csv", "print the results as comma-separated values", OPTION_BOOL, AT(csv), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const files_positional[MOST_FILES + 1] = {"FILE", "FILE", "FILE", "FILE", "FILE",
                                                             "FILE", "FILE", "FILE", NULL};
const struct cli bench_files_cli = {
    .command = "dikdik bench",
    .usage = "FILE... [options] | nn [options] | search [options]",
    .about =
        "Times network files in turn, in short blocks, on random images: median and 90th "
        "percentile of a call, images per second, and the ratio to the first file's time. That "
        "one is timed twice; where the two differ by over 2% for long, the machine is too "
        "unsteady to conclude anything, and the exit code is 2. `dikdik bench nn --help` is "
        "about the speed of the engine on networks of the zoo, `dikdik bench search --help` "
        "about that of the search.",
    .positional = files_positional,
    .required = 1,
    .table = files_option_table,
};

struct files_network {
    const char *file; // as given
    struct network network;
    float *ranges; // [n_nodes], for int8
    struct network_cost cost;
};

struct files_result {
    const struct files_network *network;
    int batch;
    bool int8;
    struct latency_result latency;
    double difference; // of the first network to itself, in the same measurement
};

struct files_bench {
    const struct files_config *config;
    struct backend *backend;
    struct arena arena;
    struct files_network networks[MOST_FILES];
    int n_networks;
    struct files_result *results; // arena
    int n_results;
    double difference; // the greatest
    struct progress progress;
};

static struct plan_input input_of(const struct network *network)
{
    return network_plan_input(&network->info);
}

// How long an int8 plan takes does not depend on its ranges; they are those of random images.
static enum status find_ranges(struct files_bench *bench, struct files_network *n)
{
    uint8_t *images;
    TRY(network_random_images(&n->network.info, CALIBRATION_IMAGES, 0, &bench->arena, &images));
    ARENA_NEW(&bench->arena, n->ranges, (size_t)n->network.graph.n_nodes);
    const struct calibration calibration = {.input = input_of(&n->network),
                                            .images = images,
                                            .n = CALIBRATION_IMAGES,
                                            .ranges = n->ranges};
    return calibrate_params(bench->backend, &n->network.graph, n->network.params, &calibration);
}

static enum status load_networks(struct files_bench *bench, const struct cli_result *words,
                                 bool int8)
{
    for (int i = 0; i < words->n_positional; i++) {
        struct files_network *n = &bench->networks[i];
        const char *path;
        n->file = words->positional[i];
        if (load_find_file(n->file, &bench->arena, &path) != OK) {
            FAIL(ERR_INPUT,
                 "dikdik bench: expected \"nn\", \"search\" or network files, and there "
                 "is no file \"%s\"",
                 n->file);
        }
        TRY(network_file_load(path, &bench->config->hints, NULL, &n->network));
        bench->n_networks++;
        n->cost = cost_of_graph(&n->network.graph);
        if (int8) {
            TRY(find_ranges(bench, n));
        }
    }
    return OK;
}

static enum status measure(struct files_bench *bench, int batch, bool int8)
{
    const struct timing_options options = {batch, int8, bench->config->seconds};
    struct timed_network timed[MOST_FILES];
    struct latency_result latencies[MOST_FILES];
    double difference = 0;
    for (int i = 0; i < bench->n_networks; i++) {
        timed[i] = (struct timed_network){&bench->networks[i].network, bench->networks[i].ranges};
    }
    TRY(network_timing(bench->backend, timed, bench->n_networks, &options, latencies, &difference));
    for (int i = 0; i < bench->n_networks; i++) {
        bench->results[bench->n_results++] =
            (struct files_result){&bench->networks[i], batch, int8, latencies[i], difference};
    }
    bench->difference = difference > bench->difference ? difference : bench->difference;
    return OK;
}

static enum status measure_all(struct files_bench *bench, bool int8)
{
    const struct files_config *config = bench->config;
    const bool f32 = list_has(config->dtypes, "f32");
    const int cases = config->batches->n * (f32 + int8);
    ARENA_NEW(&bench->arena, bench->results, (size_t)(cases * bench->n_networks + 1));
    progress_begin(&bench->progress, "bench", "measurements", cases);
    enum status code = OK;
    int done = 0;
    for (int b = 0; b < config->batches->n; b++) {
        for (int type = 0; code == OK && type < 2; type++) {
            if (type == 0 ? f32 : int8) {
                code = measure(bench, config->batches->values[b], type == 1);
                progress_update(&bench->progress, ++done,
                                "batch %d, the first differs from itself "
                                "by %.1f%%",
                                config->batches->values[b], 100 * bench->difference);
            }
        }
    }
    progress_end(&bench->progress);
    return code;
}

static enum status print_json(const struct files_bench *bench)
{
    struct output_json json;
    output_json_begin(&json);
    json.csv = bench->config->csv ? "results" : NULL;
    struct json_writer *w = &json.writer;
    json_write_string(w, "processor", machine_processor());
    json_write_string(w, "backend", bench->backend->ops->name);
    json_write_int(w, "threads", bench->backend->lanes);
    json_write_bool(w, "conclusive", bench->difference <= LATENCY_LIMIT);
    json_write_double(w, "aa_difference", bench->difference);
    json_write_begin(w, '[', "results");
    for (int i = 0; i < bench->n_results; i++) {
        const struct files_result *r = &bench->results[i];
        json_write_begin(w, '{', NULL);
        json_write_string(w, "file", r->network->file);
        json_write_int(w, "batch", r->batch);
        json_write_string(w, "dtype", r->int8 ? "int8" : "f32");
        json_write_int(w, "threads", bench->backend->lanes);
        json_write_double(w, "median_ms", 1e3 * r->latency.median_s);
        json_write_double(w, "p90_ms", 1e3 * r->latency.p90_s);
        json_write_double(w, "ratio", r->latency.ratio);
        json_write_double(w, "ratio_error", r->latency.ratio_error);
        json_write_double(w, "aa_difference", r->difference);
        json_write_double(w, "images_per_second", r->batch / r->latency.median_s);
        json_write_int(w, "macs", r->network->cost.macs);
        json_write_int(w, "params", r->network->cost.params);
        json_write_int(w, "runs", r->latency.runs);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static void print_text(const struct files_bench *bench)
{
    static const char *const headers[] = {"file",    ">batch",    "dtype",     ">median ms",
                                          ">p90 ms", ">images/s", ">to first", ">+-",
                                          ">macs",   NULL};
    printf("%s, backend %s, %d threads; the first differs from itself by %.1f%%\n\n",
           machine_processor(), bench->backend->ops->name, bench->backend->lanes,
           100 * bench->difference);
    struct output_table table;
    output_table_open(&table, headers);
    for (int i = 0; i < bench->n_results; i++) {
        const struct files_result *r = &bench->results[i];
        output_cell(&table, "%s", r->network->file);
        output_cell(&table, "%d", r->batch);
        output_cell(&table, "%s", r->int8 ? "int8" : "f32");
        output_cell(&table, "%.3f", 1e3 * r->latency.median_s);
        output_cell(&table, "%.3f", 1e3 * r->latency.p90_s);
        output_cell(&table, "%.0f", r->batch / r->latency.median_s);
        output_cell(&table, "%.3f", r->latency.ratio);
        output_cell(&table, "%.3f", r->latency.ratio_error);
        output_cell_count(&table, r->network->cost.macs);
    }
    output_table_print(&table);
    output_table_close(&table);
}

static enum status bench_files(struct files_bench *bench, const struct cli_result *words)
{
    const struct files_config *config = bench->config;
    TRY(output_check(config->json, config->csv));
    TRY(list_check("--dtypes", config->dtypes, list_dtypes));
    bool int8 = list_has(config->dtypes, "int8");
    TRY(load_backend(&config->backend, 0, 1, &bench->backend));
    if (int8 && !bench->backend->int8) {
        log_warning("int8 is left out: this backend has no fast 8-bit convolutions here");
        int8 = false;
    }
    TRY(load_networks(bench, words, int8));
    TRY(measure_all(bench, int8));
    if (config->json || config->csv) {
        TRY(print_json(bench));
    } else {
        print_text(bench);
    }
    if (bench->difference > LATENCY_LIMIT) {
        FAIL(ERR_UNSUPPORTED,
             "nothing can be concluded: %s differs from itself by %.1f%%, more than %g%%, although "
             "it was timed up to %d times as long as asked; end what else runs here, or time for "
             "longer (--seconds)",
             bench->networks[0].file, 100 * bench->difference, 100 * LATENCY_LIMIT,
             LATENCY_MOST_WINDOWS);
    }
    return OK;
}

enum status bench_files_run(int argc, char **argv)
{
    static const int usual_batches[] = {1, 32};
    static const struct int_list usual = {.n = 2, .values = usual_batches};
    struct files_config config;
    struct cli_result words;
    struct files_bench bench = {.config = &config};
    enum status code =
        command_line_read(&bench_files_cli, argc, argv, &config, &bench.arena, &words);
    if (code == OK && !words.help) {
        config.batches = config.batches->n > 0 ? config.batches : &usual;
        code = bench_files(&bench, &words);
    }
    for (int i = 0; i < bench.n_networks; i++) {
        network_close(&bench.networks[i].network);
    }
    backend_close(bench.backend);
    arena_close(&bench.arena);
    return code;
}
