// One thread fills a ring of batches; loader_next takes them in order. Of the batches counted from
// the start, the user owns number `released` while holding it, and the thread those from `prepared`
// to `released` + RING - 1. The lock covers the counters; slots are touched by their owner alone.
#include "data/loader.h"

#include "core/rng.h"
#include "core/sum_tree.h"
#include "data/augment.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { RING = 4 };

struct slot {
    uint8_t *images; // [most_rows][h][w][c]; arena
    int32_t *labels; // [most_rows]; arena
    int n;
    int64_t epoch, number;
};

struct loader {
    struct arena arena;
    const struct dataset *dataset; // borrowed
    struct loader_options options;
    size_t image_bytes;
    int64_t n;         // rows of an epoch
    int64_t per_epoch; // batches
    int32_t *indices;  // [n] arena
    int32_t *order;    // [n] arena: rows of the current epoch; the thread's own

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    struct slot ring[RING]; // batch number i since open lies in ring[i % RING]
    int64_t prepared;       // batches filled so far
    int64_t released;       // batches that the user is done with
    bool holding;           // the user has batch `released`
    bool stop;
    enum status status; // of the thread; not OK: no more batches come
    struct status_note note;
};

// The order of rows in an epoch: a pure function of (seed, epoch).
static void order_epoch(struct loader *loader, int64_t epoch)
{
    memcpy(loader->order, loader->indices, (size_t)loader->n * sizeof *loader->order);
    if (loader->options.shuffle) {
        struct rng rng = rng_make(loader->options.seed, RNG_ORDER, (uint64_t)epoch, 0);
        rng_shuffle(&rng, loader->order, (size_t)loader->n);
    }
}

// Copies the image at `position` in the epoch, augmented as (seed, epoch, position) says.
static void copy_image(const struct loader *loader, int64_t epoch, int64_t position, uint8_t *to)
{
    const struct loader_options *options = &loader->options;
    const struct dataset *dataset = loader->dataset;
    const uint8_t *from = dataset->images + (size_t)loader->order[position] * loader->image_bytes;
    if (options->crop_pad == 0 && !options->flip) {
        memcpy(to, from, loader->image_bytes);
        return;
    }
    struct rng rng = rng_make(options->seed, RNG_AUGMENT, (uint64_t)epoch, (uint32_t)position);
    const uint32_t places = 2 * (uint32_t)options->crop_pad + 1;
    const int top = (int)rng_below(&rng, places) - options->crop_pad;
    const int left = (int)rng_below(&rng, places) - options->crop_pad;
    const bool flip = options->flip && rng_below(&rng, 2) == 1;
    augment_copy(from, dataset->h, dataset->w, dataset->c, top, left, flip, to);
}

// This rank's rows of a batch of `size`.
static struct sum_node share_of(const struct loader_options *options, int size)
{
    const int deal = options->deal > 0 ? options->deal : 1;
    const struct sum_node runs =
        sum_tree_share((size + deal - 1) / deal, options->rank, options->ranks);
    const int first = runs.first * deal, end = (runs.first + runs.n) * deal;
    return (struct sum_node){first, (end < size ? end : size) - first};
}

static enum status fill(struct loader *loader, int64_t epoch, int64_t number, struct slot *slot)
{
    const struct loader_options *options = &loader->options;
    const struct dataset *dataset = loader->dataset;
    const int64_t start = number * options->batch;
    const int64_t left = loader->n - start;
    const int64_t size = left < options->batch ? left : options->batch; // over all ranks
    const struct sum_node share = share_of(options, (int)size);
    const int64_t first = start + share.first, end = first + share.n;
    for (int64_t i = first; i < end; i++) {
        const int32_t row = loader->order[i];
        const int32_t label = dataset->labels[row];
        if (label < 0 || label >= dataset->classes) {
            FAIL(ERR_INPUT, "%s: the label of row %" PRId32 " is %" PRId32 ", expected 0 to %d",
                 dataset->name, row, label, dataset->classes - 1);
        }
        slot->labels[i - first] = label;
        copy_image(loader, epoch, i, slot->images + (size_t)(i - first) * loader->image_bytes);
    }
    slot->n = (int)(end - first);
    slot->epoch = epoch;
    slot->number = number;
    return OK;
}

// Waits for a free slot; false when the thread shall end.
static bool wait_for_slot(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    while (!loader->stop && loader->prepared - loader->released >= RING) {
        pthread_cond_wait(&loader->freed, &loader->lock);
    }
    const bool go_on = !loader->stop;
    pthread_mutex_unlock(&loader->lock);
    return go_on;
}

// Hands a filled slot over, or tells why there is none.
static void publish(struct loader *loader, enum status status)
{
    pthread_mutex_lock(&loader->lock);
    if (status == OK) {
        loader->prepared++;
    } else {
        loader->status = status;
        status_save(&loader->note);
    }
    pthread_cond_signal(&loader->filled);
    pthread_mutex_unlock(&loader->lock);
}

static void *prepare_batches(void *argument)
{
    struct loader *loader = argument;
    int64_t epoch = loader->options.first_epoch;
    int64_t number = loader->options.first_batch;
    enum status status = OK;
    order_epoch(loader, epoch);
    for (int64_t i = 0; status == OK && wait_for_slot(loader); i++) {
        if (number == loader->per_epoch) {
            epoch++;
            number = 0;
            order_epoch(loader, epoch);
        }
        status = fill(loader, epoch, number, &loader->ring[i % RING]);
        publish(loader, status);
        number++;
    }
    return NULL;
}

static int64_t batches_of(const struct loader_options *options, int64_t n)
{
    return (options->drop_last ? n : n + options->batch - 1) / options->batch;
}

