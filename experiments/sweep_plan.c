// Making the runs of a sweep.
#include "experiments/sweep_plan.h"

#include "core/config.h"
#include "core/hash.h"
#include "experiments/sweep_draw.h"
#include "run/run_config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { WORD_CHARS = 48, LABEL_CHARS = 160, MOST_WORDS = 16 };

// What a run is made of, on the way.
struct making {
    struct sweep_plan *plan;
    struct arena *arena;
    const char *base; // the config without its "sweep", as JSON
    const struct sweep_value **values;
    struct json *document;
    const char *words[MOST_WORDS];
    int n_words;
};

// A value as part of a file's name.
static void plain_word(const char *word, char out[WORD_CHARS])
{
    const size_t length = strlen(word);
    size_t n = 0;
    for (; word[n] != '\0' && n < WORD_CHARS - 1; n++) {
        const unsigned char letter = (unsigned char)word[n];
        out[n] = (char)(isalnum(letter) || strchr("._-+", letter) != NULL ? letter : '_');
    }
    out[n] = '\0';
    if (length >= WORD_CHARS) { // the end of a long one is its checksum
        snprintf(out + WORD_CHARS - 10, 10, "~%08" PRIx32,
                 (uint32_t)hash_bytes(HASH_BEGIN, word, length));
    }
}

static enum status make_label(const struct making *m, const char **out)
{
    struct text text = {0};
    const struct sweep_axes *axes = &m->plan->axes;
    for (int a = 0; a < axes->n; a++) {
        char word[WORD_CHARS];
        if (sweep_axis_varies(&axes->axes[a])) {
            plain_word(m->values[a]->word, word);
            text_add(&text, "%s%s=%s", text.length > 0 ? "," : "", axes->axes[a].name, word);
        }
    }
    if (text.length == 0) {
        text_add(&text, "run");
    }
    const bool fine = !text.failed;
    if (fine && text.length >= LABEL_CHARS) {
        const uint32_t hash = (uint32_t)hash_bytes(HASH_BEGIN, text.bytes, text.length);
        *out = arena_format(m->arena, "%.*s~%08" PRIx32, LABEL_CHARS - 10, text.bytes, hash);
    } else {
        *out = fine ? arena_copy_text(m->arena, text.bytes) : NULL;
    }
    text_close(&text);
    return *out != NULL ? OK : ERR_MEMORY;
}

// ---- values into a run's config and command line

// {NAME} of an axis in a text is the value that this run has there, {sweep} the sweep's folder.
static void fill_in(const struct making *m, const char *text, struct text *out)
{
    while (*text != '\0') {
        const size_t plain = strcspn(text, "{");
        text_add_bytes(out, text, plain);
        text += plain;
        const char *end = *text == '{' ? strchr(text, '}') : NULL;
        const size_t length = end != NULL ? (size_t)(end - text - 1) : 0;
        bool known = false;
        if (length == 5 && strncmp(text + 1, "sweep", 5) == 0) {
            text_add(out, "%s", m->plan->folder);
            known = true;
        }
        for (int a = 0; a < m->plan->axes.n && end != NULL && !known; a++) {
            const struct sweep_axis *axis = &m->plan->axes.axes[a];
            char word[WORD_CHARS];
            known = (strlen(axis->name) == length && strncmp(axis->name, text + 1, length) == 0) ||
                    (strlen(axis->path) == length && strncmp(axis->path, text + 1, length) == 0);
            if (known) {
                plain_word(m->values[a]->word, word);
                text_add(out, "%s", word);
            }
        }
        if (known) {
            text = end + 1;
        } else if (*text == '{') {
            text_add(out, "{");
            text++;
        }
    }
}

static bool has_row(const struct option *table, const char *key)
{
    for (const struct option *row = table; row->key != NULL; row++) {
        if (strcmp(row->key, key) == 0) {
            return true;
        }
    }
    return false;
}

static enum status add_word(struct making *m, const char *key, const char *json)
{
    struct sweep_value value;
    if (m->n_words == MOST_WORDS - 1) {
        FAIL(ERR_CONFIG, "sweep: more than %d options of the command line", MOST_WORDS - 1);
    }
    TRY(sweep_value_make(json, m->arena, &value));
    m->words[m->n_words] = arena_format(m->arena, "--%s=%s", key, value.word);
    return m->words[m->n_words++] != NULL ? OK : ERR_MEMORY;
}

static enum status set_value(struct making *m, const char *path, const char *json)
{
    struct text filled = {0};
    if (json[0] == '"') {
        fill_in(m, json, &filled);
    } else {
        text_add(&filled, "%s", json);
    }
    enum status code = filled.failed ? ERR_MEMORY : OK;
    const bool of_line = !has_row(run_config_table, path) && has_row(run_command_table, path);
    if (code == OK) {
        code = of_line ? add_word(m, path, filled.bytes)
                       : json_set_path(m->document, path, filled.bytes);
    }
    text_close(&filled);
    return code == OK ? OK : status_context(code, "sweep: %s", path);
}

