// The rows of a config's "actors" object.
#include "actors/actor_options.h"

#define AT(field) .offset = offsetof(struct actor_options, field)
const struct option actor_option_table[] = {
    {"count", "actors; 0 = one per core", OPTION_INT, AT(count), .fallback = 0, .least = 0,
     .most = 65536},
    {"episodes",
     "that an actor plays at once: one batch of the policy per step, all candidates scored "
     "together at the end; results do not depend on it; 0 = 1 on a processor, 8 to 64 on a GPU, by "
     "its memory",
     OPTION_INT, AT(episodes), .fallback = 0, .least = 0, .most = 1024},
    {"episode_seconds", "longest an episode may take; 0 = no limit", OPTION_DOUBLE,
     AT(episode_seconds), .fallback = 300, .least = 0, .most = 1e7},
    {"first_episode_seconds",
     "longest a worker's start and its first episode may take, which reads data too; 0 = no limit",
     OPTION_DOUBLE, AT(first_episode_seconds), .fallback = 1200, .least = 0, .most = 1e7},
    {"slice_seconds",
     "training is given out in slices of so long; 0 = by what is left of it, 4 s to a minute",
     OPTION_DOUBLE, AT(slice_seconds), .fallback = 0, .least = 0, .most = 1e7},
    {"tries", "runs of an episode before it counts as failed", OPTION_INT, AT(tries), .fallback = 3,
     .least = 1, .most = 1000},
    {"memory_mib",
     "private memory of a worker beyond its start and OpenBLAS's buffers, in MiB; 0 = no limit",
     OPTION_INT, AT(memory_mib), .fallback = 0, .least = 0, .most = 1 << 30},
    {"faults",
     "injects faults, to test recovery: how often each of kill, segv, hang, memory strikes at each "
     "phase of an episode, as in kill=0.02,hang=0.01",
     OPTION_STRING, AT(faults)},
    {.key = NULL},
};

int actor_options_episodes(int asked, size_t device_bytes)
{
    enum { LEAST = 8, MOST = 64 }; // of a GPU
    int n = LEAST;
    if (asked > 0 || device_bytes == 0) {
        return asked > 0 ? asked : 1;
    }
    while (2 * n <= MOST && (device_bytes >> 30) >= 2 * (size_t)n) {
        n *= 2;
    }
    return n;
}
