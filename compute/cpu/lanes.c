// Thread pool: idle lanes spin for a moment, since the next piece of work is often microseconds
// away, then sleep.
#include "compute/cpu/lanes.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

// libgomp's, which oneDNN calls: a per-thread setting, so that a primitive run on a lane stays on
// that lane.
void omp_set_num_threads(int n);

enum { SPIN_ROUNDS = 4000 }; // about 20 us

// The gate of a round: its number, whether lanes may still come in, and how many are inside. A lane
// that wakes up late, because something else has its core, then finds the gate closed, and nobody
// has waited for it.
#define GATE_ROUND UINT64_C(0x100000000)
#define GATE_OPEN UINT64_C(0x80000000)
#define GATE_INSIDE UINT64_C(0x7fffffff)

struct lanes {
    int n;
    pthread_t *threads; // [n - 1], lanes 1 .. n - 1
    int n_started;
    pthread_mutex_t mutex;
    pthread_cond_t wake, finished;
    _Atomic uint64_t gate;
    atomic_int next; // next index to hand out
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

static uint64_t round_of(uint64_t gate)
{
    return gate / GATE_ROUND;
}

// Returns the number of the round that has begun.
static uint64_t wait_for_round(struct lanes *lanes, uint64_t seen)
{
    uint64_t now = round_of(atomic_load(&lanes->gate));
    for (int spin = 0; spin < SPIN_ROUNDS && now == seen; spin++) {
        relax();
        now = round_of(atomic_load(&lanes->gate));
    }
    if (now == seen) {
        pthread_mutex_lock(&lanes->mutex);
        while ((now = round_of(atomic_load(&lanes->gate))) == seen) {
            pthread_cond_wait(&lanes->wake, &lanes->mutex);
        }
        pthread_mutex_unlock(&lanes->mutex);
    }
    return now;
}

static bool enter(struct lanes *lanes, uint64_t round)
{
    uint64_t gate = atomic_load(&lanes->gate);
    while (round_of(gate) == round && (gate & GATE_OPEN) != 0) {
        if (atomic_compare_exchange_weak(&lanes->gate, &gate, gate + 1)) {
            return true;
        }
    }
    return false;
}

static void leave(struct lanes *lanes)
{
    const uint64_t gate = atomic_fetch_sub(&lanes->gate, 1);
    if ((gate & (GATE_OPEN | GATE_INSIDE)) == 1) { // closed, and this was the last one
        pthread_mutex_lock(&lanes->mutex);
        pthread_cond_signal(&lanes->finished);
        pthread_mutex_unlock(&lanes->mutex);
    }
}

static void *lane_main(void *argument)
{
    const struct lane_start start = *(struct lane_start *)argument;
    free(argument);
    struct lanes *lanes = start.lanes;
    omp_set_num_threads(1);
    for (uint64_t seen = 0;;) {
        seen = wait_for_round(lanes, seen);
        if (atomic_load(&lanes->stopping)) {
            return NULL;
        }
        if (enter(lanes, seen)) {
            take_pieces(lanes, start.lane);
            leave(lanes);
        }
    }
}

// Nobody is inside.
static void start_round(struct lanes *lanes)
{
    pthread_mutex_lock(&lanes->mutex);
    const uint64_t round = round_of(atomic_load(&lanes->gate)) + 1;
    atomic_store(&lanes->gate, round * GATE_ROUND | GATE_OPEN);
    pthread_cond_broadcast(&lanes->wake);
    pthread_mutex_unlock(&lanes->mutex);
}

static bool anyone_inside(struct lanes *lanes)
{
    return (atomic_load(&lanes->gate) & GATE_INSIDE) != 0;
}

static void finish_round(struct lanes *lanes)
{
    atomic_fetch_and(&lanes->gate, ~GATE_OPEN);
    for (int spin = 0; spin < SPIN_ROUNDS && anyone_inside(lanes); spin++) {
        relax();
    }
    if (anyone_inside(lanes)) {
        pthread_mutex_lock(&lanes->mutex);
        while (anyone_inside(lanes)) {
            pthread_cond_wait(&lanes->finished, &lanes->mutex);
        }
        pthread_mutex_unlock(&lanes->mutex);
    }
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
    start_round(lanes);
    take_pieces(lanes, 0);
    finish_round(lanes);
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
