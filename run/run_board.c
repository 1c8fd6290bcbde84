// Rank 0's loop over a board: polls, hands out, never waits. The dearest job goes first; when fewer
// jobs are left than cores, each gets several.
#include "run/run_board.h"

#include "core/clock.h"
#include "core/interrupt.h"
#include "core/log.h"
#include "run/run_crew.h"

#include <string.h>

// A slice is a sixth of what all cores have left to do, so that they end at about the same time,
// within bounds: opening a training costs a second, and a slice that fails is lost.
#define SLICES_LEFT 6.0
#define LEAST_SLICE_SECONDS 4.0
#define MOST_SLICE_SECONDS 60.0

enum { LOST = -2 };
struct giver {
    struct run_board *board;
    struct run_session *session;
    struct run_crew crew;
    int *job_of;   // [actors] index of the job that it has, -1 = none, LOST; arena
    int *capacity; // [hosts] threads that work there at most; arena
    int *free;     // [hosts] of them, without work now; arena
    int64_t given; // orders so far
};

static bool is_lost(const struct giver *g, int actor)
{
    return g->job_of[actor] == LOST;
}

void run_board_outcome(const struct work_answer *answer, struct run_outcome *out)
{
    memcpy(out, answer->result, sizeof *out);
}

enum status run_board_failed(const struct run_job *job, const struct work_answer *answer)
{
    status_restore(&answer->note);
    return status_context((enum status)answer->status, "%s", job->name);
}

// ---- what is left

static int count_jobs(const struct run_board *board, enum run_job_state state)
{
    int n = 0;
    for (int i = 0; i < board->n; i++) {
        n += board->jobs[i].state == state;
    }
    return n;
}

// Core-seconds per unit over the jobs where it is known; 0 = nowhere yet.
static double mean_pace(const struct run_board *board)
{
    double sum = 0;
    int n = 0;
    for (int i = 0; i < board->n; i++) {
        sum += board->jobs[i].pace;
        n += board->jobs[i].pace > 0;
    }
    return n > 0 ? sum / n : 0;
}

static double job_cost(const struct run_job *job, double mean)
{
    return job->units * (job->pace > 0 ? job->pace : mean > 0 ? mean : 1);
}

static int dearest_job(const struct run_board *board)
{
    const double mean = mean_pace(board);
    int dearest = -1;
    for (int i = 0; i < board->n; i++) {
        const struct run_job *job = &board->jobs[i];
        if (job->state == RUN_JOB_READY &&
            (dearest < 0 || job_cost(job, mean) > job_cost(&board->jobs[dearest], mean))) {
            dearest = i;
        }
    }
    return dearest;
}

static double slice_seconds(const struct giver *g)
{
    const struct run_board *board = g->board;
    const double asked = g->session->config.actors.slice_seconds, mean = mean_pace(board);
    double left = 0;
    int cores = 0;
    if (asked > 0 || mean == 0) {
        return asked > 0 ? asked : LEAST_SLICE_SECONDS;
    }
    for (int i = 0; i < board->n; i++) {
        left += board->jobs[i].state != RUN_JOB_DONE ? job_cost(&board->jobs[i], mean) : 0;
    }
    for (int host = 0; host < g->session->n_hosts; host++) {
        cores += g->capacity[host];
    }
    const double slice = left / (double)cores / SLICES_LEFT;
    return slice < LEAST_SLICE_SECONDS  ? LEAST_SLICE_SECONDS
           : slice > MOST_SLICE_SECONDS ? MOST_SLICE_SECONDS
                                        : slice;
}

// ---- handing out

static int idle_actors(const struct giver *g, int host)
{
    int n = 0;
    for (int actor = 0; actor < g->crew.transport.actors; actor++) {
        n += g->session->actor_host[actor] == host && g->job_of[actor] == -1;
    }
    return n;
}

// The idle actor where most cores are free, -1 = none.
static int next_actor(struct giver *g)
{
    const int *host_of = g->session->actor_host;
    int best = -1;
    for (int actor = 0; actor < g->crew.transport.actors; actor++) {
        const int host = host_of[actor];
        if (g->job_of[actor] == -1 && g->free[host] > 0 &&
            transport_ready(&g->crew.transport, actor) &&
            (best < 0 || g->free[host] > g->free[host_of[best]])) {
            best = actor;
        }
    }
    return best;
}

// So many cores, shared evenly between so many jobs, of which as many run at a time as there are
// hands.
static int share_cores(int cores, int jobs, int hands)
{
    const int running = jobs < hands ? jobs : hands;
    const int share = running > 1 ? cores / running : cores;
    return share > 1 ? share : 1;
}

