// What most commands open first: backend, data, network; and the option rows for them.
#pragma once
#include "compute/backend.h"
#include "core/option.h"
#include "data/dataset.h"
#include "run/network_file.h"

// Rows "backend.*".
struct backend_config {
    const char *name; // auto, cpu, ref, cuda
    int threads;      // 0 = all cores that this process may use
    int device;       // -1 = by turns
    bool check;       // ref only
    enum backend_precision precision;
    bool profile; // cuda only
};
extern const struct option backend_option_table[];

// A config's backend as it is used by this process.
struct backend_use {
    const char *name; // one of this build's
    struct backend_options options;
    struct backend_facts facts;
    char why[256]; // "auto": what was found, or why a device that seems to be there is of no use
};
// Decides what computes, before anything else is done: asks the backend that is named, or finds the
// best for "auto". turn: number of this process among those of its host that
// share its devices. ERR_UNSUPPORTED says why a backend cannot be used here. This process may start
// others afterwards.
enum status load_settle_backend(const struct backend_config *config, int turn,
                                struct backend_use *out);
// Says what "auto" has come to, where there was a choice or should have been.
void load_say_backend(const struct backend_use *use);
enum status load_settled_backend(const struct backend_use *use, struct backend **out);
// All three. local_rank of local_ranks: processes of this program on this host, which share its
// cores.
enum status load_backend(const struct backend_config *config, int local_rank, int local_ranks,
                         struct backend **out);

// A network file and one part of the data set to use it with: as load_data_options finds it. What
// the file does not say (size, classes, mean and standard deviation) comes from the hints, else
// from the training part of the data set.
enum status load_network_and_data(const char *path, const struct network_hints *hints,
                                  const struct dataset_options *options, enum dataset_part part,
                                  struct network *network, struct dataset *dataset);
// The same with options that load_data_options has completed; complete: as the file's
// network_origin says.
enum status load_named(const char *path, const struct network_hints *hints, bool complete,
                       const struct dataset_options *options, enum dataset_part part,
                       struct network *network, struct dataset *dataset);

// Where a network file named in a config is: the path itself, else under $DIKDIK_DATA. ERR_INPUT
// says where it was looked for.
enum status load_find_file(const char *path, struct arena *arena, const char **out);
