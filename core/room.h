// Room for memory where it is limited: ulimit -v (RLIMIT_AS), ulimit -d (RLIMIT_DATA), or a kernel
// that promises no more than it has. Some libraries hang or crash when they get none, so what they
// will want is asked for first.
#pragma once
#include "core/status.h"

#include <stddef.h>

bool room_is_limited(void);
// Whether so much private memory could be had at this moment; always, where nothing limits it.
// ERR_MEMORY names `what` wants it, how much this process needs and how much it may have.
enum status room_check(size_t bytes, const char *what);
