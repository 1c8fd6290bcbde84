// The columns of run.h5, in the order of the row structs.
#include "learner/run_rows.h"

#include <stddef.h>

#define COLUMN(row, field, of_type)                                                                \
    {                                                                                              \
        .name = #field, .type = (of_type), .count = 1, .offset = offsetof(struct row, field)       \
    }

static const struct hdf5_column episode_columns[] = {
    COLUMN(episode_row, episode, HDF5_I64),
    COLUMN(episode_row, version, HDF5_I64),
    COLUMN(episode_row, lag, HDF5_I64),
    COLUMN(episode_row, task, HDF5_I32),
    COLUMN(episode_row, source, HDF5_I32),
    COLUMN(episode_row, steps, HDF5_I32),
    COLUMN(episode_row, fresh, HDF5_I32),
    COLUMN(episode_row, failure, HDF5_I32),
    COLUMN(episode_row, n_widths, HDF5_I32),
    COLUMN(episode_row, macs, HDF5_I64),
    COLUMN(episode_row, params, HDF5_I64),
    COLUMN(episode_row, bytes, HDF5_I64),
    COLUMN(episode_row, accuracy, HDF5_F64),
    COLUMN(episode_row, reward, HDF5_F64),
    COLUMN(episode_row, logp, HDF5_F64),
    COLUMN(episode_row, budget, HDF5_F64),
    {.name = "widths",
     .type = HDF5_I32,
     .count = RUN_MOST_WIDTHS,
     .offset = offsetof(struct episode_row, widths)},
};
static const struct hdf5_column episode_cost_columns[] = {
    COLUMN(episode_cost_row, episode, HDF5_I64),
    COLUMN(episode_cost_row, actor, HDF5_I32),
    COLUMN(episode_cost_row, tries, HDF5_I32),
    COLUMN(episode_cost_row, cached, HDF5_I32),
    COLUMN(episode_cost_row, environment_seconds, HDF5_F64),
    COLUMN(episode_cost_row, policy_seconds, HDF5_F64),
    COLUMN(episode_cost_row, arithmetic_seconds, HDF5_F64),
    COLUMN(episode_cost_row, wire_seconds, HDF5_F64),
    COLUMN(episode_cost_row, wall_seconds, HDF5_F64),
};
static const struct hdf5_column update_columns[] = {
    COLUMN(update_row, update, HDF5_I64),         COLUMN(update_row, episodes, HDF5_I64),
    COLUMN(update_row, frames, HDF5_I32),         COLUMN(update_row, fresh, HDF5_I32),
    COLUMN(update_row, policy_loss, HDF5_F64),    COLUMN(update_row, value_loss, HDF5_F64),
    COLUMN(update_row, imitation_loss, HDF5_F64), COLUMN(update_row, entropy, HDF5_F64),
    COLUMN(update_row, mean_rho, HDF5_F64),       COLUMN(update_row, effective_share, HDF5_F64),
    COLUMN(update_row, gradient_norm, HDF5_F64),  COLUMN(update_row, learning_rate, HDF5_F64),
    COLUMN(update_row, skipped, HDF5_I32),        COLUMN(update_row, lag_least, HDF5_I32),
    COLUMN(update_row, lag_most, HDF5_I32),       COLUMN(update_row, lag_mean, HDF5_F64),
    COLUMN(update_row, imagined, HDF5_I32),       COLUMN(update_row, model_checked, HDF5_I32),
    COLUMN(update_row, model_rank, HDF5_F64),     COLUMN(update_row, model_error, HDF5_F64),
};
static const struct hdf5_column update_cost_columns[] = {
    COLUMN(update_cost_row, update, HDF5_I64),
    COLUMN(update_cost_row, queue, HDF5_I32),
    COLUMN(update_cost_row, seconds, HDF5_F64),
    COLUMN(update_cost_row, waited_seconds, HDF5_F64),
    COLUMN(update_cost_row, wall_seconds, HDF5_F64),
    COLUMN(update_cost_row, model_seconds, HDF5_F64),
};

static const struct hdf5_column decision_columns[] = {
    COLUMN(decision_row, episode, HDF5_I64), COLUMN(decision_row, version, HDF5_I64),
    COLUMN(decision_row, task, HDF5_I32),    COLUMN(decision_row, step, HDF5_I32),
    COLUMN(decision_row, choices, HDF5_I32), COLUMN(decision_row, legal, HDF5_I32),
    COLUMN(decision_row, choice, HDF5_I32),  COLUMN(decision_row, entropy, HDF5_F64),
};

#define TABLE(called, of_columns, row)                                                             \
    {                                                                                              \
        .name = (called), .columns = (of_columns),                                                 \
        .n_columns = (int)(sizeof(of_columns) / sizeof *(of_columns)),                             \
        .row_bytes = sizeof(struct row)                                                            \
    }
const struct hdf5_table run_tables[N_TABLES] = {
    [TABLE_EPISODES] = TABLE("episodes", episode_columns, episode_row),
    [TABLE_EPISODE_COSTS] = TABLE("episode_costs", episode_cost_columns, episode_cost_row),
    [TABLE_UPDATES] = TABLE("updates", update_columns, update_row),
    [TABLE_UPDATE_COSTS] = TABLE("update_costs", update_cost_columns, update_cost_row),
    [TABLE_DECISIONS] = TABLE("decisions", decision_columns, decision_row),
};
