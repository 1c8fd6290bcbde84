// The training loop for base networks and fine-tuning: recipe, distillation, data-parallel steps,
// progress, checkpoint file.
#pragma once
#include "compute/backend.h"
#include "core/option.h"
#include "data/dataset.h"
#include "nn/network.h"
#include "nn/plan.h"
#include "transport/collective.h"

enum rate_schedule { RATE_COSINE, RATE_STEP, RATE_CONSTANT };
// Config rows "train.*".
struct train_recipe {
    int epochs, batch; // batch: global, over all ranks
    enum optimizer_kind optimizer;
    double learning_rate, momentum, weight_decay;
    bool nesterov;
    enum rate_schedule schedule;
    const struct int_list *steps; // RATE_STEP: epochs after which the rate is multiplied by `gamma`
    double gamma, warmup_epochs;
    int crop_pad;
    bool flip;
    double clip;
    // Hinton et al. 2015: loss = (1 - distill) CE(labels) + distill T^2 KL(teacher), the teacher's
    // and the network's logits both divided by the temperature T. distill 0: no teacher.
    double distill, temperature;
    double validation_share; // of the training part, scored after each epoch
    bool all_rows;           // train on the rows of validation_share too
    bool sync_batchnorm;
    uint64_t seed; // not a row of the table: the whole run has one seed
};
extern const struct option train_option_table[];
// The same rows with the defaults of fine-tuning a slimmed network from what is left of its
// weights.
extern const struct option finetune_option_table[];
// ERR_CONFIG when the rows do not fit each other or so many training images; `name` is the recipe's
// in messages, "train".
enum status train_check_recipe(const struct train_recipe *recipe, const char *name, int n_train);

struct train_report {
    int epochs;
    int64_t updates, updates_all; // done so far, of how many
    int64_t updates_here;         // of them, by this call
    bool finished;                // all of them
    bool resumed;                 // from a checkpoint
    double seconds;               // of the updates done by this call
    double loss;                  // of the last whole epoch, 0 before
    double final_loss, validation_accuracy;
    double images_per_second; // of the updates done by this call, over all ranks; 0 if none was
    double waiting;           // share of the seconds that went into waiting for batches, 0..1
    double reading;           // cores that read, decoded and augmented images meanwhile, on average
    double *losses;           // [epochs] mean loss of each epoch, arena
    int chunks;               // of a batch on this rank: so many threads have work at most
};

// What to train with. All borrowed.
struct train_job {
    struct backend *backend;
    const struct collective *collective;
    const struct dataset *dataset;
    const struct train_recipe *recipe;
    const char *name; // of the recipe, for messages; NULL = "train"
    // Needed when recipe->distill > 0: takes the same images, tells the same classes apart. What it
    // says of a batch's very images, augmented, are that batch's targets; always float32.
    const struct network *teacher;
    // A file, written by rank 0 after each epoch and on an interrupt, and continued from when it is
    // there. NULL: none.
    const char *checkpoint;
    // Text that says all that shapes the result (the resolved config): a checkpoint with another
    // one is refused. NULL without a checkpoint.
    const char *identity;
    // Puts off what is left after so long, at an update, once the checkpoint is written; the next
    // call goes on to the same bytes. 0: goes on to the end. One rank only.
    double seconds;
    bool quiet; // shows no progress and says nothing but warnings
};
// Names what does not fit between recipe, data, network and number of ranks; train_network would
// say the same, but only after the caller has made its run folder. Not collective. Without a
// backend, whether the batch can be dealt to the ranks is left out, as one can have any.
enum status train_check(const struct train_job *job, const struct network *network);

// Collective. Trains `network` in place on the training rows, which it then says it was trained on
// (with those it said before), as rows of this data set; it is what it was when the work was put
// off. Rank 0 shows progress. Errors:
// ERR_CONFIG when the loss stops being a number or the recipe does not fit; ERR_INTERRUPTED, on all
// ranks at once and after the checkpoint is written.
enum status train_network(const struct train_job *job, struct network *network, struct arena *arena,
                          struct train_report *out);

// Learning rate of update `step` (0-based), which begins when step * batch images have been seen,
// of `rows` in an epoch. Cosine: rate * 0.5 * (1 + cos(pi * t)), Loshchilov & Hutter 2017, t from 0
// at the end of the warm-up to 1 at the end of the run.
double train_learning_rate(const struct train_recipe *recipe, int64_t step, int64_t rows);