// Of the host's free cores, the share of one of the jobs that will come to it.
static int threads_for(const struct giver *g, int host)
{
    const struct run_session *session = g->session;
    const struct run_board *board = g->board;
    int hosts = 0;
    if (session->config.backend.threads > 0) {
        return session->config.backend.threads;
    }
    if (board->even) {
        const int jobs = (board->n + session->n_hosts - 1) / session->n_hosts;
        return share_cores(g->capacity[host], jobs, session->hosts[host].actors);
    }
    for (int i = 0; i < session->n_hosts; i++) {
        hosts += g->free[i] > 0 && idle_actors(g, i) > 0;
    }
    const int ready = count_jobs(board, RUN_JOB_READY);
    const int jobs = hosts > 1 ? (ready + hosts - 1) / hosts : ready;
    return share_cores(g->free[host], jobs, idle_actors(g, host));
}

int run_board_useful(int chunks, int threads)
{
    if (chunks <= 0) {
        return threads;
    }
    const int turns = (chunks + threads - 1) / threads;
    return (chunks + turns - 1) / turns;
}

static enum status give(struct giver *g, int actor, int index)
{
    struct run_job *job = &g->board->jobs[index];
    const int host = g->session->actor_host[actor];
    struct ticket ticket = job->ticket;
    job->threads = run_board_useful(job->chunks, threads_for(g, host));
    job->state = RUN_JOB_GIVEN;
    g->free[host] -= job->threads;
    g->job_of[actor] = index;
    ticket.kind = TICKET_WORK;
    ticket.episode = g->given++;
    ticket.threads = job->threads;
    ticket.seconds = job->sliced ? (float)slice_seconds(g) : 0.0F;
    const struct ticket_batch batch = {.tickets = &ticket, .n = 1};
    return transport_send_tickets(&g->crew.transport, actor, &batch);
}

static enum status hand_out(struct giver *g, bool *moved)
{
    for (;;) {
        const int actor = next_actor(g), index = dearest_job(g->board);
        if (actor < 0 || index < 0) {
            return OK;
        }
        *moved = true;
        TRY(give(g, actor, index));
    }
}

// ---- answers

static void add_time(struct run_stage_time *time, const struct run_job *job,
                     const struct work_answer *answer)
{
    time->orders++;
    time->retries += answer->header.tries - 1;
    time->busy_seconds += answer->header.environment_seconds * job->threads;
}

static enum status take_answer(struct giver *g, int actor, const struct work_answer *answer)
{
    struct run_board *board = g->board;
    const int index = g->job_of[actor];
    if (index < 0) {
        FAIL(ERR_COMM, "actor %d answers an order that it did not get", actor);
    }
    struct run_job *job = &board->jobs[index];
    g->job_of[actor] = -1;
    g->free[g->session->actor_host[actor]] += job->threads;
    job->seconds = answer->header.environment_seconds;
    add_time(board->time, job, answer);
    const double units = job->units;
    if (answer->status == ERR_INTERRUPTED) { // what it had done is in safety
        job->state = RUN_JOB_READY;
        return OK;
    }
    TRY(board->answered(board, job, answer));
    CHECK(job->state != RUN_JOB_GIVEN);
    if (answer->status == OK && !job->sliced && units > job->units) {
        job->pace = job->seconds * job->threads / (units - job->units);
    }
    return OK;
}

// Nothing usable comes from this actor any more: what it had goes to another.
static void retire(struct giver *g, int actor, const char *why)
{
    const int index = g->job_of[actor];
    log_warning("actor %d %s%s", actor, why, index >= 0 ? ": its order goes to another" : "");
    if (index >= 0) {
        struct run_job *job = &g->board->jobs[index];
        g->free[g->session->actor_host[actor]] += job->threads;
        job->state = RUN_JOB_READY;
    }
    g->job_of[actor] = LOST;
}

static enum status receive(struct giver *g, bool *moved)
{
    for (;;) {
        const void *block;
        size_t bytes;
        int actor;
        struct work_answer answer;
        TRY(transport_receive(&g->crew.transport, &actor, &block, &bytes));
        if (block == NULL) {
            return OK;
        }
        *moved = true;
        const bool good = bytes == sizeof answer;
        if (good) {
            memcpy(&answer, block, sizeof answer);
        }
        transport_release(&g->crew.transport);
        if (!good || answer.header.magic != TRAJECTORY_MAGIC) {
            retire(g, actor, "sent what is no answer to an order");
        } else if (!is_lost(g, actor)) {
            TRY(take_answer(g, actor, &answer));
        }
    }
}

