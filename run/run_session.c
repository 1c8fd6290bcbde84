// Opening a run: config, processes, folder.
#include "run/run_session.h"

#include "core/machine.h"
#include "run/run_claim.h"
#include "run/run_nas.h"
#include "run/run_numerics.h"
#include "run/run_order.h"
#include "run/run_prune.h"
#include "run/run_space.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *run_path(const struct run_session *session, struct arena *arena, const char *folder,
                     const char *name, const char *suffix)
{
    return arena_format(arena, "%s%s%s/%s%s", session->config.run_dir, folder[0] != '\0' ? "/" : "",
                        folder, name, suffix);
}

const char *run_task_name(const struct run_session *session, int task)
{
    return session->known != NULL ? session->known[task].name
                                  : run_config_task(&session->config, task)->name;
}

static enum status name_files(struct run_session *session)
{
    const struct run_config *config = &session->config;
    const char **files, **whole;
    ARENA_NEW(&session->arena, files, (size_t)config->networks->n);
    ARENA_NEW(&session->arena, whole, (size_t)config->networks->n);
    for (int i = 0; i < config->networks->n; i++) {
        const struct network_config *network = run_config_network(config, i);
        files[i] = run_path(session, &session->arena, "networks", network->name, ".safetensors");
        whole[i] = run_space_type(network) == NULL
                       ? files[i]
                       : run_path(session, &session->arena, "networks", network->name,
                                  ".largest.safetensors");
        if (files[i] == NULL || whole[i] == NULL) {
            return ERR_MEMORY;
        }
    }
    session->network_files = files;
    session->whole_files = whole;
    return OK;
}

static const void *environment_values(const struct run_session *session)
{
    const struct run_config *config = &session->config;
    switch (env_kind_find(config->environment)) {
    case ENV_PRUNE:
        return &session->prune;
    case ENV_NAS:
        return &session->nas;
    default:
        return &config->environments[env_kind_find(config->environment)];
    }
}

int run_session_actors(const struct run_session *session)
{
    const int asked = session->config.actors.count;
    if (session->config.transport == TRANSPORT_INLINE) {
        return 1;
    }
    const int devices = session->backend.facts.n_devices;
    return asked > 0 ? asked : devices > 0 ? devices : machine_cores();
}

int run_session_sharers(const struct run_session *session)
{
    const int devices = session->backend.facts.n_devices;
    const bool mpi = run_session_wants_mpi(session) && collective_launcher_ranks() > 1;
    // Of several ranks, the first one learns; ranks are most often dealt host by host.
    const bool learns = mpi && collective_launcher_rank() == collective_launcher_local_rank();
    const int ranks = collective_launcher_local_ranks() - (learns ? 1 : 0);
    const int here = mpi ? (ranks > 0 ? ranks : 1) : run_session_actors(session);
    const bool one = devices == 0 || session->config.backend.device >= 0;
    return one ? here : (here + devices - 1) / devices;
}

bool run_session_wants_mpi(const struct run_session *session)
{
    const enum run_transport transport = session->config.transport;
    return transport == TRANSPORT_AUTO || transport == TRANSPORT_MPI;
}

static enum status open_processes(struct run_session *session)
{
    const bool mpi = run_session_wants_mpi(session);
    // The learner's rank forks nothing.
    if (session->config.transport == TRANSPORT_INLINE || (mpi && collective_launcher_rank() == 0)) {
        return OK;
    }
    const int workers = mpi ? 1 : run_session_actors(session);
    return nursery_open(&session->rollout_job, workers, &session->nursery);
}

enum status run_session_make(const struct collective *collective, struct run_session **out)
{
    struct run_session *session = calloc(1, sizeof *session);
    if (session == NULL) {
        FAIL(ERR_MEMORY, "no memory for a search");
    }
    session->collective = collective;
    session->shared_fd = -1;
    *out = session;
    return OK;
}

