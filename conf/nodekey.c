#include "conf/nodekey.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_TEXT_SIZE 64

static enum status read_key(struct seckey32 *out, int file, const struct crypto *crypto,
                            const char *path, struct buf *error)
{
    char text[KEY_TEXT_SIZE + 2];
    ssize_t size = read(file, text, sizeof text);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        size--;
    bool good = size == KEY_TEXT_SIZE && hex_decode_exact(out->bytes, 32, text, KEY_TEXT_SIZE) &&
                crypto_seckey_valid(crypto, out);
    mem_wipe(text, sizeof text);
    if (good)
        return STATUS_OK;
    buf_printf(error,
               "%s does not hold a secret key of 64 hex digits; remove the file to get a new key",
               path);
    return STATUS_INVALID;
}

static enum status make_key(struct seckey32 *out, struct loop *loop, const struct crypto *crypto,
                            const char *path, struct buf *error)
{
    char text[KEY_TEXT_SIZE + 1];
    do
        loop_random(loop, out->bytes, 32);
    while (!crypto_seckey_valid(crypto, out));
    hex_encode(text, SPAN(out->bytes, 32));
    text[KEY_TEXT_SIZE] = '\n';
    int file = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    bool good =
        file >= 0 && write(file, text, sizeof text) == (ssize_t)sizeof text && fsync(file) == 0;
    if (!good)
        buf_printf(error,
                   "the node key cannot be written to %s: %s; give another --datadir or --nodekey",
                   path, strerror(errno));
    if (file >= 0)
        close(file);
    mem_wipe(text, sizeof text);
    return good ? STATUS_OK : STATUS_IO;
}

enum status nodekey_load(struct seckey32 *out, struct loop *loop, const struct crypto *crypto,
                         const char *hex, const char *datadir, struct buf *error)
{
    char path[4096];
    if (hex != NULL) {
        if (hex_decode_exact(out->bytes, 32, hex, strlen(hex)) && crypto_seckey_valid(crypto, out))
            return STATUS_OK;
        buf_printf(error,
                   "--nodekey is not a secret key of the curve: give 64 hex digits, not zero");
        return STATUS_INVALID;
    }
    if (mkdir(datadir, 0700) != 0 && errno != EEXIST) {
        buf_printf(error, "data directory %s cannot be made: %s; give another with --datadir",
                   datadir, strerror(errno));
        return STATUS_IO;
    }
    snprintf(path, sizeof path, "%s/nodekey", datadir);
    int file = open(path, O_RDONLY);
    if (file < 0)
        return make_key(out, loop, crypto, path, error);
    enum status status = read_key(out, file, crypto, path, error);
    close(file);
    return status;
}
