// What the bits of a score depend on besides config and data: the number format, the libraries, and
// which instructions they use here. Decided once, on rank 0, and the same wherever candidates are
// scored: else a score would mean something else on every host.
#pragma once
#include "run/run_session.h"

// Collective. Decides whether scoring.dtype "auto" is int8 (where all ranks are fast at it) and
// tells this rank's workers, before they start. Mode sync: ERR_CONFIG where ranks, or the machine
// that its search began on, compute differently, naming hosts and what differs; async: one warning.
// Fills session->numerics. After the run folder is there.
enum status run_numerics_agree(struct run_session *session);
