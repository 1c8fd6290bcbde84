// dikdik export: writes a network as an ONNX file, reads it back and compares; alone or in a folder
// for a model hub.
#include "app/command.h"
#include "app/command_line.h"
#include "app/hub.h"
#include "app/output.h"
#include "core/log.h"
#include "core/rng.h"
#include "nn/network_input.h"
#include "onnx/compare.h"
#include "run/load.h"
#include "run/load_data.h"
#include "train/evaluate.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Greatest difference of a float32 file, as a share of the greatest output.
#define MOST_DIFFERENCE 1e-4

struct export_config {
    struct dataset_options data;
    struct backend_config backend;
    const char *output, *hub;
    bool force;
    enum onnx_batchnorm batchnorm;
    enum onnx_pixels input_values;
    enum onnx_int8 int8;
    struct network_hints hints;
    int calibration, compare;
    uint64_t seed;
    bool json;
};

// In the order of enum onnx_batchnorm, onnx_pixels, onnx_int8.
static const char *const batchnorm_kinds[] = {"fold", "keep", NULL};
static const char *const input_kinds[] = {"normalised", "pixels", "bytes", NULL};
static const char *const int8_kinds[] = {"off", "ort", "tensorrt", NULL};

#define AT(field) .offset = offsetof(struct export_config, field)
static const struct option export_option_table[] = {
    {"output", "the file to write, -o for short", OPTION_STRING, AT(output)},
    {"hub",
     "instead of a file: a folder as model hubs have it, with config.json, model.safetensors, "
     "model.onnx, preprocessor_config.json and a README.md with the results of its run",
     OPTION_STRING, AT(hub)},
    {"force", "with --hub: also into a folder that has other things in it, which stay", OPTION_BOOL,
     AT(force), .fallback = 0},
    {"batchnorm", "fold: into the convolution before it; keep: as nodes of its own", OPTION_CHOICE,
     AT(batchnorm), .fallback_text = "fold", .choices = batchnorm_kinds},
    {"input_values",
     "what the file's input is, [n, channels, height, width]: normalised: float, with mean and std "
     "applied outside; pixels: float from 0 to 1; bytes: uint8 from 0 to 255",
     OPTION_CHOICE, AT(input_values), .fallback_text = "normalised", .choices = input_kinds},
    {"int8",
     "8-bit integers by QuantizeLinear and DequantizeLinear: ort: as ONNX Runtime computes them, "
     "unsigned with a zero point; tensorrt: signed and symmetric",
     OPTION_CHOICE, AT(int8), .fallback_text = "off", .choices = int8_kinds},
    {"calibration", "with --int8: training images that ranges are taken from", OPTION_INT,
     AT(calibration), .fallback = 512, .least = 1, .most = 1e6},
    {"compare",
     "images on which the file, read back, is compared with the network; 0: it is not read back",
     OPTION_INT, AT(compare), .fallback = 256, .least = 0, .most = 1e6},
    {"data", "the data set; by default the one that the file names", OPTION_OBJECT, AT(data),
     .table = dataset_option_table},
    {"architecture", "zoo network, in CIFAR form, of a file that does not say it", OPTION_STRING,
     AT(hints.architecture)},
    NETWORK_HINT_ROWS(struct export_config, hints),
    {"seed", "of the samples of training images", OPTION_SEED, AT(seed), .fallback = 0},
    {"json", "print one JSON object", OPTION_BOOL, AT(json), .fallback = 0},
    {"backend", "what computes", OPTION_OBJECT, AT(backend), .table = backend_option_table},
    {.key = NULL},
};
#undef AT

static const char *const export_positional[] = {"FILE", NULL};
static const struct cli export_cli = {
    .command = "dikdik export",
    .usage = "FILE (-o OUT.onnx | --hub DIR) [options]",
    .about = "Writes a network as an ONNX file (opset 17, any number of images), reads it back and "
             "compares what both compute on training images, or on random ones where there are "
             "none. A file that differs is not kept.",
    .positional = export_positional,
    .required = 1,
    .table = export_option_table,
};

struct exporting {
    const struct export_config *config;
    const char *file, *path; // what is read, and the ONNX file; borrowed
    struct hub hub;          // zeroed: none is written
    struct hub_results results;
    struct arena arena;
    struct network network;
    struct dataset data; // training part; zeroed: there is none
    struct backend *backend;
    struct onnx_export_options options;
    struct onnx_range *ranges; // [n_nodes] arena
    size_t bytes;              // of the file
    int compared;              // images
    struct onnx_comparison comparison;
};

