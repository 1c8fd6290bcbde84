// All lanes on one chunk. A step is taken piece by piece, and the next step begins when all pieces
// are done. Each lane has its own piece of every step, whose part of the values and weights are
// then in its core's cache; but one that is kept from its core is not waited for: who has nothing
// to do takes its pieces, and is delayed by no more than a piece that the other is in the middle
// of.
#include "nn/program_internal.h"

#include <sched.h>
#include <stdatomic.h>

enum {
    PATIENCE = 40,      // rounds, some 0.5 us: how late another lane usually is
    SPIN_ROUNDS = 2000, // some 20 us: then the core is needed elsewhere
    LINE_WORDS = 16     // of a cache line
};

// Steps that are taken together: one that is cut, or a run of some that are not.
struct unit {
    int first, n, pieces;
};

// A turn is one chunk's pass through the phase; turns are numbered on and on, modulo 2^32. Each
// lane writes to lines of its own, as long as nobody takes its pieces.
struct team {
    struct unit *units; // arena
    int n;
    size_t stride;      // words of a piece
    atomic_uint *taken; // [most pieces][stride] last turn in which this piece of the unit was taken
    atomic_uint *done;  // the same: ... was finished; arena
    unsigned turn;      // the last one before this run
};

static int pieces_of(const struct program *program, int step)
{
    const struct kernel *kernel = program->steps[step].call.kernel;
    return kernel->pieces > 1 ? kernel->pieces : 1;
}

static enum status open_team(struct program *program, const struct program_phase *phase,
                             struct team *team)
{
    int most = 1;
    ARENA_NEW(&program->arena, team->units, (size_t)phase->n);
    for (int i = phase->first; i < phase->first + phase->n; i++) {
        const int pieces = pieces_of(program, i);
        most = pieces > most ? pieces : most;
        if (pieces == 1 && team->n > 0 && team->units[team->n - 1].pieces == 1) {
            team->units[team->n - 1].n++;
        } else {
            team->units[team->n++] = (struct unit){.first = i, .n = 1, .pieces = pieces};
        }
    }
    team->stride = ((size_t)team->n + LINE_WORDS - 1) / LINE_WORDS * LINE_WORDS;
    ARENA_NEW(&program->arena, team->taken, (size_t)most * team->stride);
    ARENA_NEW(&program->arena, team->done, (size_t)most * team->stride);
    return OK;
}

enum status program_open_teams(struct program *program)
{
    ARENA_NEW(&program->arena, program->teams, (size_t)program->n_phases);
    for (int i = 0; i < program->n_phases; i++) {
        if (program->phases[i].kind == STEP_CHUNKED) {
            TRY(open_team(program, &program->phases[i], &program->teams[i]));
        }
    }
    return OK;
}

// One lane's way through the team's units.
struct member {
    const struct program *program;
    const struct team *team;
    int lane, chunk;
    unsigned turn;
    int patience; // rounds before it takes what is another's
};

static size_t word_of(const struct member *m, int unit, int piece)
{
    return (size_t)piece * m->team->stride + (size_t)unit;
}

// Each piece has been taken once in every turn before this one.
static bool take(const struct member *m, int unit, int piece)
{
    atomic_uint *taken = &m->team->taken[word_of(m, unit, piece)];
    unsigned expected = m->turn - 1;
    return atomic_load_explicit(taken, memory_order_relaxed) == expected &&
           atomic_compare_exchange_strong(taken, &expected, m->turn);
}

// Of a turn or a later one: who comes late meets those too.
static bool is_done(const struct member *m, int unit, int piece)
{
    const atomic_uint *done = &m->team->done[word_of(m, unit, piece)];
    return (int)(atomic_load_explicit(done, memory_order_acquire) - m->turn) >= 0;
}

static bool try_piece(const struct member *m, int unit, int piece)
{
    if (!take(m, unit, piece)) {
        return false;
    }
    const struct unit *u = &m->team->units[unit];
    for (int i = u->first; i < u->first + u->n; i++) {
        program_run_call(m->program, &m->program->steps[i].call, m->chunk, m->lane, piece);
    }
    atomic_store_explicit(&m->team->done[word_of(m, unit, piece)], m->turn, memory_order_release);
    return true;
}

static void finish_piece(struct member *m, int unit, int piece)
{
    for (int spin = 0; !is_done(m, unit, piece); spin++) {
        if (spin == m->patience) {
            // Whoever was missing at this step will be missing at the next.
            m->patience = try_piece(m, unit, piece) ? 0 : PATIENCE;
        } else if (spin >= SPIN_ROUNDS) {
            sched_yield(); // more threads than cores: the one we wait for may need this one
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

static void run_unit(struct member *m, int unit)
{
    const int pieces = m->team->units[unit].pieces;
    if (m->lane < pieces) {
        (void)try_piece(m, unit, m->lane);
    }
    for (int i = 0; i < pieces; i++) {
        finish_piece(m, unit, (m->lane + i) % pieces);
    }
}

static void run_member(void *context, int index, int lane)
{
    (void)index; // whoever comes last finds everything done
    const struct program *program = context;
    const struct team *team = &program->teams[program->run_phase - program->phases];
    struct member m = {
        .program = program, .team = team, .lane = lane, .turn = team->turn, .patience = PATIENCE};
    for (; m.chunk < program->run_chunks; m.chunk++) {
        m.turn++;
        for (int unit = 0; unit < team->n; unit++) {
            run_unit(&m, unit);
        }
    }
}

void program_run_team(struct program *program, int phase)
{
    struct backend *backend = program->backend;
    backend->ops->parallel(backend, backend->lanes, run_member, program);
    program->teams[phase].turn += (unsigned)program->run_chunks;
}
