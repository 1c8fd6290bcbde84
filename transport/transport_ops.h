// What an implementation of the transport provides. Calls are as in transport.h, their arguments
// checked. Inside transport/ only.
#pragma once
#include "transport/transport.h"

struct transport_ops {
    bool (*ready)(struct transport *t, int actor);
    bool (*lost)(struct transport *t, int actor);
    enum status (*send_tickets)(struct transport *t, int actor, const struct ticket_batch *batch);
    enum status (*receive)(struct transport *t, int *actor, const void **block, size_t *bytes);
    void (*release)(struct transport *t);
    enum status (*take_tickets)(struct transport *t, int actor, struct ticket_batch *out);
    bool (*can_send)(struct transport *t, int actor);
    enum status (*send_trajectory)(struct transport *t, int actor, const void *block, size_t bytes);
    void (*close)(struct transport *t);
};
