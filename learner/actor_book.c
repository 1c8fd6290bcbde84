// Who works on what.
#include "learner/actor_book.h"

enum status actor_book_open(int n, int at_once, struct arena *arena, struct actor_book *out)
{
    struct actor_book book = {.n = n};
    ARENA_NEW(arena, book.actors, (size_t)n);
    for (int i = 0; i < n; i++) {
        struct actor_entry *actor = &book.actors[i];
        actor->version = -1;
        actor->most = ACTOR_MOST_BATCHES * at_once;
        ARENA_NEW(arena, actor->episodes, (size_t)actor->most);
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
    CHECK(actor->n < actor->most);
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
