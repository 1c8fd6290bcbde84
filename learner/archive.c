// Candidates per task, found again by a hash of their widths.
#include "learner/archive.h"

#include "core/hash.h"

#include <string.h>

enum status archive_open(const struct archive_sizes *sizes, struct arena *arena,
                         struct archive *out)
{
    const int n_tasks = sizes->n_tasks, n_result = sizes->n_result;
    struct archive archive = {.n_tasks = n_tasks,
                              .capacity = sizes->capacity,
                              .n_result = n_result,
                              .n_steps = sizes->n_steps};
    const size_t n = (size_t)n_tasks * (size_t)sizes->capacity;
    for (archive.table_size = n_result > 0 ? 4 : 0;
         n_result > 0 && archive.table_size < 2 * (size_t)sizes->capacity;) {
        archive.table_size *= 2;
    }
    ARENA_NEW(arena, archive.counts, (size_t)n_tasks);
    ARENA_NEW(arena, archive.scores, n);
    ARENA_NEW(arena, archive.rewards, n);
    ARENA_NEW(arena, archive.macs, n);
    ARENA_NEW(arena, archive.params, n);
    ARENA_NEW(arena, archive.bytes, n);
    ARENA_NEW(arena, archive.episodes, n);
    ARENA_NEW(arena, archive.n_widths, n);
    ARENA_NEW(arena, archive.widths, n * (size_t)n_result);
    ARENA_NEW(arena, archive.choices, n * (size_t)sizes->n_steps);
    ARENA_NEW(arena, archive.table, (size_t)n_tasks * archive.table_size);
    *out = archive;
    return OK;
}

static size_t place_of(const struct archive *archive, int task, int index)
{
    return (size_t)task * (size_t)archive->capacity + (size_t)index;
}

static const int32_t *widths_at(const struct archive *archive, size_t place)
{
    return archive->widths + place * (size_t)archive->n_result;
}

// Where the table holds the candidate with these widths, or the empty place where it would.
static int32_t *table_place(const struct archive *archive, int task, const int32_t *widths,
                            int n_widths)
{
    const size_t bytes = (size_t)n_widths * sizeof *widths;
    const uint64_t hash = hash_words(HASH_BEGIN, widths, bytes);
    int32_t *table = archive->table + (size_t)task * archive->table_size;
    size_t at = (size_t)(hash ^ hash >> 32) & (archive->table_size - 1);
    for (; table[at] != 0; at = (at + 1) & (archive->table_size - 1)) {
        const size_t place = place_of(archive, task, table[at] - 1);
        if (archive->n_widths[place] == n_widths &&
            memcmp(widths_at(archive, place), widths, bytes) == 0) {
            break;
        }
    }
    return &table[at];
}

enum archive_answer archive_put(struct archive *archive, const struct trajectory *trajectory)
{
    const struct trajectory_header *header = trajectory->header;
    const int task = header->task, n_widths = header->n_result;
    int32_t *entry = NULL;
    if (archive->n_result > 0) {
        entry = table_place(archive, task, trajectory->result, n_widths);
        if (*entry != 0) {
            return ARCHIVE_KNOWN;
        }
    }
    if (archive->counts[task] == archive->capacity) {
        return ARCHIVE_FULL;
    }
    const size_t place = place_of(archive, task, archive->counts[task]++);
    archive->scores[place] = header->score;
    archive->rewards[place] = trajectory_worth(trajectory);
    archive->macs[place] = header->macs;
    archive->params[place] = header->params;
    archive->bytes[place] = header->bytes;
    archive->episodes[place] = header->episode;
    if (entry != NULL) {
        archive->n_widths[place] = n_widths;
        memcpy(archive->widths + place * (size_t)archive->n_result, trajectory->result,
               (size_t)n_widths * sizeof *trajectory->result);
        *entry = archive->counts[task];
    }
    const int steps = trajectory_steps(trajectory);
    for (int i = 0; i < steps && i < archive->n_steps; i++) {
        archive->choices[place * (size_t)archive->n_steps + (size_t)i] =
            (int16_t)trajectory->action[i];
    }
    return ARCHIVE_FRESH;
}

