// The rank's side of a nursery: what each worker is doing, and what becomes of those that end.
#include "actors/nursery_state.h"
#include "core/clock.h"
#include "core/log.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

// Workers in a row that may end before they have opened the environment, and before their first
// episode without a success between; episodes (all tries of them) that may be lost before any has
// come to an end.
enum { START_TRIES = 3, EARLY_ENDS = 10, LOST_EPISODES = 5 };

// ---- orders

static enum status lost(const struct nursery *nursery)
{
    FAIL(ERR_IO, "the process that holds the workers (pid %d) is gone: somebody killed it",
         (int)nursery->pid);
}

enum status nursery_give_order(const struct nursery *nursery, const struct nursery_order *order,
                               int fd)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } extra;
    memset(&extra, 0, sizeof extra);
    struct nursery_order copy = *order;
    struct iovec part = {.iov_base = &copy, .iov_len = sizeof copy};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd >= 0) {
        message.msg_control = extra.bytes;
        message.msg_controllen = sizeof extra.bytes;
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(head), &fd, sizeof fd);
    }
    while (sendmsg(nursery->control, &message, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return lost(nursery);
        }
    }
    return OK;
}

static void limit_time(struct nursery_worker *worker, double seconds, const char *name)
{
    worker->deadline = seconds > 0.0 ? clock_seconds() + seconds : 0.0;
    worker->limit = seconds;
    worker->limit_name = name;
}

enum status nursery_start_worker(struct nursery *nursery, int number)
{
    struct nursery_worker *worker = &nursery->workers[number];
    worker->incarnation++;
    worker->state = WORKER_STARTING;
    worker->runs = 0;
    worker->late = worker->answer_due = worker->dismissed = false;
    worker->status = OK;
    limit_time(worker, nursery->options.first_episode_seconds, "first_episode_seconds");
    const struct nursery_order order = {
        .kind = NURSERY_FORK,
        .worker = number,
        .incarnation = worker->incarnation,
        .duty = (int32_t)nursery->duty,
    };
    return nursery_give_order(nursery, &order, -1);
}

// ---- what workers say

static enum status kill_worker(const struct nursery *nursery, int number)
{
    struct nursery_worker *worker = &nursery->workers[number];
    const struct nursery_order order = {
        .kind = NURSERY_KILL, .worker = number, .incarnation = worker->incarnation};
    worker->state = WORKER_ENDING;
    worker->deadline = 0.0;
    return nursery_give_order(nursery, &order, -1);
}

static void has_started(struct nursery *nursery, struct nursery_worker *worker,
                        const struct worker_message *message)
{
    if (message->status != OK) {
        worker->status = (enum status)message->status;
        worker->note = message->note;
        worker->state = WORKER_ENDING;
        return;
    }
    worker->state = WORKER_READY;
    worker->failed_starts = 0;
    worker->deadline = 0.0;
    if (nursery->duty == NURSERY_EPISODES) {
        nursery->shape = message->shape;
        nursery->agent = message->agent;
        nursery->known = true;
    }
}

static void has_answered(struct nursery_worker *worker, const struct worker_message *message,
                         struct worker_report *out)
{
    const enum status status = (enum status)message->status;
    worker->state = status == OK ? WORKER_READY : WORKER_ENDING;
    worker->succeeded = worker->succeeded || status == OK;
    worker->early_ends = status == OK ? 0 : worker->early_ends;
    worker->deadline = 0.0;
    worker->answer_due = false;
    *out = (struct worker_report){
        .event = WORKER_HAS_ANSWERED,
        .status = status,
        .failure = status == OK           ? FAILURE_NONE
                   : status == ERR_MEMORY ? FAILURE_MEMORY
                                          : FAILURE_ERROR,
        .seconds = message->seconds,
        .note = message->note,
    };
}

// Why it ended, as failure and as this thread's message.
static enum failure_reason judge_end(const struct nursery_worker *worker,
                                     const struct worker_message *message)
{
    const int how = message->wait_status;
    if (worker->late) {
        (void)status_fail(ERR_IO, __FILE__, __LINE__,
                          "the worker took longer than %g s (actors.%s) and was killed",
                          worker->limit, worker->limit_name);
        return FAILURE_HANG;
    }
    const bool killed = WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL;
    if (killed && message->out_of_memory) {
        (void)status_fail(ERR_MEMORY, __FILE__, __LINE__,
                          "the worker was killed because this machine ran out of memory");
        return FAILURE_MEMORY;
    }
    if (WIFSIGNALED(how)) {
        (void)status_fail(ERR_IO, __FILE__, __LINE__, "the worker was ended by signal %d (%s)",
                          WTERMSIG(how), strsignal(WTERMSIG(how)));
    } else {
        (void)status_fail(ERR_IO, __FILE__, __LINE__, "the worker ended by itself with code %d",
                          WIFEXITED(how) ? WEXITSTATUS(how) : -1);
    }
    return FAILURE_CRASH;
}

// Lost in an episode: another try of that may help, but where none has ever come to an end so many
// times, none will.
static enum status lost_again(const struct nursery *nursery, struct nursery_worker *worker,
                              enum status status)
{
    if (!worker->succeeded && ++worker->losses >= LOST_EPISODES * nursery->options.tries) {
        return status_context(status,
                              "%d workers in a row were lost and none has finished an episode; the "
                              "last one",
                              worker->losses);
    }
    return OK;
}

