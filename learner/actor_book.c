// Who works on what.
#include "learner/actor_book.h"

enum status actor_book_open(int n, struct arena *arena, struct actor_book *out)
{
    struct actor_book book = {.n = n};
    ARENA_NEW(arena, book.actors, (size_t)n);
    for (int i = 0; i < n; i++) {
        book.actors[i].version = -1;
    }
    *out = book;
    return OK;
}

bool actor_has(const struct actor_entry *actor, int64_t episode)
{
    for (int i = 0; i < actor->n; i++) {
        if (actor->episodes[i] == episode) {
            return true;
        }
    }
    return false;
}

void actor_give(struct actor_entry *actor, int64_t episode)
{
    CHECK(actor->n < ACTOR_MOST_TICKETS);
    actor->episodes[actor->n++] = episode;
}

bool actor_answer(struct actor_entry *actor, int64_t episode)
{
    int kept = 0;
    for (int i = 0; i < actor->n; i++) {
        if (actor->episodes[i] != episode) {
            actor->episodes[kept++] = actor->episodes[i];
        }
    }
    const bool found = kept < actor->n;
    actor->n = kept;
    return found;
}
