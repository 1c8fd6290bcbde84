// Copies of trajectory blocks: waiting, to replay, to imitate.
#include "learner/episode_memory.h"

#include "core/rng.h"

#include <math.h>
#include <string.h>

enum status episode_memory_open(const struct trajectory_shape *shape,
                                const struct episode_memory_options *options, struct arena *arena,
                                struct episode_memory *out)
{
    *out = (struct episode_memory){
        .options = *options, .shape = *shape, .bytes = trajectory_bytes(shape)};
    const size_t best = (size_t)options->n_tasks * (size_t)options->best;
    ARENA_NEW(arena, out->pending, (size_t)options->pending * out->bytes);
    ARENA_NEW(arena, out->ring, (size_t)options->replay * out->bytes);
    ARENA_NEW(arena, out->best, best * out->bytes);
    ARENA_NEW(arena, out->n_replayed, 1);
    ARENA_NEW(arena, out->n_best, (size_t)options->n_tasks);
    return OK;
}

static void view(const struct episode_memory *m, uint8_t *blocks, size_t i, struct trajectory *out)
{
    trajectory_view(&m->shape, blocks + i * m->bytes, out);
}

// The rows in use and the header's facts, without what depends on who ran the episode; the rest of
// the block is zero.
static void plain_copy(const struct episode_memory *m, const struct trajectory *from, uint8_t *to)
{
    struct trajectory copy;
    const size_t rows = (size_t)from->header->rows, n_result = (size_t)from->header->n_result;
    const size_t n_obs = (size_t)m->shape.n_obs, n_choices = (size_t)m->shape.n_choices;
    CHECK(from->header->rows <= m->shape.rows && from->header->n_result <= m->shape.n_result);
    memset(to, 0, m->bytes);
    trajectory_view(&m->shape, to, &copy);
    *copy.header = *from->header;
    copy.header->actor = copy.header->tries = copy.header->cached = 0;
    copy.header->environment_seconds = copy.header->policy_seconds = 0.0;
    copy.header->arithmetic_seconds = copy.header->wire_seconds = 0.0;
    copy.header->checksum = 0;
    memcpy(copy.obs, from->obs, rows * n_obs * sizeof *copy.obs);
    memcpy(copy.position, from->position, rows * n_choices * sizeof *copy.position);
    memcpy(copy.legal, from->legal, rows * n_choices);
    memcpy(copy.choices, from->choices, rows * sizeof *copy.choices);
    memcpy(copy.action, from->action, rows * sizeof *copy.action);
    memcpy(copy.raw, from->raw, rows * sizeof *copy.raw);
    memcpy(copy.logp, from->logp, rows * sizeof *copy.logp);
    memcpy(copy.reward, from->reward, rows * sizeof *copy.reward);
    memcpy(copy.flags, from->flags, rows);
    memcpy(copy.categorical, from->categorical, rows);
    memcpy(copy.result, from->result, n_result * sizeof *copy.result);
}

