// Every kind of node, once: X(ID, name) stands for NODE_ID and for the table `node_type_name` at
// the end of node_name.c.
#pragma once

#define NODE_LIST(X)                                                                               \
    X(INPUT, input)                                                                                \
    X(CONV, conv)                                                                                  \
    X(LINEAR, linear)                                                                              \
    X(BATCHNORM, batchnorm)                                                                        \
    X(ACT, act)                                                                                    \
    X(ADD, add)                                                                                    \
    X(MULTIPLY, multiply)                                                                          \
    X(CONCAT, concat)                                                                              \
    X(SLICE, slice)                                                                                \
    X(SHUFFLE, shuffle)                                                                            \
    X(MAX_POOL, max_pool)                                                                          \
    X(AVG_POOL, avg_pool)                                                                          \
    X(GLOBAL_POOL, global_pool)                                                                    \
    X(PAD, pad)                                                                                    \
    X(RESIZE, resize)                                                                              \
    X(SOFTMAX, softmax)                                                                            \
    X(DROPOUT, dropout)                                                                            \
    X(LSTM, lstm)
