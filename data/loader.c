// Threads fill a ring of batches, piece by piece; loader_next takes them in order. Batches are
// opened in order too: their rows are settled under the lock, by whichever thread finds no piece
// left of those open. A piece's images and labels are touched by the thread that took it, a whole
// batch by the user alone while holding it.
#include "data/loader.h"

#include "core/clock.h"
#include "core/rng.h"
#include "core/sum_tree.h"
#include "data/augment.h"
#include "data/dataset_fetch.h"

#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RING = 4, MOST_THREADS = 256, PIECE_ROWS = 8 };

struct slot {
    uint8_t *images;    // [most_rows] images as dataset_fetch gives them; arena
    int32_t *labels;    // [most_rows]; arena
    int32_t *rows;      // [most_rows] of the data set; arena
    int64_t first;      // place of its first row, see epoch_cut.h
    int n, taken, done; // rows: all, given to threads, filled
    int64_t epoch, number;
    int64_t index; // of the batch since open
};

struct loader {
    struct arena arena;
    const struct dataset *dataset; // borrowed
    struct loader_options options;
    size_t image_bytes;
    struct epoch_cut cut;
    int32_t *indices; // [cut.rows] arena
    int piece;        // rows that a thread takes at once

    pthread_t threads[MOST_THREADS];
    int n_threads;
    char *scratch; // [n_threads][image_bytes] arena: images before they are cropped
    pthread_mutex_t lock;
    pthread_cond_t filled, freed;
    struct slot ring[RING];   // batch number i since open lies in ring[i % RING]
    int64_t opened, released; // batches: rows settled; the user is done with
    int32_t *order;           // [cut.rows] arena: rows of epoch `ordered`
    int64_t ordered;          // the epoch of the last row settled; -1: none
    int64_t epoch, number;    // of the next batch to open
    int started;              // threads that have numbered themselves
    struct loader_times times;
    bool holding; // the user has batch `released`
    bool stop;
    int64_t failed; // the first batch that does not come, and why; INT64_MAX: none
    enum status status;
    struct status_note note;
};

// The order of rows in an epoch: a pure function of (seed, epoch).
static void order_epoch(struct loader *loader, int64_t epoch)
{
    const size_t n = (size_t)loader->cut.rows;
    memcpy(loader->order, loader->indices, n * sizeof *loader->order);
    if (loader->options.shuffle) {
        struct rng rng = rng_make(loader->options.seed, RNG_ORDER, (uint64_t)epoch, 0);
        rng_shuffle(&rng, loader->order, n);
    }
    loader->ordered = epoch;
}

// The row at a place; places are asked for in ascending order. Called with the lock.
static int32_t row_at(struct loader *loader, int64_t place)
{
    const int64_t epoch = place / loader->cut.rows;
    if (epoch != loader->ordered) {
        order_epoch(loader, epoch);
    }
    return loader->order[place % loader->cut.rows];
}

