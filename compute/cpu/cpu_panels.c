// A tile of c, up to 6 rows of one panel, stays in registers over the whole of k: 24 sums, 4
// vectors of b and one of a fill AVX-512's 32 registers.
#include "compute/cpu/cpu_panels.h"

#include "compute/cpu/cpu_vector.h"
#include "core/machine.h"
#include "core/status.h"

enum { VECTOR = 16, PANEL = 64, PANEL_VECTORS = PANEL / VECTOR, TILE_ROWS = 6 };

static int panel_width(int n, int first)
{
    const int left = n - first;
    return left >= PANEL ? PANEL : (left + VECTOR - 1) / VECTOR * VECTOR;
}

size_t cpu_panels_floats(int k, int n)
{
    return (size_t)k * (size_t)((n + VECTOR - 1) / VECTOR * VECTOR);
}

// Rows of b that are columns in memory: squares of 16 x 16 are read along lines and written along
// lines.
static void pack_transposed(int k, int width, int count, const float *b, size_t column_stride,
                            float *panel)
{
    for (int first = 0; first < k; first += VECTOR) {
        const int end = first + VECTOR < k ? first + VECTOR : k;
        for (int j = 0; j < count; j++) {
            const float *column = b + (size_t)j * column_stride;
            for (int i = first; i < end; i++) {
                panel[(size_t)i * (size_t)width + (size_t)j] = column[i];
            }
        }
    }
}

void cpu_panels_pack(int k, int n, const float *b, size_t row_stride, size_t column_stride,
                     float *panels)
{
    CHECK(row_stride == 1 || column_stride == 1);
    for (int first = 0; first < n; first += PANEL) {
        const int width = panel_width(n, first), count = n - first < width ? n - first : width;
        float *panel = panels + (size_t)k * (size_t)first;
        for (int i = 0; count < width && i < k; i++) {
            memset(panel + (size_t)i * (size_t)width + (size_t)count, 0,
                   (size_t)(width - count) * sizeof *panel);
        }
        if (column_stride == 1) {
            for (int i = 0; i < k; i++) {
                memcpy(panel + (size_t)i * (size_t)width,
                       b + (size_t)i * row_stride + (size_t)first, (size_t)count * sizeof *panel);
            }
        } else {
            pack_transposed(k, width, count, b + (size_t)first * column_stride, column_stride,
                            panel);
        }
    }
}

// Rows [row, row + rows) of c and columns [first, first + count).
struct tile {
    int k, count;
    const float *a, *panel, *bias;
    size_t a_row, a_step, c_row;
    bool add;
    float *c;
};

#if defined(__x86_64__)
#include <immintrin.h>

#define TILE_TARGET __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))
#define TILE_INLINE static inline __attribute__((always_inline)) TILE_TARGET
// The loops below have constant lengths and must vanish, so that sums stay in registers.
#if defined(__clang__)
#define TILE_UNROLL _Pragma("unroll")
#else
#define TILE_UNROLL _Pragma("GCC unroll 6")
#endif

TILE_INLINE __mmask16 vector_mask(const struct tile *t, int v)
{
    const int left = t->count - v * VECTOR;
    return left >= VECTOR ? (__mmask16)0xFFFF : (__mmask16)((1U << left) - 1U);
}

TILE_INLINE void wide_tile(const struct tile *t, int rows, int vectors)
{
    __m512 sums[TILE_ROWS][PANEL_VECTORS];
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            const float *from = t->add            ? t->c + (size_t)r * t->c_row + v * VECTOR
                                : t->bias != NULL ? t->bias + v * VECTOR
                                                  : NULL;
            sums[r][v] =
                from != NULL ? _mm512_maskz_loadu_ps(vector_mask(t, v), from) : _mm512_setzero_ps();
        }
    }
    const float *a = t->a, *b = t->panel;
    for (int i = 0; i < t->k; i++, a += t->a_step, b += vectors * VECTOR) {
        __m512 of_b[PANEL_VECTORS];
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            of_b[v] = _mm512_load_ps(b + v * VECTOR);
        }
        TILE_UNROLL
        for (int r = 0; r < rows; r++) {
            const __m512 of_a = _mm512_set1_ps(a[(size_t)r * t->a_row]);
            TILE_UNROLL
            for (int v = 0; v < vectors; v++) {
                sums[r][v] = _mm512_fmadd_ps(of_a, of_b[v], sums[r][v]);
            }
        }
    }
    TILE_UNROLL
    for (int r = 0; r < rows; r++) {
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            _mm512_mask_storeu_ps(t->c + (size_t)r * t->c_row + v * VECTOR, vector_mask(t, v),
                                  sums[r][v]);
        }
    }
}

