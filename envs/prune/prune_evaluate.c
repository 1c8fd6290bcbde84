// What episodes have come to: those of one evaluation are scored together.
#include "core/hash.h"
#include "envs/prune/prune_env.h"
#include "envs/scoring/scoring_reward.h"

// Networks count, not tasks: with other budgets the same widths are as accurate.
static uint64_t score_key(const struct prune_env *env, const struct prune_episode *episode)
{
    const int network = env->config->tasks[episode->task].network;
    const int n = episode->walk->study->network->groups.n;
    const uint64_t hash = hash_bytes(HASH_BEGIN, &network, sizeof network);
    return hash_bytes(hash, wall_widths(episode->walk->wall), (size_t)n * sizeof(int));
}

static void settle(const struct prune_env *env, struct prune_episode *episode,
                   const struct cached_score *score)
{
    const struct scoring_options *scoring = &env->scoring;
    const struct prune_study *study = episode->walk->study;
    struct env_outcome *out = &episode->outcome;
    out->score =
        (double)score->right / (double)scoring_images(scoring, study->network->subject.images);
    out->diverged = score->diverged;
    out->reward = (float)scoring_reward_of(scoring, &study->network->subject, score);
    episode->pending = false;
}

// Those of these slots [n] that are not known yet, each once: how many requests.
static int list_requests(struct prune_env *env, const int *slots, int n)
{
    struct evaluation *all = &env->evaluation;
    int requests = 0;
    for (int i = 0; i < n; i++) {
        struct prune_episode *episode = prune_episode_at(env, slots[i]);
        CHECK(episode->pending);
        const uint64_t key = score_key(env, episode);
        struct cached_score score;
        episode->outcome.cached = true;
        all->of[i] = -1;
        if (score_cache_find(env->host.cache, key, &score)) {
            settle(env, episode, &score);
            continue;
        }
        int at = 0;
        while (at < requests && all->keys[at] != key) {
            at++;
        }
        if (at == requests) {
            episode->outcome.cached = false;
            all->keys[requests++] = key;
            all->requests[at] = (struct prune_request){.study = episode->walk->study,
                                                       .widths = wall_widths(episode->walk->wall)};
        }
        all->of[i] = at;
    }
    return requests;
}

enum status prune_evaluate(struct env *base, const int *slots, int n)
{
    struct prune_env *env = prune_env_self(base);
    const struct evaluation *all = &env->evaluation;
    const struct scorer scorer = {.backend = env->backend, .scoring = &env->scoring};
    CHECK(n >= 0 && n <= env->slots);
    const int requests = list_requests(env, slots, n);
    TRY(prune_score_batch(&scorer, &env->together, all->requests, requests));
    for (int i = 0; i < requests; i++) {
        score_cache_add(env->host.cache, all->keys[i], &all->requests[i].score);
    }
    for (int i = 0; i < n; i++) {
        struct prune_episode *episode = prune_episode_at(env, slots[i]);
        if (all->of[i] < 0) {
            continue;
        }
        const struct prune_request *request = &all->requests[all->of[i]];
        episode->outcome.arithmetic_seconds = episode->outcome.cached ? 0 : request->seconds;
        settle(env, episode, &request->score);
    }
    return OK;
}
