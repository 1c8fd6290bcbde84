// Answers that wait for the transport to take them, in order. Inside actors/ only.
#pragma once
#include "transport/transport.h"

struct outbox {
    char *blocks;  // owned [most][stride], a ring
    size_t *bytes; // owned [most]
    size_t stride;
    int most, first, n;
};
enum status outbox_open(int most, size_t block_bytes, struct outbox *out);
int outbox_room(const struct outbox *outbox); // answers that still fit
// Where the next answer is to be written [block_bytes]; outbox_put then makes it one. CHECKs that
// there is room.
void *outbox_next(struct outbox *outbox);
void outbox_put(struct outbox *outbox, size_t bytes);
// Sends what the transport takes now. *moved: something.
enum status outbox_send(struct outbox *outbox, struct transport *transport, int actor, bool *moved);
void outbox_close(struct outbox *outbox); // a zeroed one is fine
