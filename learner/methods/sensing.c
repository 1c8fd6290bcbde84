#include "learner/methods/sensing.h"

#include <math.h>

enum { MOST_LEVELS = 3, LEAST_MEASURED = 3 };
static const double finer_share =
    1.0 / 3.0; // of the measurements, that more than one level may take

int sensing_part(const struct sensing *s, int step)
{
    return (int)((int64_t)step * s->parts / s->task->steps);
}

static int last_choice(const struct candidate_task *task, int step)
{
    return task->n_choices[step] - 1;
}

int sensing_choice(const struct sensing *s, int step, int level)
{
    const float *position = s->task->position[step];
    const double share = pow(s->deepest, 1.0 - (double)level / s->levels);
    const double wanted = share * (double)position[last_choice(s->task, step)];
    int nearest = 0;
    for (int i = 1; i <= last_choice(s->task, step); i++) {
        if (fabs((double)position[i] - wanted) < fabs((double)position[nearest] - wanted)) {
            nearest = i;
        }
    }
    return nearest;
}

// Whether this level cuts its part to something that no deeper one does.
static bool is_new(const struct sensing *s, int part, int level)
{
    bool new = false;
    for (int step = 0; step < s->task->steps; step++) {
        const int choice = sensing_choice(s, step, level);
        const int deeper = level > 0 ? sensing_choice(s, step, level - 1) : -1;
        new |=
            sensing_part(s, step) == part &&choice != deeper &&choice != last_choice(s->task, step);
    }
    return new;
}

void sensing_init(const struct candidate_task *task, int most, double deepest, struct sensing *out)
{
    const int steps = task->steps, finer = (int)(finer_share * most) / steps;
    *out = (struct sensing){.task = task, .deepest = deepest, .parts = 1, .levels = 1};
    if (most >= LEAST_MEASURED) {
        out->parts = steps < most ? steps : most - 1;
        out->levels = finer < 1 ? 1 : finer < MOST_LEVELS ? finer : MOST_LEVELS;
        out->n = 1 + out->parts * out->levels;
    }
}

void sensing_place(struct sensing *s, int32_t *state, int64_t *episode, double *reward)
{
    s->state = state;
    s->episode = episode;
    s->reward = reward;
    for (int i = 1; i < s->n; i++) {
        const int part = (i - 1) % s->parts, level = (i - 1) / s->parts;
        s->state[i] = is_new(s, part, level) ? SENSING_WANTED : SENSING_NONE;
    }
}

int sensing_next(const struct sensing *s)
{
    for (int i = 0; i < s->n; i++) {
        if (s->state[i] == SENSING_WANTED) {
            return i;
        }
    }
    return -1;
}

void sensing_choices(const struct sensing *s, int measurement, int16_t *choices)
{
    const int part = measurement > 0 ? (measurement - 1) % s->parts : -1;
    for (int step = 0; step < s->task->steps; step++) {
        const bool cut = sensing_part(s, step) == part;
        choices[step] = (int16_t)(cut ? sensing_choice(s, step, (measurement - 1) / s->parts)
                                      : last_choice(s->task, step));
    }
}

double sensing_reward(const struct sensing *s, int part, int level)
{
    const int i = 1 + level * s->parts + part;
    return s->state[i] == SENSING_KNOWN ? s->reward[i] : (double)NAN;
}

int sensing_find(const struct sensing *s, int64_t episode)
{
    for (int i = 0; i < s->n; i++) {
        if (s->state[i] == SENSING_OUT && s->episode[i] == episode) {
            return i;
        }
    }
    return -1;
}