// Variants at last, so that what they say goes before what all runs have.
static enum status set_values(struct making *m)
{
    const struct sweep_axes *axes = &m->plan->axes;
    for (int a = 0; a < axes->n; a++) {
        if (m->values[a]->paths == NULL) {
            TRY(set_value(m, axes->axes[a].path, m->values[a]->json));
        }
    }
    for (int a = 0; a < axes->n; a++) {
        for (int i = 0; m->values[a]->paths != NULL && i < m->values[a]->n_sets; i++) {
            TRY(set_value(m, m->values[a]->paths[i], m->values[a]->texts[i]));
        }
    }
    return OK;
}

// ---- what shapes its result

static uint64_t hash_words_of(const struct sweep_run *run, uint64_t hash)
{
    static const char *const keys[] = {"task", "policy", "tries"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *word = sweep_plan_word(run, keys[i]);
        word = word != NULL ? word : "";
        hash = hash_bytes(hash, word, strlen(word) + 1);
    }
    return hash;
}

static enum status identify(const struct making *m, struct sweep_run *run)
{
    struct arena arena = {0};
    struct run_config config;
    struct text text = {0};
    const struct sweep_options *options = m->plan->options;
    const char *source = arena_format(m->arena, "run %s", run->label);
    enum status code = source != NULL ? OK : ERR_MEMORY;
    if (code == OK) {
        code = config_read(m->document, source, run_config_table, &config, &arena);
    }
    for (int shapes = SHAPES_BASE; shapes < SHAPES_COUNT && code == OK; shapes++) {
        struct json_writer writer = {.out = &text};
        if (shapes != SHAPES_MORE || options->kind != SWEEP_HALVING) {
            config_write_shaping(run_config_table, &config, (enum option_shapes)shapes,
                                 SHAPES_NOTHING, &writer, NULL);
        }
    }
    text_add(&text, "%s", sweep_command_names[options->command]);
    if (code == OK && text.failed) {
        code = ERR_MEMORY;
    }
    if (code == OK) {
        const uint64_t hash = hash_bytes(HASH_BEGIN, text.bytes, text.length);
        snprintf(run->identity, sizeof run->identity, "%016" PRIx64, hash_words_of(run, hash));
        run->seed = config.seed;
    }
    text_close(&text);
    arena_close(&arena);
    return code;
}

static enum status keep_words(struct making *m, struct sweep_run *run)
{
    const char **words;
    ARENA_NEW(m->arena, words, (size_t)m->n_words + 1);
    memcpy(words, m->words, (size_t)m->n_words * sizeof *words);
    run->words = words;
    run->n_words = m->n_words;
    return OK;
}

static enum status write_config(struct making *m, struct sweep_run *run)
{
    struct text text = {0};
    struct json_writer writer = {.out = &text, .pretty = true};
    json_write_value(&writer, NULL, m->document);
    run->config = text.failed ? NULL : arena_copy_text(m->arena, text.bytes);
    text_close(&text);
    return run->config != NULL ? OK : ERR_MEMORY;
}

static enum status fill_run(struct making *m, struct sweep_run *run)
{
    const struct sweep_value **values;
    ARENA_NEW(m->arena, values, (size_t)m->plan->axes.n);
    memcpy(values, m->values, (size_t)m->plan->axes.n * sizeof(struct sweep_value *));
    run->values = values;
    TRY(make_label(m, &run->label));
    TRY(set_values(m));
    TRY(keep_words(m, run));
    TRY(write_config(m, run));
    TRY(identify(m, run));
    run->folder = arena_format(m->arena, "%s/runs/%s", m->plan->folder, run->label);
    return run->folder != NULL ? OK : ERR_MEMORY;
}

static enum status make_run(struct making *m, struct sweep_run *run)
{
    m->n_words = 0;
    TRY(json_parse(m->base, strlen(m->base), "the config", &m->document));
    const enum status code = fill_run(m, run);
    json_close(m->document);
    return code;
}

// ---- all of them

static enum status write_base(const struct json *base, const struct sweep_plan *plan,
                              struct arena *arena, const char **out)
{
    struct text text = {0};
    struct json_writer writer = {.out = &text};
    json_write_begin(&writer, '{', NULL);
    json_write_string(&writer, "name", plan->name);
    for (int i = 0; i < json_count(base); i++) {
        const char *key = json_key(json_at(base, i));
        if (strcmp(key, "sweep") != 0 && strcmp(key, "name") != 0) {
            json_write_value(&writer, key, json_at(base, i));
        }
    }
    json_write_end(&writer, '}');
    *out = text.failed ? NULL : arena_copy_text(arena, text.bytes);
    text_close(&text);
    return *out != NULL ? OK : ERR_MEMORY;
}

