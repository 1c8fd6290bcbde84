// Every update rule, once: X(ID, name) stands for RULE_ID and for the table `rule_name` at the end
// of rule_name.c.
#pragma once

#define RULE_LIST(X)                                                                               \
    X(VTRACE, vtrace)                                                                              \
    X(MC_IS, mc_is)

enum rule_kind {
#define X(id, name) RULE_##id,
    RULE_LIST(X)
#undef X
};
