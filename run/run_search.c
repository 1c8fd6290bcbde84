// The search itself: the learner's loop on rank 0, actors on the others, or all in one process. Who
// has nothing to do sleeps.
#include "actors/actor.h"
#include "compute/blas.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/machine.h"
#include "run/load.h"
#include "run/run_policy.h"
#include "run/run_session.h"
#include "search_space/cost.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Actors that do not hear the learner's stop in this time are not waited for.
#define STOP_SECONDS 20.0
#define LEASE_FACTOR 1.5

// What the learner has to know of the environment; the same on all ranks.
struct world {
    struct trajectory_shape shape;
    struct agent_shape agent;
};

struct searching {
    struct run_session *session;
    struct transport transport;
    struct actor **actors; // [n_actors] of this process; arena
    int n_actors;
    size_t n_weights;
    struct backend *backend; // learner's
    struct learner *learner;
    struct text config, identity;
    char host[256], onednn[32];
    float *initial; // owned; NULL without --policy
    bool begun;     // all ranks came as far as the loop, so they can end it together
};

// A name that all processes of the job share and no other job has.
static enum status make_token(const struct run_session *session, char *token, size_t bytes)
{
    const struct collective *c = session->collective;
    memset(token, 0, bytes);
    if (c->rank == 0) {
        snprintf(token, bytes, "%ld-%ld-%llx", (long)getuid(), (long)getpid(),
                 (unsigned long long)(clock_seconds() * 1e6));
    }
    return collective_broadcast(c, token, bytes, 0);
}

static int worker_threads(const struct run_session *session)
{
    const int asked = session->config.backend.threads;
    const int share = machine_cores() / (session->node_actors > 0 ? session->node_actors : 1);
    return asked > 0 ? asked : share > 1 ? share : 1;
}

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
    job.env.threads = worker_threads(session);
    TRY(rollout_open(&job, &session->rollout));
    rollout_shape(session->rollout, &world->shape);
    rollout_agent(session->rollout, &agent);
    world->agent = agent.shape;
    return OK;
}

// The first actor of each node makes the node's shared memory before the others open it; its name
// is gone as soon as all have, so that nothing stays behind.
static enum status begin_workers(struct run_session *session)
{
    const struct collective *c = session->collective;
    const int threads = worker_threads(session);
    const bool leader = session->nursery != NULL && session->first_actor;
    char token[96];
    TRY(make_token(session, token, sizeof token));
    if (leader) {
        TRY(nursery_begin(session->nursery, token, true, threads));
    }
    TRY(collective_barrier(c));
    if (session->nursery != NULL && !leader) {
        TRY(nursery_begin(session->nursery, token, false, threads));
    }
    TRY(collective_barrier(c));
    return leader ? nursery_unlink(session->nursery) : OK;
}

static enum status share_world(struct run_session *session)
{
    const struct collective *c = session->collective;
    struct world world = {0};
    TRY(begin_workers(session));
    if (c->rank != 0 || c->ranks == 1) {
        TRY(open_world(session, &world));
    }
    TRY(collective_broadcast(c, &world, sizeof world, c->ranks > 1 ? 1 : 0));
    session->shape = world.shape;
    return agent_make(&session->config.agent, &world.agent, &session->agent);
}

static enum status count_weights(struct searching *s)
{
    struct graph graph;
    TRY(agent_graph(&s->session->agent, 1, &graph));
    s->n_weights = graph.n_floats;
    graph_close(&graph);
    return OK;
}

static enum status open_transport(struct searching *s)
{
    const struct collective *c = s->session->collective;
    TRY(count_weights(s));
    const struct transport_sizes sizes = {
        .trajectory_bytes = trajectory_bytes(&s->session->shape),
        .n_weights = s->n_weights,
    };
    if (c->ranks > 1) {
        s->n_actors = c->rank == 0 ? 0 : 1;
        return transport_open_mpi(c, &sizes, &s->transport);
    }
    s->n_actors = s->session->nursery != NULL ? s->session->node_actors : 1;
    return transport_open_local(s->n_actors, &sizes, &s->transport);
}

