// What all update rules share: ratios and values of a batch, the loss and its gradient.
#include "learner/rules/rule.h"

#include <math.h>
#include <string.h>

const struct rule *const rules[] = {
#define X(id, name) &rule_##name,
    RULE_LIST(X)
#undef X
        NULL};

enum status rule_open(const struct episode_batch *batch, struct arena *arena, struct rule_work *out)
{
    const size_t rows = episode_batch_rows(batch), n_policy = (size_t)batch->agent->n_policy;
    out->batch = batch;
    ARENA_NEW(arena, out->first_logp, rows);
    ARENA_NEW(arena, out->log_ratio, rows);
    ARENA_NEW(arena, out->policy_log_ratio, rows);
    ARENA_NEW(arena, out->reward, rows);
    ARENA_NEW(arena, out->value, rows);
    ARENA_NEW(arena, out->target, rows);
    ARENA_NEW(arena, out->advantage, rows);
    ARENA_NEW(arena, out->value_weight, rows);
    ARENA_NEW(arena, out->d_logp, n_policy);
    ARENA_NEW(arena, out->d_entropy, n_policy);
    return OK;
}

static void row_value(const struct rule_work *work, size_t row, const float *output,
                      struct distribution_value *out, bool gradients)
{
    struct offer offer;
    struct chosen chosen;
    episode_batch_offer(work->batch, row, &offer);
    episode_batch_chosen(work->batch, row, &chosen);
    if (gradients) { // distributions leave the outputs of choices that a row does not have alone
        const size_t bytes = (size_t)work->batch->agent->n_policy * sizeof *work->d_logp;
        memset(work->d_logp, 0, bytes);
        memset(work->d_entropy, 0, bytes);
    }
    work->batch->agent->distribution->value(output, &offer, &chosen, out,
                                            gradients ? work->d_logp : NULL,
                                            gradients ? work->d_entropy : NULL);
}

// Ratios, reward and value of one row; zeros where there is none.
static void fill_row(struct rule_work *work, size_t row, const float *output, bool first)
{
    const struct episode_batch *b = work->batch;
    work->log_ratio[row] = work->policy_log_ratio[row] = 0.0;
    work->reward[row] = (double)b->reward[row];
    work->value[row] = 0.0;
    if (b->flags[row] & ROW_PADDING) {
        return;
    }
    const int task = b->task[row];
    work->value[row] = work->popart->sigma[task] * (double)output[b->agent->n_policy + task] +
                       work->popart->mean[task];
    if (!episode_batch_acts(b, row)) {
        return;
    }
    struct distribution_value now;
    row_value(work, row, output, &now, false);
    if (first) {
        work->first_logp[row] = now.logp;
    }
    if (work->options->correct) {
        work->log_ratio[row] = now.logp - (double)b->logp[row];
        work->policy_log_ratio[row] = work->first_logp[row] - (double)b->logp[row];
    }
}

void rule_targets(struct rule_work *work, const float *output, bool first)
{
    const struct episode_batch *b = work->batch;
    const size_t outputs = (size_t)b->agent->n_outputs;
    for (size_t row = 0; row < episode_batch_rows(b); row++) {
        fill_row(work, row, output + row * outputs, first);
    }
    for (int i = 0; i < b->lanes; i++) {
        const size_t at = (size_t)i * (size_t)b->steps;
        const struct rule_lane lane = {.lane = {.rows = b->used[i],
                                                .flags = b->flags + at,
                                                .log_ratio = work->log_ratio + at,
                                                .policy_log_ratio = work->policy_log_ratio + at,
                                                .reward = work->reward + at,
                                                .value = work->value + at},
                                       .target = work->target + at,
                                       .advantage = work->advantage + at,
                                       .value_weight = work->value_weight + at};
        work->rule->targets(work->options, &lane);
    }
}

struct sums {
    double policy, value, entropy, imitation, rho, rho_square;
    int frames, imitated;
};

