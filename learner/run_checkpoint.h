// The two checkpoints of a run folder: checkpoint.h5, the newest, and checkpoint.previous.h5. At
// every moment one of them is whole.
#pragma once
#include "learner/state_list.h"

// Writes the newest aside, then moves: newest to previous, new to newest.
enum status run_checkpoint_save(const struct state_list *list, const char *identity,
                                const char *run_dir);
// Reads the newest whole one. A damaged newest is named in a warning, put aside as
// checkpoint.damaged.h5, and the one before is taken. *found: false when there is none. ERR_INPUT
// when all there is is damaged; ERR_CONFIG when it belongs to another run.
enum status run_checkpoint_load(struct state_list *list, const char *identity, const char *run_dir,
                                bool *found);
