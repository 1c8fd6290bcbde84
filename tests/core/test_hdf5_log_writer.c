// A writer of growing tables that is followed by readers (here and h5py), killed at any moment, or
// whose disk fills up.
#include "core/clock.h"
#include "core/file.h"
#include "core/rng.h"
#include "log_case.h"
#include "test_folder_group.h"
#include "test_unit.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

// What a writer in another process says of itself.
struct progress {
    _Atomic int64_t big, small; // rows that were flushed
    atomic_int opened;
};

static struct progress *share_progress(void)
{
    struct progress *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    return shared;
}

// Appends and flushes until it is killed, or `rounds` are done.
static void write_on(const char *path, bool keep, int rounds, struct progress *progress)
{
    const int64_t rows[2] = {progress->big, progress->small};
    struct hdf5_log *log;
    if (log_open(path, keep ? rows : NULL, &log) != OK) {
        _exit(1);
    }
    progress->opened++;
    struct rng rng = rng_make(7, RNG_TEST, (uint64_t)rows[0], 0);
    for (int i = 0; i < rounds; i++) {
        if (log_append(log, (int)rng_below(&rng, 40)) != OK ||
            hdf5_log_flush(log, i % 16 == 0) != OK) {
            _exit(2);
        }
        progress->big = hdf5_log_rows(log, 0);
        progress->small = hdf5_log_rows(log, 1);
    }
    _exit(hdf5_log_close(log) == OK ? 0 : 3);
}

static int wait_for(pid_t child)
{
    int ended;
    assert_int_equal(waitpid(child, &ended, 0), child);
    return WIFEXITED(ended) ? WEXITSTATUS(ended) : 128 + WTERMSIG(ended);
}

// Each writer takes over what the one before had flushed when it was killed. Half of the kills come
// while it opens.
static void kills_at_any_moment(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct progress *progress = share_progress();
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    assert_ok(hdf5_log_close(log));
    for (int round = 0; round < 24; round++) {
        const int64_t before = progress->big;
        const pid_t child = fork();
        if (child == 0) {
            write_on(path, true, 1000000, progress);
        }
        for (int i = 0; i < 20000 && round % 2 == 0 && progress->big == before; i++) {
            clock_sleep(0.001);
        }
        clock_sleep(0.0007 * round);
        kill(child, SIGKILL);
        assert_int_equal(wait_for(child), 128 + SIGKILL);
        log_check(path, progress->big, progress->small);
    }
    assert_true(progress->big > 100);
    const int64_t keep[2] = {progress->big, progress->small};
    assert_ok(log_open(path, keep, &log));
    assert_int_equal(hdf5_log_rows(log, 0), keep[0]);
    assert_ok(hdf5_log_close(log));
    log_check(path, keep[0], keep[1]);
    munmap(progress, sizeof *progress);
}

static void another_process_reads_along(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct progress *progress = share_progress();
    const pid_t child = fork();
    if (child == 0) {
        write_on(path, false, 200, progress);
    }
    for (int i = 0; i < 20000 && progress->opened == 0; i++) {
        clock_sleep(0.001);
    }
    int ended, reads = 0;
    while (waitpid(child, &ended, WNOHANG) == 0) {
        log_check(path, progress->big, progress->small);
        reads++;
    }
    assert_true(WIFEXITED(ended));
    assert_int_equal(WEXITSTATUS(ended), 0);
    assert_true(reads > 0);
    log_check(path, progress->big, progress->small);
    munmap(progress, sizeof *progress);
}

