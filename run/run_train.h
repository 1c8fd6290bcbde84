// What the stages that train have in common. Inside run/ only.
#pragma once
#include "run/run_board.h"

// Takes what a slice came to: the job is ready again, or done; *finished says which. Shows it.
enum status run_take_slice(struct run_board *board, struct run_job *job,
                           const struct work_answer *answer, bool *finished);
