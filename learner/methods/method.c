// The list of all methods.
#include "learner/methods/method.h"

const struct method_ops *const methods[] = {
#define X(id, name) &method_##name,
    METHOD_LIST(X)
#undef X
        NULL,
};
