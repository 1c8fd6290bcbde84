// Orders and their answers.
#include "actors/work.h"

#include "actors/faults.h"
#include "core/clock.h"

#include <string.h>

static void begin_answer(const struct ticket *ticket, struct work_answer *out)
{
    memset(out, 0, sizeof *out);
    out->header = (struct trajectory_header){.magic = TRAJECTORY_MAGIC,
                                             .episode = ticket->episode,
                                             .task = ticket->task,
                                             .tries = 1,
                                             .source = ticket->source};
}

void work_fail(const struct ticket *ticket, enum status status, enum failure_reason failure,
               struct work_answer *out)
{
    begin_answer(ticket, out);
    out->header.failure = (int32_t)failure;
    out->status = (int32_t)status;
    status_save(&out->note);
}

enum status work_run(const struct work_job *job, void *work, const struct ticket *ticket,
                     struct faults *faults, struct work_answer *out)
{
    const double start = clock_seconds();
    begin_answer(ticket, out);
    enum status code = faults_strike(faults);
    if (code == OK) {
        code = job->ops->run(work, ticket, faults, out->result);
    }
    if (code == OK) {
        code = faults_strike(faults);
    }
    if (code != OK) {
        work_fail(ticket, code, code == ERR_MEMORY ? FAILURE_MEMORY : FAILURE_ERROR, out);
    }
    out->header.environment_seconds = clock_seconds() - start;
    return code;
}

bool work_may_try_again(enum status status)
{
    return status != ERR_CONFIG && status != ERR_INPUT && status != ERR_UNSUPPORTED;
}