void archive_candidate(const struct archive *archive, int task, int index,
                       struct learner_candidate *out)
{
    const size_t place = place_of(archive, task, index);
    *out = (struct learner_candidate){
        .score = archive->scores[place],
        .reward = archive->rewards[place],
        .worth = archive->rewards[place],
        .macs = archive->macs[place],
        .params = archive->params[place],
        .bytes = archive->bytes[place],
        .episode = archive->episodes[place],
        .n_widths = archive->n_widths[place],
        .widths = widths_at(archive, place),
        .choices = archive->choices + place * (size_t)archive->n_steps,
    };
}

static bool is_better(const struct learner_candidate *a, const struct learner_candidate *b)
{
    return a->worth > b->worth || (!(a->worth < b->worth) && a->episode < b->episode);
}

int archive_insert(const struct learner_candidate *candidate, int n, int most,
                   struct learner_candidate *best)
{
    int at = n;
    for (; at > 0 && is_better(candidate, &best[at - 1]); at--) {
        if (at < most) {
            best[at] = best[at - 1];
        }
    }
    if (at < most) {
        best[at] = *candidate;
        n += n < most ? 1 : 0;
    }
    return n;
}

void archive_state(struct archive *archive, struct state_list *list)
{
    const size_t tasks = (size_t)archive->n_tasks, n = tasks * (size_t)archive->capacity;
    const size_t choices = n * (size_t)archive->n_steps * sizeof *archive->choices;
    state_list_add_within(list, "archive.counts", HDF5_I32, tasks, archive->counts, 0,
                          archive->capacity);
    const int first = list->n;
    state_list_add(list, "archive.scores", HDF5_F64, n, archive->scores);
    state_list_add(list, "archive.rewards", HDF5_F64, n, archive->rewards);
    state_list_add_within(list, "archive.macs", HDF5_I64, n, archive->macs, 0, 1e18);
    state_list_add_within(list, "archive.params", HDF5_I64, n, archive->params, 0, 1e18);
    state_list_add_within(list, "archive.bytes", HDF5_I64, n, archive->bytes, 0, 1e18);
    state_list_add_within(list, "archive.episodes", HDF5_I64, n, archive->episodes, 0,
                          STATE_COUNT_MAX);
    state_list_add_within(list, "archive.n_widths", HDF5_I32, n, archive->n_widths, 0,
                          archive->n_result);
    state_list_add_within(list, "archive.widths", HDF5_I32, n * (size_t)archive->n_result,
                          archive->widths, 0, INT32_MAX);
    state_list_add(list, "archive.choices", HDF5_U8, choices, archive->choices);
    state_list_grow(list, first, tasks);
}

enum status archive_restore(struct archive *archive)
{
    memset(archive->table, 0,
           (size_t)archive->n_tasks * archive->table_size * sizeof *archive->table);
    for (int task = 0; task < archive->n_tasks; task++) {
        if (archive->counts[task] < 0 || archive->counts[task] > archive->capacity) {
            FAIL(ERR_INPUT, "task %d has %d candidates, expected 0 to %d", task,
                 (int)archive->counts[task], archive->capacity);
        }
        for (int i = 0; archive->n_result > 0 && i < archive->counts[task]; i++) {
            const size_t place = place_of(archive, task, i);
            const int n_widths = archive->n_widths[place];
            if (n_widths < 0 || n_widths > archive->n_result) {
                FAIL(ERR_INPUT, "task %d has a candidate of %d widths, expected 0 to %d", task,
                     n_widths, archive->n_result);
            }
            *table_place(archive, task, widths_at(archive, place), n_widths) = i + 1;
        }
    }
    return OK;
}
