// The list of distributions, and finding choices among the legal ones.
#include "agent/distribution_tools.h"

#include <math.h>

const struct distribution *const distributions[] = {
#define X(id, name) &distribution_##name,
    DISTRIBUTION_LIST(X)
#undef X
        NULL};

const char *const distribution_names[] = {
#define X(id, name) #name,
    DISTRIBUTION_LIST(X)
#undef X
        NULL};

int offer_nearest(const struct offer *offer, double position)
{
    int nearest = -1;
    double least = INFINITY;
    for (int k = 0; k < offer->n; k++) {
        const double distance = fabs((double)offer->position[k] - position);
        if (offer->legal[k] != 0 && (nearest < 0 || distance < least)) {
            nearest = k;
            least = distance;
        }
    }
    CHECK(nearest >= 0);
    return nearest;
}

int offer_repair(const struct offer *offer, int wanted)
{
    for (int k = wanted < offer->n ? wanted : offer->n - 1; k >= 0; k--) {
        if (offer->legal[k] != 0) {
            return k;
        }
    }
    for (int k = wanted < 0 ? 0 : wanted + 1; k < offer->n; k++) {
        if (offer->legal[k] != 0) {
            return k;
        }
    }
    CHECK(!"no choice is legal");
    return -1;
}
