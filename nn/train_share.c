// How a training batch is cut into chunks, and which of them a rank has.
#include "core/sum_tree.h"
#include "nn/lower.h"

// A chunk is as many images as keep its largest value in a core's cache, but at most MOST_FIT, so
// that every lane of a large machine has some, and a small batch can be dealt to some ranks; and at
// least as many as make adding up its weight gradients cheap beside working them out, so that a
// chunk of n images has n * macs >= weights * MACS_PER_WEIGHT. The sum moves every gradient three
// times, through main memory when they are many, else within a cache.
enum {
    MOST_FIT = 8,
    MOST_CHUNK = 32,
    MACS_PER_WEIGHT = 300,
    MACS_PER_CACHED_WEIGHT = 40,
    CACHED_WEIGHTS = 256 * 1024 // 1 MiB
};

static int power_of_two_up_to(double most)
{
    int n = 1;
    while (2.0 * n <= most) {
        n *= 2;
    }
    return n;
}

static int chunk_images(const struct backend *backend, const struct graph *graph)
{
    size_t largest = 1;
    double macs = 1.0;
    for (int i = 0; i < graph->n_nodes; i++) {
        const size_t bytes = lower_bytes(graph, i, DTYPE_F32, 1);
        largest = bytes > largest ? bytes : largest;
        if (graph->nodes[i].params[0] >= 0 && graph->nodes[i].kind != NODE_BATCHNORM) {
            const struct op op = graph_node_op(graph, i, 1);
            macs += (double)op_macs(&op);
        }
    }
    const int fit = power_of_two_up_to((double)backend->chunk_bytes / (double)largest);
    const int each = graph->n_trainable > CACHED_WEIGHTS ? MACS_PER_WEIGHT : MACS_PER_CACHED_WEIGHT;
    const double pays = (double)graph->n_trainable * each / macs;
    int chunk = fit < MOST_FIT ? fit : MOST_FIT;
    while (chunk < MOST_CHUNK && chunk < pays) {
        chunk *= 2;
    }
    return chunk;
}

enum status train_share(const struct backend *backend, const struct graph *graph, int batch,
                        int rank, int ranks, struct train_share *out)
{
    const bool cuts = backend->chunk_bytes > 0;
    const int chunk = cuts ? chunk_images(backend, graph) : (batch + ranks - 1) / ranks;
    return train_share_chunks(chunk, batch, rank, ranks, out);
}

enum status train_share_chunks(int chunk, int batch, int rank, int ranks, struct train_share *out)
{
    const int total = (batch + chunk - 1) / chunk;
    if (total < ranks) {
        FAIL(ERR_CONFIG,
             "train.batch = %d has work for %d of %d ranks (chunks of %d images); "
             "use fewer ranks or a batch of %d or more",
             batch, total, ranks, chunk, (ranks - 1) * chunk + 1);
    }
    const struct sum_node run = sum_tree_share(total, rank, ranks);
    const int end = (run.first + run.n) * chunk;
    *out = (struct train_share){.chunk = chunk,
                                .first = run.first,
                                .n = run.n,
                                .total = total,
                                .images = (end < batch ? end : batch) - run.first * chunk};
    return OK;
}