static void count_rows(const struct episode_batch *b, struct sums *sums)
{
    for (size_t row = 0; row < episode_batch_rows(b); row++) {
        if (episode_batch_acts(b, row)) {
            sums->frames += (b->flags[row] & ROW_IMITATION) == 0;
            sums->imitated += (b->flags[row] & ROW_IMITATION) != 0;
        }
    }
}

static void imitate_row(const struct rule_work *work, const struct distribution_value *now,
                        float *d_output, struct sums *sums)
{
    const double weight = work->options->imitation / sums->imitated;
    sums->imitation -= now->logp;
    for (int i = 0; i < work->batch->agent->n_policy; i++) {
        d_output[i] = (float)(-weight * work->d_logp[i]);
    }
}

// The clipped surrogate: its value, and its slope by log pi.
static double policy_loss(double advantage, double ratio, double clip, double *slope)
{
    const double free = ratio * advantage;
    *slope = -free;
    if (clip <= 0.0) {
        return -free;
    }
    const double clipped = fmin(fmax(ratio, 1.0 - clip), 1.0 + clip) * advantage;
    if (clipped < free) {
        *slope = 0.0;
        return -clipped;
    }
    return -free; // also when it is not a number
}

static void learn_row(const struct rule_work *work, size_t row,
                      const struct distribution_value *now, const float *output, float *d_output,
                      struct sums *sums)
{
    const struct episode_batch *b = work->batch;
    const struct rule_options *options = work->options;
    const int n_policy = b->agent->n_policy, task = b->task[row];
    const double sigma = work->popart->sigma[task], each = 1.0 / sums->frames;
    double slope;
    sums->policy +=
        policy_loss(work->advantage[row] / sigma, vtrace_ratio(now->logp - work->first_logp[row]),
                    options->ratio_clip, &slope);
    sums->entropy += now->entropy;
    for (int i = 0; i < n_policy; i++) {
        d_output[i] =
            (float)(each * (slope * work->d_logp[i] - options->entropy * work->d_entropy[i]));
    }
    const double error =
        (double)output[n_policy + task] - (work->target[row] - work->popart->mean[task]) / sigma;
    const double weight = options->value_cost * work->value_weight[row];
    sums->value += 0.5 * weight * error * error;
    d_output[n_policy + task] = (float)(each * weight * error);
    const double rho = vtrace_ratio(work->first_logp[row] - (double)b->logp[row]);
    sums->rho += rho;
    sums->rho_square += rho * rho;
}

void rule_loss(struct rule_work *work, const float *output, float *d_output,
               struct rule_losses *losses)
{
    const struct episode_batch *b = work->batch;
    const size_t outputs = (size_t)b->agent->n_outputs;
    struct sums sums = {0};
    count_rows(b, &sums);
    memset(d_output, 0, episode_batch_rows(b) * outputs * sizeof *d_output);
    for (size_t row = 0; row < episode_batch_rows(b); row++) {
        if (!episode_batch_acts(b, row)) {
            continue;
        }
        struct distribution_value now;
        const float *at = output + row * outputs;
        row_value(work, row, at, &now, true);
        if (b->flags[row] & ROW_IMITATION) {
            imitate_row(work, &now, d_output + row * outputs, &sums);
        } else {
            learn_row(work, row, &now, at, d_output + row * outputs, &sums);
        }
    }
    const double n = sums.frames > 0 ? sums.frames : 1, m = sums.imitated > 0 ? sums.imitated : 1;
    *losses = (struct rule_losses){
        .policy = sums.policy / n,
        .value = sums.value / n,
        .entropy = sums.entropy / n,
        .imitation = work->options->imitation * sums.imitation / m,
        .mean_rho = sums.rho / n,
        .effective_share =
            sums.rho_square > 0.0 ? sums.rho * sums.rho / (n * sums.rho_square) : 0.0,
        .frames = sums.frames};
    losses->total = losses->policy + losses->value - work->options->entropy * losses->entropy +
                    losses->imitation;
}
