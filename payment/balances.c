#include "payment/balances.h"

#include <sqlite3.h>
#include <stdio.h>

#define FILE_NAME "balances.sqlite"

struct balances {
    struct server_balances seam;
    struct log *log;
    sqlite3 *db;
    sqlite3_stmt *load, *save, *remove, *range;
};

static void bind_id(sqlite3_stmt *statement, int place, const struct hash32 *id)
{
    sqlite3_bind_blob(statement, place, id->bytes, sizeof(id->bytes), SQLITE_STATIC);
}

static uint64_t on_load(struct server_balances *seam, const struct hash32 *id)
{
    struct balances *balances = container_of(seam, struct balances, seam);
    sqlite3_int64 amount = 0;
    bind_id(balances->load, 1, id);
    int result = sqlite3_step(balances->load);
    if (result == SQLITE_ROW)
        amount = sqlite3_column_int64(balances->load, 0);
    else if (result != SQLITE_DONE)
        log_write(balances->log, LOG_WARN, "balances", "a balance cannot be read", "why",
                  sqlite3_errmsg(balances->db), NULL);
    sqlite3_reset(balances->load);
    return amount > 0 ? (uint64_t)amount : 0;
}

static void on_save(struct server_balances *seam, const struct hash32 *id, uint64_t amount)
{
    struct balances *balances = container_of(seam, struct balances, seam);
    sqlite3_stmt *statement = amount > 0 ? balances->save : balances->remove;
    ASSERT(amount <= INT64_MAX);
    bind_id(statement, 1, id);
    if (amount > 0)
        sqlite3_bind_int64(statement, 2, (sqlite3_int64)amount);
    if (sqlite3_step(statement) != SQLITE_DONE)
        log_write(balances->log, LOG_WARN, "balances", "a balance was not kept", "why",
                  sqlite3_errmsg(balances->db), NULL);
    sqlite3_reset(statement);
}

static bool prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql)
{
    return sqlite3_prepare_v2(db, sql, -1, out, NULL) == SQLITE_OK;
}

static bool open_file(struct balances *balances, const char *path)
{
    return sqlite3_open(path, &balances->db) == SQLITE_OK &&
           sqlite3_exec(balances->db,
                        "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;"
                        "PRAGMA trusted_schema = OFF; PRAGMA cache_size = -256;"
                        "CREATE TABLE IF NOT EXISTS balance(id BLOB PRIMARY KEY CHECK(length(id) = "
                        "32), amount INTEGER NOT NULL CHECK(amount > 0)) WITHOUT ROWID;",
                        NULL, NULL, NULL) == SQLITE_OK &&
           prepare(balances->db, &balances->load, "SELECT amount FROM balance WHERE id = ?") &&
           prepare(balances->db, &balances->save,
                   "INSERT OR REPLACE INTO balance(id, amount) VALUES(?, ?)") &&
           prepare(balances->db, &balances->remove, "DELETE FROM balance WHERE id = ?") &&
           prepare(balances->db, &balances->range,
                   "SELECT id, amount FROM balance WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?");
}

enum status balances_open(struct balances **out, struct log *log, const char *directory,
                          struct buf *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/" FILE_NAME, directory);
    struct balances *balances = mem_alloc(sizeof(*balances));
    *balances = (struct balances){.seam = {on_load, on_save}, .log = log};
    *out = balances;
    if (open_file(balances, path))
        return STATUS_OK;
    buf_printf(error,
               "the balances of clients in %s cannot be read (%s): mend the file, or remove it to "
               "begin without balances",
               path, sqlite3_errmsg(balances->db));
    balances_close(balances);
    *out = NULL;
    return STATUS_IO;
}

void balances_close(struct balances *balances)
{
    if (balances == NULL)
        return;
    sqlite3_finalize(balances->load);
    sqlite3_finalize(balances->save);
    sqlite3_finalize(balances->remove);
    sqlite3_finalize(balances->range);
    sqlite3_close(balances->db);
    mem_free(balances);
}

struct server_balances *balances_seam(struct balances *balances)
{
    return &balances->seam;
}

void balances_each(struct balances *balances, const struct hash32 *first, const struct hash32 *last,
                   size_t count,
                   void (*each)(void *owner, const struct hash32 *id, uint64_t amount), void *owner)
{
    bind_id(balances->range, 1, first);
    bind_id(balances->range, 2, last);
    sqlite3_bind_int64(balances->range, 3, count > INT32_MAX ? INT32_MAX : (sqlite3_int64)count);
    while (sqlite3_step(balances->range) == SQLITE_ROW) {
        struct hash32 id;
        memcpy(id.bytes, sqlite3_column_blob(balances->range, 0), sizeof(id.bytes));
        each(owner, &id, (uint64_t)sqlite3_column_int64(balances->range, 1));
    }
    sqlite3_reset(balances->range);
}
