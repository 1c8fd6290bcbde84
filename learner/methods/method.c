// The list of all methods.
#include "learner/methods/method.h"

#include <string.h>

const struct method_ops *const methods[] = {
    &method_impala,    &method_bayes, &method_random, &method_uniform,
    &method_evolution, &method_amc,   &method_frozen, NULL,
};

const struct method_ops *method_find(const char *name)
{
    for (int i = 0; methods[i] != NULL; i++) {
        if (strcmp(methods[i]->name, name) == 0) {
            return methods[i];
        }
    }
    return NULL;
}
