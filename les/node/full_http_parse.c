#include "les/node/full_http_parse.h"

#include "les/base/limits.h"

#include <ctype.h>

static bool is_token(uint8_t c)
{
    return isalnum(c) || (c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_text(uint8_t c)
{
    return c == '\t' || (c >= 0x20 && c != 0x7f);
}

static bool equals_text(struct span value, const char *lower)
{
    if (value.size != strlen(lower))
        return false;
    for (size_t i = 0; i < value.size; i++)
        if (tolower(value.data[i]) != lower[i])
            return false;
    return true;
}

static struct span trim(struct span value)
{
    while (value.size > 0 && (value.data[0] == ' ' || value.data[0] == '\t'))
        value = SPAN(value.data + 1, value.size - 1);
    while (value.size > 0 &&
           (value.data[value.size - 1] == ' ' || value.data[value.size - 1] == '\t'))
        value.size--;
    return value;
}

/* The next line of *rest without its CRLF. False: there is none, or a lone CR or LF. */
static bool next_line(struct span *rest, struct span *line)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->size);
    if (end == NULL || end == rest->data || end[-1] != '\r')
        return false;
    *line = SPAN(rest->data, (size_t)(end - rest->data) - 1);
    *rest = SPAN(end + 1, rest->size - line->size - 2);
    return memchr(line->data, '\r', line->size) == NULL;
}

/* name: value. False: malformed; folded lines are. */
static bool split_field(struct span line, struct span *name, struct span *value)
{
    size_t colon = 0;
    while (colon < line.size && is_token(line.data[colon]))
        colon++;
    if (colon == 0 || colon == line.size || line.data[colon] != ':')
        return false;
    *name = SPAN(line.data, colon);
    *value = trim(SPAN(line.data + colon + 1, line.size - colon - 1));
    for (size_t i = 0; i < value->size; i++)
        if (!is_text(value->data[i]))
            return false;
    return true;
}

/* How often the field is there; value is the last one's. */
static size_t count_fields(const struct full_http *http, const char *name, struct span *value)
{
    struct span rest = buf_span(&http->head), line, at, found;
    size_t count = 0;
    *value = SPAN_EMPTY;
    if (!next_line(&rest, &line))
        return 0;
    while (next_line(&rest, &line) && line.size > 0 && split_field(line, &at, &found))
        if (equals_text(at, name)) {
            *value = found;
            count++;
        }
    return count;
}

bool full_http_field(const struct full_http *http, const char *name, struct span *value)
{
    return count_fields(http, name, value) == 1;
}

/* Is token one of the comma-separated words of value? */
static bool has_word(struct span value, const char *token)
{
    while (value.size > 0) {
        const uint8_t *comma = memchr(value.data, ',', value.size);
        size_t size = comma == NULL ? value.size : (size_t)(comma - value.data);
        if (equals_text(trim(SPAN(value.data, size)), token))
            return true;
        size_t skip = comma == NULL ? size : size + 1;
        value = SPAN(value.data + skip, value.size - skip);
    }
    return false;
}

static bool read_number(struct span digits, unsigned base, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.size; i++) {
        unsigned c = digits.data[i], digit = base;
        if (isdigit((int)c))
            digit = c - '0';
        else if (isxdigit((int)c))
            digit = (unsigned)tolower((int)c) - 'a' + 10;
        if (digit >= base || *out > (UINT64_MAX - digit) / base)
            return false;
        *out = *out * base + digit;
    }
    return digits.size > 0;
}

/* HTTP/1.x SP 3 digits, then nothing or SP and any text. */
static bool read_status_line(struct full_http *http, struct span line, bool *is_11)
{
    if (line.size < 12 || memcmp(line.data, "HTTP/1.", 7) != 0 ||
        (line.data[7] != '0' && line.data[7] != '1') || line.data[8] != ' ')
        return false;
    uint64_t status;
    if (!read_number(SPAN(line.data + 9, 3), 10, &status) || status < 100 || status > 599)
        return false;
    for (size_t i = 12; i < line.size; i++)
        if (!is_text(line.data[i]))
            return false;
    *is_11 = line.data[7] == '1';
    http->status = (unsigned)status;
    return line.size == 12 || line.data[12] == ' ';
}

