// What every cmocka test includes, in the order that cmocka wants.
#pragma once
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <string.h>

// The call must fail with this code, and the message must hold this text.
#define assert_fails(call, code, text)                                                             \
    do {                                                                                           \
        assert_int_equal((call), (code));                                                          \
        if (strstr(status_message(), (text)) == NULL) {                                            \
            fail_msg("'%s' is not in the message '%s'", (text), status_message());                 \
        }                                                                                          \
    } while (0)

// The call must succeed; its message is shown otherwise.
#define assert_ok(call)                                                                            \
    do {                                                                                           \
        if ((call) != OK) {                                                                        \
            fail_msg("%s", status_message());                                                      \
            abort(); /* never reached: compilers do not know that fail_msg jumps away */           \
        }                                                                                          \
    } while (0)
