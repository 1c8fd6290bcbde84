// Nurseries: starting, what is left behind, and messages that come too late.
#include "actor_harness.h"
#include "actors/nursery_state.h"
#include "core/backoff.h"
#include "core/clock.h"
#include "process_list.h"
#include "test_unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const int dense[] = {4};
static const struct int_list dense_list = {.n = 1, .values = dense};
static const struct agent_options agent_options = {
    .dense = &dense_list, .core = CORE_NONE, .distribution = DISTRIBUTION_CATEGORICAL};
static struct fake_options fake;
static struct actor_options options;

static struct rollout_job job_of(enum fake_trouble trouble)
{
    fake = (struct fake_options){
        .steps = 3, .choices = 4, .tasks = 2, .trouble = trouble, .trouble_episode = -1};
    option_defaults(actor_option_table, &options);
    return (struct rollout_job){.ops = &env_fake,
                                .env = {.config = &fake, .seed = 1, .shared_fd = -1},
                                .agent = &agent_options,
                                .actor = &options};
}

// Polls until the shape is known or there is an error.
static enum status wait_for_shape(struct nursery *nursery, struct trajectory_shape *shape,
                                  struct agent_shape *agent)
{
    struct backoff backoff = {0};
    bool known = false;
    while (!known) {
        TRY(nursery_shape(nursery, shape, agent, &known));
        backoff_wait(&backoff);
    }
    return OK;
}

static void test_shape(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    struct nursery *nursery;
    struct trajectory_shape shape;
    struct agent_shape agent;
    bool known = true;
    assert_ok(nursery_open(&job, 2, &nursery));
    assert_ok(nursery_shape(nursery, &shape, &agent, &known));
    assert_false(known); // nothing has begun
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    assert_ok(wait_for_shape(nursery, &shape, &agent));
    assert_int_equal(shape.rows, 4);
    assert_int_equal(shape.n_obs, FAKE_OBS);
    assert_int_equal(shape.n_choices, 4);
    assert_int_equal(agent.n_obs, FAKE_OBS);
    assert_int_equal(agent.n_choices, 4);
    assert_int_equal(agent.n_tasks, 2);
    nursery_close(nursery);
    nursery_close(NULL);
}

static void test_cannot_open(void **state)
{
    (void)state;
    struct nursery *nursery;
    struct trajectory_shape shape;
    struct agent_shape agent;
    struct rollout_job job = job_of(FAKE_OPEN_ERROR);
    assert_ok(nursery_open(&job, 1, &nursery));
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    assert_fails(wait_for_shape(nursery, &shape, &agent), ERR_INPUT, "the fake's file is missing");
    nursery_close(nursery);
    job = job_of(FAKE_OPEN_CRASH);
    assert_ok(nursery_open(&job, 1, &nursery));
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    assert_fails(wait_for_shape(nursery, &shape, &agent), ERR_IO, "signal 11");
    nursery_close(nursery);
    job = job_of(FAKE_NONE);
    options.faults = "kill=0.1,explode=1";
    assert_fails(nursery_open(&job, 1, &nursery), ERR_CONFIG, "explode");
}

static bool shared_exists(const char *token)
{
    char path[300];
    struct stat info;
    snprintf(path, sizeof path, "/dev/shm/dikdik-%s", token);
    return stat(path, &info) == 0;
}

// Waits until there are n processes of this name below the ancestor.
static void wait_for_processes(pid_t ancestor, const char *name, int n, pid_t *pids)
{
    struct backoff backoff = {0};
    const double start = clock_seconds();
    while (processes_below(ancestor, name, pids, n) != n) {
        assert_true(clock_seconds() - start < 20.0);
        backoff_wait(&backoff);
    }
}

static void wait_for_end(pid_t pid)
{
    struct backoff backoff = {0};
    const double start = clock_seconds();
    while (process_lives(pid)) {
        assert_true(clock_seconds() - start < 20.0);
        backoff_wait(&backoff);
    }
}

// Two processes of a host: the second opens what the first has made, and the name goes away.
static void test_shared_memory(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    char token[64];
    snprintf(token, sizeof token, "test-%d", (int)getpid());
    struct nursery *leader, *other;
    assert_ok(nursery_open(&job, 1, &leader));
    assert_ok(nursery_open(&job, 2, &other));
    assert_ok(nursery_begin(leader, token, true, 1));
    assert_true(shared_exists(token));
    assert_ok(nursery_begin(other, token, false, 1));
    pid_t pids[3];
    wait_for_processes(getpid(), "dikdik-worker", 3, pids);
    ino_t first = 0;
    for (int i = 0; i < 3; i++) { // all three hold the same file
        bool found = false;
        for (int fd = 3; fd < 64 && !found; fd++) {
            char path[64], target[256] = "";
            struct stat info;
            snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pids[i], fd);
            found = readlink(path, target, sizeof target - 1) > 0 && strstr(target, token) != NULL;
            if (found) {
                assert_int_equal(stat(path, &info), 0);
                first = first == 0 ? info.st_ino : first;
                assert_true(info.st_ino == first);
            }
        }
        assert_true(found);
    }
    assert_ok(nursery_unlink(leader));
    assert_false(shared_exists(token));
    assert_ok(nursery_unlink(other)); // not its to remove
    nursery_close(leader);
    nursery_close(other);
    assert_int_equal(processes_below(getpid(), "dikdik-worker", pids, 3), 0);
    assert_int_equal(processes_below(getpid(), "dikdik-nursery", pids, 3), 0);
}

