// Any bytes as a trajectory: what passes the check goes where the learner puts it. With an odd
// first byte the seal is made right, so that what lies behind it is reached.
#include "fuzz_agent.h"
#include "fuzz_file.h"
#include "learner/archive.h"
#include "learner/episode_batch.h"
#include "learner/episode_memory.h"
#include "learner/rules/popart.h"

#include <string.h>

static const struct trajectory_shape shape = {.rows = 5, .n_obs = 6, .n_choices = 4, .n_result = 3};
static struct agent agent;
static struct arena arena;
static struct archive archive;
static struct episode_memory memory;
static struct episode_batch batch;

static void open_all(void)
{
    const struct archive_sizes sizes = {
        .n_tasks = FUZZ_TASKS, .capacity = 20, .n_result = shape.n_result, .n_steps = 4};
    const struct episode_memory_options kept = {
        .pending = 1, .replay = 4, .best = 3, .n_tasks = FUZZ_TASKS};
    const struct episode_batch_options packed = {.shape = &shape, .agent = &agent, .episodes = 2};
    fuzz_agent(&shape, &agent);
    CHECK(archive_open(&sizes, &arena, &archive) == OK);
    CHECK(episode_memory_open(&shape, &kept, &arena, &memory) == OK);
    CHECK(episode_batch_open(&packed, &arena, &batch) == OK);
}

static void use(const struct trajectory *t)
{
    double mean, square;
    popart_episode(t, 0.9, &mean, &square);
    (void)archive_put(&archive, t);
    episode_memory_take(&memory, t);
    episode_memory_turn(&memory);
    CHECK(episode_memory_check(&memory) == OK);
    episode_batch_clear(&batch);
    episode_batch_add(&batch, t, 0);
    for (int task = 0; task < FUZZ_TASKS; task++) {
        archive.counts[task] %= archive.capacity;
    }
    CHECK(archive_restore(&archive) == OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static _Alignas(8) uint8_t block[4096];
    const size_t whole = trajectory_bytes(&shape);
    CHECK(whole <= sizeof block);
    if (archive.n_tasks == 0) {
        open_all();
    }
    const bool seal = n > 0 && (bytes[0] & 1) != 0;
    const size_t n_block = n > 0 ? n - 1 : 0, most = n_block < whole ? n_block : whole;
    memset(block, 0, sizeof block);
    if (n_block > 0) {
        memcpy(block, bytes + 1, most);
    }
    if (seal) {
        trajectory_seal(&shape, block);
    }
    if (trajectory_check(&shape, block, seal ? whole : most) != OK) {
        return 0;
    }
    struct trajectory t;
    trajectory_view(&shape, block, &t);
    if (t.header->rows > 0 && t.header->task >= 0 && t.header->task < FUZZ_TASKS) {
        use(&t);
    }
    return 0;
}