// Augments the image at a place as (seed, epoch, position in the epoch) says.
static void augment(const struct loader *loader, int64_t place, const uint8_t *from, uint8_t *to)
{
    const int64_t epoch = place / loader->cut.rows, position = place % loader->cut.rows;
    const struct loader_options *options = &loader->options;
    const struct dataset *dataset = loader->dataset;
    struct rng rng = rng_make(options->seed, RNG_AUGMENT, (uint64_t)epoch, (uint32_t)position);
    const uint32_t places = 2 * (uint32_t)options->crop_pad + 1;
    const bool tall = dataset->h > 1, wide = dataset->w > 1; // a row is moved along itself only
    const int down = (int)rng_below(&rng, places) - options->crop_pad;
    const int right = (int)rng_below(&rng, places) - options->crop_pad;
    const bool flip = options->flip && rng_below(&rng, 2) == 1 && tall;
    const size_t values = (size_t)dataset->h * (size_t)dataset->w * (size_t)dataset->c;
    const struct augment_shape shape = {dataset->h, dataset->w,
                                        (size_t)dataset->c * (loader->image_bytes / values)};
    augment_copy(from, &shape, tall ? down : 0, wide ? right : 0, flip, to);
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

// Fills rows [first, first + n) of a batch.
static enum status fill(const struct loader *loader, struct slot *slot, int first, int n,
                        uint8_t *scratch)
{
    const struct loader_options *options = &loader->options;
    const struct dataset *dataset = loader->dataset;
    const size_t bytes = loader->image_bytes;
    if (options->crop_pad == 0 && !options->flip) {
        return dataset_fetch(dataset, slot->rows + first, n, slot->images + (size_t)first * bytes);
    }
    for (int i = first; i < first + n; i++) {
        const uint8_t *from = scratch;
        if (dataset->images != NULL && dataset->type != SAMPLE_I16) {
            from = dataset->images + (size_t)slot->rows[i] * bytes;
        } else {
            TRY(dataset_fetch(dataset, slot->rows + i, 1, scratch));
        }
        augment(loader, slot->first + i, from, slot->images + (size_t)i * bytes);
    }
    return OK;
}

// The rows of the next batch. Called with the lock.
static enum status settle_rows(struct loader *loader, struct slot *slot)
{
    const struct dataset *dataset = loader->dataset;
    if (loader->number == epoch_cut_batches(&loader->cut, loader->epoch)) {
        loader->epoch++;
        loader->number = 0;
    }
    const int size = epoch_cut_size(&loader->cut, loader->number); // over all ranks
    const struct sum_node share = share_of(&loader->options, size);
    slot->first = epoch_cut_place(&loader->cut, loader->epoch, loader->number) + share.first;
    slot->n = share.n;
    slot->taken = slot->done = 0;
    slot->index = loader->opened;
    slot->epoch = loader->epoch;
    slot->number = loader->number++;
    for (int i = 0; i < slot->n; i++) {
        const int32_t row = row_at(loader, slot->first + i);
        const int32_t label = dataset->labels[row];
        if (label < 0 || label >= dataset->classes) {
            FAIL(ERR_INPUT, "%s: the label of row %" PRId32 " is %" PRId32 ", expected 0 to %d",
                 dataset->name, row, label, dataset->classes - 1);
        }
        slot->rows[i] = row;
        slot->labels[i] = label;
    }
    loader->opened++;
    return OK;
}

// What a thread has to fill: rows [first, first + n) of a slot.
struct piece {
    struct slot *slot;
    int first, n;
};

// The next piece of the batches that are open. Called with the lock. False: there is none now.
static bool take_piece(struct loader *loader, struct piece *out)
{
    for (int64_t i = loader->released; i < loader->opened; i++) {
        struct slot *slot = &loader->ring[i % RING];
        if (slot->taken < slot->n) {
            const int left = slot->n - slot->taken;
            *out = (struct piece){slot, slot->taken, left < loader->piece ? left : loader->piece};
            slot->taken += out->n;
            return true;
        }
    }
    return false;
}

// No batch from this one on comes; those before it do. Called with the lock.
static void fail(struct loader *loader, int64_t batch, enum status status)
{
    if (batch < loader->failed) {
        loader->failed = batch;
        loader->status = status;
        status_save(&loader->note);
    }
    pthread_cond_broadcast(&loader->filled);
    pthread_cond_broadcast(&loader->freed);
}

// Waits for a piece; false when the thread shall end. Called with the lock.
static bool wait_for_piece(struct loader *loader, struct piece *out)
{
    while (!loader->stop) {
        if (take_piece(loader, out)) {
            return true;
        }
        if (loader->status != OK) {
            return false;
        }
        if (loader->opened - loader->released < RING) {
            struct slot *slot = &loader->ring[loader->opened % RING];
            const enum status status = settle_rows(loader, slot);
            if (status != OK) {
                fail(loader, loader->opened, status);
            } else if (slot->n == 0) {
                pthread_cond_signal(&loader->filled);
            } else if (slot->n > loader->piece) {
                pthread_cond_broadcast(&loader->freed); // there is work for others
            }
            continue;
        }
        pthread_cond_wait(&loader->freed, &loader->lock);
    }
    return false;
}

static double processor_seconds(void) // of this thread
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static void *prepare_batches(void *argument)
{
    struct loader *loader = argument;
    struct piece piece;
    pthread_mutex_lock(&loader->lock);
    uint8_t *scratch = (uint8_t *)loader->scratch + (size_t)loader->started++ * loader->image_bytes;
    while (wait_for_piece(loader, &piece)) {
        pthread_mutex_unlock(&loader->lock);
        const double start = processor_seconds();
        const enum status status = fill(loader, piece.slot, piece.first, piece.n, scratch);
        const double spent = processor_seconds() - start;
        pthread_mutex_lock(&loader->lock);
        loader->times.busy += spent;
        if (status != OK) {
            fail(loader, piece.slot->index, status);
            continue;
        }
        piece.slot->done += piece.n;
        if (piece.slot->done == piece.slot->n) {
            pthread_cond_signal(&loader->filled);
        }
    }
    pthread_mutex_unlock(&loader->lock);
    return NULL;
}

static struct epoch_cut cut_of(const struct loader_options *options, int64_t n)
{
    return (struct epoch_cut){.rows = n, .batch = options->batch, .full = options->full};
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
    if (o->full && n < o->batch) {
        FAIL(ERR_CONFIG, "%s: %" PRId64 " images do not fill one batch of %d; make it smaller",
             dataset->name, n, o->batch);
    }
    // Samples along a line (one row, one column) are moved along it.
    const int shorter = dataset->h < dataset->w ? dataset->h : dataset->w;
    const int side = shorter > 1 ? shorter : dataset->h > dataset->w ? dataset->h : dataset->w;
    if (o->crop_pad < 0 || o->crop_pad > side) {
        FAIL(ERR_CONFIG, "the crop padding is %d, expected 0 to %d for images of %d x %d",
             o->crop_pad, side, dataset->w, dataset->h);
    }
    const struct epoch_cut cut = cut_of(o, n);
    const int64_t batches = epoch_cut_batches(&cut, o->first_epoch);
    if (o->first_epoch < 0 || o->first_batch < 0 || o->first_batch > batches) {
        FAIL(ERR_CONFIG,
             "batches cannot start at epoch %d, batch %" PRId64 ": that epoch has %" PRId64
             " batches",
             o->first_epoch, o->first_batch, batches);
    }
    return OK;
}

static enum status copy_indices(struct loader *loader, const int32_t *indices)
{
    ARENA_NEW(&loader->arena, loader->indices, (size_t)loader->cut.rows);
    ARENA_NEW(&loader->arena, loader->order, (size_t)loader->cut.rows);
    for (int64_t i = 0; i < loader->cut.rows; i++) {
        const int32_t row = indices != NULL ? indices[i] : (int32_t)i;
        CHECK(row >= 0 && row < loader->dataset->n);
        loader->indices[i] = row;
    }
    return OK;
}

static enum status allocate_ring(struct loader *loader)
{
    const struct dataset *dataset = loader->dataset;
    const struct epoch_cut *cut = &loader->cut;
    const int64_t n = cut->rows < cut->batch ? cut->rows : cut->batch;
    const int deal = loader->options.deal > 0 ? loader->options.deal : 1;
    // A smaller last batch may be dealt otherwise.
    const int64_t runs = (n + deal - 1) / deal, ranks = loader->options.ranks;
    const size_t most_rows = (size_t)((runs + ranks - 1) / ranks * deal);
    loader->image_bytes = dataset_image_bytes(dataset);
    for (int i = 0; i < RING; i++) {
        ARENA_NEW(&loader->arena, loader->ring[i].images, most_rows * loader->image_bytes);
        ARENA_NEW(&loader->arena, loader->ring[i].labels, most_rows);
        ARENA_NEW(&loader->arena, loader->ring[i].rows, most_rows);
    }
    return OK;
}

// Copying from memory is quicker than any use of a batch: one thread does it.
static enum status choose_threads(struct loader *loader)
{
    const struct dataset *dataset = loader->dataset;
    const int share = loader->options.batch / loader->options.ranks;
    int wanted = dataset->images != NULL || dataset->threads < 1 ? 1 : dataset->threads;
    wanted = wanted < MOST_THREADS ? wanted : MOST_THREADS;
    const int fair = share / wanted;
    loader->piece = fair < 1 ? 1 : fair < PIECE_ROWS || wanted == 1 ? fair : PIECE_ROWS;
    loader->n_threads = wanted;
    ARENA_NEW(&loader->arena, loader->scratch, (size_t)wanted * loader->image_bytes);
    return OK;
}

static void stop_threads(struct loader *loader)
{
    pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    pthread_cond_broadcast(&loader->freed);
    pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->n_threads; i++) {
        pthread_join(loader->threads[i], NULL);
    }
    pthread_cond_destroy(&loader->freed);
    pthread_cond_destroy(&loader->filled);
    pthread_mutex_destroy(&loader->lock);
}

