// Tickets out, trajectories in. An actor works on one batch of tickets; the next one is put in its
// queue only where waiting for it would cost more than a tenth of what a batch takes, and only
// while there are at least as many tickets as actors, so that none waits behind a slow actor while
// another idles.
#include "learner/learner_internal.h"
#include "learner/start.h"

#include <string.h>

static const double poll_seconds = 0.004; // the learner's longest sleep, there and back
static const double idle_share = 0.1;     // of a batch, that an actor may wait

static void propose(struct learner *l, struct order *order)
{
    struct ticket *ticket = &order->ticket;
    const struct start start = {.space = l->job.space, .kind = l->job.search->start};
    if (!l->job.method->own_start &&
        start_next(&start, l->job.seed, ticket->task, &l->started[ticket->task], ticket)) {
        return;
    }
    l->job.method->propose(l->method, ticket);
    CHECK(order->ticket.n_given >= 0 && order->ticket.n_given <= TICKET_MOST_GIVEN);
}

static int decide_update(struct learner *l, int64_t update)
{
    const int batch = l->job.learner->batch;
    const int64_t version = update > l->most_lag ? update - l->most_lag : 0;
    int n = 0;
    for (; n < batch; n++) {
        const int task = schedule_next(&l->schedule);
        if (task < 0) {
            break;
        }
        struct order *order = ticket_book_add(&l->tickets);
        CHECK(order != NULL);
        order->update = update;
        order->ticket = (struct ticket){.kind = TICKET_EPISODE,
                                        .task = task,
                                        .episode = update * batch + n,
                                        .version = version};
        propose(l, order);
    }
    return n;
}

void learner_decide(struct learner *l)
{
    int64_t *decided = &l->counts[COUNT_DECIDED];
    while (l->sync && *decided <= l->counts[COUNT_UPDATES] + l->most_lag &&
           decide_update(l, *decided) > 0) {
        (*decided)++;
    }
}

// async: one more ticket, with the newest weights; NULL when none may go out.
static struct order *decide_one(struct learner *l)
{
    const struct ticket_book *book = &l->tickets;
    if (l->sync || book->n_waiting + book->n_out + book->n_back == book->capacity) {
        return NULL;
    }
    const int task = schedule_next(&l->schedule);
    if (task < 0) {
        return NULL;
    }
    struct order *order = ticket_book_add(&l->tickets);
    order->ticket = (struct ticket){.kind = TICKET_EPISODE,
                                    .task = task,
                                    .episode = l->counts[COUNT_NEXT]++,
                                    .version = l->counts[COUNT_UPDATES]};
    propose(l, order);
    return order;
}

// Which of two goes out first: that of the earlier update, then the dearer (so that a batch does
// not end on a long one), then the earlier episode.
static bool goes_first(const struct learner *l, const struct order *a, const struct order *b)
{
    if (a->update != b->update) {
        return a->update < b->update;
    }
    const double cost_a = l->cost[a->ticket.task], cost_b = l->cost[b->ticket.task];
    return cost_a > cost_b || (!(cost_a < cost_b) && a->ticket.episode < b->ticket.episode);
}

static bool needs_weights(const struct learner *l, const struct ticket *ticket)
{
    return l->job.method->policy &&
           (ticket->source == ACTIONS_POLICY || ticket->source == ACTIONS_GREEDY ||
            ticket->source == ACTIONS_NOISY);
}

// version: of the weights of the batch that it is for, -1 while that needs none. Tickets of one
// batch are played by one policy.
static struct order *order_for(struct learner *l, const struct actor_entry *actor, int64_t version)
{
    struct order *best = NULL;
    const bool any = l->tickets.n_waiting + l->tickets.n_overdue > 0;
    for (int i = 0; any && i < l->tickets.capacity; i++) {
        struct order *order = &l->tickets.orders[i];
        const bool wanted = order->state == ORDER_WAITING || order->overdue;
        if (!wanted || actor_has(actor, order->ticket.episode)) {
            continue;
        }
        const bool fits = !l->sync || version < 0 || order->ticket.version == version ||
                          !needs_weights(l, &order->ticket);
        if (fits && (best == NULL || goes_first(l, order, best))) {
            best = order;
        }
    }
    return best != NULL ? best : decide_one(l);
}

