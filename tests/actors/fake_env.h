// An environment for tests of what runs episodes: what it shows is a function of (seed, episode,
// step, last choice), and it fails in the way that its options ask for.
#pragma once
#include "envs/env.h"

enum fake_trouble {
    FAKE_NONE,
    FAKE_OPEN_ERROR,     // opening reports an error
    FAKE_OPEN_CRASH,     // opening crashes
    FAKE_ERROR,          // the step reports an error
    FAKE_MEMORY,         // the step reports ERR_MEMORY
    FAKE_DIVERGE,        // the outcome says so
    FAKE_NAN,            // the score is no number
    FAKE_ENDLESS,        // goes on after its last step
    FAKE_NO_CHOICE,      // no legal choice at step 1
    FAKE_CRASH,          // SIGSEGV in step 1, after it has written half of the row
    FAKE_EXIT,           // the process ends itself with code 7 in step 1
    FAKE_SLOW,           // a step takes a second
    FAKE_EAT,            // a step takes memory until there is none, and says so
    FAKE_EVALUATE_ERROR, // evaluating it reports an error
    FAKE_EVALUATE_CRASH, // evaluating it crashes
};
struct fake_options {
    int steps, choices, tasks;
    enum fake_trouble trouble;
    int64_t trouble_episode; // the others are well; -1 = all
    int *trouble_times;      // shared memory: how often it still happens; NULL = always
    bool pending;            // episodes that are not cut off end pending
    bool uneven;             // each has its own number of steps
};
enum { FAKE_OBS = 3 };
extern const struct env_ops env_fake;
