// What episodes have come to: those of one evaluation are scored together.
#include "core/hash.h"
#include "envs/prune/prune_env.h"

// Networks count, not tasks: with other budgets the same widths are as accurate.
static uint64_t score_key(const struct prune_env *env, const struct prune_episode *episode)
{
    const int network = env->config->tasks[episode->task].network;
    const int n = episode->walk->study->network->groups.n;
    const uint64_t hash = hash_bytes(HASH_BEGIN, &network, sizeof network);
    return hash_bytes(hash, wall_widths(episode->walk->wall), (size_t)n * sizeof(int));
}

enum status prune_evaluate(struct env *base, const int *slots, int n)
{
    struct prune_env *env = prune_env_self(base);
    struct scoring_evaluation *all = &env->evaluation;
    const struct scorer scorer = {.backend = env->backend, .scoring = &env->scoring};
    CHECK(n >= 0 && n <= env->slots);
    for (int i = 0; i < n; i++) {
        struct prune_episode *episode = prune_episode_at(env, slots[i]);
        CHECK(episode->pending);
        episode->pending = false;
        all->episodes[i] = (struct scoring_episode){
            .key = score_key(env, episode),
            .subject = &episode->walk->study->network->subject,
            .outcome = &episode->outcome,
        };
    }
    const int requests = scoring_evaluation_begin(all, env->host.cache, n);
    for (int r = 0; r < requests; r++) {
        const struct prune_walk *walk = prune_episode_at(env, slots[all->requests[r]])->walk;
        env->requests[r] =
            (struct prune_request){.study = walk->study, .widths = wall_widths(walk->wall)};
    }
    TRY(prune_score_batch(&scorer, &env->together, env->requests, requests));
    for (int r = 0; r < requests; r++) {
        all->scores[r] = env->requests[r].score;
        all->seconds[r] = env->requests[r].seconds;
    }
    scoring_evaluation_end(all, env->host.cache, &env->scoring, n, requests);
    return OK;
}
