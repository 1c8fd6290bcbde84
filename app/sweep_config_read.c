// Reading a sweep's command line, and holding its runs against what lies in their folders.
#include "app/sweep_config_read.h"

#include "app/command_line.h"
#include "app/search_config_read.h"
#include "core/file.h"
#include "experiments/sweep_results.h"
#include "run/run_folder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { MOST_WORDS = 128 };

static const char *const positional[] = {"SWEEP-CONFIG", NULL};
const struct cli sweep_cli = {
    .command = "dikdik sweep",
    .usage = "CONFIG [--set PATH=VALUE,VALUE...] [options]",
    .about =
        "Runs a config many times, with all combinations (or some, drawn) of the values that its "
        "\"sweep\" object and --set give to options of `dikdik run`: \"sweep\": "
        "{\"learner.learning_rate\": [0.001, 0.003], \"seed\": \"1..5\"}, or --set "
        "learner.mode=sync,async --set seed=1..5. Given again, it goes on where it stopped. As "
        "many runs at once as the machine has cores or GPUs for, or one job array of Slurm. "
        "Results with statistics over the seeds go to sweep.h5 and sweep.csv in the sweep's "
        "folder.",
    .positional = positional,
    .required = 1,
    .table = sweep_command_table,
};

// The words of the command line, sorted: what sets options of the runs, and all others.
struct words {
    int n, n_sets;
    char *words[MOST_WORDS];
    const char *sets[MOST_WORDS];
};

static enum status sort_words(int argc, char **argv, struct words *out)
{
    *out = (struct words){.n = 0};
    for (int i = 0; i < argc; i++) {
        const bool alone = strcmp(argv[i], "--set") == 0;
        if (out->n == MOST_WORDS - 1 || out->n_sets == MOST_WORDS - 1) {
            FAIL(ERR_CONFIG, "dikdik sweep: more than %d words", MOST_WORDS - 1);
        }
        if (alone && i + 1 == argc) {
            FAIL(ERR_CONFIG, "dikdik sweep: --set needs PATH=VALUE,VALUE..., got nothing");
        }
        if (alone) {
            out->sets[out->n_sets++] = argv[++i];
        } else if (strncmp(argv[i], "--set=", 6) == 0) {
            out->sets[out->n_sets++] = argv[i] + 6;
        } else {
            out->words[out->n++] = argv[i];
        }
    }
    return OK;
}

// The sweep's own options of the config, as words before those of the command line, which win.
static enum status read_options(const struct json *sweep, const struct words *words,
                                struct arena *arena, struct sweep_options *out)
{
    char *all[2 * MOST_WORDS];
    int n = 0;
    all[n++] = words->words[0];
    for (const struct option *row = sweep_config_table; row->key != NULL; row++) {
        const struct json *value = sweep != NULL ? json_get(sweep, row->key) : NULL;
        if (value == NULL) {
            continue;
        }
        struct text text = {0};
        struct json_writer writer = {.out = &text};
        json_write_value(&writer, NULL, value);
        const char *word = json_kind(value) == JSON_STRING ? json_string(value) : text.bytes;
        all[n] = text.failed ? NULL : arena_format(arena, "--%s=%s", row->key, word);
        text_close(&text);
        TRY(all[n++] != NULL ? OK : ERR_MEMORY);
    }
    for (int i = 1; i < words->n; i++) {
        all[n++] = words->words[i];
    }
    struct cli_result result;
    TRY(command_line_read(&sweep_cli, n, all, out, arena, &result));
    return sweep_options_check(out);
}

static enum status check_file(const struct json *file, const char *path)
{
    const struct json *sweep = json_kind(file) == JSON_OBJECT ? json_get(file, "sweep") : file;
    if (sweep != NULL && (sweep == file || json_kind(sweep) != JSON_OBJECT)) {
        FAIL(ERR_CONFIG, "%s: %s: expected an object, got %s", path,
             sweep == file ? "the config" : "sweep", json_kind_name(json_kind(sweep)));
    }
    return OK;
}

