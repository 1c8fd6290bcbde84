// The layout of a trajectory block: the header, then one array after the other, widest elements
// first so that none needs padding.
#include "transport/trajectory.h"

#include "core/hash.h"

#include <math.h>
#include <string.h>

_Static_assert(sizeof(struct trajectory_header) == 136, "the layout is part of the wire format");

static const char *const failure_names[FAILURE_COUNT] = {
    [FAILURE_NONE] = "none", [FAILURE_ERROR] = "error",   [FAILURE_CRASH] = "crash",
    [FAILURE_HANG] = "hang", [FAILURE_MEMORY] = "memory", [FAILURE_DIVERGED] = "diverged",
};

const char *failure_name(enum failure_reason reason)
{
    return reason >= 0 && reason < FAILURE_COUNT ? failure_names[reason] : "unknown";
}

// Takes n elements of `size` bytes from the block.
static size_t take(size_t *used, size_t n, size_t size)
{
    const size_t at = *used;
    *used += n * size;
    return at;
}

struct offsets {
    size_t obs, position, raw, logp, reward, choices, action, result, legal, flags, categorical,
        bytes;
};

static struct offsets find_offsets(const struct trajectory_shape *shape)
{
    const size_t rows = (size_t)shape->rows, n_obs = (size_t)shape->n_obs;
    const size_t n_choices = (size_t)shape->n_choices;
    struct offsets o;
    size_t used = sizeof(struct trajectory_header);
    o.obs = take(&used, rows * n_obs, sizeof(float));
    o.position = take(&used, rows * n_choices, sizeof(float));
    o.raw = take(&used, rows, sizeof(float));
    o.logp = take(&used, rows, sizeof(float));
    o.reward = take(&used, rows, sizeof(float));
    o.choices = take(&used, rows, sizeof(int32_t));
    o.action = take(&used, rows, sizeof(int32_t));
    o.result = take(&used, (size_t)shape->n_result, sizeof(int32_t));
    o.legal = take(&used, rows * n_choices, 1);
    o.flags = take(&used, rows, 1);
    o.categorical = take(&used, rows, 1);
    o.bytes = (used + 7) / 8 * 8;
    return o;
}

size_t trajectory_bytes(const struct trajectory_shape *shape)
{
    return find_offsets(shape).bytes;
}

uint32_t trajectory_layout(const struct trajectory_shape *shape)
{
    const uint64_t version = hash_bytes(HASH_BEGIN, &(int32_t){TRAJECTORY_VERSION}, 4);
    const uint64_t hash = hash_bytes(version, shape, sizeof *shape); // four ints, no padding
    return (uint32_t)(hash ^ hash >> 32);
}

void trajectory_view(const struct trajectory_shape *shape, void *block, struct trajectory *out)
{
    const struct offsets o = find_offsets(shape);
    char *base = block;
    *out = (struct trajectory){
        .header = block,
        .obs = (float *)(base + o.obs),
        .position = (float *)(base + o.position),
        .legal = (uint8_t *)(base + o.legal),
        .choices = (int32_t *)(base + o.choices),
        .action = (int32_t *)(base + o.action),
        .raw = (float *)(base + o.raw),
        .logp = (float *)(base + o.logp),
        .reward = (float *)(base + o.reward),
        .flags = (uint8_t *)(base + o.flags),
        .categorical = (uint8_t *)(base + o.categorical),
        .result = (int32_t *)(base + o.result),
    };
}

static uint64_t checksum(const void *block, size_t bytes)
{
    return hash_words(HASH_BEGIN, (const char *)block + sizeof(struct trajectory_header),
                      bytes - sizeof(struct trajectory_header));
}

void trajectory_seal(const struct trajectory_shape *shape, void *block)
{
    struct trajectory_header *header = block;
    header->magic = TRAJECTORY_MAGIC;
    header->layout = trajectory_layout(shape);
    header->checksum = checksum(block, trajectory_bytes(shape));
}

static enum status check_header(const struct trajectory_shape *shape,
                                const struct trajectory_header *header)
{
    if (header->magic != TRAJECTORY_MAGIC) {
        FAIL(ERR_COMM, "a message is no trajectory: it begins with %08x, not %08x",
             (unsigned)header->magic, TRAJECTORY_MAGIC);
    }
    if (header->layout != trajectory_layout(shape)) {
        FAIL(ERR_COMM,
             "a trajectory is of another shape than the learner's (%08x, not %08x): "
             "all ranks must run the same program with the same config",
             (unsigned)header->layout, (unsigned)trajectory_layout(shape));
    }
    return OK;
}

