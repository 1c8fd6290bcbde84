// What is looked into before a run begins or goes on. Not collective: for rank 0.
#pragma once
#include "run/run_inputs.h"
#include "run/run_session.h"

// Whether data, weights, budgets and recipes fit each other: ERR_CONFIG and ERR_INPUT name the
// option as the user wrote it. Writes nothing. *out: what the run is given; the session's arena.
enum status run_check(struct run_session *session, struct run_inputs *out);
// Checks that the test part is there and fits the training part, and says what it is.
enum status run_check_describe_test(const struct dataset_options *options,
                                    const struct dataset *train, struct arena *arena,
                                    struct run_input_data *out);
