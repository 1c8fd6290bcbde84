// Methods that try what the environment suggests unasked, each candidate once, and nothing else:
// rows of their tables.
#pragma once
#include "learner/methods/method.h"

#include <limits.h>

#define SUGGESTED_ALL INT_MAX
// most: of each task's different suggestions, the first of them. ERR_CONFIG where the environment
// knows no candidates or suggests none.
enum status suggested_open(const struct method_job *job, const struct method_ops *ops, int most,
                           struct method **out);
void suggested_propose(struct method *method, struct ticket *ticket);
enum status suggested_take(struct method *method, const struct trajectory *trajectory, bool fresh);
void suggested_lost(struct method *method, const struct ticket *ticket);
bool suggested_finished(const struct method *method, int task);
enum status suggested_state(struct method *method, struct state_list *list);
void suggested_close(struct method *method);
