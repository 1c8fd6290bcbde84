// Ping-pong between pairs of ranks, while the others sleep.
#include "app/doctor_mpi.h"

#include "app/output.h"
#include "core/clock.h"
#include "core/quantile.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MOST_ALL_PAIRS = 8, // ranks
    WARM_UPS = 20,
    SMALL_BYTES = 8,
    SMALL_TURNS = 301,
    LARGE_BYTES = 4 << 20,
    LARGE_TURNS = 7,
};

struct place {
    char host[128];
    int host_first; // the lowest rank of its host
};
struct pair {
    int a, b;
    double latency_s;        // one way, 8 bytes
    double bytes_per_second; // one way, 4 MiB
};
struct probe {
    const struct collective *c;
    struct place *places; // [ranks] arena
    struct pair *pairs;   // [n_pairs] arena
    int n_pairs;
    char *bytes; // [LARGE_BYTES] arena
};

static enum status find_places(struct probe *p, struct arena *arena)
{
    const struct collective *c = p->c;
    ARENA_NEW(arena, p->places, (size_t)c->ranks);
    for (int rank = 0; rank < c->ranks; rank++) {
        struct place *place = &p->places[rank];
        if (rank == c->rank) {
            place->host_first = c->host_first;
            if (gethostname(place->host, sizeof place->host - 1) != 0) {
                snprintf(place->host, sizeof place->host, "unknown");
            }
        }
        TRY(collective_broadcast(c, place, sizeof *place, rank));
    }
    return OK;
}

static bool share_host(const struct probe *p, const struct pair *pair)
{
    return p->places[pair->a].host_first == p->places[pair->b].host_first;
}

static enum status list_pairs(struct probe *p, struct arena *arena)
{
    const int ranks = p->c->ranks, from = ranks <= MOST_ALL_PAIRS ? ranks : 1;
    ARENA_NEW(arena, p->pairs, (size_t)from * (size_t)ranks);
    for (int a = 0; a < from; a++) {
        for (int b = a + 1; b < ranks; b++) {
            p->pairs[p->n_pairs++] = (struct pair){.a = a, .b = b};
        }
    }
    return OK;
}

// Median seconds of one way, after some turns that only open the connection.
static enum status measure_turns(struct probe *p, const struct pair *pair, size_t bytes, int turns,
                                 double *out)
{
    double seconds[SMALL_TURNS];
    const bool first = p->c->rank == pair->a;
    const int warm_ups = turns < WARM_UPS ? 1 : WARM_UPS;
    CHECK(turns <= SMALL_TURNS);
    for (int i = -warm_ups; i < turns; i++) {
        const double start = clock_seconds();
        TRY(collective_ping(p->c, first ? pair->b : pair->a, first, p->bytes, bytes));
        if (i >= 0) {
            seconds[i] = (clock_seconds() - start) / 2;
        }
    }
    *out = quantile_median(seconds, (size_t)turns);
    return OK;
}

static enum status measure(struct probe *p, struct pair *pair)
{
    if (p->c->rank == pair->a || p->c->rank == pair->b) {
        double large;
        TRY(measure_turns(p, pair, SMALL_BYTES, SMALL_TURNS, &pair->latency_s));
        TRY(measure_turns(p, pair, LARGE_BYTES, LARGE_TURNS, &large));
        pair->bytes_per_second = LARGE_BYTES / large;
    }
    return collective_broadcast(p->c, pair, sizeof *pair, pair->a); // the others wait here
}

// ---- what is said
static void write_hosts(const struct probe *p, struct json_writer *w)
{
    json_write_begin(w, '[', "hosts");
    for (int first = 0; first < p->c->ranks; first++) {
        if (p->places[first].host_first != first) {
            continue;
        }
        json_write_begin(w, '{', NULL);
        json_write_string(w, "host", p->places[first].host);
        json_write_begin(w, '[', "ranks");
        for (int rank = first; rank < p->c->ranks; rank++) {
            if (p->places[rank].host_first == first) {
                json_write_int(w, NULL, rank);
            }
        }
        json_write_end(w, ']');
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
}

static enum status print_json(const struct probe *p)
{
    struct output_json json;
    output_json_begin(&json);
    struct json_writer *w = &json.writer;
    json_write_int(w, "ranks", p->c->ranks);
    write_hosts(p, w);
    json_write_begin(w, '[', "pairs");
    for (int i = 0; i < p->n_pairs; i++) {
        const struct pair *pair = &p->pairs[i];
        json_write_begin(w, '{', NULL);
        json_write_int(w, "a", pair->a);
        json_write_int(w, "b", pair->b);
        json_write_bool(w, "same_host", share_host(p, pair));
        json_write_double(w, "latency_us", 1e6 * pair->latency_s);
        json_write_double(w, "megabytes_per_second", 1e-6 * pair->bytes_per_second);
        json_write_end(w, '}');
    }
    json_write_end(w, ']');
    return output_json_end(&json);
}

static void print_hosts(const struct probe *p)
{
    static const char *const headers[] = {"host", "ranks", NULL};
    struct output_table table;
    output_table_open(&table, headers);
    for (int first = 0; first < p->c->ranks; first++) {
        struct text ranks = {0};
        for (int rank = first; rank < p->c->ranks && p->places[first].host_first == first; rank++) {
            if (p->places[rank].host_first == first) {
                text_add(&ranks, "%s%d", ranks.length > 0 ? ", " : "", rank);
            }
        }
        if (ranks.bytes != NULL) {
            output_cell(&table, "%s", p->places[first].host);
            output_cell(&table, "%s", ranks.bytes);
        }
        text_close(&ranks);
    }
    output_table_print(&table);
    output_table_close(&table);
}

static void print_text(const struct probe *p)
{
    static const char *const headers[] = {"ranks", "where", ">latency, us", ">MB/s", NULL};
    struct output_table table;
    print_hosts(p);
    printf("\n");
    output_table_open(&table, headers);
    for (int i = 0; i < p->n_pairs; i++) {
        const struct pair *pair = &p->pairs[i];
        output_cell(&table, "%d - %d", pair->a, pair->b);
        output_cell(&table, "%s", share_host(p, pair) ? "same host" : "two hosts");
        output_cell(&table, "%.2f", 1e6 * pair->latency_s);
        output_cell(&table, "%.0f", 1e-6 * pair->bytes_per_second);
    }
    output_table_print(&table);
    output_table_close(&table);
    printf("\nlatency: 8 bytes, one way; MB/s: 4 MiB, one way; medians, one pair at a time\n");
}

enum status doctor_mpi(const struct collective *c, bool json, struct arena *arena)
{
    struct probe probe = {.c = c};
    if (c->ranks == 1) {
        FAIL(ERR_CONFIG,
             "--mpi measures between ranks, and there is only one: start several, as in "
             "\"mpirun -n 4 dikdik doctor --mpi\", or under srun --mpi=pmi2");
    }
    TRY(find_places(&probe, arena));
    TRY(list_pairs(&probe, arena));
    ARENA_NEW(arena, probe.bytes, LARGE_BYTES);
    for (int i = 0; i < probe.n_pairs; i++) {
        TRY(measure(&probe, &probe.pairs[i]));
    }
    if (c->rank != 0) {
        return OK;
    }
    if (json) {
        return print_json(&probe);
    }
    print_text(&probe);
    return OK;
}
