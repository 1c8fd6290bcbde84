// Every search method, once: X(ID, name) stands for METHOD_ID and for the table `method_name` at
// the end of method_name.c.
#pragma once

// clang-format off
#define METHOD_LIST(X)                                                                             \
    X(IMPALA, impala)                                                                              \
    X(BAYES, bayes)                                                                                \
    X(EVOLUTION, evolution)                                                                        \
    X(NSGA2, nsga2)                                                                                \
    X(LOCAL, local)                                                                                \
    X(COPY, copy)                                                                                  \
    X(SENSITIVITY, sensitivity)                                                                    \
    X(ONESHOT, oneshot)                                                                            \
    X(AMC, amc)                                                                                    \
    X(RANDOM, random)                                                                              \
    X(UNIFORM, uniform)                                                                            \
    X(FROZEN, frozen)
// clang-format on

enum method_kind {
#define X(id, name) METHOD_##id,
    METHOD_LIST(X)
#undef X
};
