// The folder of a run: config.json (resolved) says which run it belongs to, inputs.json what that
// was given, `lock` who works there now; what else lies in it is its kind's own.
#pragma once
#include "core/folder_lock.h"
#include "core/text.h"
#include "run/run_inputs.h"

// A kind of config: how the one in a folder is read back and written.
struct run_kind {
    const struct option *table; // rows of config.json
    size_t bytes;               // of the struct that they fill
    const char *command;        // "dikdik run"
};
struct run_folder {
    const struct run_kind *kind;           // borrowed
    const char *config_path, *inputs_path; // arena
    const void *earlier; // the config that lies there, as the kind's struct; NULL = none. arena
    bool recorded;       // and its inputs:
    struct run_inputs inputs;
    struct folder_lock lock;
};
// Not collective, as all here: for rank 0. Makes the folder, locks it (ERR_CONFIG says who holds
// it) and reads what lies there. The struct stays where it is until it is closed.
enum status run_folder_open(const char *path, const struct run_kind *kind, struct arena *arena,
                            struct run_folder *out);
// Where the config that lies there and this one differ in what shapes a stage.
struct run_difference {
    char path[256];            // option
    char theirs[80], ours[80]; // values
};
enum status run_folder_differs(const struct run_folder *folder, const void *config,
                               enum option_shapes shapes, bool *differs,
                               struct run_difference *out);
// ERR_CONFIG: the folder holds another run.
enum status run_folder_refuse(const struct run_folder *folder,
                              const struct run_difference *difference);
// ERR_CONFIG for a folder in which work was done, but whose inputs nobody has written down.
enum status run_folder_check_recorded(const struct run_folder *folder);
// The folder is this run's from now on.
enum status run_folder_claim(const struct run_folder *folder, const void *config,
                             const struct run_inputs *inputs);
void run_folder_close(struct run_folder *folder); // a zeroed one is fine
