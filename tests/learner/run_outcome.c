// Reading run.h5 and checkpoint.h5 back.
#include "run_outcome.h"

#include "core/file.h"
#include "test_unit.h"

void run_outcome_read(const struct loop_case *c, struct run_outcome *out)
{
    const char *path = test_folder_path(&c->folder, "run.h5");
    *out = (struct run_outcome){0};
    assert_ok(hdf5_log_count(path, &run_tables[TABLE_EPISODES], &out->n_episodes));
    assert_ok(hdf5_log_count(path, &run_tables[TABLE_UPDATES], &out->n_updates));
    out->episodes = arena_alloc(&out->arena, (size_t)out->n_episodes, sizeof *out->episodes);
    out->updates = arena_alloc(&out->arena, (size_t)out->n_updates, sizeof *out->updates);
    assert_ok(hdf5_log_read(path, &run_tables[TABLE_EPISODES], 0, out->n_episodes, out->episodes));
    assert_ok(hdf5_log_read(path, &run_tables[TABLE_UPDATES], 0, out->n_updates, out->updates));
    assert_ok(file_read(test_folder_path(&c->folder, "checkpoint.h5"), (size_t)1 << 30, &out->arena,
                        &out->checkpoint, &out->checkpoint_bytes));
}

void run_outcome_assert_same(const struct run_outcome *a, const struct run_outcome *b)
{
    assert_int_equal(a->n_episodes, b->n_episodes);
    assert_int_equal(a->n_updates, b->n_updates);
    assert_memory_equal(a->episodes, b->episodes, (size_t)a->n_episodes * sizeof *a->episodes);
    assert_memory_equal(a->updates, b->updates, (size_t)a->n_updates * sizeof *a->updates);
    assert_int_equal(a->checkpoint_bytes, b->checkpoint_bytes);
    assert_memory_equal(a->checkpoint, b->checkpoint, a->checkpoint_bytes);
}

void run_outcome_assert_resumes(void (*set)(struct loop_case *c, const struct method_ops *method),
                                const struct method_ops *method, int64_t first, int64_t stride)
{
    struct loop_case c;
    struct run_outcome whole, parts;
    set(&c, method);
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &whole);
    loop_case_close(&c);

    set(&c, method);
    for (int64_t stop = first; stop < whole.n_updates; stop += stride) {
        c.actors = 1 + (int)(stop % 3);
        c.stop_after = stop;
        assert_ok(loop_case_open(&c));
        assert_ok(loop_case_run(&c, true));
        loop_case_drop(&c);
    }
    c.stop_after = 0;
    assert_ok(loop_case_open(&c));
    assert_ok(loop_case_run(&c, false));
    run_outcome_read(&c, &parts);
    run_outcome_assert_same(&whole, &parts);
    loop_case_close(&c);
    arena_close(&whole.arena);
    arena_close(&parts.arena);
}
