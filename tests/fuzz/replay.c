/* Runs a fuzz target over files: each argument is a file or a folder (all depths). The corpus is so
 * an ordinary test, with any compiler. Prints the counts; an argument without a file is a failure.
 */
#include "les/base/bytes.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct buf read_file(const char *path)
{
    struct buf bytes = {0};
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    char chunk[16384];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), file)) != 0;)
        buf_add(&bytes, chunk, size);
    if (ferror(file) != 0) {
        perror(path);
        exit(1);
    }
    fclose(file);
    return bytes;
}

static size_t replay(const char *path);

static size_t replay_folder(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;
    if (dir == NULL) {
        perror(path);
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        struct buf child = {0};
        buf_printf(&child, "%s/%s", path, entry->d_name);
        buf_add_u8(&child, 0);
        count += replay((const char *)child.data);
        buf_free(&child);
    }
    closedir(dir);
    return count;
}

static size_t replay(const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        exit(1);
    }
    if (S_ISDIR(info.st_mode))
        return replay_folder(path);
    struct buf bytes = read_file(path);
    /* An exact copy on the heap, so that a sanitizer sees a read past the end. */
    uint8_t *copy = mem_copy(buf_span(&bytes));
    if (LLVMFuzzerTestOneInput(copy, bytes.size) != 0)
        fprintf(stderr, "%s: not wanted in the corpus\n", path);
    mem_free(copy);
    buf_free(&bytes);
    return 1;
}

int main(int count, char **arguments)
{
    bool empty = count < 2;
    for (int i = 1; i < count; i++) {
        size_t files = replay(arguments[i]);
        printf("%s: replayed %zu files\n", arguments[i], files);
        empty = empty || files == 0;
    }
    return empty ? 1 : 0;
}
