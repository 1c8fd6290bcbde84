// Config rows "actors.*".
#pragma once
#include "core/option.h"

struct actor_options {
    int count;                    // actors; 0 = one per core
    int episodes;                 // that one plays at once; 0 = actor_options_episodes
    double episode_seconds;       // longest an episode may take; 0 = no limit
    double first_episode_seconds; // the first one of a worker, which also reads data
    double slice_seconds;         // of training between two orders; 0 = by what is left
    int tries;                    // runs of a ticket before its episode counts as failed
    int memory_mib; // private memory of a worker beyond its start and OpenBLAS's buffers (128 MiB
                    // a thread); 0 = no limit
    const char *faults; // for tests of this very machinery: "" = none, see faults.h
};
extern const struct option actor_option_table[];
// How many an actor plays at once: as asked, or as suits so much memory of a device, about one for
// each GiB; device_bytes 0: it computes on the processor.
int actor_options_episodes(int asked, size_t device_bytes);
