/* Logs: one line per event, `time level room: message key=value ...`, readable and parseable (logfmt after the message).
 * Values with spaces, quotes or control characters are quoted and escaped, so a peer cannot forge a line. */
#ifndef LES_BASE_LOG_H
#define LES_BASE_LOG_H

#include "les/base/status.h"

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3, LOG_TRACE = 4 };

struct log;
/* Writes lines of level and above to fd. wall_s gives the time stamp. Keeps the last 64 lines of every level for ASSERT. */
struct log *log_new(int fd, enum log_level level, int64_t (*wall_s)(void *owner), void *owner);
void log_free(struct log *log);
bool log_on(const struct log *log, enum log_level level);
/* room: a short static name ("les", "ulc", "http"). fields: pairs key, value as strings, ended by NULL; both borrowed.
 * log may be NULL (tests): nothing happens. */
void log_write(struct log *log, enum log_level level, const char *room, const char *message, ...)
    __attribute__((sentinel));
bool log_level_parse(enum log_level *out, const char *text) WARN_UNUSED;
/* Scratch text for values: returns buffer. At most 8 live per statement is the caller's business. */
const char *log_u64(char buffer[24], uint64_t value);

#endif
