// The transport interface: every call goes to the implementation that was opened.
#include "transport/transport_ops.h"

#include <string.h>

static void check_actor(const struct transport *t, int actor)
{
    CHECK(actor >= 0 && actor < t->actors);
}

bool transport_ready(struct transport *t, int actor)
{
    check_actor(t, actor);
    return t->ops->ready(t, actor);
}

bool transport_lost(struct transport *t, int actor)
{
    check_actor(t, actor);
    return t->ops->lost(t, actor);
}

enum status transport_send_tickets(struct transport *t, int actor, const struct ticket_batch *batch)
{
    check_actor(t, actor);
    CHECK(batch->n >= 1 && (batch->weights != NULL || batch->n_weights == 0));
    return t->ops->send_tickets(t, actor, batch);
}

enum status transport_receive(struct transport *t, int *actor, const void **block, size_t *bytes)
{
    return t->ops->receive(t, actor, block, bytes);
}

void transport_release(struct transport *t)
{
    t->ops->release(t);
}

enum status transport_take_tickets(struct transport *t, int actor, struct ticket_batch *out)
{
    check_actor(t, actor);
    return t->ops->take_tickets(t, actor, out);
}

bool transport_can_send(struct transport *t, int actor)
{
    check_actor(t, actor);
    return t->ops->can_send(t, actor);
}

enum status transport_send_trajectory(struct transport *t, int actor, const void *block,
                                      size_t bytes)
{
    check_actor(t, actor);
    return t->ops->send_trajectory(t, actor, block, bytes);
}

void transport_close(struct transport *t)
{
    if (t->ops != NULL) {
        t->ops->close(t);
    }
    memset(t, 0, sizeof *t);
}
