// Checkpoints by turns. checkpoint.next.h5 exists only between writing and the two renames.
#include "learner/run_checkpoint.h"

#include "core/file.h"
#include "core/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PATH_BYTES = 4096 };
struct places {
    char next[PATH_BYTES], newest[PATH_BYTES], previous[PATH_BYTES], damaged[PATH_BYTES];
};

static enum status find_places(const char *run_dir, struct places *out)
{
    TRY(file_join(out->next, PATH_BYTES, run_dir, "checkpoint.next.h5"));
    TRY(file_join(out->newest, PATH_BYTES, run_dir, "checkpoint.h5"));
    TRY(file_join(out->previous, PATH_BYTES, run_dir, "checkpoint.previous.h5"));
    return file_join(out->damaged, PATH_BYTES, run_dir, "checkpoint.damaged.h5");
}

static enum status move(const char *from, const char *to)
{
    if (rename(from, to) != 0) {
        FAIL(ERR_IO, "%s: cannot be renamed to %s: %s", from, to, strerror(errno));
    }
    return OK;
}

// A kill between the renames leaves the newest under its first name.
static enum status finish_moves(const struct places *places)
{
    if (!file_exists(places->next)) {
        return OK;
    }
    if (file_exists(places->newest)) {
        TRY(move(places->newest, places->previous));
    }
    return move(places->next, places->newest);
}

enum status run_checkpoint_save(const struct state_list *list, const char *identity,
                                const char *run_dir)
{
    struct places places;
    TRY(find_places(run_dir, &places));
    TRY(state_list_save(list, identity, places.next));
    return finish_moves(&places);
}

static enum status load_previous(struct state_list *list, const char *identity,
                                 const struct places *places)
{
    log_warning("%s; going on from %s", status_message(), places->previous);
    TRY(move(places->newest, places->damaged)); // or it would push out the good one
    const enum status status = state_list_load(list, identity, places->previous);
    if (status == ERR_INPUT) {
        return status_context(status, "%s is damaged, and the one before it too", places->damaged);
    }
    return status;
}

enum status run_checkpoint_load(struct state_list *list, const char *identity, const char *run_dir,
                                bool *found)
{
    struct places places;
    TRY(find_places(run_dir, &places));
    file_remove_leftovers(places.next);
    TRY(finish_moves(&places));
    const bool newest = file_exists(places.newest), previous = file_exists(places.previous);
    *found = newest || previous;
    if (!*found) {
        return OK;
    }
    if (!newest) {
        return state_list_load(list, identity, places.previous);
    }
    const enum status status = state_list_load(list, identity, places.newest);
    if (status == ERR_INPUT && previous) {
        return load_previous(list, identity, &places);
    }
    if (status == ERR_INPUT) {
        return status_context(status, "the only checkpoint is damaged (remove it to start afresh)");
    }
    return status;
}
