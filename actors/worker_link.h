// What rank, nursery and worker say to each other, and how an actor uses its worker. Inside actors/
// only. Orders go from the rank to the nursery over one socket, and to each worker over another;
// over that one come the worker's messages and, after its last one, the nursery's word that it
// ended. Every message carries the incarnation of the worker that it is from or for: others are
// dropped.
#pragma once
#include "actors/faults.h"
#include "actors/nursery.h"
#include "actors/worker_slot.h"

enum { WORKER_MOST_WEIGHTS = 64 << 20 };            // floats
#define WORKER_MOST_BLOCK_BYTES ((size_t)128 << 20) // of all trajectories of a run

enum nursery_order_kind {
    NURSERY_BEGIN = 1,
    NURSERY_FORK = 2,
    NURSERY_KILL = 3,
    NURSERY_INTERRUPT = 4, // INTERRUPT_BY_NURSERY
};
struct nursery_order {
    int32_t kind, worker, incarnation;
    int32_t threads; // BEGIN; the descriptor of the shared memory comes along, if there is one
    int32_t int8;    // BEGIN: enum env_int8
    int32_t duty;    // FORK: enum nursery_duty
};
struct run_order { // the tickets are in the slot
    int32_t incarnation, attempt;
};

enum worker_message_kind { WORKER_STARTED = 1, WORKER_ANSWER = 2, WORKER_ENDED = 3 };
struct worker_message {
    int32_t kind, incarnation;
    int32_t status;                // enum status: of opening the environment, of the episode
    int32_t wait_status;           // ENDED: as waitpid says it
    int32_t out_of_memory;         // ENDED: the kernel killed for want of memory meanwhile
    double seconds;                // ANSWER: spent on the run
    struct trajectory_shape shape; // STARTED
    struct agent_shape agent;      // STARTED
    struct status_note note;       // of status
};

// What both processes begin with.
struct nursery_setup {
    const struct rollout_job *job;
    struct actor_options options;
    struct faults faults;
    int n, control;          // workers; the nursery's end of its socket
    const int *ends;         // [n] the workers' ends of theirs
    struct slot_view *slots; // [n]
};
_Noreturn void nursery_process(const struct nursery_setup *setup, int parent);
struct worker_setup {
    const struct nursery_setup *nursery;
    int worker, threads, shared_fd;
    int32_t incarnation, int8, duty;
};
_Noreturn void worker_process(const struct worker_setup *setup, int parent);

// ---- the rank's side
enum worker_event {
    WORKER_SAYS_NOTHING,
    WORKER_HAS_ANSWERED, // the blocks are complete, or note says why not
    WORKER_IS_LOST       // it ended during a run, and the next one is on its way
};
struct worker_report {
    enum worker_event event;
    enum status status;          // HAS_ANSWERED; of a lost one, what its end amounts to
    enum failure_reason failure; // of a lost one, or of a status
    double seconds;              // HAS_ANSWERED: spent on the run
    struct status_note note;     // why, unless all is well
};
// One turn for this worker: reads what it says, ends it when its time is up, starts the next one.
// ERR_IO when the nursery is lost; the worker's own error when it cannot be started.
enum status nursery_poll(struct nursery *nursery, int number, struct worker_report *out);
bool nursery_idle(const struct nursery *nursery, int number); // takes tickets now
struct slot_view *nursery_slot(struct nursery *nursery, int number);
// Runs the n tickets in the slot; attempt: 1, 2 ... of all of them.
enum status nursery_run(struct nursery *nursery, int number, int n, int attempt);
// Asks the worker to put its work in safety and answer (work.h).
enum status nursery_interrupt(struct nursery *nursery, int number);
int nursery_descriptor(const struct nursery *nursery, int number);
