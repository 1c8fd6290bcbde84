// The made-up pruning problem.
#include "core/rng.h"
#include "loop_case.h"

#include <math.h>
#include <string.h>

static const double cost[GAME_GROUPS] = {4.0, 2.0, 1.0, 3.0, 2.0, 1.0};
static const double need[GAME_MODELS][GAME_GROUPS] = {
    {3.0, 1.0, 2.0, 1.0, 3.0, 1.0}, {1.0, 3.0, 1.0, 2.0, 1.0, 3.0}, {2.0, 2.0, 1.0, 3.0, 1.0, 1.0}};
static const double budget[GAME_MOST_TASKS] = {0.5, 0.6, 0.7, 0.65, 0.45, 0.55};
static const double whole = 13.0; // what everything costs

void game_shape(bool candidates, struct trajectory_shape *out)
{
    *out = (struct trajectory_shape){.rows = GAME_GROUPS + 1,
                                     .n_obs = GAME_GROUPS + 3,
                                     .n_choices = GAME_CHOICES,
                                     .n_result = candidates ? GAME_GROUPS : 0};
}

double game_budget(int task)
{
    return whole * budget[task];
}

int game_model(int task)
{
    return task % GAME_MODELS;
}

static double share_of(int choice)
{
    return (choice + 1.0) / GAME_CHOICES;
}

// What operation the choice is, 0 = nothing.
static int kind_of(int group, int choice)
{
    return (3 * choice + group) % GAME_OPERATIONS;
}

static int choice_of(int group, int kind)
{
    int choice = 0;
    while (kind_of(group, choice) != kind) {
        choice++;
    }
    return choice;
}

// What is kept of a group; the steps before it are chosen.
static double kept(bool cells, const int *choices, int group)
{
    if (!cells) {
        return share_of(choices[group]);
    }
    const bool dead = group % 2 == 1 && kind_of(group - 1, choices[group - 1]) == 0;
    return ((dead ? 0 : kind_of(group, choices[group])) + 1.0) / GAME_OPERATIONS;
}

static double need_of(bool cells, int task, int group)
{
    const double own = need[game_model(task)][group];
    return cells ? 0.7 * need[0][group] + 0.3 * own : own;
}

static double score_of(bool cells, int task, const int *choices)
{
    double sum = 0.0, total = 0.0;
    for (int i = 0; i < GAME_GROUPS; i++) {
        const double before = i > 0 ? kept(cells, choices, i - 1) : 1.0;
        const double needs = need_of(cells, task, i);
        sum += needs * (1.0 - exp(-3.0 * kept(cells, choices, i) * (0.5 + 0.5 * before)));
        total += needs * (1.0 - exp(-3.0));
    }
    const bool broken = cells && kind_of(0, choices[0]) == 0; // far worse than the others
    return sum / total * (broken ? 0.3 : 1.0);
}

static double least_rest(bool cells, int from)
{
    double least = 0.0;
    for (int i = from; i < GAME_GROUPS; i++) {
        least += cost[i] / (cells ? GAME_OPERATIONS : GAME_CHOICES);
    }
    return least;
}

static void try_all(int task, int group, double used, int *choices, double *best)
{
    if (group == GAME_GROUPS) {
        const double score = score_of(false, task, choices);
        *best = score > *best ? score : *best;
        return;
    }
    for (int i = 0; i < GAME_CHOICES; i++) {
        const double now = used + cost[group] * share_of(i);
        if (now + least_rest(false, group + 1) <= game_budget(task) + 1e-9) {
            choices[group] = i;
            try_all(task, group + 1, now, choices, best);
        }
    }
}

double game_best_score(int task)
{
    int choices[GAME_GROUPS];
    double best = 0.0;
    try_all(task, 0, 0.0, choices, &best);
    return best;
}

static double used_by(const int16_t *choices)
{
    double used = 0.0;
    for (int i = 0; i < GAME_GROUPS; i++) {
        used += cost[i] * share_of(choices[i]);
    }
    return used;
}

