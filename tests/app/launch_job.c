// A job for the test of app/launch: launches itself as two ranks, which do what the first word
// says:
//   finish        both end well
//   kill MARK     rank 1 kills itself until the file MARK has as many bytes as the second word's
//                 number says
//   error         rank 0 reports an error of the input
//   wait          until interrupted; says "waiting" on standard error
//   talk FILE     on standard error until interrupted; then rank 0 makes the file
//   unready       rank 1 is killed before all ranks are there
//   early         rank 1 reports an error before all ranks are there
// Usage: launch_job RESTARTS WHAT [MARK COUNT]
#include "app/launch.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "transport/collective.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum status kill_often(const struct collective *c, const char *mark, long count)
{
    struct stat info = {0};
    (void)stat(mark, &info);
    if (c->rank == 1 && info.st_size < count) {
        const int file = open(mark, O_WRONLY | O_APPEND | O_CREAT, 0600);
        (void)!write(file, "x", 1);
        close(file);
        raise(SIGKILL);
    }
    return collective_barrier(c);
}

static enum status wait_for_signal(const struct collective *c)
{
    if (c->rank == 0) {
        fprintf(stderr, "waiting\n");
    }
    while (!interrupt_pending()) {
        clock_sleep(0.01);
    }
    TRY(collective_barrier(c));
    return interrupt_check();
}

// A file is what is left of a rank that nobody hears.
static enum status talk(const struct collective *c, const char *path)
{
    while (!interrupt_pending()) {
        fprintf(stderr, "talk\n");
        clock_sleep(0.001);
    }
    TRY(collective_barrier(c));
    if (c->rank == 0) {
        close(open(path, O_WRONLY | O_CREAT, 0600));
    }
    return interrupt_check();
}

static enum status work(const struct collective *c, char **words)
{
    TRY(collective_barrier(c));
    if (strcmp(words[0], "kill") == 0) {
        TRY(kill_often(c, words[1], strtol(words[2], NULL, 10)));
    }
    if (strcmp(words[0], "wait") == 0) {
        TRY(wait_for_signal(c));
    }
    if (strcmp(words[0], "talk") == 0) {
        TRY(talk(c, words[1]));
    }
    if (strcmp(words[0], "error") == 0 && c->rank == 0) {
        FAIL(ERR_INPUT, "an error of the input");
    }
    if (c->rank == 0) {
        printf("finished\n");
    }
    return collective_barrier(c);
}

static int run_rank(char **words)
{
    struct collective c = {.ranks = 1, .local_ranks = 1};
    if (strcmp(words[0], "unready") == 0 && collective_launcher_rank() == 1) {
        raise(SIGKILL);
    }
    if (strcmp(words[0], "early") == 0 && collective_launcher_rank() == 1) {
        launch_report(1, ERR_INPUT);
        return status_exit_code(ERR_INPUT);
    }
    enum status code = collective_open(&c);
    log_set_rank(c.rank);
    if (code == OK) {
        launch_running();
        code = work(&c, words);
    }
    launch_report(c.rank, code);
    if (code != OK && (c.rank == 0 || code != ERR_INTERRUPTED)) {
        log_error(code);
    }
    if (code != OK && code != ERR_INTERRUPTED) {
        clock_sleep(0.2);
        collective_abort(&c, status_exit_code(code));
    }
    collective_close(&c);
    return status_exit_code(code);
}

int main(int argc, char **argv)
{
    interrupt_install();
    if (argc < 3) {
        return 99;
    }
    if (launch_is_rank()) {
        interrupt_install_one(INTERRUPT_BY_LAUNCHER);
        return run_rank(argv + 2);
    }
    const struct launch launch = {.argv = argv + 1,
                                  .ranks = 2,
                                  .restarts = (int)strtol(argv[1], NULL, 10),
                                  .pause_seconds = 0.05,
                                  .grace_seconds = 0.2};
    int exit_code = 98;
    const enum status code = launch_ranks(&launch, &exit_code);
    if (code != OK) {
        log_error(code);
        return status_exit_code(code);
    }
    return exit_code;
}
