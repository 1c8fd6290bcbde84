// One run of `dikdik search` or `dikdik run`: what its stages share. Stages, in order: base
// networks trained or loaded, the search itself, the best candidates scored again, and (run)
// fine-tuned and tested. Each leaves its result in the run folder, so that a run that was cut off
// goes on with the first stage that is not done.
#pragma once
#include "actors/nursery.h"
#include "app/search_config.h"
#include "app/search_result.h"
#include "learner/learner.h"
#include "transport/collective.h"

// The best candidates of a task, kept beyond the learner's life.
struct search_candidate {
    double score;
    int64_t macs, params, episode;
    int n_widths;
    const int *widths; // arena
};
struct search_candidates {
    int64_t evaluations;
    int n;
    struct search_candidate *candidates; // [n], best first; arena
};

struct search_session {
    const struct collective *collective; // borrowed
    // An error that all ranks have reached together, with nothing left to wait for: they may end in
    // order instead of being stopped.
    bool stopped_together;
    struct search_config config;
    struct arena arena;
    struct prune_config prune;
    struct rollout_job rollout_job;
    struct nursery *nursery; // NULL on the learner's rank, and inline
    struct rollout *rollout; // inline
    struct trajectory_shape shape;
    struct agent agent;
    int leader, leaders; // this rank's number among the first ranks of all nodes, -1 = not one; how
                         // many there are
    int node_actors;     // on this node
    bool first_actor;    // this rank is the first of them
    struct search_candidates *candidates; // [n_tasks], rank 0 after the search; arena
    struct learner_summary summary;       // rank 0
};

// Zeroed but for the collective, which may still be closed. The caller fills the config, with the
// session's arena for what it points to.
enum status search_session_make(const struct collective *collective, struct search_session **out);
bool search_session_wants_mpi(const struct search_session *session);
// Actors as the config says it, or one per core.
int search_session_actors(const struct search_session *session);
// Before MPI and before any thread, with the config in it: forks the nursery where this process
// will have one.
enum status search_session_prepare(struct search_session *session);
// Collective. Makes the run folder (ERR_CONFIG when another run lives there) and finds out who is
// on which node.
enum status search_session_begin(struct search_session *session);
void search_session_close(struct search_session *session); // NULL is fine

// Collective, at the end of a stage: when one rank was interrupted, all are, together
// (ERR_INTERRUPTED); another error comes back at once.
enum status search_agree(struct search_session *session, enum status code);

// A path in the run folder, in the session's arena; NULL when memory ran out (the message is set).
const char *search_path(struct search_session *session, const char *folder, const char *name,
                        const char *suffix);

// ---- the stages; each collective
enum status search_stage_base(struct search_session *session);
enum status search_stage_search(struct search_session *session);
enum status search_stage_rescore(struct search_session *session); // prune only; fills results
enum status search_stage_finish(struct search_session *session);  // fine-tune, test, save

// ---- pieces of stages
// Not collective. Whether all tasks can be met, by the networks' graphs; for a run not begun yet.
enum status search_check_tasks(struct search_session *session);
// Threads of work that one process of this node does while the others wait.
int search_threads(const struct search_session *session);
// Copies the best candidates of every task out of the learner.
enum status search_keep_candidates(struct search_session *session, const struct learner *learner);