static bool holds(void *context, int task, const int16_t *choices)
{
    (void)context;
    return used_by(choices) <= game_budget(task) + 1e-9;
}

static double use(void *context, int task, const int16_t *choices)
{
    (void)context;
    return used_by(choices) / game_budget(task);
}

// 0: the largest eighth of everything. 1, 2: the cheapest and the dearest groups are then kept
// whole while that holds.
static bool suggest(void *context, int task, int number, int16_t *choices)
{
    static const int order[GAME_SUGGESTIONS][GAME_GROUPS] = {
        {0}, {2, 5, 1, 4, 3, 0}, {0, 3, 4, 1, 5, 2}};
    int at = GAME_CHOICES;
    do {
        at--;
        for (int i = 0; i < GAME_GROUPS; i++) {
            choices[i] = (int16_t)at;
        }
    } while (!holds(context, task, choices));
    for (int i = 0; number > 0 && number < GAME_SUGGESTIONS && i < GAME_GROUPS; i++) {
        int16_t *choice = &choices[order[number][i]];
        while (*choice + 1 < GAME_CHOICES && holds(context, task, choices)) {
            (*choice)++;
        }
        *choice = (int16_t)(*choice - (holds(context, task, choices) ? 0 : 1));
    }
    return number < GAME_SUGGESTIONS;
}

const struct candidate_space *game_space(int n_tasks)
{
    static float positions[GAME_CHOICES];
    static const float *const position[GAME_GROUPS] = {positions, positions, positions,
                                                       positions, positions, positions};
    static const int n_choices[GAME_GROUPS] = {GAME_CHOICES, GAME_CHOICES, GAME_CHOICES,
                                               GAME_CHOICES, GAME_CHOICES, GAME_CHOICES};
    static struct candidate_task tasks[GAME_MOST_TASKS];
    static struct candidate_space spaces[GAME_MOST_TASKS + 1];
    for (int i = 0; i < GAME_CHOICES; i++) {
        positions[i] = (float)share_of(i);
    }
    for (int i = 0; i < n_tasks; i++) {
        tasks[i] = (struct candidate_task){.model = game_model(i),
                                           .family = game_model(i),
                                           .steps = GAME_GROUPS,
                                           .n_choices = n_choices,
                                           .position = position,
                                           .budget = budget[i],
                                           .whole = {(int64_t)(1000.0 * whole)}};
    }
    spaces[n_tasks] = (struct candidate_space){
        .n_tasks = n_tasks,
        .n_models = n_tasks < GAME_MODELS ? n_tasks : GAME_MODELS,
        .tasks = tasks,
        .noise = 0.0,
        .holds = holds,
        .use = use,
        .suggest = suggest,
    };
    return &spaces[n_tasks];
}

static double used_by_cells(const int16_t *steps)
{
    int choices[GAME_GROUPS];
    double used = 0.0;
    for (int i = 0; i < GAME_GROUPS; i++) {
        choices[i] = steps[i];
        used += cost[i] * kept(true, choices, i);
    }
    return used;
}

static bool cells_hold(void *context, int task, const int16_t *choices)
{
    (void)context;
    return used_by_cells(choices) <= game_budget(task) + 1e-9;
}

static double cells_use(void *context, int task, const int16_t *choices)
{
    (void)context;
    return used_by_cells(choices) / game_budget(task);
}

// NOLINTNEXTLINE(readability-non-const-parameter): as in candidate_space
static bool cells_suggest(void *context, int task, int number, int16_t *choices)
{
    (void)context, (void)task, (void)number, (void)choices;
    return false;
}

static void cells_canonical(void *context, int task, int16_t *choices)
{
    (void)context, (void)task;
    for (int i = 1; i < GAME_GROUPS; i += 2) {
        if (kind_of(i - 1, choices[i - 1]) == 0) {
            choices[i] = (int16_t)choice_of(i, 0);
        }
    }
}

