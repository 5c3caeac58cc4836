#include "les/base/log.h"

#include "les/base/bytes.h"
#include "les/base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define RECENT_LINE_MAX 256

struct log {
    int fd;
    enum log_level level;
    int64_t (*wall_s)(void *owner);
    void *owner;
    pthread_mutex_t lock; /* recent and its counter */
    uint64_t recent_count;
    char recent[LOG_RECENT][RECENT_LINE_MAX];
};

struct line {
    char text[LOG_LINE_MAX];
    size_t size;
};

static _Atomic(struct log *) newest_log;

static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};

struct log *log_new(int fd, enum log_level level, int64_t (*wall_s)(void *owner), void *owner)
{
    struct log *log = mem_alloc(sizeof(*log));
    log->fd = fd;
    log->level = level;
    log->wall_s = wall_s;
    log->owner = owner;
    ASSERT(pthread_mutex_init(&log->lock, NULL) == 0);
    atomic_store(&newest_log, log);
    return log;
}

void log_free(struct log *log)
{
    if (log == NULL)
        return;
    struct log *expected = log;
    atomic_compare_exchange_strong(&newest_log, &expected, NULL);
    pthread_mutex_destroy(&log->lock);
    mem_free(log);
}

bool log_on(const struct log *log, enum log_level level)
{
    return log != NULL && level <= log->level;
}

/* Room for the line feed is always kept. */
static void put(struct line *line, char c)
{
    if (line->size < sizeof(line->text) - 1)
        line->text[line->size++] = c;
}

static void put_text(struct line *line, const char *text)
{
    while (*text != 0)
        put(line, *text++);
}

static bool is_plain(unsigned char c)
{
    return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '=';
}

/* What could end a line or drive a terminal is written as an escape. */
static void put_escaped(struct line *line, const char *text, size_t size, bool quoted)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\n' || c == '\r' || c == '\t') {
            put(line, '\\');
            put(line, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (c < ' ' || c >= 0x7f) {
            put_text(line, "\\x");
            put(line, digits[c >> 4]);
            put(line, digits[c & 15]);
        } else {
            if (quoted && (c == '"' || c == '\\'))
                put(line, '\\');
            put(line, (char)c);
        }
    }
}

static void put_value(struct line *line, const char *value)
{
    size_t size = strnlen(value, LOG_VALUE_MAX);
    bool cut = value[size] != 0, plain = size != 0 && !cut;
    for (size_t i = 0; i < size && plain; i++)
        plain = is_plain((unsigned char)value[i]);
    if (plain) {
        put_escaped(line, value, size, false);
        return;
    }
    put(line, '"');
    put_escaped(line, value, size, true);
    if (cut)
        put_text(line, "...");
    put(line, '"');
}

static void put_time(struct line *line, int64_t wall_s)
{
    time_t when = (time_t)wall_s;
    struct tm tm;
    char text[40];
    if (gmtime_r(&when, &tm) == NULL ||
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        snprintf(text, sizeof(text), "@%lld", (long long)wall_s);
    put_text(line, text);
}

static void keep_recent(struct log *log, const struct line *line)
{
    pthread_mutex_lock(&log->lock);
    char *slot = log->recent[log->recent_count++ % LOG_RECENT];
    size_t size = line->size < RECENT_LINE_MAX - 1 ? line->size : RECENT_LINE_MAX - 1;
    memcpy(slot, line->text, size);
    slot[size] = 0;
    pthread_mutex_unlock(&log->lock);
}

static void write_all(int fd, const char *text, size_t size)
{
    while (size != 0) {
        ssize_t count = write(fd, text, size);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return;
        text += count;
        size -= (size_t)count;
    }
}

void log_write(struct log *log, enum log_level level, const char *room, const char *message, ...)
{
    if (log == NULL)
        return;
    struct line line;
    line.size = 0;
    put_time(&line, log->wall_s(log->owner));
    put(&line, ' ');
    put_text(&line, level_names[level]);
    put(&line, ' ');
    put_escaped(&line, room, strlen(room), false);
    put_text(&line, ": ");
    put_escaped(&line, message, strlen(message), false);
    va_list fields;
    va_start(fields, message);
    for (const char *key; (key = va_arg(fields, const char *)) != NULL;) {
        const char *value = va_arg(fields, const char *);
        ASSERT(value != NULL);
        put(&line, ' ');
        put_text(&line, key);
        put(&line, '=');
        put_value(&line, value);
    }
    va_end(fields);
    keep_recent(log, &line);
    if (level > log->level)
        return;
    line.text[line.size++] = '\n';
    write_all(log->fd, line.text, line.size);
}

void log_dump_recent(void)
{
    struct log *log = atomic_load(&newest_log);
    /* The failing thread may hold the lock: then the lines are lost, and that is better than
     * hanging. */
    if (log == NULL || pthread_mutex_trylock(&log->lock) != 0)
        return;
    uint64_t count = log->recent_count < LOG_RECENT ? log->recent_count : LOG_RECENT;
    for (uint64_t i = log->recent_count - count; i < log->recent_count; i++) {
        const char *text = log->recent[i % LOG_RECENT];
        write_all(STDERR_FILENO, "  recent: ", 10);
        write_all(STDERR_FILENO, text, strlen(text));
        write_all(STDERR_FILENO, "\n", 1);
    }
    pthread_mutex_unlock(&log->lock);
}

bool log_level_parse(enum log_level *out, const char *text)
{
    *out = LOG_ERROR;
    for (size_t i = 0; i < ARRAY_COUNT(level_names); i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

const char *log_u64(char buffer[24], uint64_t value)
{
    snprintf(buffer, 24, "%llu", (unsigned long long)value);
    return buffer;
}