static void test_closing_unlinks(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    char token[64];
    snprintf(token, sizeof token, "test-%d-b", (int)getpid());
    struct nursery *nursery;
    assert_ok(nursery_open(&job, 1, &nursery));
    assert_ok(nursery_begin(nursery, token, true, 1));
    struct nursery *second;
    assert_ok(nursery_open(&job, 1, &second));
    assert_fails(nursery_begin(second, token, true, 1), ERR_IO, "cannot be made");
    nursery_close(second);
    nursery_close(nursery);
    assert_false(shared_exists(token));
}

// The rank is killed: nothing of it is left, at work or not.
static void test_rank_killed(void **state)
{
    (void)state;
    char token[64];
    snprintf(token, sizeof token, "test-%d-c", (int)getpid());
    const pid_t rank = fork();
    if (rank == 0) {
        const struct rollout_job job = job_of(FAKE_NONE);
        struct nursery *nursery;
        if (nursery_open(&job, 3, &nursery) != OK || nursery_begin(nursery, token, true, 1) != OK ||
            nursery_unlink(nursery) != OK) {
            _exit(1);
        }
        for (;;) {
            pause();
        }
    }
    pid_t pids[4];
    wait_for_processes(rank, "dikdik-worker", 3, pids);
    wait_for_processes(rank, "dikdik-nursery", 1, pids + 3);
    for (int i = 0; i < 4; i++) { // what a terminal sends to all is for the rank to judge
        assert_int_equal(kill(pids[i], SIGINT), 0);
        assert_int_equal(kill(pids[i], SIGTERM), 0);
    }
    clock_sleep(0.05);
    for (int i = 0; i < 4; i++) {
        assert_true(process_lives(pids[i]));
    }
    kill(rank, SIGKILL);
    assert_int_equal(waitpid(rank, NULL, 0), rank);
    for (int i = 0; i < 4; i++) {
        wait_for_end(pids[i]);
    }
    assert_false(shared_exists(token));
}

static void test_nursery_killed(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    struct nursery *nursery;
    struct trajectory_shape shape;
    struct agent_shape agent;
    assert_ok(nursery_open(&job, 2, &nursery));
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    assert_ok(wait_for_shape(nursery, &shape, &agent));
    pid_t pids[3];
    wait_for_processes(getpid(), "dikdik-worker", 2, pids);
    kill(nursery->pid, SIGKILL);
    wait_for_end(pids[0]);
    wait_for_end(pids[1]);
    const double start = clock_seconds();
    struct worker_report report;
    enum status code = OK;
    while (code == OK && clock_seconds() - start < 20.0) { // threads of theirs may still be ending
        code = nursery_poll(nursery, 0, &report);
    }
    assert_fails(code, ERR_IO, "is gone");
    nursery_close(nursery);
}

// A worker that is lost with nothing to do is replaced.
static void test_idle_worker_killed(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    struct nursery *nursery;
    struct trajectory_shape shape;
    struct agent_shape agent;
    assert_ok(nursery_open(&job, 1, &nursery));
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    assert_ok(wait_for_shape(nursery, &shape, &agent));
    pid_t first, second;
    wait_for_processes(getpid(), "dikdik-worker", 1, &first);
    kill(first, SIGKILL);
    struct backoff backoff = {0};
    while (nursery->workers[0].incarnation == 1 || !nursery_idle(nursery, 0)) {
        struct worker_report report;
        assert_ok(nursery_poll(nursery, 0, &report));
        assert_int_equal(report.event, WORKER_SAYS_NOTHING);
        backoff_wait(&backoff);
    }
    wait_for_processes(getpid(), "dikdik-worker", 1, &second);
    assert_true(first != second);
    nursery_close(nursery);
}

// Again and again before it has done anything: not for ever.
static void test_idle_worker_always_killed(void **state)
{
    (void)state;
    const struct rollout_job job = job_of(FAKE_NONE);
    struct nursery *nursery;
    struct backoff backoff = {0};
    enum status code = OK;
    pid_t killed = 0, pid;
    assert_ok(nursery_open(&job, 1, &nursery));
    assert_ok(nursery_begin(nursery, NULL, false, 1));
    while (code == OK) {
        struct worker_report report;
        code = nursery_poll(nursery, 0, &report);
        if (nursery_idle(nursery, 0) && processes_below(getpid(), "dikdik-worker", &pid, 1) == 1 &&
            pid != killed) {
            kill(pid, SIGKILL);
            killed = pid;
        }
        backoff_wait(&backoff);
    }
    assert_fails(code, ERR_IO, "10 workers in a row ended before their first episode");
    assert_int_equal(nursery->workers[0].incarnation, 10);
    nursery_close(nursery);
}

