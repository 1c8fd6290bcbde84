// Every distribution, once: X(ID, name) stands for DISTRIBUTION_ID and for the table
// `distribution_name` at the end of distribution_name.c.
#pragma once

#define DISTRIBUTION_LIST(X)                                                                       \
    X(GAUSSIAN, gaussian)                                                                          \
    X(SQUASHED, squashed)                                                                          \
    X(CATEGORICAL, categorical)                                                                    \
    X(NOISY, noisy)                                                                                \
    X(MIXED, mixed)

enum distribution_kind {
#define X(id, name) DISTRIBUTION_##id,
    DISTRIBUTION_LIST(X)
#undef X
};