static enum status start_threads(struct loader *loader)
{
    const int wanted = loader->n_threads;
    pthread_mutex_init(&loader->lock, NULL);
    pthread_cond_init(&loader->filled, NULL);
    pthread_cond_init(&loader->freed, NULL);
    int failure = 0;
    loader->n_threads = 0;
    while (failure == 0 && loader->n_threads < wanted) {
        failure =
            dataset_start_thread(&loader->threads[loader->n_threads], prepare_batches, loader);
        loader->n_threads += failure == 0 ? 1 : 0;
    }
    if (loader->n_threads == 0) {
        stop_threads(loader);
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
    loader->cut = cut_of(options, n);
    loader->ordered = -1;
    enum status status = OK;
    TRY_GOTO(status, copy_indices(loader, indices), failed);
    TRY_GOTO(status, allocate_ring(loader), failed);
    TRY_GOTO(status, choose_threads(loader), failed);
    loader->failed = INT64_MAX;
    loader->epoch = options->first_epoch;
    loader->number = options->first_batch;
    TRY_GOTO(status, start_threads(loader), failed);
    *out = loader;
    return OK;
failed:
    free_loader(loader);
    return status;
}

int64_t loader_batches(const struct loader *loader, int64_t epoch)
{
    return epoch_cut_batches(&loader->cut, epoch);
}

struct loader_times loader_times(struct loader *loader)
{
    struct loader_times times = {0};
    if (loader != NULL) {
        pthread_mutex_lock(&loader->lock);
        times = loader->times;
        pthread_mutex_unlock(&loader->lock);
    }
    return times;
}

static bool is_filled(const struct loader *loader)
{
    const struct slot *slot = &loader->ring[loader->released % RING];
    return loader->opened > loader->released && slot->done == slot->n;
}

enum status loader_next(struct loader *loader, struct batch *out)
{
    pthread_mutex_lock(&loader->lock);
    if (loader->holding) {
        loader->released++;
        loader->holding = false;
        pthread_cond_signal(&loader->freed);
    }
    if (!is_filled(loader)) {
        const double start = clock_seconds();
        while (!is_filled(loader) && loader->released < loader->failed) {
            pthread_cond_wait(&loader->filled, &loader->lock);
        }
        loader->times.waited += clock_seconds() - start;
    }
    if (!is_filled(loader)) {
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
    stop_threads(loader);
    free_loader(loader);
}
