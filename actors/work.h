// Work that is not an episode but is given out like one: what the other stages of a run need done.
// An order is a ticket of kind TICKET_WORK, its answer a header, why it failed if it did, and a few
// bytes. A crash, a hang or want of memory costs a try, as with episodes. What the orders mean is
// for whoever opens the nursery to say.
#pragma once
#include "core/status.h"
#include "transport/ticket.h"
#include "transport/trajectory.h"

enum { WORK_RESULT_BYTES = 256 };
struct work_answer {
    // task, episode and source as in the ticket; actor, failure, tries; environment_seconds: of the
    // last try.
    struct trajectory_header header;
    int32_t status;          // enum status of the last try
    struct status_note note; // of status, unless OK
    _Alignas(8) unsigned char result[WORK_RESULT_BYTES];
};

struct faults;
struct work_ops {
    // In the worker, before its first order: quick. shared_fd, turn: as in env_job.
    enum status (*open)(const void *context, int shared_fd, int turn, void **out);
    // result [WORK_RESULT_BYTES] out, zeroed before. When interrupt_pending it puts what it has in
    // safety and comes back with ERR_INTERRUPTED. faults: to be struck between phases; may be
    // NULL.
    enum status (*run)(void *work, const struct ticket *ticket, struct faults *faults,
                       void *result);
    void (*close)(void *work); // NULL is fine
};
struct work_job {
    const struct work_ops *ops;
    const void *context; // borrowed; as it was when the nursery was opened
};
// Runs one order and fills its answer [1], whatever happens. Returns the answer's status.
enum status work_run(const struct work_job *job, void *work, const struct ticket *ticket,
                     struct faults *faults, struct work_answer *out);
// Fills the answer to an order that came to nothing, for the reason in this thread's message.
void work_fail(const struct ticket *ticket, enum status status, enum failure_reason failure,
               struct work_answer *out);
// Whether another try may end otherwise: not where the program itself found its input wrong.
bool work_may_try_again(enum status status);
