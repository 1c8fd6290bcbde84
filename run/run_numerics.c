#include "run/run_numerics.h"

#include "compute/blas.h"
#include "core/file.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

// What one rank says of itself.
struct said {
    char host[64];
    char numerics[RUN_NUMERICS_CHARS - 32]; // without the number format
};

static void describe(const struct run_session *session, struct said *out)
{
    memset(out, 0, sizeof *out);
    if (gethostname(out->host, sizeof out->host - 1) != 0) {
        snprintf(out->host, sizeof out->host, "?");
    }
    snprintf(out->numerics, sizeof out->numerics, "backend %s, %s, %s",
             session->config.backend.taken, session->facts.numerics, blas_version());
}

// The first rank, if any, for which `flag` is set; -1: none.
static enum status find_rank(const struct collective *c, bool flag, struct arena *arena, int *out)
{
    double *flags;
    ARENA_NEW(arena, flags, (size_t)c->ranks);
    flags[c->rank] = flag ? 1 : 0;
    TRY(collective_sum_f64(c, flags, (size_t)c->ranks));
    *out = -1;
    for (int rank = c->ranks - 1; rank >= 0; rank--) {
        *out = flags[rank] != 0 ? rank : *out;
    }
    return OK;
}

static enum status differ(const struct run_session *session, const char *where, const char *theirs,
                          const char *here, const char *ours)
{
    if (session->config.learner.mode == MODE_SYNC) {
        FAIL(ERR_CONFIG,
             "%s computes otherwise than %s (%s there, %s here), so scores would not mean the same "
             "and a run of mode sync would not repeat itself; use machines alike, or learner.mode "
             "async",
             where, here, theirs, ours);
    }
    log_warning("%s computes otherwise than %s (%s there, %s here): scores differ a little", where,
                here, theirs, ours);
    return OK;
}

// All ranks against rank 0.
static enum status compare_ranks(struct run_session *session, const struct said *mine,
                                 const struct said *first)
{
    const struct collective *c = session->collective;
    struct said other = *mine;
    int rank;
    TRY(find_rank(c, strcmp(mine->numerics, first->numerics) != 0, &session->arena, &rank));
    if (rank < 0) {
        return OK;
    }
    TRY(collective_broadcast(c, &other, sizeof other, rank));
    return c->rank == 0 ? differ(session, other.host, other.numerics, first->host, first->numerics)
                        : OK;
}

static enum status decide_int8(struct run_session *session, const struct said *mine)
{
    const struct collective *c = session->collective;
    const enum scoring_dtype dtype = session->config.scoring.dtype;
    struct said slow = *mine;
    int rank;
    TRY(find_rank(c, !session->facts.int8, &session->arena, &rank));
    if (dtype == SCORING_INT8 && rank >= 0 && run_config_designs(&session->config)) {
        TRY(collective_broadcast(c, &slow, sizeof slow, rank));
        FAIL(
            ERR_CONFIG,
            "scoring.dtype: int8 is not to be had on %s, where it is not fast (a processor without "
            "AVX512-VNNI, or a GPU): %s; expected auto or float32",
            slow.host, slow.numerics);
    }
    const bool int8 = dtype == SCORING_INT8 || (dtype == SCORING_AUTO && rank < 0);
    session->rollout_job.env.int8 = int8 ? ENV_INT8_ON : ENV_INT8_OFF;
    if (session->nursery != NULL) {
        nursery_agree(session->nursery, session->rollout_job.env.int8);
    }
    return OK;
}

// The machine that the search began on. Before that nothing was scored: what an earlier start wrote
// does not count, as it may have failed or had another scoring.dtype. Rank 0.
static enum status compare_past(struct run_session *session)
{
    const char *path = run_path(session, &session->arena, "", "numerics", ".txt");
    const char *log = run_path(session, &session->arena, "", "run", ".h5");
    char *past;
    size_t n;
    if (path == NULL || log == NULL) {
        return ERR_MEMORY;
    }
    if (!file_exists(path) || !file_exists(log)) {
        return file_write(path, session->numerics, strlen(session->numerics));
    }
    TRY(file_read(path, RUN_NUMERICS_CHARS, &session->arena, &past, &n));
    const bool same = n == strlen(session->numerics) && memcmp(past, session->numerics, n) == 0;
    char theirs[RUN_NUMERICS_CHARS];
    snprintf(theirs, sizeof theirs, "%.*s", (int)n, past);
    return same ? OK
                : differ(session, "the machine that this run began on", theirs, "this one",
                         session->numerics);
}

enum status run_numerics_agree(struct run_session *session)
{
    const struct collective *c = session->collective;
    struct said mine, first;
    describe(session, &mine);
    first = mine;
    TRY(collective_broadcast(c, &first, sizeof first, 0));
    enum status code = decide_int8(session, &mine);
    session->stopped_together = code == ERR_CONFIG; // found by all ranks alike
    TRY(code);
    snprintf(session->numerics, sizeof session->numerics, "%s scores, %s",
             session->rollout_job.env.int8 == ENV_INT8_ON ? "int8" : "float32", first.numerics);
    code = compare_ranks(session, &mine, &first);
    if (code == OK && c->rank == 0) {
        code = compare_past(session);
    }
    // What rank 0 refuses ends all ranks alike.
    enum status agreed = code;
    TRY(collective_broadcast(c, &agreed, sizeof agreed, 0));
    session->stopped_together = agreed != OK;
    return code != OK ? code : agreed;
}