// Sends an actor up to n tickets in one message. *given: how many.
static enum status hand_over(struct learner *l, int number, int n, double now, int *given)
{
    struct actor_entry *actor = &l->actors.actors[number];
    struct ticket_batch batch = {.tickets = l->outgoing};
    int64_t version = -1;
    while (batch.n < n) {
        struct order *order = order_for(l, actor, version);
        if (order == NULL) {
            break;
        }
        if (!l->sync) {
            order->ticket.version = l->counts[COUNT_UPDATES]; // newest, also when sent again
        }
        version = needs_weights(l, &order->ticket) ? order->ticket.version : version;
        l->outgoing[batch.n++] = order->ticket;
        actor_give(actor, order->ticket.episode);
        ticket_book_out(&l->tickets, order, now);
    }
    *given = batch.n;
    if (batch.n == 0) {
        return OK;
    }
    if (version >= 0 && actor->version != version) {
        batch.weights = weight_ring_get(&l->weights, version);
        batch.n_weights = l->weights.n_floats;
        actor->version = version;
    }
    return transport_send_tickets(l->job.transport, number, &batch);
}

static int64_t tickets_there(const struct learner *l)
{
    return l->sync ? l->tickets.n_waiting + l->tickets.n_overdue : schedule_remaining(&l->schedule);
}

static bool may_queue(const struct learner *l)
{
    return tickets_there(l) >= l->actors.n &&
           l->update_seconds + poll_seconds > idle_share * l->episode_seconds * l->job.at_once;
}

// Whether an actor takes tickets now, as the first (queued 0) or the second batch that it has.
static bool takes_more(struct learner *l, int number, int queued)
{
    const struct actor_entry *actor = &l->actors.actors[number];
    const bool room = queued == 0 ? actor->n == 0 : actor->n > 0 && actor->n <= l->job.at_once;
    return room && !actor->lost && actor->damaged < ACTOR_MOST_DAMAGED &&
           transport_ready(l->job.transport, number);
}

// Tickets for each actor that takes some now: evenly, so that none has several while another idles.
static int fair_share(struct learner *l, int queued)
{
    int takers = 0;
    for (int i = 0; l->job.at_once > 1 && i < l->actors.n; i++) {
        takers += takes_more(l, i, queued);
    }
    if (takers < 2) {
        return l->job.at_once;
    }
    const int64_t there = tickets_there(l) + (l->sync ? 0 : l->tickets.n_waiting);
    const int64_t share = (there + takers - 1) / takers;
    return share < 1 ? 1 : share < l->job.at_once ? (int)share : l->job.at_once;
}

// All tickets of an actor that will not answer them go to others, at once.
static void take_back(struct learner *l, struct actor_entry *actor)
{
    while (actor->n > 0) {
        const int64_t episode = actor->episodes[0];
        (void)actor_answer(actor, episode);
        struct order *order = ticket_book_find(&l->tickets, episode);
        if (order != NULL && order->state == ORDER_OUT) {
            ticket_book_again(&l->tickets, order);
        }
    }
}

static enum status look_for_lost_actors(struct learner *l)
{
    int lost = 0;
    for (int i = 0; i < l->actors.n; i++) {
        struct actor_entry *actor = &l->actors.actors[i];
        if (!actor->lost && transport_lost(l->job.transport, i)) {
            log_warning("actor %d is gone: what it had goes to others", i);
            actor->lost = true;
            take_back(l, actor);
        }
        lost += actor->lost;
    }
    if (lost == l->actors.n) {
        FAIL(ERR_COMM, "all %d actors are gone", lost);
    }
    return OK;
}