double game_cells_best_score(int task)
{
    double best = 0.0;
    int all = 1;
    for (int i = 0; i < GAME_GROUPS; i++) {
        all *= GAME_OPERATIONS;
    }
    for (int number = 0; number < all; number++) {
        int choices[GAME_GROUPS];
        int16_t steps[GAME_GROUPS];
        for (int i = 0, left = number; i < GAME_GROUPS; i++, left /= GAME_OPERATIONS) {
            choices[i] = left % GAME_OPERATIONS;
            steps[i] = (int16_t)choices[i];
        }
        if (cells_hold(NULL, task, steps)) {
            best = fmax(best, score_of(true, task, choices));
        }
    }
    return best;
}

const struct candidate_space *game_cells(int n_tasks)
{
    static const float positions[GAME_OPERATIONS] = {0.25F, 0.5F, 0.75F, 1.0F};
    static const float *const position[GAME_GROUPS] = {positions, positions, positions,
                                                       positions, positions, positions};
    static const int n_choices[GAME_GROUPS] = {GAME_OPERATIONS, GAME_OPERATIONS, GAME_OPERATIONS,
                                               GAME_OPERATIONS, GAME_OPERATIONS, GAME_OPERATIONS};
    static const bool categorical[GAME_GROUPS] = {true, true, true, true, true, true};
    static int16_t least[GAME_GROUPS];
    static struct candidate_task tasks[GAME_MOST_TASKS];
    static struct candidate_space spaces[GAME_MOST_TASKS + 1];
    for (int i = 0; i < GAME_GROUPS; i++) {
        least[i] = (int16_t)choice_of(i, 0);
    }
    for (int i = 0; i < n_tasks; i++) {
        tasks[i] = (struct candidate_task){.model = game_model(i),
                                           .family = 0,
                                           .steps = GAME_GROUPS,
                                           .n_choices = n_choices,
                                           .position = position,
                                           .categorical = categorical,
                                           .least = least,
                                           .budget = budget[i]};
    }
    spaces[n_tasks] =
        (struct candidate_space){.n_tasks = n_tasks,
                                 .n_models = n_tasks < GAME_MODELS ? n_tasks : GAME_MODELS,
                                 .tasks = tasks,
                                 .holds = cells_hold,
                                 .use = cells_use,
                                 .suggest = cells_suggest,
                                 .canonical = cells_canonical};
    return &spaces[n_tasks];
}

static int repair(const uint8_t *legal, int wanted)
{
    int at = wanted < GAME_CHOICES ? wanted : GAME_CHOICES - 1;
    while (at > 0 && !legal[at]) {
        at--;
    }
    while (!legal[at]) {
        at++;
    }
    return at;
}

// A legal choice that depends on weights and ticket, so that wrong ones are noticed.
static int choose_by_weights(const struct ticket *ticket, int row, const float *weights,
                             const uint8_t *legal)
{
    const float mixed = weights[(size_t)row % 4] * (float)(1 + ticket->episode % 7) + ticket->noise;
    return repair(legal, (int)(mixed * 100.0F) % GAME_CHOICES);
}

static struct chosen choose(const struct trajectory *t, int row, const struct ticket *ticket,
                            const float *weights, const struct game_policy *policy)
{
    const uint8_t *legal = t->legal + (size_t)row * GAME_CHOICES;
    struct chosen chosen = {.logp = -1.0F};
    if (ticket->source == ACTIONS_GIVEN) {
        chosen.choice = repair(legal, ticket->given[row]);
    } else if (ticket->source == ACTIONS_RANDOM) {
        struct rng rng =
            rng_make(policy->seed, RNG_ACTION, (uint64_t)ticket->episode, (uint32_t)row);
        do {
            chosen.choice = (int)rng_below(&rng, GAME_CHOICES);
        } while (!legal[chosen.choice]);
    } else if (policy->choose != NULL) {
        const struct offer offer = {GAME_CHOICES, t->position + (size_t)row * GAME_CHOICES, legal,
                                    t->categorical[row] != 0};
        return policy->choose(policy->context, t->obs + (size_t)row * (GAME_GROUPS + 3), &offer,
                              ticket, row);
    } else {
        chosen.choice = choose_by_weights(ticket, row, weights, legal);
    }
    return chosen;
}