enum status run_session_settle(struct run_session *session)
{
    const int turn = collective_launcher_local_rank();
    if (session->backend.name != NULL) {
        return OK;
    }
    TRY(load_settle_backend(&session->config.backend, turn > 0 ? turn : 0, &session->backend));
    const size_t memory = session->backend.facts.memory_bytes;
    session->actors = session->config.actors;
    session->actors.episodes = actor_options_episodes(
        session->actors.episodes, memory / (size_t)run_session_sharers(session));
    return OK;
}

enum status run_session_prepare(struct run_session *session)
{
    TRY(run_session_settle(session));
    load_say_backend(&session->backend);
    TRY(name_files(session));
    if (env_kind_find(session->config.environment) == ENV_NAS) {
        TRY(run_nas_config(&session->config, session->network_files, &session->arena,
                           &session->nas));
    } else {
        TRY(run_prune_config(&session->config, session->network_files, &session->arena,
                             &session->prune));
    }
    const struct env_ops *ops = env_find(session->config.environment);
    session->network_env = ops->network;
    session->rollout_job = (struct rollout_job){
        .ops = ops,
        .env = {.config = environment_values(session),
                .seed = session->config.seed,
                .backend = session->backend.name,
                .threads = 1,
                .device = session->backend.options.device,
                .turn = session->backend.options.turn,
                .precision = session->backend.options.precision,
                .profile = session->backend.options.profile,
                .sharers = run_session_sharers(session),
                .check = session->backend.options.check,
                .shared_fd = -1},
        .agent = &session->config.agent,
        .actor = &session->actors,
        .work = &session->work_job,
    };
    session->work_job = (struct work_job){.ops = &run_work_ops, .context = session};
    return open_processes(session);
}

// Who is on which host, with how many cores.
static enum status find_hosts(struct run_session *session)
{
    const struct collective *c = session->collective;
    const bool alone = c->ranks == 1;
    const int actors = alone ? run_session_actors(session) : c->ranks - 1;
    double *said; // [ranks][2] first rank of the host, cores
    ARENA_NEW(&session->arena, said, 2 * (size_t)c->ranks);
    ARENA_NEW(&session->arena, session->hosts, (size_t)c->ranks);
    ARENA_NEW(&session->arena, session->actor_host, (size_t)actors);
    said[2 * (size_t)c->rank] = c->host_first;
    said[2 * (size_t)c->rank + 1] = machine_cores();
    TRY(collective_sum_f64(c, said, 2 * (size_t)c->ranks));
    int *host_of; // [ranks]
    ARENA_NEW(&session->arena, host_of, (size_t)c->ranks);
    for (int rank = 0; rank < c->ranks; rank++) {
        const int first = (int)said[2 * (size_t)rank];
        host_of[rank] = first == rank ? session->n_hosts++ : host_of[first];
        session->hosts[host_of[rank]].cores = (int)said[2 * (size_t)rank + 1];
    }
    for (int actor = 0; actor < actors; actor++) {
        session->actor_host[actor] = alone ? 0 : host_of[actor + 1];
        session->hosts[session->actor_host[actor]].actors++;
    }
    session->host_actors = session->hosts[host_of[c->rank]].actors;
    session->first_actor = alone || c->local_rank == (c->host_first == 0 ? 1 : 0);
    return OK;
}

// Devices differ: as many at once as every actor can. A rank that only learns has no say.
static enum status agree_on_episodes(struct run_session *session)
{
    const struct collective *c = session->collective;
    double *said; // [ranks]
    ARENA_NEW(&session->arena, said, (size_t)c->ranks);
    said[c->rank] = session->actors.episodes;
    TRY(collective_sum_f64(c, said, (size_t)c->ranks));
    for (int rank = c->ranks > 1 ? 1 : 0; rank < c->ranks; rank++) {
        const int theirs = (int)said[rank];
        const bool first = rank == (c->ranks > 1 ? 1 : 0);
        session->actors.episodes =
            first || theirs < session->actors.episodes ? theirs : session->actors.episodes;
    }
    return OK;
}

