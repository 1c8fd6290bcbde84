// How a table's rows lie in memory and in the file.
#include "core/hdf5_log_table.h"

#include <hdf5.h>

// A reader tries again while the writer is amid a change, and sleeps twice as long each time, from
// 1 ns on: this many attempts take a quarter of a second. The library's own 100 never end.
enum { READ_ATTEMPTS = 28 };

void hdf5_table_lay_out(const struct hdf5_table *table, struct hdf5_layout *out)
{
    CHECK(table->n_columns > 0 && table->n_columns <= HDF5_COLUMNS_MAX);
    for (int i = 0; i < table->n_columns; i++) {
        const struct hdf5_column *column = &table->columns[i];
        CHECK(column->count > 0 && (!column->text || column->type == HDF5_U8));
        out->offsets[i] = column->offset;
        out->bytes[i] = hdf5_type_bytes(column->type) * (size_t)column->count;
        CHECK(out->bytes[i] > 0 && column->offset + out->bytes[i] <= table->row_bytes);
    }
}

size_t hdf5_table_packed(const struct hdf5_table *table)
{
    struct hdf5_layout layout;
    hdf5_table_lay_out(table, &layout);
    size_t sum = 0;
    for (int i = 0; i < table->n_columns; i++) {
        sum += layout.bytes[i];
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

int64_t hdf5_table_type(const struct hdf5_table *table)
{
    const hid_t row = H5Tcreate(H5T_COMPOUND, hdf5_table_packed(table));
    size_t at = 0;
    bool fine = row >= 0;
    for (int i = 0; i < table->n_columns && fine; i++) {
        const hid_t column = column_type(&table->columns[i]);
        fine = column >= 0 && H5Tinsert(row, table->columns[i].name, at, column) >= 0;
        at += fine ? H5Tget_size(column) : 0;
        hdf5_library_close(column);
    }
    if (!fine) {
        hdf5_library_close(row);
        return H5I_INVALID_HID;
    }
    return row;
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