static bool all_finite(const float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool usable(const struct episode_memory *m, const struct trajectory *t)
{
    const size_t rows = (size_t)t->header->rows;
    return isfinite(t->header->score) && all_finite(t->obs, rows * (size_t)m->shape.n_obs) &&
           all_finite(t->reward, rows) && all_finite(t->logp, rows) && all_finite(t->raw, rows);
}

static bool same_candidate(const struct trajectory *a, const struct trajectory *b)
{
    if (a->header->n_result != b->header->n_result) {
        return false;
    }
    if (a->header->n_result > 0) {
        return memcmp(a->result, b->result, (size_t)a->header->n_result * sizeof *a->result) == 0;
    }
    return a->header->rows == b->header->rows &&
           memcmp(a->action, b->action, (size_t)a->header->rows * sizeof *a->action) == 0;
}

void episode_memory_keep(struct episode_memory *m, const struct trajectory *trajectory)
{
    const int task = trajectory->header->task, most = m->options.best;
    if (most == 0 || !usable(m, trajectory)) {
        return;
    }
    uint8_t *list = m->best + (size_t)task * (size_t)most * m->bytes;
    int n = m->n_best[task], place = 0;
    struct trajectory kept;
    for (int i = 0; i < n; i++) {
        view(m, list, (size_t)i, &kept);
        place += trajectory_reward(&kept) >= trajectory_reward(trajectory);
        if (same_candidate(&kept, trajectory)) {
            if (i < place) {
                return;
            }
            // Known with a lesser score: that one goes.
            memmove(list + (size_t)i * m->bytes, list + (size_t)(i + 1) * m->bytes,
                    (size_t)(n - 1 - i) * m->bytes);
            n--;
            i--;
        }
    }
    if (place == most) {
        return;
    }
    n = n == most ? most - 1 : n;
    memmove(list + (size_t)(place + 1) * m->bytes, list + (size_t)place * m->bytes,
            (size_t)(n - place) * m->bytes);
    plain_copy(m, trajectory, list + (size_t)place * m->bytes);
    m->n_best[task] = n + 1;
}

void episode_memory_take(struct episode_memory *m, const struct trajectory *trajectory)
{
    CHECK(m->n_pending < m->options.pending);
    CHECK(trajectory->header->task >= 0 && trajectory->header->task < m->options.n_tasks);
    plain_copy(m, trajectory, m->pending + (size_t)m->n_pending * m->bytes);
    ++m->n_pending;
    episode_memory_keep(m, trajectory);
}

void episode_memory_turn(struct episode_memory *m)
{
    for (int i = 0; i < m->n_pending && m->options.replay > 0; i++) {
        struct trajectory trajectory;
        episode_memory_pending(m, i, &trajectory);
        if (usable(m, &trajectory)) {
            const size_t slot = (size_t)(*m->n_replayed % m->options.replay);
            memcpy(m->ring + slot * m->bytes, trajectory.header, m->bytes);
            ++*m->n_replayed;
        }
    }
    m->n_pending = 0;
}

void episode_memory_pending(const struct episode_memory *m, int i, struct trajectory *out)
{
    view(m, m->pending, (size_t)i, out);
}

int episode_memory_replayable(const struct episode_memory *m)
{
    return *m->n_replayed < m->options.replay ? (int)*m->n_replayed : m->options.replay;
}

void episode_memory_replay(const struct episode_memory *m, struct rng *rng, struct trajectory *out)
{
    view(m, m->ring, rng_below(rng, (uint32_t)episode_memory_replayable(m)), out);
}

int episode_memory_draw_best(const struct episode_memory *m, struct rng *rng, int most,
                             int32_t *order)
{
    int n = 0;
    for (int task = 0; task < m->options.n_tasks; task++) {
        for (int i = 0; i < m->n_best[task]; i++) {
            order[n++] = task * m->options.best + i;
        }
    }
    rng_shuffle(rng, order, (size_t)n);
    return n < most ? n : most;
}

void episode_memory_best(const struct episode_memory *m, int number, struct trajectory *out)
{
    view(m, m->best, (size_t)number, out);
}

void episode_memory_state(struct episode_memory *m, struct state_list *list)
{
    const struct episode_memory_options *o = &m->options;
    const size_t best = (size_t)o->n_tasks * (size_t)o->best;
    if (o->replay > 0) {
        state_list_add(list, "replay", HDF5_U8, (size_t)o->replay * m->bytes, m->ring);
        state_list_add_within(list, "replay_count", HDF5_I64, 1, m->n_replayed, 0, STATE_COUNT_MAX);
    }
    if (o->best > 0) {
        state_list_add(list, "best", HDF5_U8, best * m->bytes, m->best);
        state_list_add_within(list, "best_count", HDF5_I32, (size_t)o->n_tasks, m->n_best, 0,
                              o->best);
    }
}

// blocks: n episodes of this task, or of any (-1).
static enum status check_blocks(const struct episode_memory *m, const char *name, uint8_t *blocks,
                                int n, int task)
{
    for (int i = 0; i < n; i++) {
        struct trajectory t;
        view(m, blocks, (size_t)i, &t);
        enum status status = trajectory_check_content(&m->shape, t.header, ERR_INPUT);
        const int32_t its = t.header->task;
        if (status == OK && (its < 0 || its >= m->options.n_tasks || (task >= 0 && its != task) ||
                             t.header->rows < 1)) {
            status = status_fail(ERR_INPUT, __FILE__, __LINE__, "task %d of %d, %d rows", (int)its,
                                 m->options.n_tasks, (int)t.header->rows);
        }
        if (status != OK) {
            return status_context(status,
                                  "'%s', episode %d of %d: it was not written by this "
                                  "program, or is damaged; use an older checkpoint",
                                  name, i, n);
        }
    }
    return OK;
}

enum status episode_memory_check(const struct episode_memory *m)
{
    const struct episode_memory_options *o = &m->options;
    bool fits = *m->n_replayed >= 0;
    for (int task = 0; task < o->n_tasks; task++) {
        fits = fits && m->n_best[task] >= 0 && m->n_best[task] <= o->best;
    }
    if (!fits) {
        FAIL(ERR_INPUT,
             "the saved state has impossible counts of episodes; use an older checkpoint");
    }
    TRY(check_blocks(m, "replay", m->ring, episode_memory_replayable(m), -1));
    for (int task = 0; task < o->n_tasks; task++) {
        TRY(check_blocks(m, "best", m->best + (size_t)task * (size_t)o->best * m->bytes,
                         m->n_best[task], task));
    }
    return OK;
}
