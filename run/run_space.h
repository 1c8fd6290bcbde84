// Networks of a config that are spaces of architectures: what is trained for them is a supernet.
#pragma once
#include "run/run_config.h"
#include "search_space/supernet.h"

// NULL: it is a network.
const struct nas_space_type *run_space_type(const struct network_config *config);
const void *run_space_options(const struct network_config *config);
// ERR_CONFIG, naming those there are, when there is none of this name.
enum status run_space_check_name(const struct network_config *config, const char *where);

// Whether both are the same space with the same options, or none.
bool run_space_same(const struct network_config *a, const struct network_config *b);

// A new supernet for these data, its first values by seed.
enum status run_space_create(const struct network_config *config, const struct dataset *data,
                             uint64_t seed, struct supernet *out);
// The one that config->weights names. ERR_CONFIG when it is of another space, or of the same with
// other options; ERR_INPUT when it does not fit the data. Memory for paths from `arena`.
enum status run_space_load(const struct network_config *config, const struct dataset *data,
                           struct arena *arena, struct supernet *out);
