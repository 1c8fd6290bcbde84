// A run folder is made this run's, or found to be it: what may have changed since, what is done
// again for that, and what is another run.
#include "run/run_claim.h"

#include "core/file.h"
#include "core/log.h"
#include "learner/methods/method.h"
#include "run/run_check.h"
#include "run/run_starts.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const folders[] = {"networks", "found", "final", "results"};

// Whether a folder of the run has anything in it.
static bool has_any(const struct run_session *session, const char *name)
{
    char path[4096];
    bool any = false;
    if (file_join(path, sizeof path, session->config.run_dir, name) != OK) {
        return true;
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && !any && (entry = readdir(folder)) != NULL;) {
        any = entry->d_name[0] != '.';
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return any;
}

static bool has_file(const struct run_session *session, const char *name)
{
    char path[4096];
    return file_join(path, sizeof path, session->config.run_dir, name) != OK || file_exists(path);
}

// Whether anything is there that this stage made.
static bool has_begun(const struct run_session *session, enum option_shapes stage)
{
    switch (stage) {
    case SHAPES_BASE:
        return has_any(session, "networks") || has_begun(session, SHAPES_SEARCH);
    case SHAPES_SEARCH:
    case SHAPES_MORE:
        return has_file(session, "run.h5") || has_file(session, "checkpoint.h5");
    case SHAPES_RESCORE:
        return has_any(session, "found") || has_any(session, "results");
    case SHAPES_FINETUNE:
        return has_any(session, "final");
    case SHAPES_AS_AROUND:
    case SHAPES_NOTHING:
    case SHAPES_COUNT:
        break;
    }
    return false;
}

static enum status empty_folder(const struct run_session *session, const char *name)
{
    char path[4096], file[4096];
    TRY(file_join(path, sizeof path, session->config.run_dir, name));
    DIR *folder = opendir(path);
    enum status code = OK;
    for (struct dirent *entry; folder != NULL && code == OK && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        code = file_join(file, sizeof file, path, entry->d_name);
        if (code == OK && unlink(file) != 0) {
            code =
                status_fail(ERR_IO, __FILE__, __LINE__,
                            "%s: is out of date and cannot be removed: %s", file, strerror(errno));
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
    return code;
}

// What was scored on the test images is not the networks' any more.
static enum status forget_tests(struct run_session *session)
{
    for (int task = 0; task < session->config.tasks->n; task++) {
        const char *path =
            run_path(session, &session->arena, "results", run_task_name(session, task), ".json");
        struct run_result result;
        TRY(path != NULL ? OK : ERR_MEMORY);
        if (file_exists(path)) {
            TRY(run_result_read(path, &session->arena, &result));
            result.tested = false;
            TRY(run_result_write(&result, path));
        }
    }
    return OK;
}

// Results of this stage and of those after it go; they are made again, never mixed.
static enum status remove_from(struct run_session *session, enum option_shapes stage)
{
    TRY(forget_tests(session));
    TRY(empty_folder(session, "final"));
    if (stage <= SHAPES_RESCORE) {
        TRY(empty_folder(session, "results"));
        TRY(empty_folder(session, "found"));
    }
    return OK;
}

// ---- how far the search goes

static int most_episodes(const struct search_options *search)
{
    return search->episodes > 0 ? search->episodes : 8 * search->evaluations;
}

static enum status check_more(const struct run_session *session,
                              const struct run_difference *difference)
{
    const struct run_config *earlier = session->folder.earlier;
    const struct search_options *theirs = &earlier->search, *ours = &session->config.search;
    if (ours->evaluations < theirs->evaluations || most_episodes(ours) < most_episodes(theirs)) {
        FAIL(ERR_CONFIG,
             "%s is %s in %s, and %s here: a search that has begun may go on for longer, but not "
             "for less; choose another folder with --run-dir",
             difference->path, difference->theirs, session->folder.config_path, difference->ours);
    }
    const struct method_ops *method = methods[session->config.search.method];
    if (method->plans_evaluations) {
        FAIL(
            ERR_CONFIG,
            "%s is %s in %s, and %s here: search.method %s shares its measurements out by it, so a "
            "search that has begun cannot go on for longer; choose another folder with --run-dir",
            difference->path, difference->theirs, session->folder.config_path, difference->ours,
            method->name);
    }
    return OK;
}

// ---- what has changed

static const char *const redone[SHAPES_COUNT] = {
    [SHAPES_MORE] = "the search goes on, and what came after it is done again",
    [SHAPES_RESCORE] = "the best candidates are scored again",
    [SHAPES_FINETUNE] = "fine-tuning starts again",
};

// Looks at one stage; *first: the first stage that must be done again.
static enum status look_at(struct run_session *session, enum option_shapes stage,
                           enum option_shapes *first)
{
    struct run_difference difference;
    bool differs;
    TRY(run_folder_differs(&session->folder, &session->config, stage, &differs, &difference));
    if (!differs || !has_begun(session, stage)) {
        return OK;
    }
    if (stage < SHAPES_MORE) {
        return run_folder_refuse(&session->folder, &difference);
    }
    if (stage == SHAPES_MORE) {
        TRY(check_more(session, &difference));
    }
    log_info("%s: %s %s -> %s", redone[stage], difference.path, difference.theirs, difference.ours);
    *first = *first == SHAPES_NOTHING ? stage : *first;
    return OK;
}

static enum status compare(struct run_session *session, enum option_shapes *first)
{
    *first = SHAPES_NOTHING;
    for (int stage = SHAPES_BASE; stage < SHAPES_COUNT; stage++) {
        TRY(look_at(session, (enum option_shapes)stage, first));
    }
    return has_begun(session, SHAPES_BASE) ? run_folder_check_recorded(&session->folder) : OK;
}

// A folder in which a run has begun, or at least was meant to.
static enum status resume(struct run_session *session, struct run_inputs *inputs)
{
    struct run_folder *folder = &session->folder;
    enum option_shapes first;
    TRY(compare(session, &first));
    TRY(run_check(session, inputs));
    if (has_begun(session, SHAPES_BASE)) {
        TRY(run_inputs_compare(folder->inputs_path, &folder->inputs, inputs));
    }
    return first != SHAPES_NOTHING ? remove_from(session, first) : OK;
}

enum status run_claim(struct run_session *session)
{
    static const struct run_kind kind = {
        .table = run_config_table,
        .bytes = sizeof session->config,
        .command = "dikdik run",
    };
    struct run_inputs inputs;
    const bool begun = has_file(session, "config.json");
    if (!begun) { // a start that fails claims nothing
        TRY(run_check(session, &inputs));
    }
    TRY(run_folder_open(session->config.run_dir, &kind, &session->arena, &session->folder));
    if (session->folder.earlier != NULL) {
        TRY(resume(session, &inputs));
    }
    TRY(run_folder_claim(&session->folder, &session->config, &inputs));
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        const char *path = run_path(session, &session->arena, folders[i], "", "");
        TRY(path != NULL ? file_make_folders(path) : ERR_MEMORY);
    }
    return run_start_note(session);
}
