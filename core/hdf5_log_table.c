// How a table's rows lie in memory and in the file.
#include "core/hdf5_log_table.h"

#include <hdf5.h>

// A reader tries again while the writer is amid a change, and sleeps twice as long each time, from
// 1 ns on: this many attempts take a quarter of a second. The library's own 100 never end.
enum { READ_ATTEMPTS = 28 };
enum { BUFFER_BYTES = 1 << 16 }; // of rows that are moved together, or one larger row

static size_t column_bytes(const struct hdf5_column *column)
{
    CHECK(column->count > 0 && (!column->text || column->type == HDF5_U8));
    return hdf5_type_bytes(column->type) * (size_t)column->count;
}

size_t hdf5_table_packed(const struct hdf5_table *table)
{
    size_t sum = 0;
    for (int i = 0; i < table->n_columns; i++) {
        sum += column_bytes(&table->columns[i]);
    }
    return sum;
}

int64_t hdf5_text_type(size_t bytes)
{
    const hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, bytes) >= 0 && H5Tset_strpad(type, H5T_STR_NULLPAD) >= 0 &&
        H5Tset_cset(type, H5T_CSET_UTF8) >= 0) {
        return type;
    }
    hdf5_library_close(type);
    return H5I_INVALID_HID;
}

static hid_t column_type(const struct hdf5_column *column)
{
    if (column->text) {
        return hdf5_text_type((size_t)column->count);
    }
    const hid_t type = hdf5_library_type(column->type);
    return column->count == 1 ? H5Tcopy(type)
                              : H5Tarray_create2(type, 1, &(hsize_t){(hsize_t)column->count});
}

// packed: columns one behind the other, else where the struct has them.
static hid_t row_type(const struct hdf5_table *table, bool packed)
{
    CHECK(table->n_columns > 0);
    const hid_t row = H5Tcreate(H5T_COMPOUND, packed ? hdf5_table_packed(table) : table->row_bytes);
    size_t at = 0;
    bool fine = row >= 0;
    for (int i = 0; i < table->n_columns && fine; i++) {
        const struct hdf5_column *column = &table->columns[i];
        const hid_t type = column_type(column);
        CHECK(column->offset + column_bytes(column) <= table->row_bytes);
        fine = type >= 0 && H5Tinsert(row, column->name, packed ? at : column->offset, type) >= 0;
        at += column_bytes(column);
        hdf5_library_close(type);
    }
    if (!fine) {
        hdf5_library_close(row);
        return H5I_INVALID_HID;
    }
    return row;
}

int64_t hdf5_table_type(const struct hdf5_table *table)
{
    return row_type(table, true);
}

int64_t hdf5_row_type(const struct hdf5_table *table)
{
    return row_type(table, false);
}

int64_t hdf5_rows_transfer(const struct hdf5_table *tables, int n_tables)
{
    size_t bytes = BUFFER_BYTES;
    for (int i = 0; i < n_tables; i++) {
        bytes = bytes < tables[i].row_bytes ? tables[i].row_bytes : bytes;
    }
    const hid_t transfer = H5Pcreate(H5P_DATASET_XFER);
    if (transfer >= 0 && H5Pset_buffer(transfer, bytes, NULL, NULL) >= 0) {
        return transfer;
    }
    hdf5_library_close(transfer);
    return H5I_INVALID_HID;
}

// The same rows as selections, in memory and in the data set.
struct selection {
    hid_t memory, set;
};

static bool selection_open(hid_t set, int64_t first, int64_t n, struct selection *out)
{
    const hsize_t start = (hsize_t)first, count = (hsize_t)n;
    out->memory = H5Screate_simple(1, &count, NULL);
    out->set = H5Dget_space(set);
    return out->memory >= 0 && out->set >= 0 &&
           H5Sselect_hyperslab(out->set, H5S_SELECT_SET, &start, NULL, &count, NULL) >= 0;
}

static void selection_close(struct selection *selection)
{
    hdf5_library_close(selection->memory);
    hdf5_library_close(selection->set);
}

bool hdf5_rows_write(int64_t set, int64_t row_type, int64_t transfer, int64_t first, int64_t n,
                     const void *rows)
{
    struct selection at;
    const bool fine = selection_open(set, first, n, &at) &&
                      H5Dwrite(set, row_type, at.memory, at.set, transfer, rows) >= 0;
    selection_close(&at);
    return fine;
}

bool hdf5_rows_read(int64_t set, int64_t row_type, int64_t transfer, int64_t first, int64_t n,
                    void *rows)
{
    struct selection at;
    const bool fine = selection_open(set, first, n, &at) &&
                      H5Dread(set, row_type, at.memory, at.set, transfer, rows) >= 0;
    selection_close(&at);
    return fine;
}

int64_t hdf5_log_access(void)
{
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST) >= 0 &&
        H5Pset_file_locking(access, false, true) >= 0 &&
        H5Pset_metadata_read_attempts(access, READ_ATTEMPTS) >= 0) {
        return access;
    }
    hdf5_library_close(access);
    return H5I_INVALID_HID;
}
