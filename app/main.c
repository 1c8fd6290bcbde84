// The dikdik program: finds the subcommand, runs it, reports its error, ends the process.
#include "app/blas_restart.h"
#include "app/command.h"
#include "app/launch.h"
#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "core/room.h"
#include "core/suggest.h"
#include "data/dataset.h"

#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Ranks other than 0 wait so long before they report an error and stop the job: one that all ranks
// share is then told once.
#define ERROR_GRACE_SECONDS 0.5
// A launcher that is told to stop the job may drop what it has not read yet.
#define ERROR_DRAIN_SECONDS 0.2

static void print_usage(FILE *to)
{
    fprintf(to, "usage: dikdik COMMAND [options]\n\n"
                "Shrinks convolutional networks: one agent searches many at once; also trains,\n"
                "scores, inspects and slims them.\n\n"
                "commands:\n");
    for (int i = 0; i < n_commands; i++) {
        fprintf(to, "  %-12s%s\n", commands[i]->name, commands[i]->about);
    }
    fprintf(to, "\n  dikdik COMMAND --help   options of a command\n"
                "  dikdik --version        the version\n\n"
                "exit codes: 0 done, 1 bad input, 2 failed while running, 130 interrupted\n");
}

static const char *nearest_command(const char *name)
{
    struct suggest suggest = suggest_begin(name);
    for (int i = 0; i < n_commands; i++) {
        suggest_offer(&suggest, commands[i]->name);
    }
    return suggest.best;
}

// Whoever read standard output has enough, as `head` has: an end without a word, as is usual.
static void leave_unread_output(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    if (poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
}

static enum status flush_output(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        FAIL(ERR_IO, "writing to standard output failed");
    }
    return OK;
}

static int finish(struct app *app, enum status code)
{
    if (code == OK && app->finished) {
        return app->exit_code;
    }
    const int exit_code = status_exit_code(code);
    launch_report(app->collective.rank, code);
    if (code == OK || app->collective.ranks <= 1 || app->stopped_together) {
        // What only this rank, before MPI, can know: the others do not say it.
        const bool own = !app->stopped_together && (code == ERR_MEMORY || code == ERR_IO);
        if (code != OK && (app->collective.rank == 0 || own)) {
            log_set_rank(app->collective.rank);
            log_error(code);
        }
        collective_close(&app->collective);
        return exit_code;
    }
    if (app->collective.rank != 0) {
        clock_sleep(ERROR_GRACE_SECONDS);
    }
    log_error(code);
    clock_sleep(ERROR_DRAIN_SECONDS);
    collective_abort(&app->collective, exit_code);
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct app app = {.collective = {.ranks = 1, .local_ranks = 1}};
    interrupt_install();
    if (launch_is_rank()) {
        interrupt_install_one(INTERRUPT_BY_LAUNCHER);
    }
    enum status code = OK;
    if (command->prepare != NULL) {
        // Of many ranks that find the same mistake, one says so.
        const int rank = collective_launcher_rank();
        app.collective.rank = rank > 0 ? rank : 0;
        code = command->prepare(&app, argc, argv);
    }
    if (code == OK && !app.finished && command->parallel) {
        code = collective_open(&app.collective);
        log_set_rank(app.collective.rank);
        if (code == OK) {
            dataset_share_memory(app.collective.local_ranks);
            launch_running();
        }
    }
    if (code == OK && !app.finished) {
        code = command->run(&app, argc, argv);
    }
    if (command->close != NULL) {
        command->close(&app);
    }
    if (code == OK) {
        code = flush_output();
        if (code != OK && app.collective.ranks <= 1) {
            leave_unread_output();
        }
    }
    return finish(&app, code);
}

int main(int argc, char **argv)
{
    interrupt_keep_nohup();
    if (room_is_limited()) {
        mallopt(M_ARENA_MAX, 1); // else every thread reserves 64 MiB of address space
    }
    blas_restart(argv);
    const char *word = argc > 1 ? argv[1] : NULL;
    if (word == NULL) {
        print_usage(stderr);
        return status_exit_code(ERR_CONFIG);
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_usage(stdout);
        return status_exit_code(flush_output());
    }
    if (strcmp(word, "--version") == 0) {
        printf("dikdik %s\n", DIKDIK_VERSION);
        return status_exit_code(flush_output());
    }
    const struct command *command = command_find(word);
    if (command == NULL) {
        const char *near = nearest_command(word);
        const enum status code =
            status_fail(ERR_CONFIG, __FILE__, __LINE__,
                        "there is no command \"%s\"%s%s%s; dikdik --help lists the commands", word,
                        near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
                        near != NULL ? "\"?" : "");
        log_error(code);
        return status_exit_code(code);
    }
    return run_command(command, argc - 1, argv + 1);
}
