// The nursery's process: forks workers, kills them when told to, and says how each ended. It does
// nothing else, so that it lives as long as its rank.
#include "actors/worker_link.h"
#include "core/interrupt.h"
#include "core/isolate.h"
#include "core/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
    pid_t pid; // 0 = none
    int32_t incarnation;
};
struct nursery_state {
    const struct nursery_setup *setup;
    struct child *children; // [n]
    int signals;            // readable when a child has ended
    int threads, shared_fd;
    int32_t int8;
    long memory_kills;
};

static void say_ended(const struct nursery_state *state, int worker, struct worker_message *message)
{
    message->kind = WORKER_ENDED;
    message->incarnation = state->children[worker].incarnation;
    const ssize_t sent = send(state->setup->ends[worker], message, sizeof *message, MSG_NOSIGNAL);
    (void)sent; // no rank to hear it: the end of the control socket says so too
}

static void fork_worker(struct nursery_state *state, const struct nursery_order *order)
{
    struct child *child = &state->children[order->worker];
    CHECK(child->pid == 0);
    const struct worker_setup setup = {.nursery = state->setup,
                                       .worker = order->worker,
                                       .threads = state->threads,
                                       .shared_fd = state->shared_fd,
                                       .incarnation = order->incarnation,
                                       .int8 = state->int8,
                                       .duty = order->duty};
    child->incarnation = order->incarnation;
    const pid_t self = getpid(), pid = fork();
    if (pid == 0) {
        close(state->signals);
        worker_process(&setup, self);
    }
    if (pid > 0) {
        child->pid = pid;
        return;
    }
    struct worker_message message;
    memset(&message, 0, sizeof message);
    message.status = (int32_t)status_fail(ERR_IO, __FILE__, __LINE__, "no process for a worker: %s",
                                          strerror(errno));
    status_save(&message.note);
    say_ended(state, order->worker, &message);
}

// Takes the ends of all children that have ended.
static void reap(struct nursery_state *state)
{
    struct signalfd_siginfo info;
    while (read(state->signals, &info, sizeof info) > 0) {
    }
    for (;;) {
        struct worker_message message;
        memset(&message, 0, sizeof message);
        const pid_t pid = waitpid(-1, &message.wait_status, WNOHANG);
        if (pid <= 0) {
            return;
        }
        const long memory_kills = machine_memory_kills();
        message.out_of_memory = memory_kills > state->memory_kills;
        state->memory_kills = memory_kills;
        for (int worker = 0; worker < state->setup->n; worker++) {
            if (state->children[worker].pid == pid) {
                state->children[worker].pid = 0;
                say_ended(state, worker, &message);
            }
        }
    }
}

// Receives an order and the descriptor that may come with it (else -1). False when the rank is
// gone.
static bool receive_order(int socket, struct nursery_order *order, int *descriptor)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } extra;
    struct iovec part = {.iov_base = order, .iov_len = sizeof *order};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = extra.bytes,
                             .msg_controllen = sizeof extra.bytes};
    ssize_t bytes = -1;
    do {
        bytes = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    } while (bytes < 0 && errno == EINTR);
    *descriptor = -1;
    const struct cmsghdr *head = bytes > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (head != NULL && head->cmsg_type == SCM_RIGHTS) {
        memcpy(descriptor, CMSG_DATA(head), sizeof *descriptor);
    }
    return bytes == (ssize_t)sizeof *order;
}

// False when the rank is gone.
static bool obey(struct nursery_state *state)
{
    struct nursery_order order;
    int descriptor;
    if (!receive_order(state->setup->control, &order, &descriptor)) {
        return false;
    }
    CHECK(order.worker >= 0 && order.worker < state->setup->n);
    const struct child *child = &state->children[order.worker];
    switch ((enum nursery_order_kind)order.kind) {
    case NURSERY_BEGIN:
        state->threads = order.threads;
        state->int8 = order.int8;
        state->shared_fd = descriptor;
        break;
    case NURSERY_FORK:
        fork_worker(state, &order);
        break;
    case NURSERY_KILL:
    case NURSERY_INTERRUPT:
        if (child->pid > 0 && child->incarnation == order.incarnation) {
            kill(child->pid, order.kind == NURSERY_KILL ? SIGKILL : INTERRUPT_BY_NURSERY);
        }
        break;
    }
    return true;
}

static _Noreturn void finish(const struct nursery_state *state)
{
    for (int i = 0; i < state->setup->n; i++) {
        if (state->children[i].pid > 0) {
            kill(state->children[i].pid, SIGKILL);
        }
    }
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
    _exit(0);
}

_Noreturn void nursery_process(const struct nursery_setup *setup, int parent)
{
    isolate_begin_child(parent);
    prctl(PR_SET_NAME, "dikdik-nursery");
    interrupt_ignore(); // terminals and batch systems send to everybody; the rank decides
    signal(SIGCHLD, SIG_DFL);
    sigset_t child_ended;
    sigemptyset(&child_ended);
    sigaddset(&child_ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child_ended, NULL);
    struct nursery_state state = {
        .setup = setup,
        .children = calloc((size_t)setup->n, sizeof *state.children),
        .signals = signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK),
        .shared_fd = -1,
        .memory_kills = machine_memory_kills(),
    };
    if (state.children == NULL || state.signals < 0) {
        _exit(1);
    }
    for (;;) {
        struct pollfd sources[] = {{.fd = setup->control, .events = POLLIN},
                                   {.fd = state.signals, .events = POLLIN}};
        if (poll(sources, 2, -1) < 0) {
            continue;
        }
        if (sources[1].revents != 0) {
            reap(&state);
        }
        if (sources[0].revents != 0 && !obey(&state)) {
            finish(&state);
        }
    }
}
