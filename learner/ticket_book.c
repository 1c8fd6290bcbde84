// Tickets under way.
#include "learner/ticket_book.h"

enum status ticket_book_open(int capacity, size_t block_bytes, struct arena *arena,
                             struct ticket_book *out)
{
    struct ticket_book book = {.capacity = capacity};
    const size_t stride = (block_bytes + 63) / 64 * 64;
    char *blocks;
    ARENA_NEW(arena, book.orders, (size_t)capacity);
    ARENA_NEW(arena, blocks, (size_t)capacity * stride);
    for (int i = 0; i < capacity; i++) {
        book.orders[i].block = blocks + (size_t)i * stride;
    }
    *out = book;
    return OK;
}

struct order *ticket_book_add(struct ticket_book *book)
{
    for (int i = 0; i < book->capacity; i++) {
        struct order *order = &book->orders[i];
        if (order->state == ORDER_FREE) {
            *order = (struct order){.state = ORDER_WAITING, .block = order->block};
            book->n_waiting++;
            return order;
        }
    }
    return NULL;
}

struct order *ticket_book_find(struct ticket_book *book, int64_t episode)
{
    for (int i = 0; i < book->capacity; i++) {
        struct order *order = &book->orders[i];
        if (order->state != ORDER_FREE && order->ticket.episode == episode) {
            return order;
        }
    }
    return NULL;
}

// Takes the order out of the counts of its state.
static void leave(struct ticket_book *book, struct order *order)
{
    CHECK(order->state != ORDER_FREE);
    book->n_waiting -= order->state == ORDER_WAITING ? 1 : 0;
    book->n_out -= order->state == ORDER_OUT ? 1 : 0;
    book->n_back -= order->state == ORDER_BACK ? 1 : 0;
    book->n_overdue -= order->overdue ? 1 : 0;
    order->overdue = false;
}

void ticket_book_out(struct ticket_book *book, struct order *order, double now)
{
    leave(book, order);
    order->state = ORDER_OUT;
    order->since = now;
    order->given++;
    book->n_out++;
}

void ticket_book_back(struct ticket_book *book, struct order *order)
{
    leave(book, order);
    order->state = ORDER_BACK;
    order->arrival = book->arrivals++;
    book->n_back++;
}

void ticket_book_again(struct ticket_book *book, struct order *order)
{
    leave(book, order);
    order->state = ORDER_WAITING;
    book->n_waiting++;
}

void ticket_book_free(struct ticket_book *book, struct order *order)
{
    leave(book, order);
    order->state = ORDER_FREE;
}

void ticket_book_expire(struct ticket_book *book, double lease_seconds, double now)
{
    for (int i = 0; i < book->capacity; i++) {
        struct order *order = &book->orders[i];
        const int doublings = order->given < 10 ? order->given - 1 : 9;
        if (order->state == ORDER_OUT && !order->overdue &&
            now - order->since > lease_seconds * (double)(1 << doublings)) {
            order->overdue = true;
            book->n_overdue++;
        }
    }
}

static int64_t rank_of(const struct order *order, int64_t update)
{
    return update < 0 ? order->arrival : order->ticket.episode;
}

int ticket_book_collect(struct ticket_book *book, int64_t update, struct order **found, int most,
                        bool *complete)
{
    int n = 0;
    *complete = true;
    for (int i = 0; i < book->capacity; i++) {
        struct order *order = &book->orders[i];
        if (order->state == ORDER_FREE || (update >= 0 && order->update != update)) {
            continue;
        }
        if (order->state != ORDER_BACK) {
            *complete = false;
            continue;
        }
        int at = n; // sorted by insertion; the last falls out when there is no room
        for (; at > 0 && rank_of(found[at - 1], update) > rank_of(order, update); at--) {
            if (at < most) {
                found[at] = found[at - 1];
            }
        }
        if (at < most) {
            found[at] = order;
            n += n < most ? 1 : 0;
        }
    }
    return n;
}
