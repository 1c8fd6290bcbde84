// A subcommand of the program: one table per file cmd_NAME.c, listed in main.c.
#pragma once
#include "core/status.h"
#include "transport/collective.h"

struct app {
    struct collective collective; // alone unless the command is parallel and under mpirun
    // Set by a command whose error all ranks have reached together, with nothing left to wait for:
    // they may end in order instead of being stopped.
    bool stopped_together;
    // Set by a command that ran as a job of its own (launch.h), which has said what there was to
    // say: the exit code of this process.
    bool launched;
    int launched_exit_code;
};

struct command {
    const char *name;
    const char *about; // one line
    bool parallel;     // runs under mpirun as one program
    // argv[0] is the command's name. Prints its own help.
    enum status (*run)(struct app *app, int argc, char **argv);
};

extern const struct command command_train, command_eval, command_inspect, command_slim,
    command_bench, command_doctor;
