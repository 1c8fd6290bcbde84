// A learner's checkpoint that is whole and says anything: edits of a good one, with the right
// checksum. What the learner takes, it goes on from, for two updates.
//
// An input is a method, then edits: which array (a byte), where in it (four bytes), how many bytes
// (one, at most eight) and these. HDF5 itself is fuzz_hdf5's: here state_list_* and all of run.h5
// are replaced at link time (--wrap).
#include "core/hdf5_log.h"
#include "core/log.h"
#include "fuzz_file.h"
#include "learner/state_list.h"
#include "tests/learner/player_case.h"

#include <stdlib.h>
#include <string.h>

struct variant {
    const struct method_ops *method;
    bool known, imagines;
    enum learner_mode mode;
    struct state_list state; // as of its checkpoint, the data copied
    int64_t rows;            // of run.h5's tables, at most
};
static struct variant variants[] = {
    {.method = &method_impala, .mode = MODE_SYNC},
    {.method = &method_impala, .known = true, .imagines = true, .mode = MODE_SYNC},
    {.method = &method_impala, .mode = MODE_ASYNC},
    {.method = &method_amc, .mode = MODE_SYNC},
    {.method = &method_evolution, .mode = MODE_SYNC},
    {.method = &method_evolution, .known = true, .mode = MODE_ASYNC},
    {.method = &method_random, .known = true, .mode = MODE_SYNC},
    {.method = &method_oneshot, .known = true, .mode = MODE_SYNC},
    {.method = &method_local, .known = true, .mode = MODE_SYNC},
    {.method = &method_sensitivity, .known = true, .mode = MODE_SYNC},
    {.method = &method_bayes, .known = true, .mode = MODE_ASYNC},
};
enum { N_VARIANTS = sizeof variants / sizeof variants[0], EVALUATIONS = 12, ROWS = 1000 };

static struct variant *current;
static struct fuzz_part edits;
static bool saving;

static int64_t log_rows[HDF5_TABLES_MAX]; // of run.h5's tables

enum status __wrap_state_list_save(const struct state_list *list, const char *identity,
                                   const char *path);
enum status __wrap_state_list_load(struct state_list *list, const char *identity, const char *path);
enum status __wrap_hdf5_log_open(const char *path, const struct hdf5_table *tables, int n_tables,
                                 const struct hdf5_text *texts, int n_texts, const int64_t *keep,
                                 struct hdf5_log **out);
enum status __wrap_hdf5_log_append(struct hdf5_log *log, int table, const void *rows, int n);
int64_t __wrap_hdf5_log_rows(const struct hdf5_log *log, int table);
enum status __wrap_hdf5_log_flush(struct hdf5_log *log, bool durable);
enum status __wrap_hdf5_log_close(struct hdf5_log *log);
enum status __wrap_hdf5_log_count_all(const char *path, const struct hdf5_table *tables,
                                      int n_tables, int64_t *rows);
enum status __wrap_hdf5_log_read_parts(const char *path, const struct hdf5_log_part *parts,
                                       int n_parts);

static size_t item_bytes(const struct state_item *item)
{
    return item->count * hdf5_type_bytes(item->type);
}

enum status __wrap_state_list_save(const struct state_list *list, const char *identity,
                                   const char *path)
{
    (void)identity, (void)path;
    if (!saving) {
        return OK;
    }
    for (int i = 0; i < current->state.n; i++) {
        free(current->state.items[i].data); // of the one before: it finished amid the updates
    }
    current->state = *list;
    for (int i = 0; i < list->n; i++) {
        const size_t bytes = item_bytes(&list->items[i]);
        current->state.items[i].data = malloc(bytes + 1);
        CHECK(current->state.items[i].data != NULL);
        if (bytes > 0) {
            memcpy(current->state.items[i].data, list->items[i].data, bytes);
        }
    }
    return OK;
}

static void edit(struct state_list *list)
{
    enum { HEAD = 6, MOST = 8 };
    const uint8_t *at = edits.bytes;
    for (size_t left = edits.n; left > HEAD;) {
        const struct state_item *item = &list->items[at[0] % list->n];
        const size_t bytes = item_bytes(item);
        uint32_t offset;
        memcpy(&offset, at + 1, sizeof offset);
        size_t n = at[5] % MOST + 1;
        n = n < left - HEAD ? n : left - HEAD;
        if (bytes > 0) {
            const size_t first = offset % bytes;
            const size_t fit = n < bytes - first ? n : bytes - first;
            memcpy((uint8_t *)item->data + first, at + HEAD, fit);
        }
        at += HEAD + n;
        left -= HEAD + n;
    }
}

