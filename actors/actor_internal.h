// An open actor: actor.c has its tickets, actor_run.c what is done with them. Inside actors/ only.
#pragma once
#include "actors/actor.h"
#include "actors/outbox.h"
#include "actors/worker_link.h"

// A ticket of the batch under way.
struct entry {
    struct ticket ticket;
    int attempt;      // number of its run that is or was last
    double first_run; // clock_seconds
    bool over;        // its answer is in the outbox
};
struct actor {
    struct actor_job job;
    int most;                 // tickets of a batch
    size_t block_bytes;       // of the largest answer
    struct ticket *tickets;   // owned [most]: without nursery, those of a run, and
    char *own_blocks;         // owned [most][block_bytes]: where its episodes are written
    struct ticket_batch lent; // came while one was held: nothing more is taken until that is used
    struct ticket *held;      // owned [most]: the next batch
    int n_held;               // 0 = none
    float *held_weights;      // owned [job.n_weights]
    size_t n_held_weights;    // 0 = none came with it
    struct entry *entries;    // owned [most]: the batch under way
    int n;                    // 0 = none
    int first, running;       // the run under way: entries [first, first + running); 0 = none
    bool apart;               // a run of several was lost: each is run by itself
    double arrived, last_run; // clock_seconds
    struct outbox outbox;
    double stopping; // since when; 0 = not
};

// The batch here and now, every ticket answered.
void actor_run_here(struct actor *actor);
// Gives the worker, which is idle, the next run of the batch.
enum status actor_run_in_worker(struct actor *actor);
// What the worker says of its run.
void actor_take_report(struct actor *actor, const struct worker_report *report);
