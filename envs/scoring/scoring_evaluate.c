#include "envs/scoring/scoring_evaluate.h"

#include "envs/scoring/scoring_reward.h"

enum status scoring_evaluation_open(int most, struct arena *arena, struct scoring_evaluation *out)
{
    const size_t n = (size_t)most;
    struct scoring_evaluation made = {.most = most};
    ARENA_NEW(arena, made.episodes, n);
    ARENA_NEW(arena, made.requests, n);
    ARENA_NEW(arena, made.scores, n);
    ARENA_NEW(arena, made.seconds, n);
    ARENA_NEW(arena, made.of, n);
    ARENA_NEW(arena, made.known, n);
    *out = made;
    return OK;
}

int scoring_evaluation_begin(struct scoring_evaluation *evaluation, const struct score_slot *cache,
                             int n)
{
    int requests = 0;
    CHECK(n >= 0 && n <= evaluation->most);
    for (int i = 0; i < n; i++) {
        const struct scoring_episode *episode = &evaluation->episodes[i];
        episode->outcome->cached = true;
        evaluation->of[i] = -1;
        if (score_cache_find(cache, episode->key, &evaluation->known[i])) {
            continue;
        }
        int at = 0;
        while (at < requests &&
               evaluation->episodes[evaluation->requests[at]].key != episode->key) {
            at++;
        }
        if (at == requests) {
            episode->outcome->cached = false;
            evaluation->requests[requests++] = i;
        }
        evaluation->of[i] = at;
    }
    return requests;
}

static void settle(const struct scoring_options *scoring, const struct scoring_episode *episode,
                   const struct cached_score *score)
{
    const struct host_subject *subject = episode->subject;
    struct env_outcome *out = episode->outcome;
    const int images = scoring_images(scoring, subject->images);
    out->score = (double)score->right / (double)images;
    out->diverged = score->diverged;
    out->reward = (float)scoring_reward_of(scoring->reward, subject, score, images);
}

void scoring_evaluation_end(const struct scoring_evaluation *evaluation, struct score_slot *cache,
                            const struct scoring_options *scoring, int n, int n_requests)
{
    for (int r = 0; r < n_requests; r++) {
        score_cache_add(cache, evaluation->episodes[evaluation->requests[r]].key,
                        &evaluation->scores[r]);
    }
    for (int i = 0; i < n; i++) {
        const struct scoring_episode *episode = &evaluation->episodes[i];
        const int r = evaluation->of[i];
        if (r < 0) {
            settle(scoring, episode, &evaluation->known[i]);
            continue;
        }
        episode->outcome->arithmetic_seconds =
            episode->outcome->cached ? 0 : evaluation->seconds[r];
        settle(scoring, episode, &evaluation->scores[r]);
    }
}
