// Thread pool: idle lanes spin for a moment, since the next piece of work is often microseconds
// away, then sleep.
#include "compute/cpu/lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

// libgomp's, which oneDNN calls: a per-thread setting, so that a primitive run on a lane stays on
// that lane.
void omp_set_num_threads(int n);

enum { SPIN_ROUNDS = 4000 }; // about 20 us

struct lanes {
    int n;
    pthread_t *threads; // [n - 1], lanes 1 .. n - 1
    int n_started;
    pthread_mutex_t mutex;
    pthread_cond_t wake, finished;
    atomic_uint round;  // grows by one for each lanes_run
    atomic_int next;    // next index to hand out
    atomic_int working; // lanes besides 0 that have not finished this round
    atomic_bool stopping;
    int n_pieces;
    void (*body)(void *context, int index, int lane);
    void *context;
};

struct lane_start {
    struct lanes *lanes;
    int lane;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void take_pieces(struct lanes *lanes, int lane)
{
    for (int index = atomic_fetch_add(&lanes->next, 1); index < lanes->n_pieces;
         index = atomic_fetch_add(&lanes->next, 1)) {
        lanes->body(lanes->context, index, lane);
    }
}

static void wait_for_round(struct lanes *lanes, unsigned seen)
{
    for (int spin = 0; spin < SPIN_ROUNDS; spin++) {
        if (atomic_load(&lanes->round) != seen) {
            return;
        }
        relax();
    }
    pthread_mutex_lock(&lanes->mutex);
    while (atomic_load(&lanes->round) == seen) {
        pthread_cond_wait(&lanes->wake, &lanes->mutex);
    }
    pthread_mutex_unlock(&lanes->mutex);
}

static void *lane_main(void *argument)
{
    const struct lane_start start = *(struct lane_start *)argument;
    free(argument);
    struct lanes *lanes = start.lanes;
    omp_set_num_threads(1);
    for (unsigned seen = 0;;) {
        wait_for_round(lanes, seen);
        seen++;
        if (atomic_load(&lanes->stopping)) {
            return NULL;
        }
        take_pieces(lanes, start.lane);
        if (atomic_fetch_sub(&lanes->working, 1) == 1) {
            pthread_mutex_lock(&lanes->mutex);
            pthread_cond_signal(&lanes->finished);
            pthread_mutex_unlock(&lanes->mutex);
        }
    }
}

static void start_round(struct lanes *lanes)
{
    pthread_mutex_lock(&lanes->mutex);
    atomic_fetch_add(&lanes->round, 1);
    pthread_cond_broadcast(&lanes->wake);
    pthread_mutex_unlock(&lanes->mutex);
}

static enum status start_threads(struct lanes *lanes)
{
    for (int lane = 1; lane < lanes->n; lane++) {
        struct lane_start *start = malloc(sizeof *start);
        if (start == NULL) {
            FAIL(ERR_MEMORY, "no memory for thread %d", lane);
        }
        *start = (struct lane_start){lanes, lane};
        if (pthread_create(&lanes->threads[lane - 1], NULL, lane_main, start) != 0) {
            free(start);
            FAIL(ERR_MEMORY, "cannot start thread %d of %d; lower backend.threads", lane, lanes->n);
        }
        lanes->n_started++;
    }
    return OK;
}

enum status lanes_open(int n, struct lanes **out)
{
    CHECK(n >= 1);
    struct lanes *lanes = calloc(1, sizeof *lanes);
    if (lanes == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d threads", n);
    }
    lanes->n = n;
    pthread_mutex_init(&lanes->mutex, NULL);
    pthread_cond_init(&lanes->wake, NULL);
    pthread_cond_init(&lanes->finished, NULL);
    lanes->threads = calloc((size_t)n, sizeof *lanes->threads);
    enum status status = OK;
    if (lanes->threads == NULL) {
        status = status_fail(ERR_MEMORY, __FILE__, __LINE__, "no memory for %d threads", n);
    } else {
        status = start_threads(lanes);
    }
    if (status != OK) {
        lanes_close(lanes);
        return status;
    }
    omp_set_num_threads(1);
    *out = lanes;
    return OK;
}

void lanes_run(struct lanes *lanes, int n, void (*body)(void *context, int index, int lane),
               void *context)
{
    omp_set_num_threads(1); // the caller may be another thread than the one that opened the pool
    if (lanes->n == 1 || n <= 1) {
        for (int index = 0; index < n; index++) {
            body(context, index, 0);
        }
        return;
    }
    lanes->body = body;
    lanes->context = context;
    lanes->n_pieces = n;
    atomic_store(&lanes->next, 0);
    atomic_store(&lanes->working, lanes->n - 1);
    start_round(lanes);
    take_pieces(lanes, 0);
    for (int spin = 0; spin < SPIN_ROUNDS && atomic_load(&lanes->working) > 0; spin++) {
        relax();
    }
    pthread_mutex_lock(&lanes->mutex);
    while (atomic_load(&lanes->working) > 0) {
        pthread_cond_wait(&lanes->finished, &lanes->mutex);
    }
    pthread_mutex_unlock(&lanes->mutex);
}

void lanes_close(struct lanes *lanes)
{
    if (lanes == NULL) {
        return;
    }
    atomic_store(&lanes->stopping, true);
    start_round(lanes);
    for (int i = 0; i < lanes->n_started; i++) {
        pthread_join(lanes->threads[i], NULL);
    }
    pthread_cond_destroy(&lanes->wake);
    pthread_cond_destroy(&lanes->finished);
    pthread_mutex_destroy(&lanes->mutex);
    free(lanes->threads);
    free(lanes);
}
