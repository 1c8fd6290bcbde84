// One process at a time in a folder: who is turned away, and what does not block.
#include "core/clock.h"
#include "core/file.h"
#include "core/folder_lock.h"
#include "test_folder.h"
#include "test_unit.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct folder_patience short_one = {.leaving = 0.3, .beat = 0.3};

struct place {
    struct test_folder folder;
    struct folder_lock lock;
};

static int make_place(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    assert_non_null(place);
    test_folder_make(&place->folder);
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    test_folder_remove(&place->folder);
    free(place);
    return 0;
}

static enum status take(struct place *place)
{
    return folder_lock_take(place->folder.path, "dikdik test", &short_one, &place->lock);
}

// A child that takes the lock and sleeps; returns once it has it.
static pid_t start_holder(struct place *place)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (take(place) != OK || write(ready[1], "", 1) != 1) {
            _exit(1);
        }
        clock_sleep(60);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void end_holder(pid_t child)
{
    int ended;
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &ended, 0), child);
}

// What a lock file of another time or place says.
static void write_holder(const struct place *place, const char *host, long process)
{
    char text[256];
    const int n =
        snprintf(text, sizeof text, "host %s\nprocess %ld\nstarted 1\nsince then\n", host, process);
    assert_ok(file_write(test_folder_path(&place->folder, "lock"), text, (size_t)n));
}

static void the_second_is_told_who_holds_it(void **state)
{
    struct place *place = *state;
    char who[64], host[256];
    const pid_t holder = start_holder(place);
    snprintf(who, sizeof who, "process %ld on ", (long)holder);
    assert_fails(take(place), ERR_CONFIG, who);
    assert_int_equal(gethostname(host, sizeof host), 0);
    assert_non_null(strstr(status_message(), host));
    assert_non_null(strstr(status_message(), "dikdik test"));
    assert_non_null(strstr(status_message(), "--run-dir"));
    folder_lock_release(&place->lock); // not taken: fine
    end_holder(holder);
}

static void a_dead_holder_does_not_block(void **state)
{
    struct place *place = *state;
    const char *path = test_folder_path(&place->folder, "lock");
    for (int i = 0; i < 3; i++) {
        end_holder(start_holder(place));
        assert_true(file_exists(path));
    }
    assert_ok(take(place));
    folder_lock_release(&place->lock);
    assert_false(file_exists(path));
}

static void what_is_released_is_free_again(void **state)
{
    struct place *place = *state;
    assert_ok(take(place));
    folder_lock_release(&place->lock);
    folder_lock_release(&place->lock);
    const pid_t holder = start_holder(place);
    end_holder(holder);
    struct folder_lock never = {.file = -1};
    folder_lock_release(&never);
    memset(&never, 0, sizeof never);
    folder_lock_release(&never);
}

// Of a machine that is switched off, or a host whose locks are not seen here.
static void another_host_holds_it_while_its_stamp_moves(void **state)
{
    struct place *place = *state;
    write_holder(place, "elsewhere.example", 17);
    assert_ok(take(place)); // its stamp stood still
    folder_lock_release(&place->lock);

    write_holder(place, "elsewhere.example", 17);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int i = 0; i < 3000; i++) { // until it is ended
            const struct timespec stamps[2] = {{.tv_sec = i + 1}, {.tv_sec = i + 1}};
            utimensat(AT_FDCWD, test_folder_path(&place->folder, "lock"), stamps, 0);
            clock_sleep(0.02);
        }
        _exit(0);
    }
    assert_fails(take(place), ERR_CONFIG, "process 17 on elsewhere.example");
    assert_non_null(strstr(status_message(), "remove "));
    end_holder(child);
}

// A number that another process has by now is not the holder: the kernel's lock would say so.
static void a_lock_file_of_before_a_restart_does_not_block(void **state)
{
    struct place *place = *state;
    char host[256] = "";
    assert_int_equal(gethostname(host, sizeof host - 1), 0);
    write_holder(place, host, (long)getppid());
    assert_ok(take(place));
    folder_lock_release(&place->lock);
    write_holder(place, "", 0);
    assert_ok(take(place));
    folder_lock_release(&place->lock);
    assert_ok(file_write(test_folder_path(&place->folder, "lock"), "\xff\x01 rubbish", 10));
    assert_ok(take(place));
    folder_lock_release(&place->lock);
}

static void a_folder_that_cannot_be_written_says_so(void **state)
{
    struct place *place = *state;
    struct folder_lock lock;
    const char *absent = test_folder_path(&place->folder, "absent");
    assert_fails(folder_lock_take(absent, "x", &short_one, &lock), ERR_IO, "absent/lock");
}

// Many at once: one at a time has it, and a file of its own counts whether that is so.
static void of_many_one_at_a_time_has_it(void **state)
{
    struct place *place = *state;
    enum { CHILDREN = 6, TURNS = 5 };
    const struct folder_patience patient = {.leaving = 60, .beat = 60};
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            for (int turn = 0; turn < TURNS; turn++) {
                const char *inside = test_folder_path(&place->folder, "inside");
                if (folder_lock_take(place->folder.path, "x", &patient, &place->lock) != OK ||
                    mkdir(inside, 0700) != 0 || rmdir(inside) != 0) {
                    _exit(1);
                }
                folder_lock_release(&place->lock);
            }
            _exit(0);
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int ended;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_place, remove_place)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_second_is_told_who_holds_it),
        TEST(a_dead_holder_does_not_block),
        TEST(what_is_released_is_free_again),
        TEST(another_host_holds_it_while_its_stamp_moves),
        TEST(a_lock_file_of_before_a_restart_does_not_block),
        TEST(a_folder_that_cannot_be_written_says_so),
        TEST(of_many_one_at_a_time_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
