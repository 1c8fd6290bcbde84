#include "train/supernet_plans.h"

#include "core/clock.h"
#include "nn/program.h"

#include <stdlib.h>
#include <string.h>

static bool same_role(const struct supernet_role *a, const struct supernet_role *b)
{
    return a->label_share == b->label_share && a->decay == b->decay && a->teaches == b->teaches;
}

static size_t choice_bytes(const struct supernet_plans *plans)
{
    return (size_t)plans->supernet->space.n_decisions * sizeof(int16_t);
}

static void close_plan(struct supernet_plan *plan)
{
    supernet_exchange_close(plan->exchange);
    train_close(plan->plan);
    graph_close(&plan->graph);
    free(plan->choice);
    *plan = (struct supernet_plan){0};
}

static enum status open_plan(struct supernet_plans *plans, const int16_t *choice,
                             const struct supernet_role *role, struct supernet_plan *plan)
{
    struct train_options options = plans->options;
    options.label_share = role->label_share;
    options.temperature = role->label_share < 1.0F ? options.temperature : 1.0F;
    options.keep_outputs = role->teaches;
    options.memory = plans->memory;
    plan->role = *role;
    plan->choice = malloc(choice_bytes(plans));
    if (plan->choice == NULL) {
        FAIL(ERR_MEMORY, "no memory for a sub-network");
    }
    memcpy(plan->choice, choice, choice_bytes(plans));
    TRY(nas_space_build(&plans->supernet->space, choice, &plan->graph));
    TRY(train_open(plans->backend, &plan->graph, &options, &plan->plan));
    return supernet_exchange_open(plans->backend, plans->supernet, &plan->graph, role->decay,
                                  &plan->exchange);
}

// A place in the list, free or freed.
static enum status find_place(struct supernet_plans *plans, struct supernet_plan **out)
{
    if (plans->list == NULL) {
        TRY(program_memory_open(plans->backend, &plans->memory));
        plans->list = calloc((size_t)plans->most, sizeof *plans->list);
        if (plans->list == NULL) {
            FAIL(ERR_MEMORY, "no memory for %d sub-networks", plans->most);
        }
    }
    if (plans->n < plans->most) {
        *out = &plans->list[plans->n++];
        return OK;
    }
    struct supernet_plan *oldest = &plans->list[0];
    for (int i = 1; i < plans->n; i++) {
        oldest = plans->list[i].used < oldest->used ? &plans->list[i] : oldest;
    }
    close_plan(oldest);
    *out = oldest;
    return OK;
}

enum status supernet_plans_get(struct supernet_plans *plans, const int16_t *choice,
                               const struct supernet_role *role, struct supernet_plan **out)
{
    const int64_t now = ++plans->uses;
    for (int i = 0; i < plans->n; i++) {
        struct supernet_plan *plan = &plans->list[i];
        if (plan->choice != NULL && same_role(&plan->role, role) &&
            memcmp(plan->choice, choice, choice_bytes(plans)) == 0) {
            plan->used = now;
            *out = plan;
            return OK;
        }
    }
    const double started = clock_seconds();
    struct supernet_plan *plan;
    TRY(find_place(plans, &plan));
    const enum status status = open_plan(plans, choice, role, plan);
    if (status != OK) {
        close_plan(plan);
        return status;
    }
    plan->used = now;
    plans->opened++;
    plans->seconds += clock_seconds() - started;
    *out = plan;
    return OK;
}

void supernet_plans_close(struct supernet_plans *plans)
{
    for (int i = 0; i < plans->n; i++) {
        close_plan(&plans->list[i]);
    }
    program_memory_close(plans->memory);
    plans->memory = NULL;
    free(plans->list);
    plans->list = NULL;
    plans->n = 0;
}
