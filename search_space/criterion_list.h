// Every criterion, once: X(ID, name) stands for CRITERION_ID and for the table `criterion_name`, in
// a file of its own.
#pragma once

#define CRITERION_LIST(X)                                                                          \
    X(L1, l1)                                                                                      \
    X(L2, l2)                                                                                      \
    X(BN_GAMMA, bn_gamma)                                                                          \
    X(RANDOM, random)

enum criterion_kind {
#define X(id, name) CRITERION_##id,
    CRITERION_LIST(X)
#undef X
};
