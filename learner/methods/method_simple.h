// Parts of methods that have no policy, or whose state is always up to date.
#pragma once
#include "learner/methods/method.h"

enum status method_no_update(struct method *method, struct update_row *row);
const float *method_no_weights(const struct method *method, size_t *n);
// ERR_CONFIG where the environment knows no candidates; `name` is the method's.
enum status method_wants_space(const struct method_job *job, const char *name);
// ERR_CONFIG where it does not, or has categorical steps, which keep neither more nor less.
enum status method_wants_order(const struct method_job *job, const char *name);
void method_no_save(struct method *method);
enum status method_no_load(struct method *method);
