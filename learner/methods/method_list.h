// All search methods, by name: method_NAME in method_NAME.c.
#pragma once

// clang-format off
#define METHOD_LIST(X)                                                                             \
    X(impala)                                                                                      \
    X(bayes)                                                                                       \
    X(evolution)                                                                                   \
    X(local)                                                                                       \
    X(sensitivity)                                                                                 \
    X(oneshot)                                                                                     \
    X(amc)                                                                                         \
    X(random)                                                                                      \
    X(uniform)                                                                                     \
    X(frozen)
// clang-format on