static enum status open_actors(struct searching *s)
{
    struct run_session *session = s->session;
    const int rank = session->collective->rank;
    ARENA_NEW(&session->arena, s->actors, (size_t)s->n_actors);
    for (int i = 0; i < s->n_actors; i++) {
        const struct actor_job job = {
            .transport = &s->transport,
            .index = rank > 0 ? rank - 1 : i,
            .nursery = session->nursery,
            .worker = i,
            .rollout = session->rollout,
            .shape = &session->shape,
            .n_weights = s->n_weights,
            .options = &session->config.actors,
        };
        TRY(actor_open(&job, &s->actors[i]));
    }
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
        TRY(full_macs(session->network_files[i], &macs[i]));
    }
    for (int i = 0; i < n_tasks; i++) {
        tasks[i].cost = 1;
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
        tasks[i].cost = task->macs > 1 ? task->macs : task->macs > 0 ? task->macs * full : full;
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
    const bool large = strcmp(config->agent.core, "lstm") == 0;
    const struct backend_config backend = {
        .name = config->backend.name, .threads = large ? 0 : 1, .check = config->backend.check};
    TRY(load_backend(&backend, 1, &s->backend));
    TRY(run_config_text(config, &s->config));
    TRY(run_config_identity(config, &s->identity));
    if (config->policy[0] != '\0') {
        TRY(run_policy_load(config->policy, &session->agent, &s->initial));
    }
    if (gethostname(s->host, sizeof s->host - 1) != 0) {
        s->host[0] = '\0';
    }
    backend_cpu_onednn(s->onednn, sizeof s->onednn);
    const struct hdf5_text texts[] = {
        {"config", s->config.bytes},  {"dikdik", DIKDIK_VERSION},         {"onednn", s->onednn},
        {"openblas", blas_version()}, {"processor", machine_processor()}, {"host", s->host},
    };
    const double longest = config->actors.first_episode_seconds;
    const struct learner_job job = {
        .transport = &s->transport,
        .learner = &config->learner,
        .search = &config->search,
        .method = method_find(config->search.method),
        .agent = &session->agent,
        .backend = s->backend,
        .shape = &session->shape,
        .tasks = tasks,
        .n_tasks = session->agent.shape.n_tasks,
        .seed = config->seed,
        .lease_seconds = longest > 0 ? LEASE_FACTOR * longest * config->actors.tries : 0,
        .run_dir = config->run_dir,
        .texts = {texts, (int)(sizeof texts / sizeof texts[0])},
        .identity = s->identity.bytes,
        .initial = s->initial,
    };
    return learner_open(&job, &s->learner);
}

// One turn of this process's actors.
static enum status poll_actors(struct searching *s, bool *moved, bool *stopped)
{
    bool all = true;
    for (int i = 0; i < s->n_actors; i++) {
        bool one_moved = false;
        bool one_stopped = false;
        TRY(actor_poll(s->actors[i], &one_moved, &one_stopped));
        *moved = *moved || one_moved;
        all = all && one_stopped;
    }
    *stopped = all;
    return OK;
}

static void wait_unless(struct backoff *backoff, bool moved)
{
    if (moved) {
        backoff_reset(backoff);
    } else {
        backoff_wait(backoff);
    }
}

// Tells all actors to stop, and waits until those that answer have.
static enum status stop_actors(struct searching *s)
{
    const double start = clock_seconds();
    struct backoff backoff = {0};
    bool all = false;
    while (!all && clock_seconds() - start < STOP_SECONDS) {
        bool moved = false;
        bool stopped = false;
        TRY(learner_stop_actors(s->learner, &all));
        TRY(poll_actors(s, &moved, &stopped));
        wait_unless(&backoff, moved);
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
            code = poll_actors(s, &moved, &stopped);
        }
        wait_unless(&backoff, moved);
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

static enum status act(struct searching *s)
{
    struct backoff backoff = {0};
    bool stopped = false;
    while (!stopped) {
        bool moved = false;
        TRY(poll_actors(s, &moved, &stopped));
        if (moved) {
            backoff_reset(&backoff);
        } else {
            const int descriptor = actor_descriptor(s->actors[0]);
            backoff_wait_on(&backoff, &descriptor, 1);
        }
    }
    return OK;
}

static enum status keep_results(struct searching *s)
{
    struct run_session *session = s->session;
    learner_summarize(s->learner, &session->summary);
    TRY(run_keep_candidates(session, s->learner));
    size_t n = 0;
    const float *weights = learner_weights(s->learner, &n);
    return weights != NULL ? run_policy_save(session->config.run_dir, &session->agent, weights)
                           : OK;
}

static enum status run_rank(struct searching *s)
{
    TRY(share_world(s->session));
    TRY(open_transport(s));
    TRY(open_actors(s));
    if (s->session->collective->rank != 0) {
        s->begun = true;
        return act(s);
    }
    TRY(open_learner(s));
    s->begun = true;
    TRY(learn(s));
    return keep_results(s);
}

enum status run_stage_search(struct run_session *session)
{
    struct searching s = {.session = session};
    const enum status code = run_rank(&s);
    const enum status agreed = s.begun ? run_agree(session, code) : code;
    struct status_note note; // what closes may fail as well, and is not what went wrong first
    status_save(&note);
    for (int i = 0; i < s.n_actors && s.actors != NULL; i++) {
        actor_close(s.actors[i]);
    }
    nursery_close(session->nursery);
    session->nursery = NULL;
    rollout_close(session->rollout);
    session->rollout = NULL;
    learner_close(s.learner);
    transport_close(&s.transport);
    backend_close(s.backend);
    text_close(&s.config);
    text_close(&s.identity);
    free(s.initial);
    status_restore(&note);
    return agreed;
}
