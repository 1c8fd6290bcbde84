// The rank's side of a nursery: opening, the memory its workers share, closing.
#include "actors/nursery_state.h"
#include "core/backoff.h"
#include "core/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOIN_SECONDS 60.0  // for the leader to make the shared memory
#define CLOSE_SECONDS 10.0 // for the nursery to end

static enum status make_socket(int *ours, int *theirs)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        FAIL(ERR_IO, "no socket to a worker: %s; each takes three descriptors (see ulimit -n)",
             strerror(errno));
    }
    *ours = ends[0];
    *theirs = ends[1];
    return OK;
}

static enum status open_links(struct nursery *nursery, int *control_end)
{
    const size_t n = (size_t)nursery->n;
    nursery->workers = calloc(n, sizeof *nursery->workers);
    nursery->ends = calloc(n, sizeof *nursery->ends);
    nursery->slots = calloc(n, sizeof *nursery->slots);
    if (nursery->workers == NULL || nursery->ends == NULL || nursery->slots == NULL) {
        FAIL(ERR_MEMORY, "no memory for %d workers", nursery->n);
    }
    for (int i = 0; i < nursery->n; i++) {
        nursery->workers[i].socket = nursery->ends[i] = -1;
        nursery->workers[i].slot.fd = -1;
    }
    for (int i = 0; i < nursery->n; i++) {
        struct nursery_worker *worker = &nursery->workers[i];
        TRY(make_socket(&worker->socket, &nursery->ends[i]));
        TRY(slot_make(&worker->slot));
        nursery->slots[i] = worker->slot;
    }
    return make_socket(&nursery->control, control_end);
}

static _Noreturn void become_nursery(const struct nursery *nursery, int control_end, int parent)
{
    close(nursery->control);
    for (int i = 0; i < nursery->n; i++) {
        close(nursery->workers[i].socket);
    }
    const struct nursery_setup setup = {
        .job = &nursery->job,
        .options = nursery->options,
        .faults = nursery->faults,
        .n = nursery->n,
        .control = control_end,
        .ends = nursery->ends,
        .slots = nursery->slots,
    };
    nursery_process(&setup, parent);
}

static enum status fork_nursery(struct nursery *nursery)
{
    int control_end = -1;
    enum status code = open_links(nursery, &control_end);
    const pid_t self = getpid();
    if (code == OK) {
        nursery->pid = fork();
        if (nursery->pid == 0) {
            become_nursery(nursery, control_end, self);
        }
        if (nursery->pid < 0) {
            code = status_fail(ERR_IO, __FILE__, __LINE__, "no process for workers: %s",
                               strerror(errno));
        }
    }
    for (int i = 0; nursery->ends != NULL && i < nursery->n; i++) {
        if (nursery->ends[i] >= 0) {
            close(nursery->ends[i]);
        }
    }
    if (control_end >= 0) {
        close(control_end);
    }
    return code;
}

enum status nursery_open(const struct rollout_job *job, int n, struct nursery **out)
{
    CHECK(n >= 1);
    struct nursery *nursery = calloc(1, sizeof *nursery);
    if (nursery == NULL) {
        FAIL(ERR_MEMORY, "no memory for a nursery");
    }
    nursery->job = *job;
    nursery->int8 = job->env.int8;
    nursery->n = n;
    nursery->control = -1;
    option_defaults(actor_option_table, &nursery->options);
    if (job->actor != NULL) {
        nursery->options = *job->actor;
    }
    nursery->options.episodes = actor_options_episodes(nursery->options.episodes, 0);
    nursery->job.env.slots = nursery->options.episodes;
    enum status code = faults_parse(nursery->options.faults, &nursery->faults);
    if (code == OK) {
        code = fork_nursery(nursery);
    }
    if (code != OK) {
        nursery_close(nursery);
        return code;
    }
    *out = nursery;
    return OK;
}

