// The list of all methods.
#include "learner/methods/method.h"

#include <string.h>

const struct method_ops *const methods[] = {
#define X(name) &method_##name,
    METHOD_LIST(X)
#undef X
        NULL,
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