// What the ticket lets everything cost.
static double limit_of(const struct ticket *ticket)
{
    const double factor = ticket->budget > 0.0F ? (double)ticket->budget : 1.0;
    return fmin(game_budget(ticket->task) * factor, whole);
}

static void fill_row(struct trajectory *t, int row, const struct ticket *ticket, double used,
                     int *choices, bool cells)
{
    float *obs = t->obs + (size_t)row * (GAME_GROUPS + 3);
    const double limit = limit_of(ticket);
    const int last = row > 0 ? choices[row - 1] : 0;
    const int n = cells ? GAME_OPERATIONS : GAME_CHOICES;
    obs[row] = 1.0F;
    obs[GAME_GROUPS] = (float)((limit - used) / whole);
    obs[GAME_GROUPS + 1] = (float)share_of(last);
    obs[GAME_GROUPS + 2] = (float)ticket->task;
    t->choices[row] = n;
    for (int i = 0; i < n; i++) {
        choices[row] = i;
        const double now = used + cost[row] * kept(cells, choices, row);
        t->position[(size_t)row * GAME_CHOICES + (size_t)i] = (float)((i + 1.0) / n);
        t->legal[(size_t)row * GAME_CHOICES + (size_t)i] =
            now + least_rest(cells, row + 1) <= limit + 1e-9;
    }
}

static void play_groups(struct trajectory *t, const struct ticket *ticket, const float *weights,
                        const struct game_policy *policy, bool candidates)
{
    int choices[GAME_GROUPS] = {0};
    int16_t steps[GAME_GROUPS];
    double used = 0.0;
    if (policy->begin != NULL && weights != NULL) {
        policy->begin(policy->context, weights);
    }
    for (int row = 0; row < GAME_GROUPS; row++) {
        fill_row(t, row, ticket, used, choices, policy->cells);
        const struct chosen chosen = choose(t, row, ticket, weights, policy);
        choices[row] = chosen.choice;
        t->action[row] = chosen.choice;
        t->raw[row] = chosen.raw;
        t->logp[row] = chosen.logp;
        used += cost[row] * kept(policy->cells, choices, row);
        steps[row] = (int16_t)choices[row];
    }
    if (policy->cells) {
        cells_canonical(NULL, ticket->task, steps);
    }
    for (int row = 0; row < GAME_GROUPS && candidates; row++) {
        t->result[row] = 4 * (steps[row] + 1);
    }
    t->header->rows = GAME_GROUPS;
    t->header->score =
        ticket->kind == TICKET_IMAGINED ? 0.0 : score_of(policy->cells, ticket->task, choices);
    t->header->n_result = candidates ? GAME_GROUPS : 0;
    t->header->macs = (int64_t)(1000.0 * used);
    t->reward[GAME_GROUPS - 1] = (float)t->header->score;
    t->flags[0] = FLAG_FIRST;
    t->flags[GAME_GROUPS - 1] |= FLAG_TERMINATED;
}

void game_play(const struct trajectory_shape *shape, const struct ticket *ticket,
               const float *weights, const struct game_policy *policy, int fail_every, void *block)
{
    struct trajectory t;
    memset(block, 0, trajectory_bytes(shape));
    trajectory_view(shape, block, &t);
    t.header->episode = ticket->episode;
    t.header->version = ticket->version;
    t.header->task = ticket->task;
    t.header->source = ticket->source;
    t.header->tries = 1;
    t.header->environment_seconds = 0.01 * (1 + ticket->task);
    if (fail_every > 0 && ticket->episode % fail_every == fail_every - 1) {
        t.header->failure = FAILURE_CRASH;
        t.header->tries = 3;
    } else {
        play_groups(&t, ticket, weights, policy, shape->n_result > 0);
        const int every = policy->diverge_every;
        if (every > 0 && ticket->episode % every == every - 1) {
            t.header->failure = FAILURE_DIVERGED;
            t.header->score = 0.0;
            t.reward[GAME_GROUPS - 1] = 0.0F;
        }
    }
    trajectory_seal(shape, block);
}