// Follows the file as a user's script would: every row that is there is right.
static const char script[] =
    "import sys, time, h5py\n"
    "with h5py.File(sys.argv[1], 'r', libver='latest', swmr=True) as file:\n"
    "    assert file.attrs['config'] == '{\"seed\": 1}' and file.attrs['note'] == 'd\\u00edk'\n"
    "    big, seen, growths = file['big'], 0, 0\n"
    "    open(sys.argv[2], 'w').close()\n"
    "    end = time.time() + 100\n"
    "    while seen < 400 and time.time() < end:\n"
    "        big.refresh()\n"
    "        rows = big[seen:]\n"
    "        for i, row in enumerate(rows, seen):\n"
    "            assert row['number'] == i and row['value'] == 1 / (i + 1), (i, row)\n"
    "            assert row['name'] == b'row %d' % i and row['ratio'] == i / 2, (i, row)\n"
    "            assert list(row['widths']) == list(range(i * 40, i * 40 + 40)), (i, row)\n"
    "        growths += len(rows) > 0\n"
    "        seen += len(rows)\n"
    "        time.sleep(0.01)\n"
    "    assert seen == 400 and growths > 2, (seen, growths)\n";

static void h5py_reads_along(void **state)
{
    (void)state;
    if (system("/usr/bin/python3 -c 'import h5py' 2>/dev/null") != 0) {
        print_message("no python3-h5py here: not tried\n");
        skip();
    }
    const char *path = test_folder_path(&folder, "run.h5"),
               *follow = test_folder_path(&folder, "follow.py"),
               *ready = test_folder_path(&folder, "ready");
    test_folder_write(follow, script, sizeof script - 1);
    struct hdf5_log *log;
    assert_ok(log_open(path, NULL, &log));
    const pid_t child = fork();
    if (child == 0) {
        execl("/usr/bin/python3", "python3", follow, path, ready, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 60000 && !file_exists(ready); i++) {
        clock_sleep(0.001);
    }
    for (int i = 0; i < 40; i++) {
        assert_ok(log_append(log, 10));
        assert_ok(hdf5_log_flush(log, false));
        clock_sleep(0.02);
    }
    assert_int_equal(wait_for(child), 0);
    assert_ok(hdf5_log_close(log));
}

static void limit_files(size_t bytes)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){bytes, bytes});
}

// Writes until the disk is full, saying what was flushed. Runs in a child, which then ends as a
// program does.
static void fill_disk(const char *path, struct progress *progress)
{
    struct hdf5_log *log;
    limit_files((size_t)400 << 10);
    if (log_open(path, NULL, &log) != OK) {
        exit(1);
    }
    enum status status = OK;
    for (int i = 0; i < 1000 && status == OK; i++) {
        status = log_append(log, 10);
        if (status == OK) {
            status = hdf5_log_flush(log, false);
        }
        if (status == OK) {
            progress->big = hdf5_log_rows(log, 0);
            progress->small = hdf5_log_rows(log, 1);
        }
    }
    if (status != ERR_IO || strstr(status_message(), "writing failed: File too large") == NULL) {
        exit(2);
    }
    exit(hdf5_log_close(log) == ERR_IO ? 0 : 3);
}

static void a_full_disk(void **state)
{
    (void)state;
    const char *path = test_folder_path(&folder, "run.h5");
    struct progress *progress = share_progress();
    const pid_t child = fork();
    if (child == 0) {
        fill_disk(path, progress);
    }
    assert_int_equal(wait_for(child), 0);
    assert_true(progress->big > 100);
    const int64_t keep[2] = {progress->big, progress->small};
    log_check_first(path, keep[0], keep[1]);

    // No room for taking over: the old file stays.
    const pid_t second = fork();
    if (second == 0) {
        limit_files((size_t)100 << 10);
        struct hdf5_log *log;
        exit(log_open(path, keep, &log) == ERR_IO ? 0 : 1);
    }
    assert_int_equal(wait_for(second), 0);
    log_check_first(path, keep[0], keep[1]);
    struct hdf5_log *log;
    assert_ok(log_open(path, keep, &log)); // the disk has room again
    assert_ok(log_append(log, 10));
    assert_ok(hdf5_log_close(log));
    log_check(path, keep[0] + 10, keep[1] + 20);
    munmap(progress, sizeof *progress);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(kills_at_any_moment),
        IN_FOLDER(h5py_reads_along),
        IN_FOLDER(another_process_reads_along),
        IN_FOLDER(a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
