// Matrix products whose second operand is packed once and used often: recurrent layers multiply a
// few rows by the same weights at every step. Each element is summed over k from first to last,
// however many rows there are, so results depend on the machine alone.
#pragma once
#include <stdbool.h>
#include <stddef.h>

// Packed b [k][n]: panels of 64 columns [k][64], the last one as wide as it must be, in whole
// 16s, zeros behind column n. `floats` of memory, 64-byte aligned.
size_t cpu_panels_floats(int k, int n);
// b's element (row, column) is at b[row * row_stride + column * column_stride].
void cpu_panels_pack(int k, int n, const float *b, size_t row_stride, size_t column_stride,
                     float *panels);

// c [m][n] = a b, plus bias or what c held. a's element (row, i) is at a[row * a_row + i * a_step].
struct cpu_product {
    int m, n, k;
    const float *a;
    size_t a_row, a_step;
    const float *panels;
    const float *bias; // [n], or NULL
    bool add;          // onto c; then no bias
    float *c;
    size_t c_row; // floats from one row of c to the next
};
void cpu_panels_multiply(const struct cpu_product *product);
// As it is done on processors without AVX-512.
void cpu_panels_multiply_plain(const struct cpu_product *product);
