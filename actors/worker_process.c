// The worker's process: opens the environment or its work, then runs what tickets it is given.
#include "actors/worker_link.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/isolate.h"
#include "core/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct worker {
    struct rollout *rollout; // for episodes
    const struct work_job *work_job;
    void *work; // for work
    struct slot_view slot;
    struct faults *faults; // [slots] of the tickets of a run
    int slots;
    uint64_t seed, weights_number; // of the weights loaded
    int socket;
    int32_t incarnation;
};

// Ends the process when nobody listens any more.
static void say(const struct worker *worker, struct worker_message *message)
{
    message->incarnation = worker->incarnation;
    if (message->status != OK) {
        status_save(&message->note);
    }
    while (send(worker->socket, message, sizeof *message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            _exit(0);
        }
    }
}

// Likely to be chosen when memory runs out: what is lost here is one episode.
static void offer_for_killing(void)
{
    const int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (file >= 0) {
        const ssize_t written = write(file, "1000", 4);
        (void)written; // it is a hint
        close(file);
    }
}

// OpenBLAS asks again for ever when it gets no memory for the buffer that every thread of a product
// wants, so there is room for those besides: of our threads, and of those that it has itself.
static void limit_memory(int memory_mib, int threads)
{
    const size_t blas_buffer_mib = 128; // the largest of any x86-64 build
    const int ours = 1 + (threads > 0 ? threads : machine_cores()), its = machine_threads() - 1;
    isolate_limit_memory(((size_t)memory_mib + (size_t)(ours + its) * blas_buffer_mib) << 20);
}

static void begin_process(const struct worker_setup *setup, int parent)
{
    isolate_begin_child(parent);
    prctl(PR_SET_NAME, "dikdik-worker");
    const struct nursery_setup *nursery = setup->nursery;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    close(nursery->control);
    for (int i = 0; i < nursery->n; i++) { // a worker that runs wild reaches its own slot only
        if (i != setup->worker) {
            close(nursery->ends[i]);
            slot_close(&nursery->slots[i]);
        }
    }
    offer_for_killing();
    if (setup->duty == NURSERY_WORK) {
        interrupt_install_one(INTERRUPT_BY_NURSERY);
    } else if (nursery->options.memory_mib > 0) {
        limit_memory(nursery->options.memory_mib, setup->threads);
    }
}

static enum status check_sizes(const struct trajectory_shape *shape, int slots)
{
    const size_t bytes = trajectory_bytes(shape);
    if (bytes > WORKER_MOST_BLOCK_BYTES / (size_t)slots) {
        FAIL(ERR_UNSUPPORTED,
             "a trajectory of %d rows, %d observations and %d choices has %zu bytes, and there are "
             "%d at once (actors.episodes); at most %zu bytes are possible",
             shape->rows, shape->n_obs, shape->n_choices, bytes, slots, WORKER_MOST_BLOCK_BYTES);
    }
    return OK;
}

// Number of this worker among those of its host.
static int turn_of(const struct worker_setup *setup)
{
    return setup->nursery->job->env.turn + setup->worker;
}

static enum status open_rollout(struct worker *worker, const struct worker_setup *setup,
                                struct worker_message *message)
{
    struct rollout_job job = *setup->nursery->job;
    struct agent agent;
    job.env.threads = setup->threads;
    job.env.int8 = (enum env_int8)setup->int8;
    job.env.shared_fd = setup->shared_fd;
    job.env.turn = turn_of(setup);
    TRY(rollout_open(&job, &worker->rollout));
    rollout_inject(worker->rollout, worker->faults);
    rollout_shape(worker->rollout, &message->shape);
    rollout_agent(worker->rollout, &agent);
    message->agent = agent.shape;
    return check_sizes(&message->shape, worker->slots);
}

static void open_faults(struct worker *worker, const struct faults *faults)
{
    worker->faults = calloc((size_t)worker->slots, sizeof *worker->faults);
    if (worker->faults == NULL) {
        _exit(1);
    }
    for (int i = 0; i < worker->slots; i++) {
        worker->faults[i] = *faults;
    }
}

static void open_duty(struct worker *worker, const struct worker_setup *setup)
{
    const struct work_job *work = worker->work_job;
    struct worker_message message;
    memset(&message, 0, sizeof message);
    message.kind = WORKER_STARTED;
    const enum status status =
        setup->duty == NURSERY_WORK
            ? work->ops->open(work->context, setup->shared_fd, turn_of(setup), &worker->work)
            : open_rollout(worker, setup, &message);
    message.status = (int32_t)status;
    say(worker, &message);
    if (status != OK) {
        _exit(0);
    }
}

static enum status strike_all(struct worker *worker, int n)
{
    for (int i = 0; i < n; i++) {
        TRY(faults_strike(&worker->faults[i]));
    }
    return OK;
}

static enum status run_tickets(struct worker *worker, int attempt)
{
    TRY(slot_follow(&worker->slot));
    const struct worker_slot *slot = worker->slot.slot;
    const struct ticket *tickets = slot_tickets(&worker->slot);
    const int n = (int)slot->n_tickets;
    CHECK(n >= 1 && n <= worker->slots);
    for (int i = 0; i < n; i++) {
        faults_begin(&worker->faults[i], worker->seed, tickets[i].episode, attempt);
    }
    if (tickets->kind == TICKET_WORK) {
        return work_run(worker->work_job, worker->work, tickets, worker->faults,
                        slot_blocks(&worker->slot));
    }
    TRY(strike_all(worker, n));
    if (worker->weights_number != slot->weights_number) {
        rollout_load(worker->rollout, slot_weights(&worker->slot), slot->n_weights);
        worker->weights_number = slot->weights_number;
    }
    TRY(rollout_run(worker->rollout, tickets, n, slot_blocks(&worker->slot)));
    return strike_all(worker, n);
}

static void run_order(struct worker *worker, const struct run_order *order)
{
    struct worker_message message;
    memset(&message, 0, sizeof message);
    const double start = clock_seconds();
    const enum status status = run_tickets(worker, order->attempt);
    message.kind = WORKER_ANSWER;
    message.status = (int32_t)status;
    message.seconds = clock_seconds() - start;
    say(worker, &message);
    if (status != OK) {
        _exit(0); // whatever state the environment is in, the next worker has a new one
    }
}

_Noreturn void worker_process(const struct worker_setup *setup, int parent)
{
    begin_process(setup, parent);
    const struct rollout_job *job = setup->nursery->job;
    struct worker worker = {
        .slot = setup->nursery->slots[setup->worker],
        .slots = job->env.slots > 0 ? job->env.slots : 1,
        .seed = job->env.seed,
        .socket = setup->nursery->ends[setup->worker],
        .incarnation = setup->incarnation,
        .work_job = job->work,
    };
    open_faults(&worker, &setup->nursery->faults);
    open_duty(&worker, setup);
    for (;;) {
        struct run_order order;
        const ssize_t bytes = recv(worker.socket, &order, sizeof order, 0);
        if (bytes == 0 || (bytes < 0 && errno != EINTR)) {
            _exit(0); // the rank is gone
        }
        if (bytes == (ssize_t)sizeof order && order.incarnation == worker.incarnation) {
            run_order(&worker, &order);
        }
    }
}
