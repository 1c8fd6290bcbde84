#include "learner/methods/damage.h"

#include <math.h>

static const double least_common = 0.1; // how much like the average every step is: none is free
static const double most_common = 0.8;

const struct damage_kind damage_kinds[DAMAGE_KINDS] = {
    {DAMAGE_LOG, 1.5}, {DAMAGE_LOSS, 1.5}, {DAMAGE_SQUARE, 2.0},
    {DAMAGE_LOG, 2.5}, {DAMAGE_LOG, 1.0},  {DAMAGE_SQUARE, 3.0},
};

// What a step loses at a choice, on the axis on which damage is taken to be straight.
static double depth_of(const struct sensing *s, double power, int step, int choice)
{
    const float *position = s->task->position[step];
    const float whole = position[s->task->n_choices[step] - 1];
    return pow(log((double)whole / (double)position[choice]), power);
}

// The whole network's reward; where that is not known, the best of the others.
static double best_reward(const struct sensing *s)
{
    double best = s->state[0] == SENSING_KNOWN ? s->reward[0] : -(double)INFINITY;
    for (int i = 1; i < s->n && s->state[0] != SENSING_KNOWN; i++) {
        best = s->state[i] == SENSING_KNOWN ? fmax(best, s->reward[i]) : best;
    }
    return best;
}

static double damage_of(enum damage_sum sum, double whole, double reward)
{
    const double lost = fmax(whole - reward, 0.0);
    if (sum == DAMAGE_LOG && whole > 0.0) {
        return log(whole / fmin(fmax(reward, 1e-3 * whole), whole));
    }
    return sum == DAMAGE_SQUARE ? lost * lost : lost;
}

static int members_of(const struct sensing *s, int part)
{
    int n = 0;
    for (int step = 0; step < s->task->steps; step++) {
        n += sensing_part(s, step) == part ? 1 : 0;
    }
    return n;
}

// Damage per depth of a step of this part, by its deepest level that is known; NAN: none is.
static double slope_of(const struct sensing *s, struct damage_kind kind, int part)
{
    const double whole = best_reward(s);
    for (int level = 0; level < s->levels; level++) {
        const double reward = sensing_reward(s, part, level);
        double depth = 0.0;
        for (int step = 0; step < s->task->steps; step++) {
            if (sensing_part(s, step) == part) {
                depth += depth_of(s, kind.power, step, sensing_choice(s, step, level));
            }
        }
        if (!isnan(reward) && depth > 0.0) {
            return damage_of(kind.sum, whole, reward) / depth;
        }
    }
    return (double)NAN;
}

// That of the nearest parts on both sides where its own is not known.
static double near_slope(const struct sensing *s, struct damage_kind kind, int part)
{
    double sum = 0.0;
    int n = 0;
    for (int side = -1; side <= 1; side += 2) {
        double slope = (double)NAN;
        for (int at = part; at >= 0 && at < s->parts && isnan(slope); at += side) {
            slope = slope_of(s, kind, at);
        }
        sum += isnan(slope) ? 0.0 : slope;
        n += isnan(slope) ? 0 : 1;
    }
    return n > 0 ? sum / n : (double)NAN;
}

// A step's own curve: straight lines over the depth through what was measured, then on with the
// slope of the deepest.
static void fill_step(const struct sensing *s, struct damage_kind kind, int step, double slope,
                      double *loss)
{
    const int part = sensing_part(s, step), members = members_of(s, part);
    const double whole = best_reward(s);
    double depth = 0.0, damage = 0.0; // of the last point
    int filled = s->task->n_choices[step];
    for (int level = s->levels - 1; level >= 0; level--) {
        const double reward = sensing_reward(s, part, level);
        const int choice = sensing_choice(s, step, level);
        const double next_depth = depth_of(s, kind.power, step, choice);
        if (isnan(reward) || choice >= filled || next_depth <= depth) {
            continue;
        }
        const double next = fmax(damage, damage_of(kind.sum, whole, reward) / members);
        for (int c = filled - 1; c >= choice; c--) {
            const double at = (depth_of(s, kind.power, step, c) - depth) / (next_depth - depth);
            loss[c] = damage + at * (next - damage);
        }
        depth = next_depth;
        damage = next;
        filled = choice;
    }
    const double beyond = depth > 0.0 ? damage / depth : slope;
    for (int c = filled - 1; c >= 0; c--) {
        loss[c] = damage + beyond * (depth_of(s, kind.power, step, c) - depth);
    }
}

// The share of the variance of rewards at the deepest level that noise explains (as an estimate of
// Stein's kind has it).
static double common_share(const struct sensing *s, double noise)
{
    double sum = 0.0, squares = 0.0;
    int n = 0;
    for (int part = 0; part < s->parts; part++) {
        const double reward = sensing_reward(s, part, 0);
        if (!isnan(reward)) {
            sum += reward;
            squares += reward * reward;
            n++;
        }
    }
    const double variance = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0.0;
    return fmin(fmax(noise * noise / fmax(variance, 1e-12), least_common), most_common);
}

bool damage_curves(const struct sensing *s, struct damage_kind kind, double noise, int stride,
                   double *loss)
{
    double sum = 0.0;
    if (s->n == 0) {
        return false;
    }
    const double common = common_share(s, noise);
    for (int step = 0; step < s->task->steps; step++) {
        sum += near_slope(s, kind, sensing_part(s, step));
    }
    if (isnan(sum)) {
        return false;
    }
    for (int step = 0; step < s->task->steps; step++) {
        double *own = loss + (size_t)step * (size_t)stride;
        const double slope = near_slope(s, kind, sensing_part(s, step));
        fill_step(s, kind, step, slope, own);
        for (int c = 0; c < s->task->n_choices[step]; c++) {
            const double average = sum / s->task->steps * depth_of(s, kind.power, step, c);
            own[c] += common * (average - own[c]);
        }
    }
    return true;
}
