// The spaces that published tables are about, held against the tables: NAS-Bench-Macro's costs of
// every network, NAS-Bench-201's cells and which of them are one.
#include "core/hash.h"
#include "nas_case.h"
#include "search_space/nas_cell.h"
#include "test_unit.h"

#include <stdio.h>

static FILE *open_table(const char *name)
{
    char path[1024], heading[512];
    snprintf(path, sizeof path, "%s/%s", getenv("DIKDIK_DATA"), name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
        abort();
    }
    assert_non_null(fgets(heading, sizeof heading, file));
    return file;
}

static void test_macro(void **state)
{
    (void)state;
    struct nas_space space = nas_case_open(NAS_MACRO, 32, 32, 3, 10);
    struct nas_wall *wall = NULL;
    FILE *file = open_table("nasbenchmacro/nas_bench_macro_cifar10_half.csv");
    char arch[16], params[24], macs[24];
    int rows = 0;
    assert_int_equal(space.n_decisions, 8);
    assert_ok(nas_wall_open(&space, &wall));
    while (fscanf(file, "%8[0-2],%23[^,],%23[^,]%*[^\n] ", arch, params, macs) == 3) {
        int16_t choice[8];
        struct nas_cost cost, counted;
        for (int i = 0; i < 8; i++) {
            choice[i] = (int16_t)(arch[i] - '0');
        }
        assert_ok(nas_wall_cost(wall, choice, &cost));
        assert_int_equal(cost.of[NAS_COST_PARAMS], strtoll(params, NULL, 10));
        assert_int_equal(cost.of[NAS_COST_MACS], strtoll(macs, NULL, 10));
        struct text graph = nas_case_graph(&space, choice, &counted);
        assert_memory_equal(&cost, &counted, sizeof cost);
        text_close(&graph);
        rows++;
    }
    assert_int_equal(rows, 3281);
    fclose(file);
    nas_wall_close(wall);
    nas_space_close(&space);
}

// One row of the table of cells: which cell, and what its UniqueString is.
struct row {
    int16_t representative;
    uint64_t unique;
};

static int compare_unique(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    return (a->unique > b->unique) - (a->unique < b->unique);
}

static int compare_both(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    return a->representative != b->representative ? a->representative - b->representative
                                                  : compare_unique(left, right);
}

static int compare_representative(const void *left, const void *right)
{
    const struct row *a = left, *b = right;
    return a->representative - b->representative;
}

static int count(struct row *rows, int n, int (*compare)(const void *, const void *))
{
    int distinct = n > 0;
    qsort(rows, (size_t)n, sizeof *rows, compare);
    for (int i = 1; i < n; i++) {
        distinct += compare(&rows[i - 1], &rows[i]) != 0;
    }
    return distinct;
}

// "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+...": edges in the order of the space's.
static void read_cell(const struct nas_space *space, char *text, int16_t *choice)
{
    char *rest = NULL;
    int e = 0;
    for (char *part = strtok_r(text, "|+", &rest); part != NULL;
         part = strtok_r(NULL, "|+", &rest)) {
        const struct nas_decision *decision = &space->decisions[e];
        assert_true(e < CELL_EDGES);
        choice[e] = -1;
        for (int i = 0; i < decision->n_choices; i++) {
            const size_t length = strlen(decision->labels[i]);
            if (strncmp(part, decision->labels[i], length) == 0 && part[length] == '~') {
                choice[e] = (int16_t)i;
            }
        }
        assert_true(choice[e] >= 0);
        e++;
    }
    assert_int_equal(e, CELL_EDGES);
}

// Cells are one here where they compute the same function with the same weights: 5,260 of them, as
// an independent enumeration of isomorphisms has it. The table's UniqueString has 6,466, since it
// differs with the order in which sums are nested and with zeros inside of them; and it takes two
// convolutions of one kind and one input for one, whose weights differ. Together they tell 6,900
// apart.
static void test_cells(void **state)
{
    (void)state;
    struct nas_space space = nas_case_open(NAS_CELL, 32, 32, 3, 10);
    FILE *file = open_table("nasbench201/nats_bench_tss_200ep.csv");
    struct row *rows = calloc(CELL_CELLS, sizeof *rows);
    char arch[160], unique[160];
    int n = 0;
    assert_non_null(rows);
    while (fscanf(file, "%*[^,],%*[^,],%*[^,],%159[^,],%159s ", arch, unique) == 2) {
        int16_t choice[CELL_EDGES];
        assert_true(n < CELL_CELLS);
        read_cell(&space, arch, choice);
        nas_space_canonical(&space, choice);
        for (int e = 0; e < CELL_EDGES; e++) {
            rows[n].representative =
                (int16_t)(rows[n].representative * CELL_OPERATIONS + choice[e]);
        }
        rows[n++].unique = hash_bytes(HASH_BEGIN, unique, strlen(unique));
    }
    assert_int_equal(n, CELL_CELLS);
    assert_int_equal(count(rows, n, compare_unique), 6466);
    assert_int_equal(count(rows, n, compare_representative), 5260);
    assert_int_equal(count(rows, n, compare_both), 6900);
    free(rows);
    fclose(file);
    nas_space_close(&space);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_macro),
        cmocka_unit_test(test_cells),
    };
    if (getenv("DIKDIK_DATA") == NULL) {
        print_message("skipped: DIKDIK_DATA does not say where the data are\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