// Tells all actors to stop, and waits until those that answer have put their work in safety.
static enum status stop_actors(struct giver *g)
{
    const struct ticket stop = {.kind = TICKET_STOP};
    const struct ticket_batch batch = {.tickets = &stop, .n = 1};
    const double start = clock_seconds();
    struct transport *transport = &g->crew.transport;
    struct backoff backoff = {0};
    int told = 0;
    bool stopped = false;
    for (int i = 0; i < transport->actors; i++) {
        told += is_lost(g, i);
        g->job_of[i] = is_lost(g, i) ? LOST : 0; // from here on 0: not told yet
    }
    while (!(told == transport->actors && stopped) && clock_seconds() - start < RUN_STOP_SECONDS) {
        const void *block;
        size_t bytes;
        int from;
        bool moved = false;
        for (int i = 0; i < transport->actors; i++) {
            if (g->job_of[i] == 0 && transport_ready(transport, i)) {
                TRY(transport_send_tickets(transport, i, &batch));
                g->job_of[i] = -1;
                told++;
            }
        }
        TRY(transport_receive(transport, &from, &block, &bytes)); // too late: only frees the way
        if (block != NULL) {
            transport_release(transport);
        }
        TRY(run_crew_poll(&g->crew, &moved, &stopped));
        run_wait_unless(&backoff, moved);
    }
    return OK;
}

// ---- actors that are gone

static enum status look_for_lost_actors(struct giver *g)
{
    int lost = 0;
    for (int actor = 0; actor < g->crew.transport.actors; actor++) {
        if (!is_lost(g, actor) && transport_lost(&g->crew.transport, actor)) {
            retire(g, actor, "is gone");
        }
        lost += is_lost(g, actor);
    }
    if (lost == g->crew.transport.actors) {
        FAIL(ERR_COMM, "none of %d actors is left", lost);
    }
    return OK;
}

// ---- the stage

static enum status open_giver(struct giver *g)
{
    struct run_session *session = g->session;
    const int asked = session->config.backend.threads;
    const size_t hosts = (size_t)session->n_hosts;
    ARENA_NEW(&session->arena, g->job_of, (size_t)g->crew.transport.actors);
    ARENA_NEW(&session->arena, g->capacity, hosts);
    ARENA_NEW(&session->arena, g->free, hosts);
    for (int i = 0; i < g->crew.transport.actors; i++) {
        g->job_of[i] = -1;
    }
    for (int i = 0; i < session->n_hosts; i++) {
        const struct run_host *host = &session->hosts[i];
        g->capacity[i] = g->free[i] = asked > 0          ? asked * host->actors
                                      : host->actors > 0 ? host->cores
                                                         : 0;
    }
    return OK;
}

static enum status give_out(struct giver *g)
{
    struct run_board *board = g->board;
    struct backoff backoff = {0};
    while (count_jobs(board, RUN_JOB_DONE) < board->n) {
        bool moved = false;
        bool stopped = false;
        TRY(interrupt_check());
        TRY(receive(g, &moved));
        TRY(look_for_lost_actors(g));
        TRY(hand_out(g, &moved));
        TRY(run_crew_poll(&g->crew, &moved, &stopped));
        run_wait_unless(&backoff, moved);
    }
    return OK;
}

static enum status lead(struct giver *g)
{
    struct run_board *board = g->board;
    const double start = clock_seconds();
    TRY(open_giver(g));
    progress_begin(&board->progress, board->stage, board->unit, board->total);
    const enum status code = give_out(g);
    progress_end(&board->progress);
    if (code != OK && code != ERR_INTERRUPTED) {
        return code;
    }
    struct status_note note;
    status_save(&note);
    TRY(stop_actors(g));
    const double seconds = clock_seconds() - start;
    board->time->seconds += seconds;
    for (int i = 0; i < g->session->n_hosts; i++) {
        board->time->core_seconds += seconds * g->capacity[i];
    }
    TRY(run_times_write(&g->session->times, g->session->times_path));
    status_restore(&note);
    return code;
}

enum status run_board_work(struct run_board *board)
{
    struct run_session *session = board->session;
    const struct collective *c = session->collective;
    struct giver g = {.board = board, .session = session};
    int left = c->rank == 0 ? board->n - count_jobs(board, RUN_JOB_DONE) : 0;
    TRY(collective_broadcast(c, &left, sizeof left, 0));
    if (left == 0) {
        return OK;
    }
    enum status code = run_assign(session, NURSERY_WORK);
    if (code == OK) {
        code = run_crew_open(session, true, 0, &g.crew);
    }
    if (code == OK) {
        code = run_agree(session, c->rank == 0 ? lead(&g) : run_crew_act(&g.crew));
    }
    struct status_note note; // what closes may fail as well, and is not what went wrong first
    status_save(&note);
    run_crew_close(&g.crew);
    status_restore(&note);
    return code;
}
