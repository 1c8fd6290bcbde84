// A sub-network's weights out of the shared block, and its gradients into it: all in the backend's
// memory, as one program.
#pragma once
#include "compute/backend.h"
#include "search_space/supernet.h"

struct supernet_exchange;
// graph: of one of the supernet's networks; both borrowed until the call returns. decay: so much of
// the sub-network's weights is added to its gradients before these are added; 0 = none.
enum status supernet_exchange_open(struct backend *backend, const struct supernet *supernet,
                                   const struct graph *graph, float decay,
                                   struct supernet_exchange **out);
void supernet_exchange_close(struct supernet_exchange *exchange); // NULL is fine

// Addresses in the backend's memory. shared_gradients: [n_trainable], added onto; running values of
// the sub-network replace those that it read.
struct exchange_blocks {
    float *shared, *shared_gradients; // of the supernet
    float *own, *own_gradients;       // of the sub-network
};
// Give work to the backend's queue: first weights, running values too; then, when the gradients are
// there, those. The weights of both blocks must still be what they were.
enum status supernet_exchange_gather(struct supernet_exchange *exchange,
                                     const struct exchange_blocks *blocks);
enum status supernet_exchange_scatter(struct supernet_exchange *exchange);
