// All lanes on one chunk. A step is taken piece by piece; each lane begins with its own piece and
// then looks for one that nobody has taken, so a lane that is kept from its core delays the others
// by no more than a piece that it is in the middle of. The next step begins when all pieces are
// done.
#include "nn/program_internal.h"

#include <sched.h>
#include <stdatomic.h>

enum { SPIN_ROUNDS = 2000 }; // some 20 us: most waits are shorter

// Steps that are taken together: one that is cut, or a run of some that are not. A turn is one
// chunk's pass through the phase; turns are numbered on and on, modulo 2^32.
struct unit {
    int first, n, pieces;
    atomic_uint *taken; // [pieces] the last turn in which the piece was taken; arena
    atomic_uint done;   // pieces done since the program was opened
    char pad[64];       // units that several lanes write to share no cache line
};

struct team {
    struct unit *units; // arena
    int n;
    unsigned turn; // the last one before this run
};

static int pieces_of(const struct program *program, int step)
{
    const struct kernel *kernel = program->steps[step].call.kernel;
    return kernel->pieces > 1 ? kernel->pieces : 1;
}

static enum status open_team(struct program *program, const struct program_phase *phase,
                             struct team *team)
{
    ARENA_NEW(&program->arena, team->units, (size_t)phase->n);
    for (int i = phase->first; i < phase->first + phase->n; i++) {
        const int pieces = pieces_of(program, i);
        if (pieces == 1 && team->n > 0 && team->units[team->n - 1].pieces == 1) {
            team->units[team->n - 1].n++;
            continue;
        }
        struct unit *unit = &team->units[team->n++];
        *unit = (struct unit){.first = i, .n = 1, .pieces = pieces};
        ARENA_NEW(&program->arena, unit->taken, (size_t)pieces);
    }
    return OK;
}

enum status program_open_teams(struct program *program)
{
    ARENA_NEW(&program->arena, program->teams, (size_t)program->n_phases);
    for (int i = 0; i < program->n_phases; i++) {
        if (program->phases[i].chunked) {
            TRY(open_team(program, &program->phases[i], &program->teams[i]));
        }
    }
    return OK;
}

// Each piece has been taken once in every turn before this one.
static bool take(struct unit *unit, int piece, unsigned turn)
{
    unsigned expected = turn - 1;
    return atomic_load_explicit(&unit->taken[piece], memory_order_relaxed) == expected &&
           atomic_compare_exchange_strong(&unit->taken[piece], &expected, turn);
}

// A later turn's count is more than enough.
static bool is_done(struct unit *unit, unsigned turn)
{
    const unsigned done = atomic_load_explicit(&unit->done, memory_order_acquire);
    return (int)(done - turn * (unsigned)unit->pieces) >= 0;
}

static void wait_until_done(struct unit *unit, unsigned turn)
{
    for (int spin = 0; !is_done(unit, turn); spin++) {
        if (spin >= SPIN_ROUNDS) {
            sched_yield(); // more threads than cores: the one we wait for may need this one
        }
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }
}

static void run_unit(const struct program *program, struct unit *unit, int chunk, int lane,
                     unsigned turn)
{
    for (int i = 0; i < unit->pieces; i++) {
        const int piece = (lane + i) % unit->pieces;
        if (take(unit, piece, turn)) {
            for (int k = unit->first; k < unit->first + unit->n; k++) {
                program_run_call(program, &program->steps[k].call, chunk, lane, piece);
            }
            atomic_fetch_add_explicit(&unit->done, 1, memory_order_acq_rel);
        }
    }
    wait_until_done(unit, turn);
}

static void run_member(void *context, int index, int lane)
{
    (void)index; // whoever comes last finds everything done
    const struct program *program = context;
    const struct team *team = &program->teams[program->next_phase - 1];
    for (int chunk = 0; chunk < program->run_chunks; chunk++) {
        for (int i = 0; i < team->n; i++) {
            run_unit(program, &team->units[i], chunk, lane, team->turn + 1 + (unsigned)chunk);
        }
    }
}

void program_run_team(struct program *program, int phase)
{
    struct backend *backend = program->backend;
    backend->ops->parallel(backend, backend->lanes, run_member, program);
    program->teams[phase].turn += (unsigned)program->run_chunks;
}
