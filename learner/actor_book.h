// What the learner knows of each actor: the tickets it has, the weights it holds. An actor works on
// one batch of tickets and may have the next one waiting.
#pragma once
#include "core/arena.h"

#include <stdint.h>

enum { ACTOR_MOST_BATCHES = 2, ACTOR_MOST_DAMAGED = 3 };
struct actor_entry {
    int n;             // tickets it has not answered
    int most;          // that it may have
    int64_t *episodes; // [most] oldest first; arena
    int64_t version;   // of its weights, -1 = none
    int damaged;       // unreadable messages it sent since its last good one
    bool lost;         // nothing comes from it any more
    bool stopped;      // was told to stop
};
struct actor_book {
    struct actor_entry *actors; // [n], arena
    int n;
    int next; // whose turn it is to be looked at first
};
// at_once: tickets of a batch.
enum status actor_book_open(int n, int at_once, struct arena *arena, struct actor_book *out);
bool actor_has(const struct actor_entry *actor, int64_t episode);
void actor_give(struct actor_entry *actor, int64_t episode);
// The actor's answer for an episode. False: it was not working on it (a second answer).
bool actor_answer(struct actor_entry *actor, int64_t episode);
