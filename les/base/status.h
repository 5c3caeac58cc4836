/* Error kinds. A bug of ours: ASSERT, on in release. The world: enum status, which must be used.
 * An answer of a peer or a client: a small enum of its own beside the question (see
 * les/eth/trie.h). */
#ifndef LES_BASE_STATUS_H
#define LES_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_MAP(X)                                                                              \
    X(OK, "ok")                                                                                    \
    X(NOT_FOUND, "not found")                                                                      \
    X(INVALID, "invalid data")                                                                     \
    X(UNAVAILABLE, "unavailable")                                                                  \
    X(TIMEOUT, "timed out")                                                                        \
    X(CANCELLED, "cancelled")                                                                      \
    X(LIMIT, "limit exceeded")                                                                     \
    X(IO, "input/output error")                                                                    \
    X(NO_FUNDS, "no funds")

enum status {
#define X(name, text) STATUS_##name,
    STATUS_MAP(X)
#undef X
};

/* The text of a status, static storage. */
const char *status_text(enum status status);

#define WARN_UNUSED                      __attribute__((warn_unused_result))
#define PRINTF(format_index, args_index) __attribute__((format(printf, format_index, args_index)))

/* What cannot happen unless our own code is wrong: prints the place and aborts, in every build. */
#define ASSERT(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0))                                                     \
            assert_failed(#condition, __FILE__, __LINE__);                                         \
    } while (0)
_Noreturn void assert_failed(const char *condition, const char *file, int line);

/* The struct that embeds `member` at `pointer`. */
#define container_of(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
