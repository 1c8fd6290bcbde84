// The tests of the transport within one process, run by test_messages when it is alone.
#pragma once

int local_messages_run(void); // failed tests
