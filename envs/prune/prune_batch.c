// One candidate after the other: on a CPU the cores are busy with one.
#include "envs/prune/prune_batch.h"

enum status prune_score_batch(const struct prune_scorer *scorer, struct prune_request *requests,
                              int n)
{
    for (int i = 0; i < n; i++) {
        struct prune_request *request = &requests[i];
        request->seconds = 0;
        TRY(prune_score_widths(scorer, request->study, request->widths, &request->score,
                               &request->seconds));
    }
    return OK;
}
