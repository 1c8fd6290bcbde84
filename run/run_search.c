// The search itself: the learner's loop on rank 0, actors on the others, or all in one process. Who
// has nothing to do sleeps.
#include "compute/blas.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/machine.h"
#include "learner/methods/method.h"
#include "run/load.h"
#include "run/run_crew.h"
#include "run/run_experience.h"
#include "run/run_policy.h"
#include "run/run_session.h"
#include "run/run_space_link.h"
#include "search_space/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LEASE_FACTOR 1.5

// What the learner has to know of the environment; the same on all ranks.
struct world {
    struct trajectory_shape shape;
    struct agent_shape agent;
};

struct searching {
    struct run_session *session;
    struct run_crew crew;
    size_t n_weights;
    struct backend *backend; // learner's
    struct learner *learner;
    struct run_space_link *link; // learner's; NULL where there are no candidates
    struct text config, identity, references;
    char host[256];
    float *initial;                   // owned; NULL without --policy
    struct run_experience experience; // of the policy's run
    bool begun; // all ranks came as far as the loop, so they can end it together
};

// The environments open: workers of this process, or one in it. Fills the session's shape and
// agent.
static enum status open_world(struct run_session *session, struct world *world)
{
    struct agent agent;
    if (session->nursery != NULL) {
        struct backoff backoff = {0};
        bool known = false;
        while (!known) {
            TRY(nursery_shape(session->nursery, &world->shape, &world->agent, &known));
            TRY(interrupt_check());
            backoff_wait(&backoff);
        }
        return OK;
    }
    struct rollout_job job = session->rollout_job;
    job.env.threads = run_worker_threads(session);
    job.env.slots = session->actors.episodes;
    TRY(rollout_open(&job, &session->rollout));
    rollout_shape(session->rollout, &world->shape);
    rollout_agent(session->rollout, &agent);
    world->agent = agent.shape;
    return OK;
}

static enum status share_world(struct run_session *session)
{
    const struct collective *c = session->collective;
    struct world world = {0};
    TRY(run_assign(session, NURSERY_EPISODES));
    // Opening may take minutes: who is interrupted meanwhile is not alone in leaving.
    const bool opens = c->rank != 0 || c->ranks == 1;
    TRY(run_agree(session, opens ? open_world(session, &world) : interrupt_check()));
    TRY(collective_broadcast(c, &world, sizeof world, c->ranks > 1 ? 1 : 0));
    session->shape = world.shape;
    agent_make(&session->config.agent, &world.agent, &session->agent);
    return OK;
}

// What a rank itself computes on: it starts processes, which one that has used a device cannot.
static const char *backend_of_rank(const struct run_session *session)
{
    return session->backend.facts.n_devices > 0 ? "cpu" : session->backend.name;
}

// Names of tasks and what could be found, where the environment knows.
static enum status keep_truth(struct searching *s)
{
    struct run_session *session = s->session;
    const int n_tasks = session->agent.shape.n_tasks;
    struct run_known *known;
    ARENA_NEW(&session->arena, known, (size_t)n_tasks);
    for (int task = 0; task < n_tasks; task++) {
        const char *name;
        if (!run_space_link_truth(s->link, task, &name, &known[task].best)) {
            return OK;
        }
        known[task].name = arena_copy_text(&session->arena, name);
        TRY(known[task].name != NULL ? OK : ERR_MEMORY);
    }
    session->known = known;
    return OK;
}

// An environment for the learner's own use, in which nothing is scored.
static enum status open_space(struct searching *s)
{
    struct run_session *session = s->session;
    if (env_find(session->config.environment)->candidates == NULL) {
        return OK;
    }
    if (session->rollout == NULL) {
        struct rollout_job job = session->rollout_job;
        job.env.backend = backend_of_rank(session);
        if (session->backend.facts.n_devices > 0) {
            job.env.precision = PRECISION_FLOAT32; // the precisions are the device's
            job.env.profile = false;
        }
        job.env.shared_fd = session->shared_fd;
        TRY(rollout_open(&job, &session->rollout));
    }
    TRY(run_space_link_open(session->rollout, session->agent.shape.n_tasks, &s->link));
    return keep_truth(s);
}

static enum status count_weights(struct searching *s)
{
    struct graph graph;
    TRY(agent_graph(&s->session->agent, 1, &graph));
    s->n_weights = graph.n_floats;
    graph_close(&graph);
    return OK;
}

static enum status full_macs(const char *file, double *out)
{
    struct network loaded;
    TRY(network_load(file, NULL, &loaded));
    *out = (double)cost_of_graph(&loaded.graph).macs;
    network_close(&loaded);
    return OK;
}

