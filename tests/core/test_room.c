// Room where it is limited, and where it is not.
#include "core/machine.h"
#include "core/room.h"
#include "test_unit.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

// In a child with so much more private memory allowed: whether `wanted` is there; 9: the message
// does not say why not.
static int ask(size_t more, size_t wanted)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const size_t used = machine_data_bytes();
        const struct rlimit limit = {used + more, used + more};
        if (setrlimit(RLIMIT_DATA, &limit) != 0 || !room_is_limited()) {
            _exit(8);
        }
        const enum status code = room_check(wanted, "the test");
        const bool told = strstr(status_message(), "the test needs") != NULL &&
                          strstr(status_message(), "ulimit -d") != NULL;
        _exit(code == OK ? 0 : code == ERR_MEMORY && told ? 1 : 9);
    }
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFEXITED(ended));
    return WEXITSTATUS(ended);
}

static void a_limit_is_told(void **state)
{
    (void)state;
    assert_int_equal(ask(64 * MIB, 16 * MIB), 0);
    assert_int_equal(ask(64 * MIB, 256 * MIB), 1);
}

static void without_a_limit_there_is_room(void **state)
{
    (void)state;
    if (!room_is_limited()) {
        assert_ok(room_check((size_t)1 << 46, "the test")); // is not even asked for
    }
    assert_true(machine_space_bytes() >= MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_limit_is_told),
        cmocka_unit_test(without_a_limit_there_is_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