// One function per number of rows, each with one loop per number of vectors.
#define WIDE_ROWS(rows)                                                                            \
    TILE_TARGET static void wide_rows_##rows(const struct tile *t, int vectors)                    \
    {                                                                                              \
        switch (vectors) {                                                                         \
        case 1:                                                                                    \
            wide_tile(t, rows, 1);                                                                 \
            break;                                                                                 \
        case 2:                                                                                    \
            wide_tile(t, rows, 2);                                                                 \
            break;                                                                                 \
        case 3:                                                                                    \
            wide_tile(t, rows, 3);                                                                 \
            break;                                                                                 \
        default:                                                                                   \
            wide_tile(t, rows, 4);                                                                 \
        }                                                                                          \
    }
WIDE_ROWS(1)
WIDE_ROWS(2)
WIDE_ROWS(3)
WIDE_ROWS(4)
WIDE_ROWS(5)
WIDE_ROWS(6)

static void multiply_wide(const struct tile *t, int rows, int vectors)
{
    static void (*const functions[TILE_ROWS])(const struct tile *t, int vectors) = {
        wide_rows_1, wide_rows_2, wide_rows_3, wide_rows_4, wide_rows_5, wide_rows_6};
    functions[rows - 1](t, vectors);
}
#else
static void multiply_wide(const struct tile *t, int rows, int vectors)
{
    (void)t, (void)rows, (void)vectors;
    CHECK(!"only where machine_has_avx512 says yes");
}
#endif

// For processors without AVX-512: sums of a row of the tile in a local array.
CPU_CLONES static void multiply_plain(const struct tile *t, int rows, int vectors)
{
    const int width = vectors * VECTOR;
    for (int r = 0; r < rows; r++) {
        float *c = t->c + (size_t)r * t->c_row, sums[PANEL] = {0};
        const float *a = t->a + (size_t)r * t->a_row, *b = t->panel;
        const float *from = t->add ? c : t->bias;
        if (from != NULL) {
            memcpy(sums, from, (size_t)t->count * sizeof *sums);
        }
        for (int i = 0; i < t->k; i++, a += t->a_step, b += width) {
            for (int j = 0; j < width; j++) {
                sums[j] += *a * b[j];
            }
        }
        memcpy(c, sums, (size_t)t->count * sizeof *sums);
    }
}

void cpu_panels_multiply(const struct cpu_product *p)
{
    const bool wide = machine_has_avx512();
    for (int first = 0; first < p->n; first += PANEL) {
        const int width = panel_width(p->n, first);
        struct tile tile = {.k = p->k,
                            .count = p->n - first < width ? p->n - first : width,
                            .panel = p->panels + (size_t)p->k * (size_t)first,
                            .bias = p->bias != NULL ? p->bias + first : NULL,
                            .a_row = p->a_row,
                            .a_step = p->a_step,
                            .c_row = p->c_row,
                            .add = p->add};
        for (int row = 0; row < p->m; row += TILE_ROWS) {
            const int rows = p->m - row < TILE_ROWS ? p->m - row : TILE_ROWS;
            tile.a = p->a + (size_t)row * p->a_row;
            tile.c = p->c + (size_t)row * p->c_row + first;
            if (wide) {
                multiply_wide(&tile, rows, width / VECTOR);
            } else {
                multiply_plain(&tile, rows, width / VECTOR);
            }
        }
    }
}