static enum status name_sweep(const struct json *document, const char *path, struct arena *arena,
                              struct sweep_plan *plan)
{
    const struct json *name = json_get(document, "name");
    const char *slash = strrchr(path, '/'), *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');
    const int length = (int)(dot != NULL && dot != file ? (size_t)(dot - file) : strlen(file));
    plan->name = name != NULL && json_kind(name) == JSON_STRING
                     ? arena_copy_text(arena, json_string(name))
                     : arena_format(arena, "%.*s", length, file);
    TRY(plan->name != NULL ? OK : ERR_MEMORY);
    const char *folder = plan->options->sweep_dir;
    plan->folder = folder[0] != '\0' ? folder : arena_format(arena, "runs/%s", plan->name);
    return plan->folder != NULL ? OK : ERR_MEMORY;
}

// Values that are alike as parts of a name; and whose policy a run takes.
static enum status relate(struct sweep_plan *plan, struct arena *arena)
{
    for (int i = 0; i < plan->n_runs; i++) {
        struct sweep_run *run = &plan->runs[i];
        const char *policy = sweep_plan_word(run, "policy");
        run->after = -1;
        for (int j = 0; j < plan->n_runs; j++) {
            if (j < i && strcmp(plan->runs[j].label, run->label) == 0) {
                run->label = arena_format(arena, "%s~%d", run->label, i);
                run->folder = arena_format(arena, "%s~%d", run->folder, i);
                TRY(run->label != NULL && run->folder != NULL ? OK : ERR_MEMORY);
            }
            if (policy != NULL && i != j && strcmp(plan->runs[j].folder, policy) == 0) {
                run->after = j;
            }
        }
    }
    for (int i = 0; i < plan->n_runs; i++) {
        const int first = plan->runs[i].after;
        if (first >= 0 && plan->runs[first].after >= 0) {
            FAIL(ERR_CONFIG, "sweep: run %s takes the policy of %s, which takes another's",
                 plan->runs[i].label, plan->runs[first].label);
        }
    }
    return OK;
}

static const struct sweep_axis *find_seeds(const struct sweep_axes *axes, int *at)
{
    for (*at = 0; *at < axes->n; ++*at) {
        if (sweep_axis_is_seed(&axes->axes[*at])) {
            return &axes->axes[*at];
        }
    }
    return NULL;
}

enum status sweep_plan_make(const struct json *file, const struct json *base, const char *path,
                            const struct sweep_options *options, const struct sweep_axes *axes,
                            struct arena *arena, struct sweep_plan *out)
{
    struct sweep_settings settings;
    int seed_at;
    *out = (struct sweep_plan){.options = options, .axes = *axes};
    struct making m = {.plan = out, .arena = arena};
    TRY(name_sweep(file, path, arena, out));
    TRY(write_base(base, out, arena, &m.base));
    sweep_axes_finish(&out->axes);
    const struct sweep_axis *seeds = find_seeds(&out->axes, &seed_at);
    TRY(sweep_settings_make(&out->axes, options, arena, &settings));
    const int n_seeds = seeds != NULL ? seeds->n : 1;
    if ((int64_t)settings.n * n_seeds > SWEEP_MOST_RUNS) {
        FAIL(ERR_CONFIG, "sweep: more than %d runs", SWEEP_MOST_RUNS);
    }
    out->n_settings = settings.n;
    ARENA_NEW(arena, out->runs, (size_t)settings.n * (size_t)n_seeds);
    for (int i = 0; i < settings.n; i++) {
        m.values = &settings.values[(size_t)i * (size_t)out->axes.n];
        for (int s = 0; s < n_seeds; s++) {
            struct sweep_run *run = &out->runs[out->n_runs++];
            run->setting = i;
            if (seeds != NULL) {
                m.values[seed_at] = &seeds->values[s];
            }
            TRY(make_run(&m, run));
        }
    }
    return relate(out, arena);
}

enum status sweep_plan_config(const struct sweep_run *run, int evaluations, struct text *out)
{
    struct json *document;
    char number[16];
    TRY(json_parse(run->config, strlen(run->config), run->label, &document));
    snprintf(number, sizeof number, "%d", evaluations);
    const enum status code =
        evaluations > 0 ? json_set_path(document, "search.evaluations", number) : OK;
    if (code == OK) {
        struct json_writer writer = {.out = out, .pretty = true};
        json_write_value(&writer, NULL, document);
    }
    json_close(document);
    return code == OK && out->failed ? ERR_MEMORY : code;
}

const struct sweep_run *sweep_plan_first(const struct sweep_plan *plan, int setting)
{
    CHECK(setting >= 0 && setting < plan->n_settings);
    return &plan->runs[(size_t)setting * (size_t)(plan->n_runs / plan->n_settings)];
}

const char *sweep_plan_word(const struct sweep_run *run, const char *key)
{
    const size_t length = strlen(key);
    for (int i = 0; i < run->n_words; i++) {
        const char *word = run->words[i] + 2;
        if (strncmp(word, key, length) == 0 && word[length] == '=') {
            return word + length + 1;
        }
    }
    return NULL;
}