/* Where the body ends (RFC 9112, 6.3); what could be read in two ways is refused. */
static enum full_http_state read_framing(struct full_http *http)
{
    struct span value;
    size_t codings = count_fields(http, "transfer-encoding", &value);
    http->chunked = codings == 1 && equals_text(value, "chunked");
    if (codings > 1 || (codings == 1 && !http->chunked))
        return FULL_HTTP_BAD;
    size_t lengths = count_fields(http, "content-length", &value);
    http->has_length = lengths == 1;
    if (lengths > 1 || (lengths == 1 && (http->chunked || !read_number(value, 10, &http->left))))
        return FULL_HTTP_BAD;
    if (http->has_length && http->left > FULL_RESPONSE_BYTES_MAX)
        return FULL_HTTP_LARGE;
    if (count_fields(http, "content-encoding", &value) > 0 && !equals_text(value, "identity"))
        return FULL_HTTP_BAD; /* we asked for none */
    if (http->status == 204 || http->status == 304) {
        http->chunked = false;
        http->has_length = true;
        http->left = 0;
    }
    http->to_end = !http->chunked && !http->has_length;
    http->keep_alive = http->keep_alive && !http->to_end;
    http->phase = http->chunked ? FULL_HTTP_SIZE : FULL_HTTP_BODY;
    return http->has_length && http->left == 0 ? FULL_HTTP_DONE : FULL_HTTP_MORE;
}

static enum full_http_state read_head(struct full_http *http)
{
    struct span rest = buf_span(&http->head), line, name, value;
    bool is_11;
    size_t fields = 0;
    if (!next_line(&rest, &line) || !read_status_line(http, line, &is_11))
        return FULL_HTTP_BAD;
    for (;;) {
        if (!next_line(&rest, &line))
            return FULL_HTTP_BAD;
        if (line.size == 0)
            break;
        if (++fields > FULL_HTTP_HEADERS_MAX)
            return FULL_HTTP_LARGE;
        if (!split_field(line, &name, &value))
            return FULL_HTTP_BAD;
    }
    if (http->status == 101)
        return FULL_HTTP_DONE;
    if (http->status < 200) {
        buf_clear(&http->head);
        return ++http->interim > FULL_HTTP_INTERIM_MAX ? FULL_HTTP_LARGE : FULL_HTTP_MORE;
    }
    size_t count = count_fields(http, "connection", &value);
    http->keep_alive =
        count <= 1 && (is_11 ? !has_word(value, "close") : has_word(value, "keep-alive"));
    return read_framing(http);
}

/* Takes up to the empty line that ends the head. */
static enum full_http_state feed_head(struct full_http *http, struct span bytes, size_t *used)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (http->head.size == FULL_HTTP_HEAD_MAX)
            return FULL_HTTP_LARGE;
        buf_add_u8(&http->head, bytes.data[i]);
        const uint8_t *end = http->head.data + http->head.size;
        if (bytes.data[i] == '\n' && http->head.size >= 4 && memcmp(end - 4, "\r\n\r\n", 4) == 0) {
            *used += i + 1;
            return read_head(http);
        }
    }
    *used += bytes.size;
    return FULL_HTTP_MORE;
}

static enum full_http_state feed_body(struct full_http *http, struct span bytes, size_t *used)
{
    size_t size = bytes.size;
    if (!http->to_end && size > http->left)
        size = (size_t)http->left;
    if (size > FULL_RESPONSE_BYTES_MAX - http->body.size)
        return FULL_HTTP_LARGE;
    buf_add_span(&http->body, SPAN(bytes.data, size));
    *used += size;
    if (http->to_end)
        return FULL_HTTP_MORE;
    http->left -= size;
    if (http->left != 0)
        return FULL_HTTP_MORE;
    if (http->phase == FULL_HTTP_BODY)
        return FULL_HTTP_DONE;
    http->phase = FULL_HTTP_CHUNK_END;
    return FULL_HTTP_MORE;
}