static enum status open_folder(struct run_session *session)
{
    TRY(run_claim(session));
    session->times_path = run_path(session, &session->arena, "", "times", ".json");
    return session->times_path != NULL ? run_times_read(session->times_path, &session->times)
                                       : ERR_MEMORY;
}

enum status run_session_begin(struct run_session *session)
{
    const struct collective *c = session->collective;
    if (c->rank == 0 && c->ranks > 1) {
        nursery_close(session->nursery);
        session->nursery = NULL;
    }
    TRY(find_hosts(session));
    TRY(agree_on_episodes(session));
    // What rank 0 refuses ends all ranks alike: no abort adds its own lines to the message.
    enum status code = c->rank == 0 ? open_folder(session) : OK;
    TRY(collective_broadcast(c, &code, sizeof code, 0));
    session->stopped_together = code != OK;
    return code == OK ? run_numerics_agree(session) : code;
}

enum status run_keep_candidates(struct run_session *session, const struct learner *learner)
{
    const int n_tasks = session->agent.shape.n_tasks;
    const int most = session->config.search.best;
    struct learner_candidate *best;
    ARENA_NEW(&session->arena, session->candidates, (size_t)n_tasks);
    ARENA_NEW(&session->arena, best, (size_t)most);
    for (int task = 0; task < n_tasks; task++) {
        struct run_candidates *kept = &session->candidates[task];
        kept->evaluations = learner_evaluations(learner, task);
        kept->ended = learner_ended(learner, task, &kept->episodes);
        kept->n = learner_best(learner, task, most, best);
        TRY(run_front_keep(learner, task, &session->arena, &kept->front));
        ARENA_NEW(&session->arena, kept->candidates, (size_t)kept->n);
        for (int i = 0; i < kept->n; i++) {
            int *widths;
            ARENA_NEW(&session->arena, widths, (size_t)best[i].n_widths);
            memcpy(widths, best[i].widths, (size_t)best[i].n_widths * sizeof *widths);
            kept->candidates[i] = (struct run_candidate){
                .score = best[i].score,
                .macs = best[i].macs,
                .params = best[i].params,
                .episode = best[i].episode,
                .n_widths = best[i].n_widths,
                .widths = widths,
            };
        }
    }
    return OK;
}

enum status run_agree(struct run_session *session, enum status code)
{
    const struct collective *c = session->collective;
    double interrupted = code == ERR_INTERRUPTED ? 1 : 0;
    if (code != OK && code != ERR_INTERRUPTED) {
        return code;
    }
    TRY(collective_sum_f64(c, &interrupted, 1));
    if (interrupted == 0) {
        return OK;
    }
    session->stopped_together = true;
    FAIL(ERR_INTERRUPTED, "interrupted; the same command goes on from here");
}

enum status run_agree_on_first(struct run_session *session, enum status code)
{
    const struct collective *c = session->collective;
    const bool failed = code != OK && code != ERR_INTERRUPTED, fails = failed && c->rank == 0;
    enum status first = fails ? code : OK;
    if (failed && !fails) {
        return code; // nobody else knows
    }
    TRY(collective_broadcast(c, &first, sizeof first, 0));
    if (first == OK) {
        return run_agree(session, code);
    }
    session->stopped_together = true;
    if (!fails) {
        FAIL(first, "rank 0 has ended the run");
    }
    return code;
}

void run_session_close(struct run_session *session)
{
    if (session == NULL) {
        return;
    }
    nursery_close(session->nursery);
    rollout_close(session->rollout);
    if (session->shared_fd >= 0) {
        close(session->shared_fd);
    }
    run_work_ops.close(session->work);
    run_folder_close(&session->folder);
    arena_close(&session->arena);
    free(session);
}
