// A ticket: the learner's order to an actor to run one episode, or to do other work. All random
// numbers of an episode are keyed by (seed, purpose, episode, step), so it depends on its ticket
// alone and any actor can run any ticket.
#pragma once
#include <stdint.h>

enum { TICKET_MOST_GIVEN = 512 }; // steps of an episode whose actions are dictated

// Who chooses the actions. Values are part of the run format.
enum ticket_source {
    ACTIONS_POLICY = 0, // sampled from the policy
    ACTIONS_GREEDY = 1, // the policy's most likely ones
    ACTIONS_RANDOM = 2, // uniform over the legal ones
    ACTIONS_GIVEN = 3, // ticket.given; where one is not legal, the nearest legal one below it, else
                       // above
    ACTIONS_NOISY = 4, // the policy's mean plus truncated normal noise (DDPG)
};
// TICKET_IMAGINED: played to its end like an episode, but nothing is scored; the reward is 0.
enum ticket_kind { TICKET_EPISODE = 1, TICKET_STOP = 2, TICKET_IMAGINED = 3, TICKET_WORK = 4 };

struct ticket {
    int32_t kind;
    int32_t task;
    int64_t episode; // TICKET_WORK: number of the order
    union {
        int64_t version; // of the weights to act with
        int64_t sharers; // TICKET_WORK: workers of its host that share the memory for images
    };
    int32_t source; // TICKET_WORK: what kind of work
    int32_t n_given;
    union {
        float noise;   // ACTIONS_NOISY: standard deviation, in shares of the action's range
        float seconds; // TICKET_WORK: after which it puts off what is left; 0 = never
    };
    union {
        float budget;    // times the task's own limits; 0 = just those. Anything else but them
                         // measures or imagines and is no candidate; INFINITY = no limits
        int32_t threads; // TICKET_WORK: to work with
    };
    int16_t given[TICKET_MOST_GIVEN]; // number of the choice, per step; TICKET_WORK: widths
};
