// How passes over rows are cut into batches.
#include "data/epoch_cut.h"

// How many batches it takes for so many rows.
static int64_t batches_for(const struct epoch_cut *cut, int64_t rows)
{
    return (rows + cut->batch - 1) / cut->batch;
}

int64_t epoch_cut_before(const struct epoch_cut *cut, int64_t epoch)
{
    return cut->full ? batches_for(cut, epoch * cut->rows) : epoch * batches_for(cut, cut->rows);
}

int64_t epoch_cut_batches(const struct epoch_cut *cut, int64_t epoch)
{
    return epoch_cut_before(cut, epoch + 1) - epoch_cut_before(cut, epoch);
}

int64_t epoch_cut_place(const struct epoch_cut *cut, int64_t epoch, int64_t number)
{
    return cut->full ? (epoch_cut_before(cut, epoch) + number) * cut->batch
                     : epoch * cut->rows + number * cut->batch;
}

int epoch_cut_size(const struct epoch_cut *cut, int64_t number)
{
    const int64_t left = cut->rows - number * cut->batch;
    return !cut->full && left < cut->batch ? (int)left : cut->batch;
}
