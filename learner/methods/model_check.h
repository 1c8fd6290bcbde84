// How good the reward model's predictions are, judged by the policy's own samples: nothing selected
// them, so their errors are honest, where those of chosen candidates are not.
#pragma once
#include "core/arena.h"
#include "learner/model/advisor.h"
#include "learner/run_rows.h"

enum { MODEL_CHECK_MOST = 48 }; // newest samples
struct model_check {
    double *predicted, *real; // [MOST], arena, as all here
    int32_t *tasks;           // [MOST]
    int64_t *n;               // [1] ever
};
enum status model_check_open(struct arena *arena, struct model_check *out);
// A sample, before the model learns from it. Ignored while there is no model.
void model_check_take(struct model_check *check, const struct advisor *advisor,
                      const struct trajectory *trajectory);
// Spearman's rank correlation of predicted and real rewards, the mean of each task taken off both;
// 0 below 3 samples.
double model_check_rank(const struct model_check *check);
// How far the model is believed, 0 to 1: twice the rank correlation. 1 while there are few samples.
double model_check_trust(const struct model_check *check);
// Fills the model's columns of row.
void model_check_describe(const struct model_check *check, struct update_row *row);
void model_check_state(struct model_check *check, struct state_list *list);
enum status model_check_restore(const struct model_check *check);
