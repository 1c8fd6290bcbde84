// The orders of a run's stages: what rank 0 asks of workers (ticket.source), and what they answer.
#pragma once
#include "actors/work.h"
#include "envs/network_env.h"

enum run_order {
    RUN_ORDER_BASE = 1,      // network ticket.task: load it, or train it on from its checkpoint
    RUN_ORDER_RESCORE = 2,   // task, ticket.given: score this choice on all there is
    RUN_ORDER_KEEP = 3,      // task, ticket.given: build it again, check it, save it as found
    RUN_ORDER_TUNE = 4,      // task: train what was found on from its checkpoint
    RUN_ORDER_TEST = 5,      // task: score the final network on the test images
    RUN_ORDER_TEST_BASE = 6, // network ticket.task: likewise the uncut one
};

// work_answer.result. What an order does not yield is 0.
struct run_outcome {
    double accuracy, loss;           // RESCORE, TEST, TEST_BASE
    double reward;                   // RESCORE
    int64_t macs, params, bytes;     // KEEP: of the network that was saved
    struct network_task_facts facts; // KEEP
    int64_t updates, updates_all;    // BASE, TUNE: done so far, of how many
    int64_t updates_here;            // BASE, TUNE: of them, by this order
    int32_t epochs;                  // BASE, TUNE: of the whole training
    int32_t chunks;                  // BASE, TUNE: that a batch has, each a thread's work
    bool finished;                   // BASE, TUNE: the network is saved
    double seconds;                  // BASE, TUNE: of the updates of this order
    bool unknown_rows;               // BASE: it is not known what given weights were trained on
};
_Static_assert(sizeof(struct run_outcome) <= WORK_RESULT_BYTES, "an answer must hold it");

// How workers of a nursery, or this process, carry out orders; the context is a struct run_session
// as run_session_prepare leaves it.
extern const struct work_ops run_work_ops;
