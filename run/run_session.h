// One run of `dikdik search` or `dikdik run`: what its stages share. Stages, in order: base
// networks trained or loaded, the search itself, the best candidates scored again, and (run)
// fine-tuned and tested. Each leaves its result in the run folder, so that a run that was cut off
// goes on with the first stage that is not done.
#pragma once
#include "actors/nursery.h"
#include "envs/nas/nas.h"
#include "envs/network_env.h"
#include "learner/learner.h"
#include "run/run_config.h"
#include "run/run_folder.h"
#include "run/run_front.h"
#include "run/run_result.h"
#include "run/run_times.h"
#include "transport/collective.h"

// The best candidates of a task, kept beyond the learner's life.
struct run_candidate {
    double score;
    int64_t macs, params, episode;
    int n_widths;
    const int *widths; // arena
};
struct run_candidates {
    int64_t evaluations, episodes;
    enum learner_end ended;
    int n;
    struct run_candidate *candidates; // [n], best first; arena
    struct learner_front front;       // widths only of its candidates; arena
};

// A task of an environment that knows the truth.
struct run_known {
    const char *name;   // arena, as is the other
    double best;        // score of the best candidate there is
    const char *choice; // of the best that was found, in words; NULL before the search is done
};

enum { RUN_NUMERICS_CHARS = 384 };

struct run_host {
    int cores, actors;
};
struct run_session {
    const struct collective *collective; // borrowed
    // An error that all ranks have reached together, with nothing left to wait for: they may end in
    // order instead of being stopped.
    bool stopped_together;
    const char *command; // that it was started with (run_starts.h); arena; NULL: not known
    bool finishes;       // fine-tunes and tests; set before it begins
    struct run_config config;
    struct backend_use backend; // of this process; name NULL before run_session_settle
    // The config's, with what it leaves open decided: `episodes` of this process, and from
    // run_session_begin on the same on all ranks.
    struct actor_options actors;
    struct arena arena;
    const struct network_env_ops *network_env; // NULL: episodes design no networks
    // [networks] in the run folder, arena: what the environment is given, and the network that has
    // everything, which is the same file unless that is a supernet
    const char *const *network_files, *const *whole_files;
    struct prune_config prune; // of the environment of that name
    struct nas_config nas;     // likewise
    struct rollout_job rollout_job;
    struct work_job work_job;
    struct nursery *nursery; // NULL on the learner's rank, and inline
    bool workers_begun;      // on all ranks that have any
    enum nursery_duty duty;  // of them
    struct rollout *rollout; // during the search: inline; else the learner's own, which scores
                             // nothing
    int shared_fd;           // of this host's workers' memory, on the learner's rank; -1 = none
    void *work;              // inline, once there are orders; of run_work_ops
    struct trajectory_shape shape;
    struct agent agent;
    struct run_host *hosts; // [n_hosts] arena
    int *actor_host;        // [actors of all ranks] index in hosts; arena
    int n_hosts;
    int host_actors;                   // on this host
    bool first_actor;                  // this rank is the first of them
    struct run_candidates *candidates; // [n_tasks], rank 0 after the search; arena
    struct run_known *known; // [n_tasks], rank 0 from the search on; arena; NULL = none is
    char numerics[RUN_NUMERICS_CHARS]; // what scores depend on, see run_numerics.h
    struct learner_summary summary;    // rank 0
    double search_begun;               // clock_seconds, rank 0: all is open
    // Of a search inline, when it is done: looks at what it found while its environment is open.
    // NULL: nobody does.
    enum status (*look)(struct run_session *session, struct env *env, void *context);
    void *look_context;
    struct run_times times;   // rank 0
    const char *times_path;   // arena
    struct run_folder folder; // rank 0, from run_session_begin on
};

// Zeroed but for the collective, which may still be closed. The caller fills the config, with the
// session's arena for what it points to.
enum status run_session_make(const struct collective *collective, struct run_session **out);
bool run_session_wants_mpi(const struct run_session *session);
// Decides what computes. Before the next three, or by run_session_prepare.
enum status run_session_settle(struct run_session *session);
// Actors as the config says it, or one per device, or per core where there is none.
int run_session_actors(const struct run_session *session);
// How many of this host's share a device.
int run_session_sharers(const struct run_session *session);
// Before MPI and before any thread, with the config in it: forks the nursery where this process
// will have one.
enum status run_session_prepare(struct run_session *session);
// Collective. Makes the run folder (ERR_CONFIG when another run lives there) and finds out who is
// on which host.
enum status run_session_begin(struct run_session *session);
void run_session_close(struct run_session *session); // NULL is fine

// Collective, at the end of a stage: when one rank was interrupted, all are, together
// (ERR_INTERRUPTED); another error comes back at once.
enum status run_agree(struct run_session *session, enum status code);
// Collective, where rank 0 has told the others to end: what went wrong there ends all ranks
// together, with its code.
enum status run_agree_on_first(struct run_session *session, enum status code);

// A path in the run folder; NULL when memory ran out (the message is set).
const char *run_path(const struct run_session *session, struct arena *arena, const char *folder,
                     const char *name, const char *suffix);

const char *run_task_name(const struct run_session *session, int task);

// ---- the stages; each collective
enum status run_stage_base(struct run_session *session);
enum status run_stage_search(struct run_session *session);
enum status run_stage_rescore(struct run_session *session); // designs only; fills results
enum status run_stage_finish(struct run_session *session);  // fine-tune, test, save

// ---- pieces of stages
// Copies the best candidates of every task out of the learner.
enum status run_keep_candidates(struct run_session *session, const struct learner *learner);
