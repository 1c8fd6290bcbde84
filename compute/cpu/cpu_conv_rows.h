// CONV ops by row (op.by_row): a dense layer as products of rows with packed weights, each summed
// in the same order however many rows there are (cpu_panels.h), which oneDNN does not promise.
#pragma once
#include "compute/backend.h"

enum status cpu_conv_rows_open(struct backend *backend, const struct op *op, struct kernel **out);