// Names, and costs: what a network that just keeps its budget costs, so that the learner knows
// which episodes are long before it has seen any.
static enum status list_tasks(struct run_session *session, struct learner_task **out)
{
    const struct run_config *config = &session->config;
    const int n_tasks = session->agent.shape.n_tasks;
    const int n_networks = config->networks->n;
    struct learner_task *tasks;
    double *macs; // [n_networks] uncut
    ARENA_NEW(&session->arena, tasks, (size_t)n_tasks);
    ARENA_NEW(&session->arena, macs, (size_t)n_networks);
    for (int i = 0; i < n_networks && run_config_designs(config); i++) {
        TRY(full_macs(session->whole_files[i], &macs[i]));
    }
    for (int i = 0; i < n_tasks; i++) {
        tasks[i].cost = 1;
        if (session->known != NULL) {
            tasks[i].name = session->known[i].name;
            continue;
        }
        if (!run_config_designs(config)) {
            tasks[i].name = arena_format(&session->arena, "%s-%d", config->environment, i);
            if (tasks[i].name == NULL) {
                return ERR_MEMORY;
            }
            continue;
        }
        const struct task_config *task = run_config_task(config, i);
        const double full = macs[run_config_task_network(config, i)];
        tasks[i].name = task->name;
        const double asked = task->budget[COST_MACS];
        tasks[i].cost = asked > 1 ? asked : asked > 0 ? asked * full : full;
    }
    *out = tasks;
    return OK;
}

static enum status open_learner(struct searching *s)
{
    struct run_session *session = s->session;
    const struct run_config *config = &session->config;
    struct learner_task *tasks;
    TRY(list_tasks(session, &tasks));
    // A small policy is learnt faster by one thread than several can agree on it.
    const bool large = config->agent.core == CORE_LSTM;
    const struct backend_options options = {.threads = large ? 0 : 1,
                                            .check = config->backend.check};
    TRY(backend_open(backend_of_rank(session), &options, &s->backend));
    TRY(run_config_text(config, &s->config));
    run_front_references(run_space_link_space(s->link), &s->references);
    if (s->references.failed) {
        FAIL(ERR_MEMORY, "no memory for the references of fronts");
    }
    TRY(run_config_identity(config, SHAPES_SEARCH, &s->identity));
    if (config->policy[0] != '\0') {
        TRY(run_policy_load(config->policy, &session->agent, &s->initial));
        if (s->link != NULL) {
            TRY(run_experience_open(config, config->policy, s->link, &s->experience));
        }
    }
    if (gethostname(s->host, sizeof s->host - 1) != 0) {
        s->host[0] = '\0';
    }
    const struct hdf5_text texts[] = {
        {"config", s->config.bytes},
        {"dikdik", DIKDIK_VERSION},
        {"library", session->backend.facts.library},
        {"openblas", blas_version()},
        {"processor", machine_processor()},
        {"host", s->host},
        {"numerics", session->numerics},
        {"references", s->references.bytes},
    };
    const double longest = config->actors.first_episode_seconds;
    const struct learner_job job = {
        .transport = &s->crew.transport,
        .learner = &config->learner,
        .search = &config->search,
        .method = methods[config->search.method],
        .agent = &session->agent,
        .backend = s->backend,
        .shape = &session->shape,
        .tasks = tasks,
        .n_tasks = session->agent.shape.n_tasks,
        .seed = config->seed,
        .at_once = session->actors.episodes,
        .lease_seconds = LEASE_FACTOR * longest * config->actors.tries * session->actors.episodes,
        .run_dir = config->run_dir,
        .texts = {texts, (int)(sizeof texts / sizeof texts[0])},
        .identity = s->identity.bytes,
        .initial = s->initial,
        .space = run_space_link_space(s->link),
        .known = s->experience.results,
        .n_known = s->experience.n,
    };
    return learner_open(&job, &s->learner);
}

// Tells all actors to stop, and waits until those that answer have.
static enum status stop_actors(struct searching *s)
{
    const double start = clock_seconds();
    struct backoff backoff = {0};
    bool all = false;
    while (!all && clock_seconds() - start < RUN_STOP_SECONDS) {
        bool moved = false;
        bool stopped = false;
        TRY(learner_stop_actors(s->learner, &all));
        TRY(run_crew_poll(&s->crew, &moved, &stopped));
        run_wait_unless(&backoff, moved);
    }
    return OK;
}

static enum status learn(struct searching *s)
{
    struct backoff backoff = {0};
    bool done = false;
    enum status code = OK;
    while (!done && code == OK) {
        bool moved = false;
        bool stopped = false;
        if (interrupt_pending()) {
            TRY(learner_checkpoint(s->learner));
            code = interrupt_check();
            break;
        }
        code = learner_poll(s->learner, &moved, &done);
        if (code == OK) {
            code = run_crew_poll(&s->crew, &moved, &stopped);
        }
        run_wait_unless(&backoff, moved);
    }
    if (code != OK && code != ERR_INTERRUPTED) {
        return code;
    }
    struct status_note note;
    status_save(&note);
    TRY(stop_actors(s));
    status_restore(&note);
    return code;
}