// ---- a nursery played by the test, so that messages come when it wants

struct played {
    struct nursery nursery;
    struct nursery_worker worker;
    int nursery_end, worker_end;
};

static void open_played(struct played *p)
{
    memset(p, 0, sizeof *p);
    int control[2], link[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, link), 0);
    option_defaults(actor_option_table, &p->nursery.options);
    p->nursery.control = control[0];
    p->nursery_end = control[1];
    p->nursery.n = 1;
    p->nursery.workers = &p->worker;
    p->worker.socket = link[0];
    p->worker_end = link[1];
}

static void close_played(const struct played *p)
{
    close(p->nursery.control);
    close(p->nursery_end);
    close(p->worker.socket);
    close(p->worker_end);
}

static void say(const struct played *p, enum worker_message_kind kind, int incarnation,
                enum status status)
{
    struct worker_message message;
    memset(&message, 0, sizeof message);
    message.kind = (int32_t)kind;
    message.incarnation = incarnation;
    message.status = (int32_t)status;
    message.wait_status = SIGKILL;
    assert_int_equal(send(p->worker_end, &message, sizeof message, 0), sizeof message);
}

static void expect_order(const struct played *p, enum nursery_order_kind kind, int incarnation)
{
    struct nursery_order order;
    assert_int_equal(recv(p->nursery_end, &order, sizeof order, MSG_DONTWAIT), sizeof order);
    assert_int_equal(order.kind, kind);
    assert_int_equal(order.incarnation, incarnation);
}

static void expect_no_order(const struct played *p)
{
    struct nursery_order order;
    assert_int_equal(recv(p->nursery_end, &order, sizeof order, MSG_DONTWAIT), -1);
}

static enum worker_event poll_played(struct played *p, struct worker_report *report)
{
    assert_ok(nursery_poll(&p->nursery, 0, report));
    return report->event;
}

static void test_stale_messages(void **state)
{
    (void)state;
    struct played p;
    struct worker_report report;
    open_played(&p);
    assert_ok(nursery_start_worker(&p.nursery, 0));
    expect_order(&p, NURSERY_FORK, 1);
    say(&p, WORKER_STARTED, 1, OK);
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_true(nursery_idle(&p.nursery, 0));
    assert_ok(nursery_run(&p.nursery, 0, 1, 1));
    struct run_order run;
    assert_int_equal(recv(p.worker_end, &run, sizeof run, MSG_DONTWAIT), sizeof run);
    assert_int_equal(run.incarnation, 1);
    p.worker.deadline = clock_seconds() - 1.0; // its time is up
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    expect_order(&p, NURSERY_KILL, 1);
    say(&p, WORKER_ANSWER, 1, OK); // sent before the signal struck: too late
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_false(nursery_idle(&p.nursery, 0));
    expect_no_order(&p); // it is not killed twice
    say(&p, WORKER_ENDED, 1, OK);
    assert_int_equal(poll_played(&p, &report), WORKER_IS_LOST);
    assert_int_equal(report.failure, FAILURE_HANG);
    expect_order(&p, NURSERY_FORK, 2);
    say(&p, WORKER_ANSWER, 1, OK);
    say(&p, WORKER_STARTED, 1, OK);
    say(&p, WORKER_ENDED, 1, OK); // all of an earlier one
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_false(nursery_idle(&p.nursery, 0));
    expect_no_order(&p);
    say(&p, WORKER_STARTED, 2, OK);
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_true(nursery_idle(&p.nursery, 0));
    close_played(&p);
}

// An answer and the end right behind it: the answer counts, the end starts the next worker.
static void test_answer_then_end(void **state)
{
    (void)state;
    struct played p;
    struct worker_report report;
    open_played(&p);
    assert_ok(nursery_start_worker(&p.nursery, 0));
    say(&p, WORKER_STARTED, 1, OK);
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_ok(nursery_run(&p.nursery, 0, 1, 1));
    say(&p, WORKER_ANSWER, 1, ERR_MEMORY);
    say(&p, WORKER_ENDED, 1, OK);
    assert_int_equal(poll_played(&p, &report), WORKER_HAS_ANSWERED);
    assert_int_equal(report.failure, FAILURE_MEMORY);
    assert_false(nursery_idle(&p.nursery, 0));
    assert_int_equal(poll_played(&p, &report), WORKER_SAYS_NOTHING);
    assert_int_equal(p.worker.incarnation, 2);
    close_played(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shape),
        cmocka_unit_test(test_cannot_open),
        cmocka_unit_test(test_shared_memory),
        cmocka_unit_test(test_closing_unlinks),
        cmocka_unit_test(test_rank_killed),
        cmocka_unit_test(test_nursery_killed),
        cmocka_unit_test(test_idle_worker_killed),
        cmocka_unit_test(test_idle_worker_always_killed),
        cmocka_unit_test(test_stale_messages),
        cmocka_unit_test(test_answer_then_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