static enum status check_options(const struct loader_options *o, const struct dataset *dataset,
                                 int64_t n)
{
    if (n < 1) {
        FAIL(ERR_INPUT, "%s: no images to make batches of", dataset->name);
    }
    if (o->batch < 1 || o->ranks < 1) {
        FAIL(ERR_CONFIG, "the batch size is %d and there are %d ranks, expected at least 1 of each",
             o->batch, o->ranks);
    }
    CHECK(o->rank >= 0 && o->rank < o->ranks);
    if (o->drop_last && n < o->batch) {
        FAIL(ERR_CONFIG, "%s: %" PRId64 " images do not fill one batch of %d; make it smaller",
             dataset->name, n, o->batch);
    }
    const int side = dataset->h < dataset->w ? dataset->h : dataset->w;
    if (o->crop_pad < 0 || o->crop_pad > side) {
        FAIL(ERR_CONFIG, "the crop padding is %d, expected 0 to %d for images of %d x %d",
             o->crop_pad, side, dataset->w, dataset->h);
    }
    const int64_t per_epoch = batches_of(o, n);
    if (o->first_epoch < 0 || o->first_batch < 0 || o->first_batch > per_epoch) {
        FAIL(ERR_CONFIG,
             "batches cannot start at epoch %d, batch %" PRId64 ": an epoch has %" PRId64
             " batches",
             o->first_epoch, o->first_batch, per_epoch);
    }
    return OK;
}

static enum status copy_indices(struct loader *loader, const int32_t *indices)
{
    ARENA_NEW(&loader->arena, loader->indices, (size_t)loader->n);
    ARENA_NEW(&loader->arena, loader->order, (size_t)loader->n);
    for (int64_t i = 0; i < loader->n; i++) {
        const int32_t row = indices != NULL ? indices[i] : (int32_t)i;
        CHECK(row >= 0 && row < loader->dataset->n);
        loader->indices[i] = row;
    }
    return OK;
}

static enum status allocate_ring(struct loader *loader)
{
    const struct dataset *dataset = loader->dataset;
    const int64_t n = loader->n < loader->options.batch ? loader->n : loader->options.batch;
    const int deal = loader->options.deal > 0 ? loader->options.deal : 1;
    // A smaller last batch may be dealt otherwise.
    const int64_t runs = (n + deal - 1) / deal, ranks = loader->options.ranks;
    const size_t most_rows = (size_t)((runs + ranks - 1) / ranks * deal);
    loader->image_bytes = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    for (int i = 0; i < RING; i++) {
        ARENA_NEW(&loader->arena, loader->ring[i].images, most_rows * loader->image_bytes);
        ARENA_NEW(&loader->arena, loader->ring[i].labels, most_rows);
    }
    return OK;
}

// Signals are for the main thread: the new one blocks them all.
static enum status start_thread(struct loader *loader)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->filled, NULL);
    pthread_cond_init(&loader->freed, NULL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&loader->thread, NULL, prepare_batches, loader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure != 0) {
        pthread_cond_destroy(&loader->freed);
        pthread_cond_destroy(&loader->filled);
        pthread_mutex_destroy(&loader->lock);
        FAIL(ERR_IO, "the thread that prepares batches could not be started: %s",
             strerror(failure));
    }
    return OK;
}

static void free_loader(struct loader *loader)
{
    arena_close(&loader->arena);
    free(loader);
}

enum status loader_open(const struct dataset *dataset, const int32_t *indices, int n_indices,
                        const struct loader_options *options, struct loader **out)
{
    const int64_t n = indices != NULL ? n_indices : dataset->n;
    TRY(check_options(options, dataset, n));
    struct loader *loader = calloc(1, sizeof *loader);
    if (loader == NULL) {
        FAIL(ERR_MEMORY, "no memory for a loader");
    }
    loader->dataset = dataset;
    loader->options = *options;
    loader->n = n;
    loader->per_epoch = batches_of(options, n);
    enum status status = OK;
    TRY_GOTO(status, copy_indices(loader, indices), failed);
    TRY_GOTO(status, allocate_ring(loader), failed);
    TRY_GOTO(status, start_thread(loader), failed);
    *out = loader;
    return OK;
failed:
    free_loader(loader);
    return status;
}

int64_t loader_batches_per_epoch(const struct loader *loader)
{
    return loader->per_epoch;
}

enum status loader_next(struct loader *loader, struct batch *out)
{
    pthread_mutex_lock(&loader->lock);
    if (loader->holding) {
        loader->released++;
        loader->holding = false;
        pthread_cond_signal(&loader->freed);
    }
    while (loader->prepared == loader->released && loader->status == OK) {
        pthread_cond_wait(&loader->filled, &loader->lock);
    }
    if (loader->prepared == loader->released) {
        const enum status status = loader->status;
        status_restore(&loader->note);
        pthread_mutex_unlock(&loader->lock);
        return status;
    }
    const struct slot *slot = &loader->ring[loader->released % RING];
    loader->holding = true;
    pthread_mutex_unlock(&loader->lock);
    *out = (struct batch){.images = slot->images,
                          .labels = slot->labels,
                          .n = slot->n,
                          .epoch = slot->epoch,
                          .number = slot->number};
    return OK;
}

void loader_close(struct loader *loader)
{
    if (loader == NULL) {
        return;
    }
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_signal(&loader->freed);
    pthread_mutex_unlock(&loader->lock);
    pthread_join(loader->thread, NULL);
    pthread_cond_destroy(&loader->freed);
    pthread_cond_destroy(&loader->filled);
    pthread_mutex_destroy(&loader->lock);
    free_loader(loader);
}