static enum status check_config(struct exporting *x)
{
    const struct export_config *config = x->config;
    struct onnx_export_options *options = &x->options;
    options->batchnorm = config->batchnorm;
    options->pixels = config->input_values;
    options->int8 = config->int8;
    if (config->output[0] == '\0' && config->hub[0] == '\0') {
        FAIL(ERR_CONFIG, "--output is missing: the ONNX file to write, or --hub and a folder");
    }
    if (config->output[0] != '\0' && config->hub[0] != '\0') {
        FAIL(ERR_CONFIG, "--output and --hub: expected one of them; the folder has model.onnx");
    }
    if (config->force && config->hub[0] == '\0') {
        FAIL(ERR_CONFIG, "--force is for --hub; a file of the name that --output gives is replaced "
                         "anyway");
    }
    if (options->int8 != ONNX_INT8_OFF && options->batchnorm == ONNX_BATCHNORM_KEEP) {
        FAIL(ERR_CONFIG, "--int8 needs --batchnorm fold: integers span what a convolution and its "
                         "BatchNorm put out together");
    }
    return OK;
}

// The data set that the network's file or its run names, where this machine has it.
static enum status find_data(struct exporting *x, const char *path)
{
    const char *named = x->network.info.dataset;
    struct dataset_options options;
    if (named[0] == '\0') {
        return OK;
    }
    TRY(load_data_options(path, named, &x->config->data, &x->arena, &options));
    enum status code = dataset_open(&options, DATASET_TRAIN, &x->data);
    if (code == OK) {
        code = evaluate_check_fit(&x->network, &x->data);
    }
    if (code != OK && x->options.int8 == ONNX_INT8_OFF) {
        log_warning("the file is compared on random images: %s", status_message());
        dataset_close(&x->data);
        x->data = (struct dataset){0};
        return OK;
    }
    return code;
}

static enum status open_network(struct exporting *x, const char *path)
{
    const struct export_config *config = x->config;
    if (config->data.name[0] != '\0') {
        TRY(load_network_and_data(path, &config->hints, &config->data, DATASET_TRAIN, &x->network,
                                  &x->data));
        TRY(evaluate_check_fit(&x->network, &x->data));
    } else {
        TRY(network_file_load(path, &config->hints, NULL, &x->network));
        TRY(find_data(x, path));
    }
    if (x->options.int8 != ONNX_INT8_OFF && x->data.n == 0) {
        FAIL(ERR_CONFIG, "--int8 takes ranges from training images: name a data set with --data");
    }
    return load_backend(&config->backend, 0, 1, &x->backend);
}

static enum status find_ranges(struct exporting *x)
{
    const int asked = x->config->calibration, n = asked < x->data.n ? asked : x->data.n;
    uint8_t *images;
    if (x->options.int8 == ONNX_INT8_OFF) {
        return OK;
    }
    ARENA_NEW(&x->arena, x->ranges, (size_t)x->network.graph.n_nodes);
    TRY(dataset_sample(&x->data, NULL, x->data.n, n, x->config->seed, &x->arena, &images));
    TRY(onnx_find_ranges(x->backend, &x->network, images, n, x->ranges));
    x->options.ranges = x->ranges;
    return OK;
}

// ---- reading back
static enum status compare(struct exporting *x, const char *path)
{
    const bool real = x->data.n > 0;
    int n = x->config->compare;
    uint8_t *images;
    if (n == 0) {
        return OK;
    }
    n = real && x->data.n < n ? x->data.n : n;
    TRY(real ? dataset_sample(&x->data, NULL, x->data.n, n, x->config->seed, &x->arena, &images)
             : network_random_images(&x->network.info, n, x->config->seed, &x->arena, &images));
    TRY(onnx_compare(x->backend, &x->network, &x->options, path, images, n, &x->comparison));
    x->compared = n;
    if (x->options.int8 == ONNX_INT8_OFF && !(x->comparison.difference <= MOST_DIFFERENCE)) {
        FAIL(ERR_UNSUPPORTED,
             "the file that was written computes something else: on %d images its outputs differ "
             "by up to %.2g of the greatest one; it is not kept",
             n, x->comparison.difference);
    }
    return OK;
}

// The file gets its name when it has been found right.
static enum status write_file(struct exporting *x)
{
    const char *path = x->path;
    const char *unchecked = arena_format(&x->arena, "%s.unchecked", path);
    if (unchecked == NULL) {
        return ERR_MEMORY;
    }
    TRY(onnx_export(&x->network, &x->options, unchecked, &x->bytes));
    enum status code = compare(x, unchecked);
    if (code == OK && rename(unchecked, path) != 0) {
        code = status_fail(ERR_IO, __FILE__, __LINE__, "cannot rename %s to %s: %s", unchecked,
                           path, strerror(errno));
    }
    if (code != OK) {
        (void)unlink(unchecked);
    }
    return code;
}