static void end_process(pid_t pid)
{
    struct backoff backoff = {0};
    const double start = clock_seconds();
    for (;;) {
        const pid_t ended = waitpid(pid, NULL, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR)) {
            return;
        }
        if (clock_seconds() - start > CLOSE_SECONDS) {
            kill(pid, SIGKILL); // its workers go with it
        }
        backoff_wait(&backoff);
    }
}

void nursery_close(struct nursery *nursery)
{
    if (nursery == NULL) {
        return;
    }
    (void)nursery_unlink(nursery);
    if (nursery->control >= 0) {
        shutdown(nursery->control, SHUT_RDWR); // that is how it learns that it is over
        close(nursery->control);
    }
    if (nursery->pid > 0) {
        end_process(nursery->pid);
    }
    for (int i = 0; nursery->workers != NULL && i < nursery->n; i++) {
        if (nursery->workers[i].socket >= 0) {
            close(nursery->workers[i].socket);
        }
        slot_close(&nursery->workers[i].slot);
    }
    free(nursery->workers);
    free(nursery->ends);
    free(nursery->slots);
    free(nursery);
}

static void name_memory(const char *token, char *name, size_t bytes)
{
    const int length = snprintf(name, bytes, "/dikdik-%s", token);
    CHECK(length > 0 && (size_t)length < bytes && strchr(name + 1, '/') == NULL);
}

// Opens the memory that all workers of this host share; the leader makes it.
static enum status open_memory(const char *name, bool leader, int *fd)
{
    struct backoff backoff = {0};
    const double start = clock_seconds();
    for (;;) {
        *fd = leader ? shm_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR)
                     : shm_open(name, O_RDWR | O_CLOEXEC, 0);
        if (*fd >= 0) {
            break;
        }
        if (leader || errno != ENOENT || clock_seconds() - start > JOIN_SECONDS) {
            FAIL(ERR_IO, "shared memory %s cannot be %s: %s", name, leader ? "made" : "opened",
                 strerror(errno));
        }
        backoff_wait(&backoff);
    }
    return OK;
}

enum status nursery_open_shared(const char *token, int *fd)
{
    char name[NURSERY_NAME_BYTES];
    name_memory(token, name, sizeof name);
    return open_memory(name, false, fd);
}

void nursery_agree(struct nursery *nursery, enum env_int8 int8)
{
    CHECK(!nursery->begun);
    nursery->int8 = int8;
}

enum status nursery_begin(struct nursery *nursery, const char *token, bool leader, int threads)
{
    int fd = -1;
    if (token != NULL) {
        char name[NURSERY_NAME_BYTES];
        name_memory(token, name, sizeof name);
        TRY(open_memory(name, leader, &fd));
        if (leader) {
            memcpy(nursery->name, name, sizeof name);
        }
    }
    const struct nursery_order begin = {
        .kind = NURSERY_BEGIN, .threads = threads, .int8 = (int32_t)nursery->int8};
    const enum status code = nursery_give_order(nursery, &begin, fd);
    if (fd >= 0) {
        close(fd); // the nursery has it
    }
    TRY(code);
    nursery->begun = true;
    for (int i = 0; i < nursery->n; i++) {
        TRY(nursery_start_worker(nursery, i));
    }
    return OK;
}

enum status nursery_unlink(struct nursery *nursery)
{
    if (nursery->name[0] != '\0' && shm_unlink(nursery->name) != 0) {
        FAIL(ERR_IO, "shared memory %s cannot be removed: %s", nursery->name, strerror(errno));
    }
    nursery->name[0] = '\0';
    return OK;
}

enum status nursery_shape(struct nursery *nursery, struct trajectory_shape *shape,
                          struct agent_shape *agent, bool *known)
{
    *known = false;
    for (int i = 0; i < nursery->n && !nursery->known; i++) {
        struct worker_report report;
        TRY(nursery_poll(nursery, i, &report));
        CHECK(report.event == WORKER_SAYS_NOTHING); // no episode runs yet
    }
    if (nursery->known) {
        *shape = nursery->shape;
        *agent = nursery->agent;
        *known = true;
    }
    return OK;
}