// A search that ended early says why: its results are good, but more of it may not bring any.
static void say_ended(const struct run_session *session, int task)
{
    const struct search_options *search = &session->config.search;
    const struct run_candidates *all = &session->candidates[task];
    const char *name = run_task_name(session, task);
    const long long evaluations = (long long)all->evaluations;
    if (all->ended == LEARNER_ENDED_EXHAUSTED) {
        log_info("task %s: the search ended after %lld of %d evaluations: %s has no other "
                 "candidates to try",
                 name, evaluations, search->evaluations, methods[search->method]->name);
    } else if (all->ended == LEARNER_ENDED_EPISODES) {
        log_warning("task %s: the search ended after %lld of %d evaluations, as all its %lld "
                    "episodes are used up: the others came to candidates that had been tried, or "
                    "failed, so there is little new to find; its result is that of %lld "
                    "evaluations, and search.episodes allows more",
                    name, evaluations, search->evaluations, (long long)all->episodes, evaluations);
    }
}

// The best found of every task in words.
static enum status keep_words(struct searching *s)
{
    struct run_session *session = s->session;
    for (int task = 0; session->known != NULL && task < session->agent.shape.n_tasks; task++) {
        const struct run_candidates *all = &session->candidates[task];
        char words[512];
        if (all->n > 0 && run_space_link_words(s->link, all->candidates[0].widths,
                                               all->candidates[0].n_widths, words, sizeof words)) {
            session->known[task].choice = arena_copy_text(&session->arena, words);
            TRY(session->known[task].choice != NULL ? OK : ERR_MEMORY);
        }
    }
    return OK;
}

static enum status keep_results(struct searching *s)
{
    struct run_session *session = s->session;
    learner_summarize(s->learner, &session->summary);
    TRY(run_keep_candidates(session, s->learner));
    TRY(keep_words(s));
    const bool named = session->known != NULL || run_config_designs(&session->config);
    for (int task = 0; named && task < session->agent.shape.n_tasks; task++) {
        say_ended(session, task);
    }
    size_t n = 0;
    const float *weights = learner_weights(s->learner, &n);
    return weights != NULL ? run_policy_save(session->config.run_dir, &session->agent, weights)
                           : OK;
}

// All ranks come as far as the loop, or leave together.
static enum status run_rank(struct searching *s)
{
    TRY(share_world(s->session));
    TRY(count_weights(s));
    TRY(run_crew_open(s->session, false, s->n_weights, &s->crew));
    if (s->session->collective->rank != 0) {
        s->begun = true;
        return run_crew_act(&s->crew);
    }
    TRY(open_space(s));
    TRY(open_learner(s));
    s->begun = true;
    s->session->search_begun = clock_seconds();
    TRY(learn(s));
    TRY(keep_results(s));
    const struct run_session *session = s->session;
    return session->look != NULL
               ? session->look(s->session, rollout_env(session->rollout), session->look_context)
               : OK;
}

// Of all episodes that run.h5 has, so also of those before a resume.
static enum status add_up_episodes(struct run_session *session)
{
    const struct hdf5_table *table = &run_tables[TABLE_EPISODE_COSTS];
    const char *path = run_path(session, &session->arena, "", "run", ".h5");
    struct run_stage_time time = {.seconds = session->summary.seconds,
                                  .retries = session->summary.retries};
    struct episode_cost_row *rows;
    struct arena arena = {0};
    TRY(path != NULL ? hdf5_log_count(path, table, &time.orders) : ERR_MEMORY);
    rows = arena_alloc(&arena, (size_t)time.orders + 1, sizeof *rows);
    const enum status code =
        rows != NULL ? hdf5_log_read(path, table, 0, time.orders, rows) : ERR_MEMORY;
    for (int64_t i = 0; code == OK && i < time.orders; i++) {
        time.busy_seconds += rows[i].environment_seconds + rows[i].policy_seconds;
    }
    arena_close(&arena);
    TRY(code);
    const int threads = run_worker_threads(session);
    time.busy_seconds *= threads;
    for (int i = 0; i < session->n_hosts; i++) {
        time.core_seconds += time.seconds * threads * session->hosts[i].actors;
    }
    session->times.search = time;
    return run_times_write(&session->times, session->times_path);
}

enum status run_stage_search(struct run_session *session)
{
    struct searching s = {.session = session};
    const enum status code = run_rank(&s);
    const enum status agreed = s.begun ? run_agree(session, code) : code;
    struct status_note note; // what closes may fail as well, and is not what went wrong first
    status_save(&note);
    rollout_close(session->rollout);
    session->rollout = NULL;
    learner_close(s.learner);
    run_space_link_close(s.link);
    run_crew_close(&s.crew);
    backend_close(s.backend);
    text_close(&s.config);
    text_close(&s.identity);
    text_close(&s.references);
    free(s.initial);
    run_experience_close(&s.experience);
    status_restore(&note);
    return agreed == OK && session->collective->rank == 0 ? add_up_episodes(session) : agreed;
}
