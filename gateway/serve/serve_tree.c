#include "gateway/serve/serve_tree.h"

#include "conf/conf.h"
#include "gateway/rpc/json.h"
#include "les/base/limits.h"
#include "les/p2p/dnstree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINKS_MAX 256
#define NODES_MAX 65536
#define LINE_SIZE 4096

static const char HELP[] =
    "lesserve enrtree --domain NAME --key FILE [--nodes FILE] [--link URL]... [--seq N] [--json]\n"
    "\n"
    "Makes the TXT records of a signed node list (EIP-1459).\n"
    "  --domain NAME  where the records will be published\n"
    "  --key FILE     the key that signs: 64 hex digits; keep it apart from any node's key\n"
    "  --nodes FILE   records (enr:...), one a line; # begins a comment; - or nothing: standard "
    "input\n"
    "  --link URL     enrtree://... of another list; may be given several times\n"
    "  --seq N        larger than that of the list before; default: seconds since 1970\n"
    "  --json         {\"name\": \"text\"} instead of the lines of a zone file\n"
    "\n"
    "The list's URL is printed on standard error.\n";

struct tree {
    const char *domain, *key_path, *nodes_path;
    bool json;
    uint64_t seq;
    struct crypto *crypto;
    struct seckey32 key;
    struct dnstree_url links[LINKS_MAX];
    size_t links_count;
    struct enr *enrs;
    size_t enrs_count;
};

/* Writes why and returns code. */
static int fail(int code, const char *what, const char *why)
{
    fprintf(stderr, "lesserve enrtree: %s: %s\n", what, why);
    return code;
}

static int take_option(struct tree *tree, const char *name, const char *value)
{
    char *end;
    if (strcmp(name, "--domain") == 0) {
        tree->domain = value;
    } else if (strcmp(name, "--key") == 0) {
        tree->key_path = value;
    } else if (strcmp(name, "--nodes") == 0) {
        tree->nodes_path = value;
    } else if (strcmp(name, "--seq") == 0) {
        errno = 0;
        tree->seq = strtoull(value, &end, 10);
        if (errno != 0 || *end != 0 || *value < '0' || *value > '9')
            return fail(2, "--seq", "not a number");
    } else if (strcmp(name, "--link") == 0) {
        if (tree->links_count == LINKS_MAX)
            return fail(2, "--link", "too many");
        if (!dnstree_url_parse(&tree->links[tree->links_count++], tree->crypto, SPAN_STR(value)))
            return fail(2, value, "not the URL of a node list (enrtree://KEY@DOMAIN)");
    } else {
        return fail(2, name, "unknown option; see lesserve enrtree --help");
    }
    return 0;
}

static int take_options(struct tree *tree, int argc, char *const *argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            tree->json = true;
            continue;
        }
        if (i + 1 == argc)
            return fail(2, argv[i], "a value is missing; see lesserve enrtree --help");
        int code = take_option(tree, argv[i], argv[i + 1]);
        if (code != 0)
            return code;
        i++;
    }
    if (tree->domain == NULL)
        return fail(2, "--domain", "is missing");
    return tree->key_path == NULL ? fail(2, "--key", "is missing") : 0;
}

static int read_key(struct tree *tree)
{
    char text[128] = {0};
    FILE *file = fopen(tree->key_path, "r");
    if (file == NULL)
        return fail(1, tree->key_path, strerror(errno));
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == '\r'))
        text[--size] = 0;
    bool good = conf_nodekey(&tree->key, text) && crypto_seckey_valid(tree->crypto, &tree->key);
    mem_wipe(text, sizeof(text));
    return good ? 0 : fail(1, tree->key_path, "does not hold a secret key of 64 hex digits");
}

/* One line of the list. */
static int take_line(struct tree *tree, char *line)
{
    char *end = line + strcspn(line, "#\r\n");
    while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    *end = 0;
    line += strspn(line, " \t");
    if (*line == 0)
        return 0;
    if (strncmp(line, "enode://", 8) == 0)
        return fail(1, line,
                    "an enode is not signed; take the record that the node prints (enr:...)");
    if (tree->enrs_count == NODES_MAX)
        return fail(1, "--nodes", "too many");
    tree->enrs = mem_realloc(tree->enrs, (tree->enrs_count + 1) * sizeof(*tree->enrs));
    if (!enr_parse(&tree->enrs[tree->enrs_count], tree->crypto, SPAN_STR(line)))
        return fail(1, line, "not a signed node record");
    tree->enrs_count++;
    return 0;
}

static int read_nodes(struct tree *tree)
{
    bool is_input = tree->nodes_path == NULL || strcmp(tree->nodes_path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(tree->nodes_path, "r");
    char line[LINE_SIZE];
    int code = 0;
    if (file == NULL)
        return fail(1, tree->nodes_path, strerror(errno));
    while (code == 0 && fgets(line, sizeof(line), file) != NULL) {
        bool whole = strchr(line, '\n') != NULL || feof(file);
        code = whole ? take_line(tree, line) : fail(1, "--nodes", "a line is too long");
    }
    if (!is_input)
        fclose(file);
    return code;
}

static void on_record(void *owner, const char *name, struct span text)
{
    json_put_key(owner, name);
    json_put_string(owner, text);
}

static int print(struct tree *tree)
{
    struct dnstree_content content = {.enrs = tree->enrs,
                                      .enrs_count = tree->enrs_count,
                                      .links = tree->links,
                                      .links_count = tree->links_count,
                                      .seq = tree->seq,
                                      .domain = tree->domain};
    struct buf out = {0}, url = {0};
    enum status status;
    if (tree->json) {
        json_put_object(&out);
        status = dnstree_make(tree->crypto, &tree->key, &content, on_record, &out);
        json_put_object_end(&out);
        buf_add_u8(&out, '\n');
    } else {
        status = dnstree_zone(&out, tree->crypto, &tree->key, &content);
    }
    int code = 0;
    if (status == STATUS_OK) {
        struct dnstree_url self;
        crypto_pubkey(tree->crypto, &self.key, &tree->key);
        snprintf(self.domain, sizeof(self.domain), "%s", tree->domain);
        dnstree_url_format(&url, tree->crypto, &self);
        fwrite(out.data, 1, out.size, stdout);
        code = fflush(stdout) == 0 ? 0 : fail(1, "standard output", strerror(errno));
        fprintf(stderr, "%.*s\n", (int)url.size, (const char *)url.data);
    } else {
        code = fail(2, tree->domain, "not a domain name");
    }
    buf_free(&url);
    buf_free(&out);
    return code;
}

int serve_tree_run(int argc, char *const *argv)
{
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        fputs(HELP, stdout);
        return 0;
    }
    struct tree *tree = mem_alloc(sizeof(*tree));
    static const uint8_t seed32[32] = {1}; /* blinding only: this process does nothing else */
    tree->crypto = crypto_new(seed32);
    tree->seq = (uint64_t)time(NULL);
    int code = take_options(tree, argc, argv);
    if (code == 0)
        code = read_key(tree);
    if (code == 0)
        code = read_nodes(tree);
    if (code == 0)
        code = print(tree);
    mem_wipe(&tree->key, sizeof(tree->key));
    crypto_free(tree->crypto);
    mem_free(tree->enrs);
    mem_free(tree);
    return code;
}
