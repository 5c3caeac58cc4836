#include "les/base/log.h"
#include "les/base/status.h"

#include <stdio.h>
#include <stdlib.h>

const char *status_text(enum status status)
{
    switch (status) {
#define X(name, text)                                                                              \
    case STATUS_##name:                                                                            \
        return text;
        STATUS_MAP(X)
#undef X
    }
    return "unknown status";
}

void assert_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, condition);
    fflush(stderr);
    log_dump_recent();
    abort();
}
