// dikdik doctor --mpi: how fast ranks reach each other.
#pragma once
#include "core/arena.h"
#include "transport/collective.h"

// Collective. Which ranks share a host, and latency and bandwidth between pairs of ranks, one pair
// at a time: of all up to 8 ranks, else of rank 0 with every other, which is who talks in a search.
// Rank 0 prints. ERR_CONFIG with one rank.
enum status doctor_mpi(const struct collective *c, bool json, struct arena *arena);
