/* Logs: one line per event, `time level room: message key=value ...`, readable and parseable
 * (logfmt after the message). Values with spaces, quotes or control characters are quoted and
 * escaped, so a peer cannot forge a line. */
#ifndef LES_BASE_LOG_H
#define LES_BASE_LOG_H

#include "les/base/status.h"

#define LOG_RECENT 64

enum log_level { LOG_ERROR = 0, LOG_WARN = 1, LOG_INFO = 2, LOG_DEBUG = 3, LOG_TRACE = 4 };

struct log;
/* Writes lines of level and above to fd. wall_s gives the time stamp. The last LOG_RECENT lines, of
 * whatever level, stay in memory; a failing ASSERT prints those of the newest log of the process
 * (so give a chatty caller a log_on test). */
struct log *log_new(int fd, enum log_level level, int64_t (*wall_s)(void *owner), void *owner);
void log_free(struct log *log);
/* Whether lines of level are written. */
bool log_on(const struct log *log, enum log_level level);
/* room: a short static name ("les", "ulc", "http"). fields: pairs key, value as strings, ended by
 * NULL; both borrowed. log may be NULL (tests): nothing happens. Legal from any thread. A value
 * longer than LOG_VALUE_MAX is cut. */
void log_write(struct log *log, enum log_level level, const char *room, const char *message, ...)
    __attribute__((sentinel));
bool log_level_parse(enum log_level *out, const char *text) WARN_UNUSED;
/* Prints the kept lines of the newest log to standard error: for assert_failed. The one
 * process-wide pointer. */
void log_dump_recent(void);
/* Scratch text for values: returns buffer. At most 8 live per statement is the caller's business.
 */
const char *log_u64(char buffer[24], uint64_t value);

#endif