enum status learner_hand_out(struct learner *l, double now, bool *moved)
{
    const double lease = l->job.lease_seconds;
    TRY(look_for_lost_actors(l));
    if (lease > 0.0 && now - l->looked > lease / 32.0) {
        ticket_book_expire(&l->tickets, lease, now);
        l->looked = now;
    }
    if (l->sync && l->tickets.n_waiting + l->tickets.n_overdue == 0) {
        return OK;
    }
    l->actors.next = (l->actors.next + 1) % l->actors.n;
    for (int queued = 0; queued < ACTOR_MOST_BATCHES && (queued == 0 || may_queue(l)); queued++) {
        const int share = fair_share(l, queued);
        for (int i = 0; i < l->actors.n; i++) {
            const int number = (l->actors.next + i) % l->actors.n;
            int given = 0;
            if (!takes_more(l, number, queued)) {
                continue;
            }
            TRY(hand_over(l, number, share, now, &given));
            *moved = *moved || given > 0;
            if (given == 0 && l->tickets.n_overdue == 0) {
                return OK; // nothing for anybody
            }
        }
    }
    return OK;
}

// What an actor sent cannot be used: its oldest ticket goes to somebody else. After a few such
// messages all of them do, and the actor gets no more.
static enum status refuse(struct learner *l, int number)
{
    struct actor_entry *actor = &l->actors.actors[number];
    actor->damaged++;
    log_warning("actor %d: %s; %s", number, status_message(),
                actor->damaged < ACTOR_MOST_DAMAGED ? "its episode is run again"
                                                    : "it gets no more work");
    if (actor->damaged >= ACTOR_MOST_DAMAGED) {
        take_back(l, actor);
    } else if (actor->n > 0) {
        const int64_t episode = actor->episodes[0];
        (void)actor_answer(actor, episode);
        struct order *order = ticket_book_find(&l->tickets, episode);
        if (order != NULL && order->state == ORDER_OUT) {
            ticket_book_again(&l->tickets, order);
        }
    }
    for (int i = 0; i < l->actors.n; i++) {
        if (!l->actors.actors[i].lost && l->actors.actors[i].damaged < ACTOR_MOST_DAMAGED) {
            return OK;
        }
    }
    return status_context(ERR_COMM, "no actor sends anything usable, the last one");
}

static enum status check_answer(const struct learner *l, const struct order *order,
                                const struct trajectory *trajectory)
{
    const struct trajectory_header *header = trajectory->header;
    const struct ticket *ticket = &order->ticket;
    const bool fits = l->sync ? header->version == ticket->version
                              : header->version >= 0 && header->version <= ticket->version;
    if (header->task != ticket->task || !fits) {
        FAIL(ERR_COMM,
             "episode %lld came back as task %d, version %lld; expected task %d, version %lld",
             (long long)ticket->episode, (int)header->task, (long long)header->version,
             (int)ticket->task, (long long)ticket->version);
    }
    return learner_check_episode(l, trajectory);
}

static enum status take_answer(struct learner *l, int number, const void *block, size_t bytes)
{
    struct actor_entry *actor = &l->actors.actors[number];
    struct trajectory_header header;
    if (trajectory_check(l->job.shape, block, bytes) != OK) {
        return refuse(l, number);
    }
    memcpy(&header, block, sizeof header);
    struct order *order = ticket_book_find(&l->tickets, header.episode);
    if (!actor_has(actor, header.episode) || order == NULL || order->state == ORDER_BACK) {
        (void)actor_answer(actor, header.episode);
        l->late++;
        return OK;
    }
    struct trajectory trajectory = {.header = &header};
    if (header.rows > 0) {
        trajectory_view(l->job.shape, (void *)(uintptr_t)block, &trajectory); // read only
    }
    if (check_answer(l, order, &trajectory) != OK) {
        return refuse(l, number);
    }
    (void)actor_answer(actor, header.episode);
    actor->damaged = 0;
    memcpy(order->block, block, bytes);
    ticket_book_back(&l->tickets, order);
    const double seconds = header.environment_seconds + header.policy_seconds + header.wire_seconds;
    l->episode_seconds += (seconds - l->episode_seconds) / 8.0;
    return OK;
}

enum status learner_receive(struct learner *l, bool *moved)
{
    const int most = 2 * l->job.at_once * l->actors.n; // what can have arrived since the last poll
    for (int i = 0; i < most; i++) {
        int number = 0;
        const void *block;
        size_t bytes;
        TRY(transport_receive(l->job.transport, &number, &block, &bytes));
        if (block == NULL) {
            return OK;
        }
        *moved = true;
        const enum status status = l->stopping ? OK : take_answer(l, number, block, bytes);
        transport_release(l->job.transport);
        TRY(status);
    }
    return OK;
}
