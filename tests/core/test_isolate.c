// Work in a child: results come back, crashes and hangs become errors.
#include "core/clock.h"
#include "core/isolate.h"
#include "test_unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum behaviour { SUCCEED, REFUSE, CRASH, ABORT, LEAVE, HANG, EAT };

enum { PIECE = 1 << 20, ROOM = 64 * PIECE }; // bytes

struct job {
    enum behaviour behaviour;
    int result;
};

static int private_number = 1;

static bool take_piece(void)
{
    void *piece = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return piece != MAP_FAILED;
}

static enum status work(void *context)
{
    struct job *job = context;
    private_number = 2;
    switch (job->behaviour) {
    case SUCCEED:
        job->result = 42;
        return OK;
    case REFUSE:
        FAIL(ERR_CONFIG, "refused with %d", 7);
    case CRASH:
        raise(SIGSEGV);
        break;
    case ABORT:
        abort();
    case LEAVE:
        _exit(0);
    case HANG:
        for (;;) {
            pause();
        }
    case EAT: // result: pieces of memory that it got
        while (job->result < 4 * ROOM / PIECE && take_piece()) {
            job->result++;
        }
        break;
    }
    return OK;
}

static enum status run(enum behaviour behaviour, int *result)
{
    struct job *job = isolate_share(sizeof *job);
    assert_non_null(job);
    assert_int_equal(job->result, 0);
    job->behaviour = behaviour;
    const struct isolate_limits limits = {.seconds = behaviour == HANG ? 0.5 : 30.0, .bytes = ROOM};
    const enum status status = isolate_run("the input", &limits, work, job);
    *result = job->result;
    isolate_unshare(job, sizeof *job);
    return status;
}

static void results_come_back(void **state)
{
    (void)state;
    int result;
    assert_ok(run(SUCCEED, &result));
    assert_int_equal(result, 42);
    assert_int_equal(private_number, 1); // the child changed its own copy
    assert_fails(run(REFUSE, &result), ERR_CONFIG, "refused with 7");
    assert_int_equal(strncmp(status_origin(), "test_isolate.c:", 15), 0);
}

static void crashes_are_errors(void **state)
{
    (void)state;
    int result;
    assert_fails(run(CRASH, &result), ERR_INPUT, "the input: damaged so badly");
    assert_fails(run(ABORT, &result), ERR_INPUT, "the input: damaged so badly");
    assert_fails(run(LEAVE, &result), ERR_INPUT, "ended early");
    assert_ok(run(SUCCEED, &result));
}

static void hangs_are_errors(void **state)
{
    (void)state;
    int result;
    const double start = clock_seconds();
    assert_fails(run(HANG, &result), ERR_INPUT, "gave no result");
    assert_true(clock_seconds() - start < 20.0);
}

static void memory_is_limited(void **state)
{
    (void)state;
    int result;
    assert_ok(run(EAT, &result));
    assert_in_range(result, ROOM / PIECE - 2, ROOM / PIECE);
    assert_true(take_piece()); // not here
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_back),
        cmocka_unit_test(crashes_are_errors),
        cmocka_unit_test(hangs_are_errors),
        cmocka_unit_test(memory_is_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
