// A subcommand of the program: one table per file cmd_NAME.c, listed in command_list.h.
#pragma once
#include "app/command_list.h"
#include "core/config.h"
#include "transport/collective.h"

struct run_session;
struct app {
    struct collective collective; // alone unless the command is parallel and under mpirun
    // Set by a command whose error all ranks have reached together, with nothing left to wait for:
    // they may end in order instead of being stopped.
    bool stopped_together;
    // Set by `prepare` when there is nothing left to run: help was printed, or the command ran as a
    // job of its own (launch.h), which has said what there was to say. The program ends with
    // exit_code.
    bool finished;
    int exit_code;
    struct run_session *session; // of search and run; owned by the command
};

struct command {
    const char *name;
    const char *about; // one line
    bool parallel;     // runs under mpirun as one program
    // Its command line, for completion and manual pages, NULL-ended: several where its first word
    // says what it does. Every command has one.
    const struct cli *const *clis;
    // Before MPI is started and before there are threads; NULL where nothing is to be done then.
    enum status (*prepare)(struct app *app, int argc, char **argv);
    // argv[0] is the command's name. Prints its own help.
    enum status (*run)(struct app *app, int argc, char **argv);
    void (*close)(struct app *app); // after either of them, also when it failed; NULL is fine
};

// All of them, in the order of command_list.h.
extern const struct command *const commands[];
extern const int n_commands;
const struct command *command_find(const char *name); // NULL if absent

#define X(name) extern const struct command command_##name;
COMMAND_LIST(X)
#undef X
