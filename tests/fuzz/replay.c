/* Runs a fuzz target over files: each argument is a file or a folder (all depths). The corpus is so
 * an ordinary test, with any compiler. Speaks TAP, a test for each folder that holds files; an
 * argument without a file is a failure. */
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

/* What was replayed: files, and tests said to be passed. */
struct tally {
    size_t files, tests;
};

static void replay(struct tally *tally, const char *path);

static void replay_folder(struct tally *tally, const char *path)
{
    DIR *dir = opendir(path);
    size_t files = 0;
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
        size_t tests = tally->tests, before = tally->files;
        replay(tally, (const char *)child.data);
        if (tally->tests == tests) /* it was a file */
            files += tally->files - before;
        buf_free(&child);
    }
    closedir(dir);
    if (files > 0)
        printf("ok %zu - %s: %zu files\n", ++tally->tests, path, files);
}

static void replay(struct tally *tally, const char *path)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        perror(path);
        exit(1);
    }
    if (S_ISDIR(info.st_mode)) {
        replay_folder(tally, path);
        return;
    }
    struct buf bytes = read_file(path);
    /* An exact copy on the heap, so that a sanitizer sees a read past the end. */
    uint8_t *copy = mem_copy(buf_span(&bytes));
    if (LLVMFuzzerTestOneInput(copy, bytes.size) != 0)
        fprintf(stderr, "%s: not wanted in the corpus\n", path);
    mem_free(copy);
    buf_free(&bytes);
    tally->files++;
}

int main(int count, char **arguments)
{
    struct tally tally = {0};
    bool empty = count < 2;
    for (int i = 1; i < count; i++) {
        size_t before = tally.files, tests = tally.tests;
        replay(&tally, arguments[i]);
        if (tally.files > before && tally.tests == tests) /* it was a file */
            printf("ok %zu - %s\n", ++tally.tests, arguments[i]);
        if (tally.files == before) {
            printf("not ok %zu - %s: no file\n", ++tally.tests, arguments[i]);
            empty = true;
        }
    }
    printf("1..%zu\n", tally.tests);
    return empty ? 1 : 0;
}
