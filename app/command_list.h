// Every subcommand, once, as `dikdik --help` lists them: X(name) stands for the table
// `command_name` at the end of a file cmd_*.c.
#pragma once

#define COMMAND_LIST(X)                                                                            \
    X(run)                                                                                         \
    X(search)                                                                                      \
    X(sweep)                                                                                       \
    X(train)                                                                                       \
    X(eval)                                                                                        \
    X(inspect)                                                                                     \
    X(slim)                                                                                        \
    X(import)                                                                                      \
    X(export)                                                                                      \
    X(bench)                                                                                       \
    X(config)                                                                                      \
    X(completion)                                                                                  \
    X(man)                                                                                         \
    X(report)                                                                                      \
    X(doctor)
