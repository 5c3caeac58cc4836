/* The interpreter, timed for evm.mjs. Reads commands by lines:
 *   code ADDRESS HEX           puts an account with that code into the state
 *   run ADDRESS INPUT GAS      calls it, on that state and not on what an earlier run left
 * and answers each run with: END GAS_USED CPU_NS OUTPUT. Prague's rules. Only evm_run is timed; the
 * state is new, analysed code is kept as lesgate keeps it. */
#include "les/base/limits.h"
#include "les/evm/evm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define CODE_CACHE_BYTES MIB(4)

struct bench {
    struct crypto *crypto;
    struct evm_code_cache *codes;
    struct node_store *store;
    struct hash32 root;
};

static void must(bool good)
{
    if (!good)
        abort();
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static enum evm_lookup on_block_hash(void *owner, uint64_t number, struct hash32 *out)
{
    (void)owner, (void)number, (void)out;
    return EVM_LOOKUP_ABSENT;
}

static void read_hex(struct buf *out, const char *text)
{
    must(hex_decode(out, text, strlen(text)));
}

static void place(struct bench *bench, const char *address_text, const char *code_text)
{
    struct address20 address;
    struct buf code = {0};
    struct evm_store_backend backend;
    struct evm_account *account;
    must(hex_decode_exact(address.bytes, 20, address_text, strlen(address_text)));
    read_hex(&code, code_text);
    evm_store_backend_init(&backend, bench->store, &bench->root);
    struct evm_state *state = evm_state_new(&backend.backend, bench->codes);
    evm_state_begin(state);
    must(evm_state_account(state, &address, &account));
    evm_state_set_nonce(state, account, 1);
    evm_state_set_code(state, account, buf_span(&code));
    evm_state_end(state, true);
    must(evm_state_commit(state, bench->store, &bench->root) == STATUS_OK);
    evm_state_free(state);
    buf_free(&code);
}

/* EIP-2929 and EIP-3651: what a transaction finds warm. */
static void warm(struct evm_state *state, const struct address20 *to)
{
    struct address20 address;
    (void)evm_state_warm_account(state, evm_state_entry(state, to));
    for (int id = EVM_ECRECOVER; id <= EVM_BLS_MAP_FP2; id++) {
        evm_precompile_address(&address, (enum evm_precompile)id);
        (void)evm_state_warm_account(state, evm_state_entry(state, &address));
    }
}

static void run(const struct bench *bench, const char *address_text, const char *input_text,
                uint64_t gas)
{
    struct evm_store_backend backend;
    evm_store_backend_init(&backend, bench->store, &bench->root);
    struct evm_state *state = evm_state_new(&backend.backend, bench->codes);
    struct evm_config config = {.revision = EVM_PRAGUE, .state = state, .crypto = bench->crypto};
    struct evm *evm = evm_new(&config);
    struct evm_block block = {
        .number = 1, .gas_limit = gas, .chain_id = 1, .block_hash = on_block_hash};
    struct evm_tx tx = {0};
    struct buf input = {0};
    struct evm_message message = {.gas = gas};
    struct evm_result result;
    read_hex(&input, input_text);
    message.input = buf_span(&input);
    must(hex_decode_exact(message.to.bytes, 20, address_text, strlen(address_text)));
    evm_set_block(evm, &block);
    evm_set_tx(evm, &tx);
    evm_state_begin(state);
    warm(state, &message.to);
    uint64_t start = now_ns();
    evm_run(evm, &message, &result);
    uint64_t used_ns = now_ns() - start;
    struct buf line = {0};
    buf_printf(&line, "%s %" PRIu64 " %" PRIu64 " ",
               result.end == EVM_END_SUCCESS ? "success" : "failure", gas - result.gas_left,
               used_ns);
    buf_add_hex0x(&line, result.output);
    printf("%.*s\n", (int)line.size, (const char *)line.data);
    fflush(stdout);
    buf_free(&line);
    buf_free(&input);
    evm_free(evm);
    evm_state_free(state);
}

int main(void)
{
    const uint8_t seed[32] = {1};
    struct bench bench = {.crypto = crypto_new(seed),
                          .codes = evm_code_cache_new(CODE_CACHE_BYTES),
                          .store = node_store_new(),
                          .root = EMPTY_TRIE_ROOT};
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        const char *const verb = strtok(line, " \n"), *const address = strtok(NULL, " \n"),
                          *const hex = strtok(NULL, " \n"), *const gas = strtok(NULL, " \n");
        must(verb != NULL && hex != NULL);
        if (strcmp(verb, "code") == 0) {
            place(&bench, address, hex);
        } else {
            must(strcmp(verb, "run") == 0 && gas != NULL);
            run(&bench, address, hex, strtoull(gas, NULL, 10));
        }
    }
    free(line);
    node_store_free(bench.store);
    evm_code_cache_free(bench.codes);
    crypto_free(bench.crypto);
    return 0;
}
