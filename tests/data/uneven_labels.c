#include "uneven_labels.h"

#include <string.h>

void uneven_labels(int32_t labels[UNEVEN_N], int members[UNEVEN_CLASSES])
{
    memset(members, 0, UNEVEN_CLASSES * sizeof *members);
    for (int i = 0; i < UNEVEN_N; i++) {
        int place = i * 17 % 28, k = 0;
        while (place > k) {
            place -= k + 1;
            k++;
        }
        labels[i] = k;
        members[k]++;
    }
}