// What the file says beside its "sweep" goes before what the config says that it names.
static enum status lay_over(const struct json *above, struct json *config)
{
    for (int i = 0; i < json_count(above); i++) {
        const char *key = json_key(json_at(above, i));
        struct text text = {0};
        struct json_writer writer = {.out = &text};
        json_write_value(&writer, NULL, json_at(above, i));
        const enum status code = text.failed ? ERR_MEMORY
                                 : strcmp(key, "sweep") == 0
                                     ? OK
                                     : json_set_keys(config, &key, 1, text.bytes);
        text_close(&text);
        TRY(code);
    }
    return OK;
}

// The config that the sweep is about: that of its own file, or the one that it names.
static enum status read_config(const struct json *file, const char *path, struct json **out)
{
    const struct json *sweep = json_get(file, "sweep");
    const struct json *named = sweep != NULL ? json_get(sweep, SWEEP_CONFIG_KEY) : NULL;
    char other[4096];
    *out = NULL;
    if (named == NULL) {
        return OK;
    }
    if (json_kind(named) != JSON_STRING) {
        FAIL(ERR_CONFIG, "%s: sweep.config: expected the path of a config, got %s", path,
             json_kind_name(json_kind(named)));
    }
    const char *slash = strrchr(path, '/');
    const bool whole = json_string(named)[0] == '/' || slash == NULL;
    const int folder = whole ? 0 : (int)(slash - path + 1);
    const int n = snprintf(other, sizeof other, "%.*s%s", folder, path, json_string(named));
    if (n < 0 || (size_t)n >= sizeof other) {
        FAIL(ERR_CONFIG, "%s: sweep.config: the path is too long", path);
    }
    TRY(json_read_config(other, out));
    const enum status code = lay_over(file, *out);
    if (code != OK) {
        json_close(*out);
        *out = NULL;
    }
    return code == OK ? OK : status_context(code, "%s", path);
}

static enum status make_plan(const struct json *file, const struct json *config,
                             const struct words *words, struct arena *arena, struct sweep_line *out)
{
    struct sweep_axes axes = {.n = 0};
    const struct json *sweep = json_get(file, "sweep");
    TRY(read_options(sweep, words, arena, &out->options));
    if (sweep != NULL) {
        TRY(sweep_axes_read(sweep, out->path, arena, &axes));
    }
    for (int i = 0; i < words->n_sets; i++) {
        TRY(sweep_axes_set(words->sets[i], arena, &axes));
    }
    if (axes.n == 0) {
        FAIL(ERR_CONFIG,
             "%s: there is nothing to run through: give options values in its \"sweep\" object, "
             "{\"seed\": \"1..5\"}, or with --set seed=1..5",
             out->path);
    }
    return sweep_plan_make(file, config, out->path, &out->options, &axes, arena, &out->plan);
}

// ---- each run as it will be read

// Text as a file that has no name.
static enum status open_text(const char *text, int *out)
{
    const int file = memfd_create("config", MFD_CLOEXEC);
    if (file < 0 || !file_write_all(file, text, strlen(text))) {
        if (file >= 0) {
            close(file);
        }
        FAIL(ERR_IO, "no memory for a config: %s", strerror(errno));
    }
    *out = file;
    return OK;
}

static enum status read_run(const struct sweep_run *run, struct arena *arena,
                            struct run_config *out)
{
    char path[64];
    char *words[MOST_WORDS];
    int n = 0, file;
    bool help = false;
    TRY(open_text(run->config, &file));
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    words[n++] = arena_copy_text(arena, "run");
    words[n++] = path;
    words[n++] = arena_format(arena, "--run-dir=%s", run->folder);
    for (int i = 0; i < run->n_words; i++) {
        words[n++] = arena_copy_text(arena, run->words[i]);
    }
    enum status code = OK;
    for (int i = 0; i < n && code == OK; i++) {
        code = words[i] != NULL ? OK : ERR_MEMORY;
    }
    if (code == OK) {
        code = search_config_read(&run_cli, n, words, arena, out, &help);
    }
    close(file);
    return code == OK ? OK : status_context(code, "run %s", run->label);
}

