// The worker's side of orders (run_order.h). Inside run/ only.
#pragma once
#include "actors/faults.h"
#include "run/run_data.h"
#include "run/run_order.h"
#include "run/run_session.h"

struct run_work {
    const struct run_session *session; // borrowed
    int shared_fd;
    int turn;                // of this worker, see env_job
    struct backend *backend; // owned; NULL = not open
    int threads;             // of it
    struct env *env;         // owned; NULL = not open
    int env_threads;         // of its backend
    struct run_data data;
};
// An order under way.
struct run_task {
    struct run_work *work;
    const struct ticket *ticket;
    struct faults *faults; // NULL = none
    struct arena arena;
    struct run_outcome *out;
};
// The backend, with as many threads as the order has.
enum status run_work_backend(struct run_task *task, struct backend **out);
// A path in the run folder.
enum status run_work_path(struct run_task *task, const char *folder, const char *name,
                          const char *suffix, const char **out);

// Images for running statistics: a winner's are worth more than a try's.
enum { RUN_CALIBRATION = 2048 };
// What a slice of training came to.
void run_work_report(struct run_task *task, const struct train_report *report);

// What each order does.
enum status run_work_base(struct run_task *task);
enum status run_work_supernet(struct run_task *task); // BASE, of a space
enum status run_work_tune(struct run_task *task);
enum status run_work_test(struct run_task *task);      // TEST, TEST_BASE
enum status run_work_candidate(struct run_task *task); // RESCORE, KEEP