enum status __wrap_state_list_load(struct state_list *list, const char *identity, const char *path)
{
    (void)identity;
    CHECK(list->n == current->state.n);
    for (int i = 0; i < list->n; i++) {
        const size_t bytes = item_bytes(&list->items[i]);
        CHECK(bytes == item_bytes(&current->state.items[i]));
        if (bytes > 0) {
            memcpy(list->items[i].data, current->state.items[i].data, bytes);
        }
    }
    edit(list);
    return state_list_check(list, path);
}

enum status __wrap_hdf5_log_open(const char *path, const struct hdf5_table *tables, int n_tables,
                                 const struct hdf5_text *texts, int n_texts, const int64_t *keep,
                                 struct hdf5_log **out)
{
    (void)path, (void)tables, (void)texts, (void)n_texts;
    for (int i = 0; i < n_tables; i++) {
        log_rows[i] = keep != NULL ? keep[i] : 0;
    }
    *out = (struct hdf5_log *)log_rows; // looked into by none but these
    return OK;
}

enum status __wrap_hdf5_log_append(struct hdf5_log *log, int table, const void *rows, int n)
{
    (void)log, (void)rows;
    log_rows[table] += n;
    return OK;
}

int64_t __wrap_hdf5_log_rows(const struct hdf5_log *log, int table)
{
    (void)log;
    return log_rows[table];
}

enum status __wrap_hdf5_log_flush(struct hdf5_log *log, bool durable)
{
    (void)log, (void)durable;
    return OK;
}

enum status __wrap_hdf5_log_close(struct hdf5_log *log)
{
    (void)log;
    return OK;
}

enum status __wrap_hdf5_log_count_all(const char *path, const struct hdf5_table *tables,
                                      int n_tables, int64_t *rows)
{
    (void)path, (void)tables;
    for (int i = 0; i < n_tables; i++) {
        rows[i] = ROWS;
    }
    return OK;
}

enum status __wrap_hdf5_log_read_parts(const char *path, const struct hdf5_log_part *parts,
                                       int n_parts)
{
    for (int i = 0; i < n_parts; i++) {
        if (parts[i].first + parts[i].n > ROWS) {
            FAIL(ERR_INPUT, "%s: '%s' has %d rows", path, parts[i].table->name, ROWS);
        }
        memset(parts[i].rows, 0, (size_t)parts[i].n * parts[i].table->row_bytes);
    }
    return OK;
}

static void make_case(const struct variant *variant, struct loop_case *c)
{
    player_set_method(c, variant->method, EVALUATIONS);
    test_folder_remove(&c->folder);
    snprintf(c->folder.path, sizeof c->folder.path, "%s", fuzz_folder());
    c->learner.mode = variant->mode;
    c->learner.batch = 4;
    c->learner.taught_batches = c->learner.distilled_batches = 1; // what they teach is not in files
    c->known = variant->known;
    c->imagine = variant->imagines ? player_imagine : NULL;
    if (!variant->method->policy) {
        c->n_weights = 0;
        c->policy = (struct game_policy){0};
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    log_set_level(LOG_QUIET);
    CHECK(players_open(NULL) == 0);
    saving = true;
    for (int i = 0; i < N_VARIANTS; i++) {
        struct loop_case c;
        current = &variants[i];
        make_case(current, &c);
        c.stop_after = 3;
        CHECK(loop_case_open(&c) == OK);
        CHECK(loop_case_run(&c, true) == OK);
        loop_case_drop(&c);
    }
    saving = false;
    fuzz_write("checkpoint.h5", NULL, 0); // there is one to read
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct loop_case c;
    if (n == 0) {
        return 0;
    }
    current = &variants[bytes[0] % N_VARIANTS];
    edits = (struct fuzz_part){bytes + 1, n - 1};
    make_case(current, &c);
    if (loop_case_open(&c) == OK) {
        struct learner_summary summary;
        learner_summarize(c.opened, &summary);
        c.stop_after = summary.updates + 2;
        (void)loop_case_run(&c, false);
    }
    loop_case_drop(&c);
    fuzz_write("checkpoint.h5", NULL, 0);
    return 0;
}
