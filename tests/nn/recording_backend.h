// A device, as far as plans can tell: the reference in checked memory behind it, work that can be
// recorded, and replays that do what was recorded with the very arguments of then. So what changes
// from run to run must have come as data.
#pragma once
#include "compute/backend.h"

struct recording_counts {
    int recorded, replayed, forgotten;
    int uploads; // since the counts were zeroed last
};
// chunk_bytes: 0 = batches are never cut. The backend is closed with recording_backend_close.
struct backend *recording_backend_open(int chunk_bytes);
void recording_backend_close(struct backend *backend);
struct recording_counts *recording_backend_counts(struct backend *backend);
