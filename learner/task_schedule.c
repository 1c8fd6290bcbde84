// Whose turn it is: round robin, by time, or one task after the other.
#include "learner/task_schedule.h"

static const double fresh_rate = 1.0 / 16.0; // of the running mean

enum status schedule_open(const struct schedule_options *options, struct arena *arena,
                          struct task_schedule *out)
{
    struct task_schedule schedule = {.options = *options};
    const size_t n = (size_t)options->n_tasks;
    ARENA_NEW(arena, schedule.evaluations, n);
    ARENA_NEW(arena, schedule.episodes, n);
    ARENA_NEW(arena, schedule.outstanding, n);
    ARENA_NEW(arena, schedule.finished, n);
    ARENA_NEW(arena, schedule.fresh_share, n);
    ARENA_NEW(arena, schedule.seconds, n);
    ARENA_NEW(arena, schedule.cursor, 1);
    for (size_t task = 0; task < n; task++) {
        schedule.fresh_share[task] = 1.0;
    }
    *out = schedule;
    return OK;
}

bool schedule_done(const struct task_schedule *s, int task)
{
    return s->finished[task] != 0 || s->evaluations[task] >= s->options.evaluations ||
           s->episodes[task] >= s->options.episodes;
}

bool schedule_all_done(const struct task_schedule *s)
{
    for (int task = 0; task < s->options.n_tasks; task++) {
        if (!schedule_done(s, task)) {
            return false;
        }
    }
    return true;
}

static bool may_go(const struct task_schedule *s, int task)
{
    const int under_way = s->outstanding[task];
    return !schedule_done(s, task) && s->episodes[task] + under_way < s->options.episodes &&
           (s->evaluations[task] + under_way < s->options.evaluations ||
            s->fresh_share[task] < 0.5);
}

// Seconds that one more episode of the task will take: its own mean, else by its cost in terms of
// the tasks that have one.
static double expected_seconds(const struct task_schedule *s, int task)
{
    if (s->episodes[task] > 0) {
        return s->seconds[task] / s->episodes[task];
    }
    double seconds = 0.0, cost = 0.0;
    for (int i = 0; i < s->options.n_tasks; i++) {
        seconds += s->seconds[i];
        cost += s->episodes[i] * s->options.cost[i];
    }
    return cost > 0.0 ? s->options.cost[task] * seconds / cost : s->options.cost[task];
}

static int least_served(const struct task_schedule *s)
{
    int best = -1;
    double least = 0.0;
    for (int task = 0; task < s->options.n_tasks; task++) {
        const double served = s->seconds[task] + s->outstanding[task] * expected_seconds(s, task);
        if (may_go(s, task) && (best < 0 || served < least)) {
            best = task;
            least = served;
        }
    }
    return best;
}

static int first_undone(const struct task_schedule *s)
{
    for (int task = 0; task < s->options.n_tasks; task++) {
        if (!schedule_done(s, task)) {
            return may_go(s, task) ? task : -1;
        }
    }
    return -1;
}

static int next_in_turn(const struct task_schedule *s)
{
    for (int i = 0; i < s->options.n_tasks; i++) {
        const int task = (*s->cursor + i) % s->options.n_tasks;
        if (may_go(s, task)) {
            return task;
        }
    }
    return -1;
}

int schedule_next(struct task_schedule *s)
{
    const int task = s->options.task_by_task ? first_undone(s)
                     : s->options.by_time    ? least_served(s)
                                             : next_in_turn(s);
    if (task >= 0) {
        s->outstanding[task]++;
        *s->cursor = (task + 1) % s->options.n_tasks;
    }
    return task;
}

void schedule_result(struct task_schedule *s, int task, enum episode_result result, double seconds)
{
    const bool counted = result == RESULT_COUNTED;
    CHECK(s->outstanding[task] > 0);
    s->outstanding[task]--;
    s->episodes[task]++;
    s->evaluations[task] += counted ? 1 : 0;
    if (result != RESULT_FAILED) {
        s->fresh_share[task] += fresh_rate * ((counted ? 1.0 : 0.0) - s->fresh_share[task]);
    }
    s->seconds[task] += seconds;
}

static int64_t remaining_of(const struct task_schedule *s, int task)
{
    const int by_episodes = s->options.episodes - s->episodes[task] - s->outstanding[task];
    const int by_evaluations = s->options.evaluations - s->evaluations[task] - s->outstanding[task];
    const bool settled = s->fresh_share[task] < 0.5;
    return settled || by_episodes < by_evaluations ? by_episodes : by_evaluations;
}

int64_t schedule_remaining(const struct task_schedule *s)
{
    if (s->options.task_by_task) {
        const int task = first_undone(s);
        return task >= 0 ? remaining_of(s, task) : 0;
    }
    int64_t n = 0;
    for (int task = 0; task < s->options.n_tasks; task++) {
        n += may_go(s, task) ? remaining_of(s, task) : 0;
    }
    return n;
}

int64_t schedule_evaluations(const struct task_schedule *s)
{
    int64_t n = 0;
    for (int task = 0; task < s->options.n_tasks; task++) {
        n += s->evaluations[task];
    }
    return n;
}

void schedule_state(struct task_schedule *s, struct state_list *list)
{
    const size_t n = (size_t)s->options.n_tasks;
    state_list_add_within(list, "schedule.evaluations", HDF5_I32, n, s->evaluations, 0, 1 << 30);
    state_list_add_within(list, "schedule.episodes", HDF5_I32, n, s->episodes, 0, 1 << 30);
    state_list_add_within(list, "schedule.finished", HDF5_I32, n, s->finished, 0, 1);
    state_list_add_within(list, "schedule.fresh_share", HDF5_F64, n, s->fresh_share, 0, 1);
    state_list_add_within(list, "schedule.cursor", HDF5_I32, 1, s->cursor, 0,
                          s->options.n_tasks - 1);
}
