#include "actors/outbox.h"

#include <stdlib.h>

enum status outbox_open(int most, size_t block_bytes, struct outbox *out)
{
    const size_t stride = (block_bytes + 63) / 64 * 64;
    *out = (struct outbox){.blocks = calloc((size_t)most, stride),
                           .bytes = calloc((size_t)most, sizeof *out->bytes),
                           .stride = stride,
                           .most = most};
    if (out->blocks == NULL || out->bytes == NULL) {
        outbox_close(out);
        FAIL(ERR_MEMORY, "no memory for the answers of an actor");
    }
    return OK;
}

void outbox_close(struct outbox *outbox)
{
    free(outbox->blocks);
    free(outbox->bytes);
    *outbox = (struct outbox){0};
}

int outbox_room(const struct outbox *outbox)
{
    return outbox->most - outbox->n;
}

static char *block_at(const struct outbox *outbox, int i)
{
    return outbox->blocks + (size_t)((outbox->first + i) % outbox->most) * outbox->stride;
}

void *outbox_next(struct outbox *outbox)
{
    CHECK(outbox->n < outbox->most);
    return block_at(outbox, outbox->n);
}

void outbox_put(struct outbox *outbox, size_t bytes)
{
    CHECK(outbox->n < outbox->most && bytes <= outbox->stride);
    outbox->bytes[(outbox->first + outbox->n) % outbox->most] = bytes;
    outbox->n++;
}

enum status outbox_send(struct outbox *outbox, struct transport *transport, int actor, bool *moved)
{
    while (outbox->n > 0 && transport_can_send(transport, actor)) {
        TRY(transport_send_trajectory(transport, actor, block_at(outbox, 0),
                                      outbox->bytes[outbox->first]));
        outbox->first = (outbox->first + 1) % outbox->most;
        outbox->n--;
        *moved = true;
    }
    return OK;
}
