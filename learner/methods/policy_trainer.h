// A policy and how it learns: batches of episodes, an update rule with PopArt (rule.h), an
// optimiser. A batch is begun, filled and learnt from; what is not finite is undone. Nothing is
// allocated after open.
#pragma once
#include "learner/methods/method.h"

enum trainer_use {
    TRAINER_FRESH,   // learnt from by the rule, and fed to the normalisers of its task
    TRAINER_REPLAY,  // learnt from by the rule
    TRAINER_IMITATE, // its actions are imitated
};
struct policy_trainer;
// episodes: most in a batch. job is read, and its agent, backend and options borrowed.
enum status policy_trainer_open(const struct method_job *job, int episodes,
                                struct policy_trainer **out);
void policy_trainer_close(struct policy_trainer *trainer); // NULL is fine

void policy_trainer_begin(struct policy_trainer *trainer); // an empty batch
// Copies an episode into it. At most `episodes` of them.
void policy_trainer_add(struct policy_trainer *trainer, const struct trajectory *trajectory,
                        enum trainer_use use);
// Uses the batch learner.reuse times. Fills what it knows of row, of the first use, where nothing
// is clipped yet. False: something was not finite, and all is as it was before.
bool policy_trainer_learn(struct policy_trainer *trainer, double rate, struct update_row *row);
// Newest weights [*n], borrowed.
const float *policy_trainer_weights(const struct policy_trainer *trainer, size_t *n);

void policy_trainer_state(struct policy_trainer *trainer, struct state_list *list);
void policy_trainer_save(struct policy_trainer *trainer);
void policy_trainer_load(struct policy_trainer *trainer);
