// What the rank keeps of a nursery and its workers. Inside actors/ only.
#pragma once
#include "actors/worker_link.h"

#include <sys/types.h>

enum { NURSERY_NAME_BYTES = 256 };
enum worker_state {
    WORKER_NONE,     // not begun
    WORKER_STARTING, // opens the environment
    WORKER_READY,    //
    WORKER_BUSY,     // plays episodes
    WORKER_ENDING,   // answered with an error, or was killed in an episode or while starting
};

struct nursery_worker {
    int socket;            // owned; -1 = none
    struct slot_view slot; // owned
    enum worker_state state;
    int32_t incarnation;
    int failed_starts;       // in a row, before the environment was open
    int early_ends;          // before an episode, since the last success
    int losses;              // in episodes, without any success so far
    bool succeeded;          // in this duty
    int runs;                // of this incarnation
    bool dismissed;          // killed because the duty changed
    bool late;               // killed because its time was up
    double limit;            // seconds that it had, and
    const char *limit_name;  // the option that says so
    bool answer_due;         // it has an episode that nothing has been heard of
    double deadline;         // clock_seconds; 0 = none
    struct status_note note; // why it did not start
    enum status status;
};

struct nursery {
    struct rollout_job job;
    struct actor_options options;
    struct faults faults;
    enum nursery_duty duty;
    enum env_int8 int8;
    bool begun;
    pid_t pid;
    int control; // owned: orders to the nursery
    int n;
    struct nursery_worker *workers; // owned [n]
    int *ends;                      // owned [n], scratch of opening
    struct slot_view *slots;        // owned [n], likewise: as the nursery sees them
    char name[NURSERY_NAME_BYTES];  // of the shared memory while it has one and we lead, else ""
    bool known;
    struct trajectory_shape shape;
    struct agent_shape agent;
};

enum status nursery_give_order(const struct nursery *nursery, const struct nursery_order *order,
                               int fd); // fd: a descriptor that goes along, -1 = none
enum status nursery_start_worker(struct nursery *nursery, int number); // the next incarnation
