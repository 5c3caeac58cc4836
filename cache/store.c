#include "cache/store.h"

#include <sqlite3.h>
#include <stdio.h>
#include <errno.h>
#include <sys/stat.h>

#define FILE_NAME       "headers.sqlite"
#define HEADER_SIZE_MAX 8192

struct store {
    struct chain_store headers;
    struct loop *loop;
    struct log *log;
    sqlite3 *db;
    sqlite3_stmt *put, *load, *forget;
    bool in_transaction;
    struct task commit; /* one transaction per turn of the loop */
};

static bool run(struct store *store, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(store->db, sql, NULL, NULL, &message) == SQLITE_OK)
        return true;
    log_write(store->log, LOG_WARN, "store", "the header file refuses", "sql", sql, "why",
              message != NULL ? message : "?", NULL);
    sqlite3_free(message);
    return false;
}

static void on_commit(struct task *task)
{
    struct store *store = container_of(task, struct store, commit);
    if (store->in_transaction)
        (void)run(store, "COMMIT");
    store->in_transaction = false;
}

static void on_put(struct chain_store *headers, const struct hash32 *hash, uint64_t number,
                   struct span rlp)
{
    struct store *store = container_of(headers, struct store, headers);
    if (rlp.size > HEADER_SIZE_MAX || number > INT64_MAX)
        return;
    if (!store->in_transaction) {
        store->in_transaction = run(store, "BEGIN");
        loop_defer(store->loop, &store->commit);
    }
    sqlite3_bind_blob(store->put, 1, hash->bytes, 32, SQLITE_STATIC);
    sqlite3_bind_int64(store->put, 2, (sqlite3_int64)number);
    sqlite3_bind_blob(store->put, 3, rlp.data, (int)rlp.size, SQLITE_STATIC);
    if (sqlite3_step(store->put) != SQLITE_DONE)
        log_write(store->log, LOG_WARN, "store", "a header was not kept", "why",
                  sqlite3_errmsg(store->db), NULL);
    sqlite3_reset(store->put);
}

static void on_load(struct chain_store *headers, size_t count,
                    void (*each)(void *owner, struct span rlp), void *owner)
{
    struct store *store = container_of(headers, struct store, headers);
    sqlite3_bind_int64(store->load, 1, (sqlite3_int64)count);
    while (sqlite3_step(store->load) == SQLITE_ROW) {
        int size = sqlite3_column_bytes(store->load, 0);
        if (size > 0 && size <= HEADER_SIZE_MAX)
            each(owner, SPAN(sqlite3_column_blob(store->load, 0), (size_t)size));
    }
    sqlite3_reset(store->load);
}

static void on_forget_below(struct chain_store *headers, uint64_t number)
{
    struct store *store = container_of(headers, struct store, headers);
    if (number > INT64_MAX)
        return;
    sqlite3_bind_int64(store->forget, 1, (sqlite3_int64)number);
    (void)sqlite3_step(store->forget);
    sqlite3_reset(store->forget);
}

/* The file's own word on which chain it is of. */
static enum status check_genesis(struct store *store, const struct hash32 *genesis)
{
    sqlite3_stmt *statement;
    enum status status = STATUS_IO;
    if (sqlite3_prepare_v2(store->db, "INSERT OR IGNORE INTO chain(id, genesis) VALUES(1, ?)", -1,
                           &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_blob(statement, 1, genesis->bytes, 32, SQLITE_STATIC);
        (void)sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    if (sqlite3_prepare_v2(store->db, "SELECT genesis FROM chain WHERE id = 1", -1, &statement,
                           NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_bytes(statement, 0) == 32)
        status = memcmp(sqlite3_column_blob(statement, 0), genesis->bytes, 32) == 0
                     ? STATUS_OK
                     : STATUS_INVALID;
    sqlite3_finalize(statement);
    return status;
}

static bool prepare(struct store *store)
{
    return sqlite3_prepare_v2(store->db,
                              "INSERT OR IGNORE INTO header(hash, number, rlp) VALUES(?, ?, ?)", -1,
                              &store->put, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(store->db, "SELECT rlp FROM header ORDER BY number DESC LIMIT ?", -1,
                              &store->load, NULL) == SQLITE_OK &&
           sqlite3_prepare_v2(store->db, "DELETE FROM header WHERE number < ?", -1, &store->forget,
                              NULL) == SQLITE_OK;
}

static bool open_file(struct store *store, const char *path)
{
    return sqlite3_open(path, &store->db) == SQLITE_OK &&
           run(store,
               "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA trusted_schema = "
               "OFF;"
               "PRAGMA cache_size = -256;"
               "CREATE TABLE IF NOT EXISTS chain(id INTEGER PRIMARY KEY CHECK(id = 1), genesis "
               "BLOB NOT NULL);"
               "CREATE TABLE IF NOT EXISTS header(hash BLOB PRIMARY KEY, number INTEGER NOT NULL,"
               " rlp BLOB NOT NULL) WITHOUT ROWID;"
               "CREATE INDEX IF NOT EXISTS header_number ON header(number);") &&
           prepare(store);
}

static void close_file(struct store *store)
{
    sqlite3_finalize(store->put);
    sqlite3_finalize(store->load);
    sqlite3_finalize(store->forget);
    sqlite3_close(store->db);
    store->put = store->load = store->forget = NULL;
    store->db = NULL;
}

enum status store_open(struct store **out, struct loop *loop, struct log *log,
                       const char *directory, const struct hash32 *genesis, struct buf *error)
{
    char path[4096], aside[4112];
    *out = NULL;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST) {
        buf_printf(error, "data directory %s cannot be made: %s; give another with --datadir",
                   directory, strerror(errno));
        return STATUS_IO;
    }
    snprintf(path, sizeof path, "%s/" FILE_NAME, directory);
    snprintf(aside, sizeof aside, "%s.broken", path);
    struct store *store = mem_alloc(sizeof *store);
    store->loop = loop;
    store->log = log;
    store->commit.on_run = on_commit;
    store->headers = (struct chain_store){on_put, on_load, on_forget_below};
    bool opened = open_file(store, path);
    if (!opened) {
        close_file(store);
        log_write(log, LOG_WARN, "store", "the header file is broken and was set aside", "moved_to",
                  aside, NULL);
        opened = rename(path, aside) == 0 && open_file(store, path);
    }
    enum status status = opened ? check_genesis(store, genesis) : STATUS_IO;
    if (status != STATUS_OK) {
        buf_printf(error,
                   status == STATUS_INVALID
                       ? "%s belongs to a chain with another genesis block; give another --datadir"
                       : "%s cannot be opened; free the disk or give another --datadir",
                   path);
        close_file(store);
        mem_free(store);
        return STATUS_IO;
    }
    *out = store;
    return STATUS_OK;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    task_cancel(&store->commit);
    on_commit(&store->commit);
    close_file(store);
    loop_sweep(store->loop, store, mem_free);
}

struct chain_store *store_headers(struct store *store)
{
    return &store->headers;
}
