// A pool of threads that share out numbered pieces of work. The caller works too, as lane 0. Which
// lane takes which piece is left to chance, so a piece's result must not depend on its lane; one
// that is kept from its core takes none.
#pragma once
#include "core/status.h"

struct lanes;

enum status lanes_open(int n, struct lanes **out);
// Calls body(context, index, lane) once for each index in [0, n); returns when all are done. Not
// from inside a body.
void lanes_run(struct lanes *lanes, int n, void (*body)(void *context, int index, int lane),
               void *context);
void lanes_close(struct lanes *lanes); // NULL is fine