// What the header claims must lie within the shape, because the learner indexes by it. An episode
// that went well has rows.
static enum status check_claims(const struct trajectory_shape *shape,
                                const struct trajectory_header *header, enum status code)
{
    const double seconds = header->environment_seconds + header->policy_seconds +
                           header->arithmetic_seconds + header->wire_seconds;
    if (header->rows < 0 || header->rows > shape->rows || header->n_result < 0 ||
        header->n_result > shape->n_result || header->failure < 0 ||
        header->failure >= FAILURE_COUNT || !isfinite(header->score) ||
        !isfinite(header->off_task) || !isfinite(seconds) ||
        (header->failure == FAILURE_NONE && header->rows == 0)) {
        FAIL(code,
             "the trajectory of episode %lld is damaged: %d rows (at most %d), %d results (at most "
             "%d), failure %d, score %g, %g seconds",
             (long long)header->episode, (int)header->rows, shape->rows, (int)header->n_result,
             shape->n_result, (int)header->failure, header->score, seconds);
    }
    return OK;
}

// Only the last row may lack an action.
static enum status check_rows(const struct trajectory_shape *shape, const struct trajectory *view,
                              enum status code)
{
    const int most_flags = FLAG_FIRST | FLAG_TERMINATED | FLAG_TRUNCATED;
    for (int32_t row = 0; row < view->header->rows; row++) {
        const bool acts = !(view->flags[row] & FLAG_TRUNCATED);
        const int32_t choices = view->choices[row], action = view->action[row];
        if (choices < 0 || choices > shape->n_choices ||
            (acts && (action < 0 || action >= choices))) {
            FAIL(code, "the trajectory of episode %lld is damaged: row %d takes choice %d of %d",
                 (long long)view->header->episode, (int)row, (int)action, (int)choices);
        }
        if (view->flags[row] > most_flags || (!acts && row + 1 < view->header->rows)) {
            FAIL(code, "the trajectory of episode %lld is damaged: row %d of %d has flags %d",
                 (long long)view->header->episode, (int)row, (int)view->header->rows,
                 view->flags[row]);
        }
    }
    return OK;
}

enum status trajectory_check_content(const struct trajectory_shape *shape, const void *block,
                                     enum status code)
{
    struct trajectory view;
    trajectory_view(shape, (void *)(uintptr_t)block, &view); // read only
    TRY(check_claims(shape, view.header, code));
    return check_rows(shape, &view, code);
}

enum status trajectory_check(const struct trajectory_shape *shape, const void *block, size_t bytes)
{
    struct trajectory_header header;
    const size_t whole = trajectory_bytes(shape);
    if (bytes < sizeof header) {
        FAIL(ERR_COMM, "a trajectory of %zu bytes arrived: not even its header is whole", bytes);
    }
    memcpy(&header, block, sizeof header);
    TRY(check_header(shape, &header));
    TRY(check_claims(shape, &header, ERR_COMM));
    if (bytes == sizeof header && header.rows == 0 && header.n_result == 0) {
        return OK;
    }
    if (bytes != whole) {
        FAIL(ERR_COMM, "the trajectory of episode %lld has %zu bytes, not %zu",
             (long long)header.episode, bytes, whole);
    }
    if (header.checksum != checksum(block, whole)) {
        FAIL(ERR_COMM, "the trajectory of episode %lld is damaged: its checksum does not fit",
             (long long)header.episode);
    }
    return trajectory_check_content(shape, block, ERR_COMM);
}

int trajectory_steps(const struct trajectory *t)
{
    const int rows = t->header->rows;
    return rows > 0 && (t->flags[rows - 1] & FLAG_TRUNCATED) ? rows - 1 : rows;
}

double trajectory_reward(const struct trajectory *t)
{
    double sum = 0.0;
    for (int row = 0; row < trajectory_steps(t); row++) {
        sum += (double)t->reward[row];
    }
    return sum;
}

double trajectory_worth(const struct trajectory *t)
{
    return trajectory_reward(t) - t->header->off_task;
}
