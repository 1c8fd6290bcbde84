// What episodes have come to: networks of one evaluation are read out of their supernets,
// recalibrated and scored.
#include "core/hash.h"
#include "envs/nas/nas_env.h"
#include "envs/scoring/scoring_reward.h"

// Networks count, not tasks: with other budgets the same choice is as accurate.
static uint64_t score_key(const struct nas_env *env, const struct nas_episode *episode)
{
    const int network = env->config->tasks[episode->task].network;
    const size_t n = (size_t)episode->walk.study->space->n_decisions;
    const uint64_t hash = hash_bytes(HASH_BEGIN, &network, sizeof network);
    return hash_bytes(hash, episode->walk.choice, n * sizeof *episode->walk.choice);
}

// A function of (config, seed, network, choice) alone: no worker, thread or earlier candidate has a
// part in it.
static enum status score(const struct nas_env *env, const struct nas_episode *episode,
                         struct cached_score *out, double *seconds)
{
    const struct nas_host_network *from = nas_env_network(env, episode->task);
    const struct scorer scorer = {.backend = env->backend, .scoring = &env->scoring};
    const int images = scoring_images(&env->scoring, from->subject.images);
    struct score scratch;
    const struct score_counts counts = {.n = 1, .images = &images, .scores = &scratch};
    struct network network;
    TRY(supernet_extract(&from->supernet, episode->walk.choice, &network));
    const struct scored_candidate candidate = {.graph = &network.graph, .params = network.params};
    const enum status code =
        scoring_score_candidate(&scorer, &from->subject, &candidate, &counts, out, seconds);
    network_close(&network);
    return code;
}

// The reward that scoring names is the quality; what the task wants besides is weighed against it.
static void weigh(const struct nas_env *env, struct nas_episode *episode)
{
    const struct objective *own = &env->walks[episode->task].objective;
    struct env_outcome *out = &episode->outcome;
    const double quality = (double)out->reward;
    const double reward = objective_reward(&episode->walk.objective, quality, &episode->cost);
    out->reward = (float)reward;
    out->off_task = own->draws != OBJECTIVE_DRAWS_NOTHING
                        ? reward - objective_reward(own, quality, &episode->cost)
                        : 0;
}

enum status nas_evaluate(struct env *base, const int *slots, int n)
{
    struct nas_env *env = nas_env_self(base);
    struct scoring_evaluation *all = &env->evaluation;
    CHECK(n >= 0 && n <= env->slots);
    for (int i = 0; i < n; i++) {
        struct nas_episode *episode = nas_episode_at(env, slots[i]);
        CHECK(episode->pending);
        episode->pending = false;
        all->episodes[i] = (struct scoring_episode){
            .key = score_key(env, episode),
            .subject = &nas_env_network(env, episode->task)->subject,
            .outcome = &episode->outcome,
        };
    }
    const int requests = scoring_evaluation_begin(all, env->host.cache, n);
    for (int r = 0; r < requests; r++) {
        all->seconds[r] = 0;
        TRY(score(env, nas_episode_at(env, slots[all->requests[r]]), &all->scores[r],
                  &all->seconds[r]));
    }
    scoring_evaluation_end(all, env->host.cache, &env->scoring, n, requests);
    for (int i = 0; i < n; i++) {
        weigh(env, nas_episode_at(env, slots[i]));
    }
    return OK;
}
