// A Gaussian process with the kernel of gp_kernel.h (Rasmussen and Williams 2006, algorithm 2.1),
// as the files of its own see it.
#pragma once
#include "learner/model/gp_evidence.h"
#include "learner/model/gp_factor.h"
#include "learner/model/gp_parts.h"
#include "learner/model/gp_targets.h"
#include "learner/model/reward_model.h"

// Hyper-parameters are learnt from so many of the best data and so many others.
enum { GP_LEARN_BEST = 50, GP_LEARN_OTHERS = 150 };

// COUNT_LEARNT: data at the time hyper-parameters were last learnt. COUNT_HELD: rows of the factor
// that are data; pending candidates follow them.
enum { COUNT_ADDED, COUNT_FITTED, COUNT_LEARNT, COUNT_HELD, COUNT_STEPS, COUNT_PENDING, N_COUNTS };

struct gp {
    struct reward_model base;
    struct arena arena;
    struct gp_form form;
    int most_held;
    // The state.
    int64_t counts[N_COUNTS];
    double *x, *y;   // [capacity][n_inputs], [capacity]
    double *params;  // [gp_params]
    int32_t *rows;   // [most_held] which datum each row of the factor is
    int32_t *steps;  // [most_held] rows after each step of its growth
    double *pending; // [most_joint][n_inputs]
    // What follows from it.
    bool flat; // all rewards of a task are equal, in all of them
    double s2;
    struct gp_targets targets;
    struct gp_factor factor;
    double *alpha; // [most_held]
    struct gp_parts parts;
    double *lengths;                      // [n_joint] as last described, as are the next two
    double *categorical_lengths, *common; // [n_categorical], [n_tasks]
    // Scratch.
    struct gp_evidence evidence;
    double *gathered_x, *gathered_y; // [n][n_inputs], [n]: most_held, or what is learnt from
    double *climb;                   // [4 * gp_params]
    int32_t *order;                  // [capacity]
    uint8_t *taken;                  // [capacity]
    int32_t *tasks;                  // [capacity] of the data; NULL without tasks
    struct gp_points candidates;     // [most rows at once]
    double *cross;                   // [most rows at once][factor.most]
    double *joint, *normals;         // [most_joint][most_joint], [most_joint]
};

// What the operations of reward_model.h do (gp_fit.c, gp_state.c).
void gp_fit(struct reward_model *model);
void gp_pending(struct reward_model *model, const double *x, int n_pending);
void gp_state(struct reward_model *model, const char *prefix, struct state_list *list);
enum status gp_restore(struct reward_model *model);

// Which task a point x is of, 0 without tasks.
int gp_task_of(const struct gp *gp, const double *x);
// Steps of a fit that a restored model takes again: targets of the fitted data; the factor
// without pending rows to `to` rows; what follows from a factor of all rows held; pending rows.
// Growing fails for numbers that no fit comes upon.
void gp_standardise(struct gp *gp);
enum status gp_grow(struct gp *gp, int to);
void gp_solve(struct gp *gp);
enum status gp_grow_pending(struct gp *gp);