/* A whole line of the coding of chunks is in http->line. */
static enum full_http_state take_line(struct full_http *http)
{
    struct span rest = buf_span(&http->line), line;
    if (!next_line(&rest, &line))
        return FULL_HTTP_BAD;
    buf_clear(&http->line);
    if (http->phase == FULL_HTTP_TRAILER)
        return line.size == 0 ? FULL_HTTP_DONE : FULL_HTTP_MORE;
    if (http->phase == FULL_HTTP_CHUNK_END) {
        http->phase = FULL_HTTP_SIZE;
        return line.size == 0 ? FULL_HTTP_MORE : FULL_HTTP_BAD;
    }
    const uint8_t *extension = memchr(line.data, ';', line.size);
    if (extension != NULL)
        line.size = (size_t)(extension - line.data);
    if (!read_number(trim(line), 16, &http->left))
        return FULL_HTTP_BAD;
    if (http->left > FULL_RESPONSE_BYTES_MAX - http->body.size)
        return FULL_HTTP_LARGE;
    http->phase = http->left == 0 ? FULL_HTTP_TRAILER : FULL_HTTP_CHUNK;
    return FULL_HTTP_MORE;
}

static enum full_http_state feed_line(struct full_http *http, struct span bytes, size_t *used)
{
    const uint8_t *end = memchr(bytes.data, '\n', bytes.size);
    size_t size = end == NULL ? bytes.size : (size_t)(end - bytes.data) + 1;
    if (http->phase == FULL_HTTP_CHUNK_END && http->line.size == 0 && bytes.data[0] != '\r')
        return FULL_HTTP_BAD;
    if (size > FULL_HTTP_LINE_MAX - http->line.size)
        return FULL_HTTP_LARGE;
    if (http->phase == FULL_HTTP_TRAILER && (http->trailer_size += size) > FULL_HTTP_TRAILER_MAX)
        return FULL_HTTP_LARGE;
    buf_add_span(&http->line, SPAN(bytes.data, size));
    *used += size;
    return end == NULL ? FULL_HTTP_MORE : take_line(http);
}

enum full_http_state full_http_feed(struct full_http *http, struct span bytes, size_t *used)
{
    enum full_http_state state = FULL_HTTP_MORE;
    *used = 0;
    while (state == FULL_HTTP_MORE && *used < bytes.size) {
        struct span rest = SPAN(bytes.data + *used, bytes.size - *used);
        switch (http->phase) {
        case FULL_HTTP_HEAD:
            state = feed_head(http, rest, used);
            break;
        case FULL_HTTP_BODY:
        case FULL_HTTP_CHUNK:
            state = feed_body(http, rest, used);
            break;
        case FULL_HTTP_SIZE:
        case FULL_HTTP_CHUNK_END:
        case FULL_HTTP_TRAILER:
            state = feed_line(http, rest, used);
            break;
        }
    }
    return state;
}

enum full_http_state full_http_finish(struct full_http *http)
{
    return http->phase == FULL_HTTP_BODY && http->to_end ? FULL_HTTP_DONE : FULL_HTTP_BAD;
}

bool full_http_idle(const struct full_http *http)
{
    return http->phase == FULL_HTTP_HEAD && http->head.size == 0;
}

void full_http_reset(struct full_http *http)
{
    struct buf head = http->head, line = http->line;
    buf_free(&http->body); /* may be large */
    buf_clear(&head);
    buf_clear(&line);
    *http = (struct full_http){.head = head, .line = line};
}

void full_http_free(struct full_http *http)
{
    buf_free(&http->body);
    buf_free(&http->head);
    buf_free(&http->line);
}