// Ended before its first episode: an error after a few in a row.
static enum status failed_start(struct nursery_worker *worker, const struct worker_message *message)
{
    enum status status = worker->status;
    if (message->status != OK) { // not even forked
        status = (enum status)message->status;
        status_restore(&message->note);
    } else if (status != OK) {
        status_restore(&worker->note);
    } else {
        (void)judge_end(worker, message);
        status = ERR_IO;
    }
    // What its own code reports is no accident.
    if (worker->status != OK && worker->status != ERR_MEMORY) {
        return status;
    }
    const bool open = worker->state == WORKER_READY;
    worker->failed_starts += open ? 0 : 1;
    worker->early_ends++;
    if (worker->failed_starts >= START_TRIES) {
        return status_context(status, "no worker of %d could open the environment", START_TRIES);
    }
    if (worker->early_ends >= EARLY_ENDS) {
        return status_context(status, "%d workers in a row ended before their first episode",
                              EARLY_ENDS);
    }
    log_warning("%s: another one is started", status_message());
    return OK;
}

// The nursery's word that the worker has ended; it is the last of this incarnation.
static enum status has_ended(struct nursery *nursery, int number,
                             const struct worker_message *message, struct worker_report *out)
{
    struct nursery_worker *worker = &nursery->workers[number];
    if (worker->dismissed) {
        return nursery_start_worker(nursery, number);
    }
    if (worker->answer_due) {
        out->failure = judge_end(worker, message);
        out->event = WORKER_IS_LOST;
        out->status = out->failure == FAILURE_MEMORY ? ERR_MEMORY : ERR_IO;
        status_save(&out->note);
        TRY(lost_again(nursery, worker, out->status));
    } else if (worker->runs == 0) {
        TRY(failed_start(worker, message));
    }
    return nursery_start_worker(nursery, number);
}

static enum status take_message(struct nursery *nursery, int number,
                                const struct worker_message *message, struct worker_report *out)
{
    struct nursery_worker *worker = &nursery->workers[number];
    if (message->incarnation != worker->incarnation) {
        return OK; // of one that has ended
    }
    switch ((enum worker_message_kind)message->kind) {
    case WORKER_STARTED:
        if (worker->state == WORKER_STARTING) {
            has_started(nursery, worker, message);
        }
        return OK;
    case WORKER_ANSWER:
        if (worker->state == WORKER_BUSY) { // else it was too late already
            has_answered(worker, message, out);
        }
        return OK;
    case WORKER_ENDED:
        return has_ended(nursery, number, message, out);
    }
    return OK;
}

enum status nursery_poll(struct nursery *nursery, int number, struct worker_report *out)
{
    CHECK(number >= 0 && number < nursery->n);
    struct nursery_worker *worker = &nursery->workers[number];
    memset(out, 0, sizeof *out);
    while (out->event == WORKER_SAYS_NOTHING) {
        struct worker_message message;
        const ssize_t bytes = recv(worker->socket, &message, sizeof message, MSG_DONTWAIT);
        if (bytes == (ssize_t)sizeof message) {
            TRY(take_message(nursery, number, &message, out));
        } else if (bytes == 0 || (bytes < 0 && errno != EAGAIN && errno != EINTR)) {
            return lost(nursery);
        } else if (bytes < 0 && errno == EAGAIN) {
            break;
        }
    }
    if (worker->deadline > 0.0 && clock_seconds() > worker->deadline) {
        worker->late = true;
        return kill_worker(nursery, number);
    }
    return OK;
}

enum status nursery_interrupt(struct nursery *nursery, int number)
{
    const struct nursery_order order = {.kind = NURSERY_INTERRUPT,
                                        .worker = number,
                                        .incarnation = nursery->workers[number].incarnation};
    return nursery_give_order(nursery, &order, -1);
}

enum status nursery_assign(struct nursery *nursery, enum nursery_duty duty)
{
    nursery->duty = duty;
    for (int i = 0; nursery->begun && i < nursery->n; i++) {
        TRY(kill_worker(nursery, i));
        nursery->workers[i].dismissed = true;
        nursery->workers[i].answer_due = false;
        nursery->workers[i].succeeded = false;
        nursery->workers[i].losses = 0;
    }
    return OK;
}

bool nursery_idle(const struct nursery *nursery, int number)
{
    return nursery->workers[number].state == WORKER_READY;
}

struct slot_view *nursery_slot(struct nursery *nursery, int number)
{
    return &nursery->workers[number].slot;
}

int nursery_descriptor(const struct nursery *nursery, int number)
{
    return nursery->workers[number].socket;
}

// So many at once take as long as one after the other.
static void limit_run(const struct nursery *nursery, struct nursery_worker *worker, int n)
{
    const double first = nursery->options.first_episode_seconds;
    const double each = nursery->options.episode_seconds;
    if (nursery->duty == NURSERY_WORK) {
        const double seconds = (double)slot_tickets(&worker->slot)->seconds;
        limit_time(worker, first > 0.0 ? first + seconds : 0.0,
                   "first_episode_seconds and the order's own");
    } else if (worker->runs == 0) {
        const bool limited = first > 0.0 && (n == 1 || each > 0.0);
        limit_time(worker, limited ? first + each * (n - 1) : 0.0,
                   n == 1 ? "first_episode_seconds"
                          : "first_episode_seconds, and episode_seconds for each other episode");
    } else {
        limit_time(worker, each * n,
                   n == 1 ? "episode_seconds" : "episode_seconds, for each of its episodes");
    }
}

enum status nursery_run(struct nursery *nursery, int number, int n, int attempt)
{
    struct nursery_worker *worker = &nursery->workers[number];
    CHECK(worker->state == WORKER_READY);
    limit_run(nursery, worker, n);
    worker->runs++;
    worker->state = WORKER_BUSY;
    worker->answer_due = true;
    const struct run_order order = {.incarnation = worker->incarnation, .attempt = attempt};
    if (send(worker->socket, &order, sizeof order, MSG_NOSIGNAL) < 0) {
        return lost(nursery);
    }
    return OK;
}