// ---- what is said
static const char *said_file(struct exporting *x)
{
    const char *file = x->config->output;
    if (x->config->hub[0] != '\0') {
        file = arena_format(&x->arena, "%s/" HUB_ONNX, x->config->hub);
    }
    return file != NULL ? file : HUB_ONNX;
}

static enum status print_json(struct exporting *x)
{
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_string(w, "file", said_file(x));
    if (x->config->hub[0] != '\0') {
        json_write_string(w, "hub", x->config->hub);
        json_write_bool(w, "results", x->results.known);
    }
    json_write_string(w, "architecture", x->network.info.architecture);
    json_write_int(w, "bytes", (int64_t)x->bytes);
    json_write_int(w, "opset", ONNX_EXPORT_OPSET);
    json_write_string(w, "batchnorm", batchnorm_kinds[x->config->batchnorm]);
    json_write_string(w, "input_values", input_kinds[x->config->input_values]);
    json_write_string(w, "int8", int8_kinds[x->config->int8]);
    json_write_int(w, "compared_images", x->compared);
    json_write_bool(w, "compared_real", x->compared > 0 && x->data.n > 0);
    if (x->compared > 0) {
        json_write_double(w, "greatest_difference", x->comparison.difference);
        json_write_double(w, "top1_agreement", x->comparison.agreement);
    }
    return output_json_end(&json);
}

static void print_text(struct exporting *x)
{
    char bytes[32];
    printf("written to  %s: opset %d, %s bytes\n", said_file(x), ONNX_EXPORT_OPSET,
           output_count((int64_t)x->bytes, bytes));
    if (x->config->hub[0] != '\0') {
        printf("hub folder  %s: choose a licence in its README.md%s\n", x->config->hub,
               x->results.known ? "" : "; no results of a run lie beside the network");
    }
    if (x->compared > 0) {
        printf(
            "read back   on %d %s images: same class for %.2f%%, outputs differ by up to %.2g of "
            "the greatest\n",
            x->compared, x->data.n > 0 ? "real" : "random", 100 * x->comparison.agreement,
            x->comparison.difference);
    }
    if (x->options.int8 != ONNX_INT8_OFF) {
        printf("int8        read back with integer weights; activations are rounded only by the "
               "runtime\n");
    }
}

// "runs/a/final/b.safetensors" -> "b"
static enum status name_network(struct exporting *x, const char **out)
{
    const char *slash = strrchr(x->file, '/');
    const char *name = slash != NULL ? slash + 1 : x->file;
    const char *dot = strrchr(name, '.');
    *out =
        arena_format(&x->arena, "%.*s",
                     (int)(dot != NULL && dot > name ? (size_t)(dot - name) : strlen(name)), name);
    return *out != NULL ? OK : ERR_MEMORY;
}

// The target is looked at before anything is computed.
static enum status open_target(struct exporting *x)
{
    x->path = x->config->output;
    if (x->config->hub[0] != '\0') {
        TRY(hub_open(x->config->hub, x->config->force, &x->hub));
        x->path = hub_path(&x->hub, &x->arena, HUB_ONNX);
    }
    return x->path != NULL ? OK : ERR_MEMORY;
}

static enum status finish_hub(struct exporting *x)
{
    if (x->config->hub[0] == '\0') {
        return OK;
    }
    struct hub_card card = {.network = &x->network, .onnx = &x->options, .results = &x->results};
    TRY(hub_results_find(x->file, &x->network, &x->arena, &x->results));
    TRY(name_network(x, &card.title));
    TRY(hub_write(&x->hub, &card, &x->arena));
    return hub_commit(&x->hub);
}

static enum status export_file(struct exporting *x)
{
    TRY(check_config(x));
    TRY(open_target(x));
    TRY(open_network(x, x->file));
    TRY(find_ranges(x));
    TRY(write_file(x));
    TRY(finish_hub(x));
    if (x->config->json) {
        return print_json(x);
    }
    print_text(x);
    return OK;
}

static enum status export_run(struct app *app, int argc, char **argv)
{
    (void)app;
    struct export_config config;
    struct cli_result words;
    struct exporting exporting = {.config = &config};
    enum status code =
        command_line_read(&export_cli, argc, argv, &config, &exporting.arena, &words);
    if (code == OK && !words.help) {
        exporting.file = words.positional[0];
        code = export_file(&exporting);
    }
    hub_cancel(&exporting.hub);
    hub_results_close(&exporting.results);
    backend_close(exporting.backend);
    network_close(&exporting.network);
    dataset_close(&exporting.data);
    arena_close(&exporting.arena);
    return code;
}

static const struct cli *const export_clis[] = {&export_cli, NULL};

const struct command command_export = {
    .name = "export",
    .about = "write a network as an ONNX file",
    .clis = export_clis,
    .run = export_run,
};
