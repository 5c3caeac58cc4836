/* Runs a fuzz target over the files of corpus folders, where the compiler has no fuzzer. A folder
 * without files fails. */
#include "les/base/bytes.h"

#include <dirent.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return false;
    struct buf bytes = {0};
    uint8_t chunk[4096];
    for (size_t size; (size = fread(chunk, 1, sizeof(chunk), file)) != 0;)
        buf_add(&bytes, chunk, size);
    bool good = ferror(file) == 0;
    fclose(file);
    if (good) {
        uint8_t *exact = mem_copy(buf_span(&bytes)); /* so that reading past the end is seen */
        LLVMFuzzerTestOneInput(exact, bytes.size);
        mem_free(exact);
    }
    buf_free(&bytes);
    return good;
}

static size_t run_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    if (dir == NULL)
        return 0;
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        struct buf path = {0};
        buf_printf(&path, "%s/%s", folder, entry->d_name);
        buf_add_u8(&path, 0);
        count += run_file((const char *)path.data);
        buf_free(&path);
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    bool good = argc > 1;
    for (int i = 1; i < argc; i++) {
        size_t count = run_folder(argv[i]);
        printf("%s: %zu inputs\n", argv[i], count);
        good = good && count > 0;
    }
    return good ? 0 : 1;
}
