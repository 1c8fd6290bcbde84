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
#define TRANSPOSE_UNROLL _Pragma("unroll")
#else
#define TILE_UNROLL _Pragma("GCC unroll 6")
#define TRANSPOSE_UNROLL _Pragma("GCC unroll 16")
#endif

// to[i] = column i of the 16 x 16 square whose rows are `stride` apart at `from`.
TILE_TARGET static void transpose_square(const float *from, size_t stride, float *to, size_t to_row)
{
    __m512 r[VECTOR], t[VECTOR];
    TRANSPOSE_UNROLL
    for (int i = 0; i < VECTOR; i++) {
        r[i] = _mm512_loadu_ps(from + (size_t)i * stride);
    }
    TRANSPOSE_UNROLL
    for (int i = 0; i < VECTOR; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    TRANSPOSE_UNROLL
    for (int i = 0; i < VECTOR; i += 2) { // pairs (0, 2) and (1, 3) of every four
        const __m512d a = _mm512_castps_pd(t[i / 4 * 4 + i % 4 / 2]);
        const __m512d b = _mm512_castps_pd(t[i / 4 * 4 + i % 4 / 2 + 2]);
        r[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        r[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
    // r[4 g + c] holds, in its 128-bit lane number l, rows 4 g .. 4 g + 3 of column 4 l + c.
    TRANSPOSE_UNROLL
    for (int c = 0; c < 4; c++) {
        const __m512 even = _mm512_shuffle_f32x4(r[c], r[4 + c], 0x88);
        const __m512 odd = _mm512_shuffle_f32x4(r[c], r[4 + c], 0xDD);
        const __m512 more_even = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0x88);
        const __m512 more_odd = _mm512_shuffle_f32x4(r[8 + c], r[12 + c], 0xDD);
        float *column = to + (size_t)c * to_row;
        _mm512_storeu_ps(column, _mm512_shuffle_f32x4(even, more_even, 0x88));
        _mm512_storeu_ps(column + 4 * to_row, _mm512_shuffle_f32x4(odd, more_odd, 0x88));
        _mm512_storeu_ps(column + 8 * to_row, _mm512_shuffle_f32x4(even, more_even, 0xDD));
        _mm512_storeu_ps(column + 12 * to_row, _mm512_shuffle_f32x4(odd, more_odd, 0xDD));
    }
}

CPU_INLINE size_t at_vector(int v)
{
    return (size_t)v * VECTOR;
}

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
            const float *from = t->add            ? t->c + (size_t)r * t->c_row + at_vector(v)
                                : t->bias != NULL ? t->bias + at_vector(v)
                                                  : NULL;
            sums[r][v] =
                from != NULL ? _mm512_maskz_loadu_ps(vector_mask(t, v), from) : _mm512_setzero_ps();
        }
    }
    const float *a = t->a, *b = t->panel;
    for (int i = 0; i < t->k; i++, a += t->a_step, b += at_vector(vectors)) {
        __m512 of_b[PANEL_VECTORS];
        TILE_UNROLL
        for (int v = 0; v < vectors; v++) {
            of_b[v] = _mm512_load_ps(b + at_vector(v));
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
            _mm512_mask_storeu_ps(t->c + (size_t)r * t->c_row + at_vector(v), vector_mask(t, v),
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
static void transpose_square(const float *from, size_t stride, float *to, size_t to_row)
{
    (void)from, (void)stride, (void)to, (void)to_row;
    CHECK(!"only where machine_has_avx512 says yes");
}

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
        if (t->add) {
            memcpy(sums, c, (size_t)t->count * sizeof *sums);
        } else if (t->bias != NULL) {
            memcpy(sums, t->bias, (size_t)t->count * sizeof *sums);
        }
        for (int i = 0; i < t->k; i++, a += t->a_step, b += width) {
            for (int j = 0; j < width; j++) {
                sums[j] += *a * b[j];
            }
        }
        memcpy(c, sums, (size_t)t->count * sizeof *sums);
    }
}

// Columns of b that lie along memory, by squares of 16 x 16.
static void pack_transposed(int k, int width, int count, const float *b, size_t stride,
                            float *panel)
{
    const bool wide = machine_has_avx512();
    const size_t row = (size_t)width;
    for (int i = 0; i < k; i += VECTOR) {
        for (int j = 0; j < count; j += VECTOR) {
            const float *from = b + (size_t)j * stride + (size_t)i;
            float *to = panel + (size_t)i * row + (size_t)j;
            const int rows = k - i < VECTOR ? k - i : VECTOR;
            const int columns = count - j < VECTOR ? count - j : VECTOR;
            if (wide && rows == VECTOR && columns == VECTOR) {
                transpose_square(from, stride, to, row);
                continue;
            }
            for (int x = 0; x < columns; x++) {
                for (int y = 0; y < rows; y++) {
                    to[(size_t)y * row + (size_t)x] = from[(size_t)x * stride + (size_t)y];
                }
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

static void multiply(const struct cpu_product *p,
                     void (*tile_function)(const struct tile *t, int rows, int vectors))
{
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
            tile_function(&tile, rows, width / VECTOR);
        }
    }
}

void cpu_panels_multiply(const struct cpu_product *product)
{
    multiply(product, machine_has_avx512() ? multiply_wide : multiply_plain);
}

void cpu_panels_multiply_plain(const struct cpu_product *product)
{
    multiply(product, multiply_plain);
}
