// Learner and actors in one process, in turn: messages are copies in memory. Each actor has two
// places for batches of tickets, the one it works on and the next, and one for its trajectory.
#include "transport/transport_ops.h"

#include <stdlib.h>
#include <string.h>

struct ticket_place {
    struct ticket *tickets; // owned [sizes.n_tickets]
    int n;
    float *weights;   // owned [sizes.n_weights]; memory only once used
    size_t n_weights; // floats that came with it, 0 = none
};
struct local_actor {
    struct ticket_place places[2];
    int next;       // place of the tickets under way; the other ones are being worked on
    bool under_way; // tickets wait to be taken
    bool has_block; // a trajectory waits to be received or released
    void *block;    // owned
    size_t n_bytes;
};
struct local_state {
    struct transport_sizes sizes;
    struct local_actor *actors; // owned
    int *queue;         // owned [actors]: those with a trajectory, a ring in order of sending
    int first, waiting; // in queue
    int borrowed;       // actor whose trajectory the learner looks at, -1 = none
};

static bool local_ready(struct transport *t, int actor)
{
    const struct local_state *state = t->state;
    return !state->actors[actor].under_way;
}

static bool local_lost(struct transport *t, int actor)
{
    (void)t, (void)actor;
    return false; // it is this process
}

static enum status local_send_tickets(struct transport *t, int actor,
                                      const struct ticket_batch *batch)
{
    struct local_state *state = t->state;
    struct local_actor *to = &state->actors[actor];
    struct ticket_place *place = &to->places[to->next];
    CHECK(!to->under_way && batch->n <= state->sizes.n_tickets &&
          batch->n_weights <= state->sizes.n_weights);
    memcpy(place->tickets, batch->tickets, (size_t)batch->n * sizeof *place->tickets);
    place->n = batch->n;
    place->n_weights = batch->n_weights;
    if (batch->n_weights > 0) {
        memcpy(place->weights, batch->weights, batch->n_weights * sizeof *place->weights);
    }
    to->under_way = true;
    return OK;
}

static enum status local_receive(struct transport *t, int *actor, const void **block, size_t *bytes)
{
    struct local_state *state = t->state;
    CHECK(state->borrowed < 0);
    *block = NULL;
    if (state->waiting == 0) {
        return OK;
    }
    state->borrowed = state->queue[state->first];
    state->first = (state->first + 1) % t->actors;
    state->waiting--;
    *actor = state->borrowed;
    *block = state->actors[state->borrowed].block;
    *bytes = state->actors[state->borrowed].n_bytes;
    return OK;
}

static void local_release(struct transport *t)
{
    struct local_state *state = t->state;
    CHECK(state->borrowed >= 0);
    state->actors[state->borrowed].has_block = false;
    state->borrowed = -1;
}

static enum status local_take_tickets(struct transport *t, int actor, struct ticket_batch *out)
{
    struct local_state *state = t->state;
    struct local_actor *me = &state->actors[actor];
    *out = (struct ticket_batch){0};
    if (!me->under_way) {
        return OK;
    }
    const struct ticket_place *place = &me->places[me->next];
    me->next = 1 - me->next;
    me->under_way = false;
    *out = (struct ticket_batch){.tickets = place->tickets,
                                 .n = place->n,
                                 .weights = place->n_weights > 0 ? place->weights : NULL,
                                 .n_weights = place->n_weights};
    return OK;
}

static bool local_can_send(struct transport *t, int actor)
{
    const struct local_state *state = t->state;
    return !state->actors[actor].has_block;
}

static enum status local_send_trajectory(struct transport *t, int actor, const void *block,
                                         size_t bytes)
{
    struct local_state *state = t->state;
    struct local_actor *me = &state->actors[actor];
    CHECK(!me->has_block && bytes <= state->sizes.trajectory_bytes);
    memcpy(me->block, block, bytes);
    me->n_bytes = bytes;
    me->has_block = true;
    state->queue[(state->first + state->waiting++) % t->actors] = actor;
    return OK;
}

static void local_close(struct transport *t)
{
    struct local_state *state = t->state;
    for (int i = 0; state->actors != NULL && i < t->actors; i++) {
        for (int k = 0; k < 2; k++) {
            free(state->actors[i].places[k].tickets);
            free(state->actors[i].places[k].weights);
        }
        free(state->actors[i].block);
    }
    free(state->actors);
    free(state->queue);
    free(state);
}

static const struct transport_ops local_ops = {
    .ready = local_ready,
    .lost = local_lost,
    .send_tickets = local_send_tickets,
    .receive = local_receive,
    .release = local_release,
    .take_tickets = local_take_tickets,
    .can_send = local_can_send,
    .send_trajectory = local_send_trajectory,
    .close = local_close,
};

// calloc, so that weights that are never sent take no memory.
static bool open_actor(struct local_actor *actor, const struct transport_sizes *sizes)
{
    const size_t n_weights = sizes->n_weights > 0 ? sizes->n_weights : 1;
    bool enough = true;
    for (int k = 0; k < 2; k++) {
        struct ticket_place *place = &actor->places[k];
        place->tickets = calloc((size_t)sizes->n_tickets, sizeof *place->tickets);
        place->weights = calloc(n_weights, sizeof *place->weights);
        enough = enough && place->tickets != NULL && place->weights != NULL;
    }
    actor->block = calloc(1, sizes->trajectory_bytes);
    return enough && actor->block != NULL;
}

enum status transport_open_local(int actors, const struct transport_sizes *sizes,
                                 struct transport *out)
{
    CHECK(actors >= 1 && sizes->trajectory_bytes > 0 && sizes->n_tickets >= 1);
    struct local_state *state = calloc(1, sizeof *state);
    struct transport opened = {.actors = actors, .ops = &local_ops, .state = state};
    bool enough = state != NULL;
    if (enough) {
        *state = (struct local_state){.sizes = *sizes, .borrowed = -1};
        state->actors = calloc((size_t)actors, sizeof *state->actors);
        state->queue = calloc((size_t)actors, sizeof *state->queue);
        enough = state->actors != NULL && state->queue != NULL;
    }
    for (int i = 0; enough && i < actors; i++) {
        enough = open_actor(&state->actors[i], sizes);
    }
    if (!enough) {
        if (state != NULL) {
            local_close(&opened);
        }
        FAIL(ERR_MEMORY, "no memory for the messages of %d actors", actors);
    }
    *out = opened;
    return OK;
}