// Whether the run whose policy it takes has yet to make one.
static bool waits(const struct sweep_plan *plan, const struct sweep_run *run)
{
    char path[4096];
    return run->after >= 0 &&
           (file_join(path, sizeof path, plan->runs[run->after].folder, "config.json") != OK ||
            !file_exists(path));
}

static enum status check_runs(const struct sweep_plan *plan)
{
    for (int i = 0; i < plan->n_runs; i++) {
        struct arena arena = {0};
        struct run_config config;
        const struct sweep_run *run = &plan->runs[i];
        const enum status code = waits(plan, run) ? OK : read_run(run, &arena, &config);
        arena_close(&arena);
        TRY(code);
    }
    return OK;
}

enum status sweep_config_read(int argc, char **argv, struct arena *arena, struct sweep_line *out)
{
    struct words words;
    struct cli_result result;
    struct json *file, *config = NULL;
    *out = (struct sweep_line){.path = ""};
    TRY(sort_words(argc, argv, &words));
    TRY(command_line_read(&sweep_cli, words.n, words.words, &out->options, arena, &result));
    out->help = result.help;
    if (result.help) {
        return OK;
    }
    out->path = result.positional[0];
    TRY(json_read_config(out->path, &file));
    enum status code = check_file(file, out->path);
    if (code == OK) {
        code = read_config(file, out->path, &config);
    }
    if (code == OK) {
        code = make_plan(file, config != NULL ? config : file, &words, arena, out);
    }
    json_close(config);
    json_close(file);
    TRY(code);
    return check_runs(&out->plan);
}

// ---- what has begun

static enum status compare(const struct sweep_plan *plan, const struct sweep_run *run,
                           const char *path, struct arena *arena)
{
    static const struct run_kind kind = {
        .table = run_config_table, .bytes = sizeof(struct run_config), .command = "dikdik run"};
    struct run_config earlier, config;
    struct json *document;
    TRY(json_read_config(path, &document));
    const enum status code = config_read(document, path, run_config_table, &earlier, arena);
    json_close(document);
    TRY(code);
    TRY(read_run(run, arena, &config));
    const struct run_folder folder = {.kind = &kind, .config_path = path, .earlier = &earlier};
    for (int shapes = SHAPES_BASE; shapes < SHAPES_COUNT; shapes++) {
        struct run_difference difference;
        bool differs = false;
        if (shapes == SHAPES_MORE && plan->options->kind == SWEEP_HALVING) {
            continue; // how far a run has come
        }
        TRY(run_folder_differs(&folder, &config, (enum option_shapes)shapes, &differs,
                               &difference));
        if (differs) {
            FAIL(ERR_CONFIG,
                 "run %s has begun with %s = %s, and here it is %s: a sweep goes on with the "
                 "configs that it began with; choose another folder with --sweep-dir, or remove %s",
                 run->label, difference.path, difference.theirs, difference.ours, run->folder);
        }
    }
    return OK;
}

static enum status check_record(const struct sweep_results *results, int i, struct arena *arena)
{
    char path[4096];
    const struct sweep_run *run = &results->plan->runs[i];
    const struct sweep_record *record = sweep_results_newest(results, i);
    if (record != NULL && record->state == SWEEP_FAILED) {
        return OK; // perhaps because of what is another now; the run itself looks at its folder
    }
    TRY(file_join(path, sizeof path, run->folder, "config.json"));
    if (file_exists(path) && !waits(results->plan, run)) {
        TRY(compare(results->plan, run, path, arena));
    }
    if (record != NULL && strcmp(record->identity, run->identity) != 0) {
        FAIL(ERR_CONFIG,
             "run %s is done, but with another config or command; choose another folder with "
             "--sweep-dir, or remove %s and its file in results/",
             run->label, run->folder);
    }
    return OK;
}

enum status sweep_config_check_begun(const struct sweep_plan *plan)
{
    struct arena all = {0};
    struct sweep_results results;
    enum status code = sweep_results_read(plan, &all, &results);
    for (int i = 0; i < plan->n_runs && code == OK; i++) {
        struct arena arena = {0};
        code = check_record(&results, i, &arena);
        arena_close(&arena);
    }
    arena_close(&all);
    return code;
}
