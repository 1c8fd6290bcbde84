// Counts every call of the allocator from our code: the program is linked with --wrap for each.
#pragma once

long allocations_so_far(void);
