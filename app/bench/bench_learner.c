// Whole updates of the method impala on episodes of random numbers.
#include "app/bench/bench_learner.h"

#include "compute/backend.h"
#include "core/clock.h"
#include "core/machine.h"
#include "core/rng.h"
#include "learner/methods/method.h"

#include <stdlib.h>
#include <string.h>

enum { LANES = 4, STEPS = 60, N_OBS = 19, N_CHOICES = 16, N_TASKS = 4, WARM_UPDATES = 3 };

static const struct trajectory_shape shape = {
    .rows = STEPS, .n_obs = N_OBS, .n_choices = N_CHOICES, .n_result = 0};

static void fill_episode(int number, void *block)
{
    struct trajectory episode;
    struct rng rng = rng_make(1, RNG_TEST, (uint64_t)number, 0);
    memset(block, 0, trajectory_bytes(&shape));
    trajectory_view(&shape, block, &episode);
    episode.header->episode = number;
    episode.header->task = number % N_TASKS;
    episode.header->rows = STEPS;
    episode.header->source = ACTIONS_POLICY;
    for (int t = 0; t < STEPS; t++) {
        for (int i = 0; i < N_OBS; i++) {
            episode.obs[t * N_OBS + i] = rng_uniform(&rng);
        }
        for (int i = 0; i < N_CHOICES; i++) {
            episode.position[t * N_CHOICES + i] = (float)(i + 1) / (float)N_CHOICES;
            episode.legal[t * N_CHOICES + i] = 1;
        }
        episode.choices[t] = N_CHOICES;
        episode.action[t] = (int32_t)rng_below(&rng, N_CHOICES);
        episode.logp[t] = -2.8F;
    }
    episode.flags[0] = FLAG_FIRST;
    episode.reward[STEPS - 1] = rng_uniform(&rng);
    episode.flags[STEPS - 1] |= FLAG_TERMINATED;
}

static enum status run_updates(struct method *method, char *blocks, double seconds, double *rate)
{
    const size_t bytes = trajectory_bytes(&shape);
    double start = clock_seconds();
    int64_t frames = 0;
    for (int update = 0; update < WARM_UPDATES + 1 || clock_seconds() - start < seconds; update++) {
        if (update == WARM_UPDATES) {
            start = clock_seconds();
            frames = 0;
        }
        for (int i = 0; i < LANES; i++) {
            struct trajectory episode;
            trajectory_view(&shape, blocks + (size_t)i * bytes, &episode);
            TRY(method->ops->take(method, &episode, true));
        }
        struct update_row row = {.update = update};
        TRY(method->ops->update(method, &row));
        frames += (int64_t)LANES * STEPS;
    }
    *rate = (double)frames / (clock_seconds() - start);
    return OK;
}

static enum status measure(const char *name, const struct backend_options *options, double seconds,
                           double *rate)
{
    static const int widths[] = {100, 400, 300};
    static const struct int_list dense = {.n = 3, .values = widths};
    const struct agent_options agent_options = {.dense = &dense,
                                                .core = CORE_LSTM,
                                                .hidden = 302,
                                                .last_action = true,
                                                .distribution = DISTRIBUTION_GAUSSIAN};
    const struct agent_shape agent_shape = {N_OBS, N_CHOICES, N_TASKS};
    struct learner_options learner;
    struct search_options search;
    struct agent agent;
    struct backend *backend;
    struct method *method;
    option_defaults(learner_option_table, &learner);
    option_defaults(search_option_table, &search);
    learner.batch = LANES;
    learner.unroll = STEPS;
    learner.optimizer = LEARNER_RMSPROP;
    learner.learning_rate = learner.final_learning_rate = 4.8e-4;
    learner.reuse = 1;
    learner.imitation = 0;
    agent_make(&agent_options, &agent_shape, &agent);
    TRY(backend_open(name, options, &backend));
    const struct method_job job = {.learner = &learner,
                                   .search = &search,
                                   .shape = &shape,
                                   .agent = &agent,
                                   .backend = backend,
                                   .n_tasks = N_TASKS,
                                   .updates = 1000000};
    enum status code = method_impala.open(&job, &method);
    char *blocks = calloc(LANES, trajectory_bytes(&shape));
    if (code == OK) {
        for (int i = 0; i < LANES && blocks != NULL; i++) {
            fill_episode(i, blocks + (size_t)i * trajectory_bytes(&shape));
        }
        code = blocks != NULL ? run_updates(method, blocks, seconds, rate)
                              : status_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory");
        method_impala.close(method);
    }
    free(blocks);
    backend_close(backend);
    return code;
}

static enum status try_one(const char *name, const struct backend_options *options, double seconds,
                           struct bench_learner_speed *best)
{
    double rate = 0;
    TRY(measure(name, options, seconds, &rate));
    if (rate > best->frames_per_second) {
        *best = (struct bench_learner_speed){
            .frames_per_second = rate, .backend = name, .threads = options->threads};
    }
    return OK;
}

enum status bench_learner(const struct backend_use *use, double seconds,
                          struct bench_learner_speed *out)
{
    const int cores = machine_cores();
    *out = (struct bench_learner_speed){0};
    for (int threads = 1;; threads = cores) {
        const struct backend_options options = {.threads = threads};
        TRY(try_one("cpu", &options, seconds, out));
        if (threads == cores) {
            break;
        }
    }
    if (use->facts.n_devices > 0) {
        struct backend_options options = use->options;
        options.threads = 1;
        TRY(try_one(use->name, &options, seconds, out));
    }
    return OK;
}
