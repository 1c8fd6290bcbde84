#include "envs/prune/prune_batch.h"

#include "core/log.h"

// Of the device's memory for one network's candidates: a quarter is left for what stays there, for
// plans and for the driver.
static size_t share_of_device(const struct backend *backend, int sharers, int networks)
{
    return backend->device_bytes / 4 * 3 / (size_t)sharers / (size_t)networks;
}

enum status prune_together_open(const struct scorer *scorer, const struct prune_study *studies,
                                int n, const struct prune_together_options *options,
                                struct arena *arena, struct prune_together *out)
{
    const int most = options->most;
    const struct prune_candidates_options how = {
        .most = most, .memory_bytes = share_of_device(scorer->backend, options->sharers, n)};
    *out = (struct prune_together){.studies = studies, .most = most};
    ARENA_NEW(arena, out->of, (size_t)n);
    ARENA_NEW(arena, out->widths, (size_t)most);
    ARENA_NEW(arena, out->scores, (size_t)most);
    ARENA_NEW(arena, out->requests, (size_t)most);
    out->n = n;
    const bool can =
        scorer->backend->ops->candidates != NULL && scorer->scoring->dtype == SCORING_FLOAT32;
    for (int i = 0; i < n && can; i++) {
        const enum status code = prune_candidates_open(scorer, &studies[i], &how, &out->of[i]);
        if (code == ERR_UNSUPPORTED || code == ERR_MEMORY) {
            log_info("%s: %s", studies[i].network->subject.info.architecture, status_message());
        } else {
            TRY(code);
        }
    }
    return OK;
}

void prune_together_close(struct prune_together *together)
{
    for (int i = 0; i < together->n; i++) {
        prune_candidates_close(together->of[i]);
    }
    *together = (struct prune_together){0};
}

// Those of one network.
static enum status score_together(const struct prune_together *together, int number,
                                  struct prune_request *requests, int n)
{
    int count = 0;
    double seconds = 0;
    for (int i = 0; i < n; i++) {
        if (requests[i].study == &together->studies[number]) {
            together->widths[count] = requests[i].widths;
            together->requests[count++] = i;
        }
    }
    if (count == 0) {
        return OK;
    }
    TRY(prune_candidates_score(together->of[number], together->widths, count, together->scores,
                               &seconds));
    for (int k = 0; k < count; k++) {
        struct prune_request *request = &requests[together->requests[k]];
        request->score = together->scores[k];
        request->seconds = seconds / count;
    }
    return OK;
}

enum status prune_score_batch(const struct scorer *scorer, const struct prune_together *together,
                              struct prune_request *requests, int n)
{
    CHECK(n <= together->most);
    for (int i = 0; i < together->n; i++) {
        if (together->of[i] != NULL) {
            TRY(score_together(together, i, requests, n));
        }
    }
    for (int i = 0; i < n; i++) {
        struct prune_request *request = &requests[i];
        const int number = (int)(request->study - together->studies);
        CHECK(number >= 0 && number < together->n);
        if (together->of[number] == NULL) { // the cores are busy with one
            request->seconds = 0;
            TRY(prune_score_widths(scorer, request->study, request->widths, &request->score,
                                   &request->seconds));
        }
    }
    return OK;
}
