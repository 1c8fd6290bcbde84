// Any bytes as an HDF5 file: a data set, and a file of growing tables. Programs let the library
// meet a file only in a child process, where it may crash. Here the work of the child is done in
// this process (isolate_run is replaced at link time), as a child for each input is slow and what
// it runs through is not seen: run.sh tells the library's crashes from ours.
#include "core/hdf5_log.h"
#include "core/isolate.h"
#include "fuzz_file.h"

#include <stdio.h>
#include <stdlib.h>

struct row {
    int64_t number;
    double value;
};
static const struct hdf5_column columns[] = {
    {"number", HDF5_I64, 1, false, offsetof(struct row, number)},
    {"value", HDF5_F64, 1, false, offsetof(struct row, value)},
};
static const struct hdf5_table table = {"rows", columns, 2, sizeof(struct row)};

int H5close(void); // the header is core's alone
enum status __wrap_isolate_run(const char *what, const struct isolate_limits *limits,
                               enum status (*work)(void *context), void *context);

enum status __wrap_isolate_run(const char *what, const struct isolate_limits *limits,
                               enum status (*work)(void *context), void *context)
{
    (void)what, (void)limits;
    const enum status status = work(context);
    H5close(); // as the child's end does
    return status;
}

static void read_table(const char *path)
{
    int64_t n;
    struct row *rows;
    if (hdf5_log_count(path, &table, &n) == OK && n > 0 && n < 100000) {
        rows = malloc((size_t)n * sizeof *rows);
        CHECK(rows != NULL);
        (void)hdf5_log_read(path, &table, 0, n, rows);
        free(rows);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    const char *path = fuzz_file(bytes, n);
    if (n > 0 && bytes[n - 1] == 't') { // tables
        read_table(path);
        return 0;
    }
    fuzz_write("train.h5", bytes, n);
    fuzz_data_set("hdf5");
    return 0;
}
