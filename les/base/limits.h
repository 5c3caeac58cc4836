/* Every limit of the house: lengths, counts, depths, queues, ranges, waits. Relations between them
 * are asserted here. Rooms add their own block; a number that bounds something an outsider controls
 * must stand in this file. */
#ifndef LES_BASE_LIMITS_H
#define LES_BASE_LIMITS_H

#define KIB(n) ((n)*1024ul)
#define MIB(n) ((n)*1024ul * 1024ul)

/* ---- les/base ---- */
#define LINK_QUEUE_BYTES_MAX MIB(32) /* bytes waiting to be written on one connection */
#define LINK_LINGER_MS       500 /* time for queued bytes after link_close (a Disconnect message) */
#define UNIX_PATH_SIZE_MAX   107 /* characters of a Unix socket's path, without the end */
#define UDP_DATAGRAM_MAX     1280 /* discv4 */
#define RESOLVE_TXT_MAX      KIB(64)
#define RESOLVE_TIMEOUT_MS   5000
#define RESOLVE_PARALLEL_MAX                                                                       \
    2 /* resolver calls that may occupy workers; further ones wait in line */
#define RESOLVE_RECORDS_MAX 64
#define LISTENER_BACKLOG    128
#define LOOP_TASKS_PER_TURN_MAX                                                                    \
    1000000               /* tasks that defer each other for ever are a bug of ours                \
                           */
#define LOG_VALUE_MAX 512 /* characters of one value in a log line, before escaping */
#define LOG_LINE_MAX  4096

/* ---- les/eth ---- */
#define RLP_DEPTH_MAX          1024 /* open lists while rlp_valid walks */
#define HEADER_EXTRA_MAX       4096 /* clique checkpoints carry every signer */
#define HEADER_RLP_MAX         5120
#define BLOCK_TRANSACTIONS_MAX 16384 /* 45 million gas hold 2,142 */
_Static_assert(HEADER_RLP_MAX >= HEADER_EXTRA_MAX + 768, "the largest header fits");

/* ---- les/p2p ---- */
#define RLPX_FRAME_MAX            (MIB(16) - 1) /* devp2p: size field of 24 bits */
#define RLPX_HANDSHAKE_MAX        2048          /* auth and ack packets */
#define RLPX_KEPT_BYTES           KIB(4)        /* of a read buffer that is empty */
#define RLPX_HANDSHAKE_TIMEOUT_MS 5000          /* crypto and Hello together, as geth */
#define PEER_HELLO_MAX            2048
#define PEER_CAPS_MAX             32
#define PEER_PING_INTERVAL_MS     15000
#define PEER_READ_TIMEOUT_MS      30000
#define PEER_MESSAGE_MAX                                                                           \
    MIB(13) /* before snappy; more drops the peer. go-ethereum's LES has 10 MiB, which the         \
               receipts of one full block can pass; devp2p itself has 16 */
#define PEER_HELD_TOTAL_MAX MIB(128) /* parts of messages that all peers together may hold */
#define PEER_HELD_MIN       KIB(64)  /* what each may hold even then; one read can bring as much */
#define PEER_REDIAL_MS      35000 /* geth closes a second connection of one address within 30 s */
#define PEER_REDIAL_FAST_MS                                                                        \
    500 /* the first wait after a refused connection; doubles up to PEER_REDIAL_MS */
#define PEER_CONNECT_TIMEOUT_MS 15000 /* TCP */
#define PEER_WRITE_TIMEOUT_MS                                                                      \
    20000 /* bytes queued and none taken for this long: the peer is dead */
#define PEER_CLIENT_ID_MAX          256 /* characters kept of a Hello's client id */
#define PEER_PINGS_IN_PER_10S_MAX   50  /* more is a flood */
#define HOST_PEERS_MAX              8192
#define HOST_STATICS_MAX            256
#define HOST_HANDSHAKES_DEFAULT     32
#define HOST_HANDSHAKES_MAX         256
#define HOST_PER_IP_DEFAULT         16
#define HOST_HANDSHAKE_SURE_MS      1000 /* after that it has to go if others want its place */
#define HOST_ACCEPTS_PER_SECOND_MAX 100  /* a handshake costs half a millisecond */
#define HOST_ACCEPTS_PER_IP_MAX     10   /* a second; loopback is exempt */
#define HOST_CANDIDATES_MAX         128
#define HOST_CANDIDATE_REST_MS      600000 /* a candidate that failed is not taken again before */
#define ENR_SIZE_MAX                300    /* EIP-778 */
#define DISCV4_BUCKET_NODES         16     /* k */
#define DISCV4_BUCKET_SPARES        10     /* replacements kept per bucket */
#define DISCV4_ALPHA                3
#define DISCV4_NEIGHBORS_MAX        12 /* per packet: fits UDP_DATAGRAM_MAX */
#define DISCV4_EXPIRY_S             20
#define DISCV4_REPLY_TIMEOUT_MS     500
#define DISCV4_BOND_MS              (12ul * 3600 * 1000) /* an endpoint proof lasts 12 h (discv4.md) */
#define DISCV4_BONDS_MAX            1024 /* endpoints remembered, the oldest forgotten */
#define DISCV4_PENDING_MAX          256  /* own queries under way */
#define DISCV4_BUCKET_PER_24_MAX                                                                   \
    2 /* table places for one /24 (or /64) in a bucket; loopback is exempt */
#define DISCV4_TABLE_PER_24_MAX  10  /* and in the whole table */
#define DISCV4_IN_PER_SECOND_MAX 200 /* datagrams worked on; signature recovery costs 50 us */
#define DISCV4_IN_PER_IP_MAX     30  /* per second and address */
#define DISCV4_LOOKUP_NODES_MAX  64  /* remembered in one lookup, the nearest */
#define DISCV4_SEEDS_MAX         32
#define DISCV4_RECORD_AGAIN_MS                                                                     \
    900000 /* a record taken that long ago is asked for again while searching */
#define DISCV4_REFRESH_MS     1800000 /* between lookups when nothing is wanted */
#define DISCV4_SEARCH_MS      4000    /* between random lookups while something is wanted */
#define DISCV4_SEED_MS        30000   /* between calls to the bootnodes while the table is empty */
#define DISCV4_REVALIDATE_MS  10000   /* between checks of one old node */
#define DNSDISC_ENTRIES_MAX   4096    /* TXT records taken from one tree */
#define DNSDISC_TREES_MAX     8       /* configured ones and those they link to */
#define DNSDISC_ENTRY_MAX     1024    /* characters of one TXT record */
#define DNSDISC_QUERIES_PER_S 3
#define DNSDISC_RECHECK_MS    (30ul * 60 * 1000)
_Static_assert(PEER_READ_TIMEOUT_MS >= 2 * PEER_PING_INTERVAL_MS,
               "one lost ping is not a dead peer");
_Static_assert(PEER_MESSAGE_MAX <= RLPX_FRAME_MAX, "a message fits a frame");
_Static_assert(PEER_MESSAGE_MAX + PEER_MESSAGE_MAX / 6 + 64 <= RLPX_FRAME_MAX,
               "also when snappy cannot make it smaller");
_Static_assert(PEER_REDIAL_FAST_MS < PEER_REDIAL_MS, "the short series grows into the long one");
_Static_assert(DISCV4_RECORD_AGAIN_MS > HOST_CANDIDATE_REST_MS,
               "a candidate has rested when its record comes again");
_Static_assert(DNSDISC_ENTRY_MAX <= RESOLVE_TXT_MAX, "an entry fits an answer");
_Static_assert(LINK_QUEUE_BYTES_MAX >= 2 * PEER_MESSAGE_MAX, "two full messages can wait");

/* ---- les/proto, client side ---- */
#define LES_SERVERS_MAX    64    /* sessions at once */
#define LES_OPS_QUEUED_MAX 65536 /* questions waiting for a server */
#define LES_OP_DEADLINE_MS 8000
#define LES_NO_SERVER_WAIT_MS                                                                      \
    3000 /* a question that nobody can be asked waits so long for a server, as geth */
#define LES_OP_ROUNDS_MAX     3 /* all servers are asked again when they did not have it yet */
#define LES_ROUND_REST_MS     100
#define LES_STATUS_TIMEOUT_MS 5000  /* geth from 1.9.25 on */
#define LES_REPLY_TIMEOUT_MS  10000 /* a server that does not answer for so long is let go */
#define LES_RESUME_TIMEOUT_MS 15000 /* geth sends Resume after 1 to a few seconds */
#define LES_HEDGE_MIN_MS      40
#define LES_HEDGE_START_MS    500 /* before a server's speed is known */
#define LES_HEDGE_MAX_MS      2000
#define LES_BENCH_MS          60000 /* a liar is not asked for data; doubles with each further lie */
#define LES_BENCH_MAX_MS      3600000
#define LES_SCORE_DECAY_MS    60000 /* one point fades in this time */
#define LES_SCORE_BENCH       50
#define LES_SCORE_DROP        200
#define LES_PAST_SERVERS_MAX  256    /* gone ones of which it is known what is held against them */
#define LES_UPDATE_BYTES_MAX  100000 /* announcement updates, drained 1 byte per 10 ms */
#define LES_TD_BITS_MAX       100
#define LES_REPLY_SOFT_BYTES                                                                       \
    MIB(2) /* go-ethereum's servers, and ours, add no item to a reply that has so much */
_Static_assert(LES_OP_DEADLINE_MS < LES_REPLY_TIMEOUT_MS,
               "an op gives up before its server is given up");

/* ---- les/proto: wire and server ---- */
#define LES_UPDATE_SIZE_MAX                                                                        \
    100000 /* key list of a Status or an Announce, as go-ethereum counts it */
#define LES_PAIR_OVERHEAD        8 /* counted for each pair on top of its bytes */
#define LES_TD_BITS_MAX          100 /* a larger total difficulty in an announcement drops the server */
#define SERVER_STATUS_TIMEOUT_MS 5000
#define SERVER_REQUEST_BYTES_MAX                                                                   \
    KIB(32) /* of every request but SendTxV2; the largest honest one is below 9 KiB */
#define SERVER_QUEUE_JOBS_MAX                                                                      \
    512 /* accepted requests of one client; then it is not read for a while */
#define SERVER_QUEUE_BYTES_MAX MIB(16)
#define SERVER_OUT_BYTES_MAX   MIB(4) /* on their way to a client; then its requests wait */
#define SERVER_PARALLEL_JOBS   16     /* of one client, while their questions are under way */
#define SERVER_OUT_TOTAL_MAX                                                                       \
    MIB(256) /* on their way to all clients; beyond it those who hold most of it have to go */
#define SERVER_QUEUE_TOTAL_MAX                                                                     \
    MIB(128) /* accepted requests of all clients; beyond it those who have most are stopped */
#define SERVER_FROZEN_BYTES_MAX KIB(256) /* from one client after Stop; then it is not read */
#define SERVER_STATUS_SIZE_MAX  KIB(128) /* the first message of a client */
#define SERVER_MESSAGE_MAX      MIB(2)   /* of a client; a transaction with blobs fits */
#define SERVER_WINDOW           64       /* questions of one request under way */
#define SERVER_REPLY_SOFT_BYTES MIB(2)   /* no further item after this, as go-ethereum */
#define SERVER_SLICE_US         2000     /* work at a stretch */
#define SERVER_WAIT_MAX_MS                                                                         \
    8000 /* go-ethereum drops a server after 10.5 s; it is stopped before                          \
          */
#define SERVER_INVALID_MAX                                                                         \
    20 /* items that were not there; one goes each SERVER_INVALID_DECAY_MS                         \
        */
#define SERVER_INVALID_DECAY_MS 3600000
#define SERVER_FREEZE_MIN_MS    700
#define SERVER_FREEZE_SPREAD_MS 600
#define SERVER_FREEZE_POLL_MS   100
#define SERVER_CUT_DELAY_MS     2000 /* between the announcement of less capacity and its effect */
#define SERVER_ACTIVE_MS        1000 /* a client counts as active for so long after a request */
#define SERVER_DRAIN_POLL_MS    5    /* looking again at a client whose line was full */
#define SERVER_PRICE_CUT        4    /* a price falls at most to this part of go-ethereum's */
#define SERVER_PRICE_ITEMS      256  /* served items after which the older half counts half */
#define SERVER_PRICE_PRIOR      4    /* items that go-ethereum's estimate counts for at the start */
#define SERVER_MEASURE_US       20000   /* all questions that are asked at the start to be timed */
#define SERVER_SETTLE_MS        1000    /* how often positive balances are drawn down */
#define SERVER_SAVE_MS          10000   /* how often they are written */
#define SERVER_DEBT_FADE_MS     3600000 /* use without a balance is forgotten in this time */
#define SERVER_ROOM             16 /* connections beyond the clients, until it is known who comes */
_Static_assert(SERVER_QUEUE_BYTES_MAX > PEER_MESSAGE_MAX, "a queue takes any message");
_Static_assert(SERVER_STATUS_SIZE_MAX > LES_UPDATE_SIZE_MAX, "a Status fits");
_Static_assert(SERVER_MESSAGE_MAX <= PEER_MESSAGE_MAX, "it is a message");
_Static_assert(SERVER_OUT_TOTAL_MAX > 16 * SERVER_OUT_BYTES_MAX, "a few cannot crowd out others");
_Static_assert(SERVER_OUT_BYTES_MAX + PEER_MESSAGE_MAX < LINK_QUEUE_BYTES_MAX,
               "a reply fits behind what waits");
_Static_assert(LES_TD_BITS_MAX > 64 && LES_TD_BITS_MAX < 128,
               "the check in announce_read looks at the second word");

/* ---- conf ---- */
#define GENESIS_FILE_MAX MIB(64) /* mainnet's is 600 KiB */
#define CONF_FILE_MAX    KIB(256)

/* ---- gateway: HTTP, WebSocket, JSON-RPC ---- */
#define JSON_DEPTH_MAX           128
#define JSON_NODES_MAX           100000   /* values in the parameters of one call */
#define RPC_BATCH_ITEMS_MAX      1000     /* go-ethereum */
#define RPC_BATCH_RESULTS_MAX    25000000 /* bytes of results and errors of one batch, go-ethereum */
#define RPC_METHOD_NAME_MAX      2048     /* go-ethereum */
#define RPC_CALL_SERVERS_MAX     8        /* named in the log line of one call */
#define PARAM_PROOF_KEYS_MAX     1024     /* eth_getProof, go-ethereum */
#define PARAM_STORAGE_VALUES_MAX 1024     /* eth_getStorageValues, go-ethereum */
#define FILTER_ALTERNATIVES_MAX                                                                    \
    1000                     /* addresses of a filter, topics at one position; go-ethereum */
#define HTTP_BODY_MAX MIB(5) /* go-ethereum */
#define HTTP_REQUEST_TIMEOUT_MS                                                                    \
    30000 /* from the first byte of a request to its last; also keep-alive */
#define HTTP_STALL_INTERVAL_MS 10000   /* how often unread answers are looked at */
#define HTTP_STALL_CHECKS      3       /* so many times without progress: the connection ends */
#define HTTP_LINGER_MS         100     /* after http_close: for answers that are being written */
#define HTTP_GZIP_MIN          1024    /* shorter answers are not compressed */
#define HTTP_GZIP_MAX          MIB(2)  /* nor longer ones: nothing else is answered meanwhile */
#define HTTP2_STREAMS_MAX      128     /* of one connection */
#define WS_MESSAGE_MAX         MIB(32) /* go-ethereum */
#define WS_QUEUE_MAX           MIB(64) /* bytes waiting for one slow reader; over it the session ends */
#define WS_CALLS_MAX           256     /* messages of one session under way; more are turned away */
#define WS_PING_INTERVAL_MS    30000 /* go-ethereum */
#define WS_PONG_TIMEOUT_MS     30000
_Static_assert(WS_QUEUE_MAX > RPC_BATCH_RESULTS_MAX, "the largest answer fits the queue");

/* ---- les/proto, header chain ---- */
#define CHAIN_WINDOW                                                                               \
    1024 /* headers below the head that are kept linked; reorgs up to this depth are followed */
#define CHAIN_OLD_MAX  2048 /* older verified headers kept in memory */
#define CHAIN_RUN_MAX  192  /* headers in one request */
#define CHAIN_WALK_MAX 1024 /* headers walked by parent hash to reach an older one */
#define CHAIN_RANGES_MAX                                                                           \
    4 /* ranges of old headers that are fetched at once, each up to half of CHAIN_OLD_MAX */
#define CHAIN_STEPS_MAX                                                                            \
    32 /* questions one after the other for one search; the longest walk takes 6 and the top one   \
        */
#define CHAIN_FINDS_MAX 16384 /* searches at once */
_Static_assert(CHAIN_WALK_MAX <= CHAIN_WINDOW, "a walk fits the window");

/* ---- les/evm ---- */
#define EVM_MEMORY_MAX       MIB(256) /* of one frame; 2^37 gas would be needed to reach it */
#define EVM_CODE_CACHE_BYTES MIB(32)  /* analysed code that one executor keeps */
#define WITNESS_WANTS_MAX    2048     /* values that one run may find missing */
#define RECALL_ENTRIES_MAX   16384    /* accounts and slots remembered as guesses; 200 bytes each */

/* ---- gateway ---- */
#define QUERY_HEAD_WAIT_MS                                                                         \
    2000 /* a head that was lost just now may come back: calls wait so long */
#define QUERY_HEAD_POLL_MS 20
#define QUERY_ROUNDS_MAX   256 /* runs of one method; each fetches something */
#define QUERY_DOUBTED_MAX  8   /* servers whose word about one transaction did not hold */

/* ---- gateway: execution ---- */
#define EXEC_GAS_CAP_DEFAULT    50000000 /* of one call, go-ethereum */
#define EXEC_TIMEOUT_DEFAULT_MS 5000     /* of one call on its worker, go-ethereum */
#define EXEC_JOBS_MAX           256      /* calls under way; more are turned away */
#define EXEC_WORKERS_MAX        3  /* runs at once; the pool's fourth thread is for name look-ups */
#define EXEC_ROUNDS_MAX         64 /* of fetching for one call */
#define EXEC_GUESS_MS           100      /* a run over guesses that takes longer is cut short */
#define EXEC_WITNESS_BYTES_MAX  MIB(64)  /* proved values kept for one call */
#define EXEC_STATE_BYTES_MAX    MIB(512) /* ... and for all calls under way together */
#define ACCESS_LIST_ROUNDS_MAX  100      /* runs of one eth_createAccessList */
#define EXEC_CODE_BYTES         MIB(8)   /* analysed code kept for each worker */
_Static_assert(EXEC_ROUNDS_MAX < QUERY_ROUNDS_MAX, "a call may fetch for other things too");
/* eth_simulateV1 */
#define SIMULATE_BLOCKS_MAX      256      /* made on top of the base, go-ethereum */
#define SIMULATE_BLOCK_CALLS_MAX 5000     /* of one block, go-ethereum */
#define SIMULATE_CALLS_MAX       10000    /* of all blocks, go-ethereum */
#define SIMULATE_BYTES_MAX       24000000 /* of the answer, and of what one block returns */
_Static_assert(SIMULATE_BYTES_MAX < RPC_BATCH_RESULTS_MAX, "an answer fits a batch");
/* the RPC of a development chain */
#define DEV_IMPERSONATED_MAX 1024    /* addresses */
#define DEV_BLOCKS_MAX       1000000 /* made by one call */
#define DEV_TIMEOUT_MS       120000  /* of a call */
#define DEV_CAPACITY         62      /* of our own light client: one processor */
#define DEV_REORG_MAX        1000    /* blocks; CHAIN_WINDOW holds them */
#define DEV_CONNECTIONS_MAX  256
#define TYPED_TYPES_MAX      64  /* of typed data that is signed */
#define TYPED_FIELDS_MAX     256 /* of one type */
#define DEV_CALLS_MAX        4096
#define TRACE_BYTES_MAX      MIB(60) /* of one answer of debug_trace*: it fits WS_QUEUE_MAX */
_Static_assert(TRACE_BYTES_MAX + KIB(64) < WS_QUEUE_MAX, "an answer fits the queue");

/* ---- gateway: answers kept ---- */
#define ANSWERS_AGAIN_MAX      256 /* texts of calls that are known without reading them */
#define ANSWERS_AGAIN_TEXT_MAX 256 /* bytes of parameters; longer ones are read */

/* ---- gateway: transactions, logs, fees ---- */
#define SEND_TX_SIZE_MAX KIB(128) /* of an envelope without sidecars, as go-ethereum's pool */
#define SENT_TXS_MAX     1024     /* own transactions remembered until they are mined */
#define SENT_BYTES_MAX   MIB(16)
#define SENT_KEEP_MS     (3ul * 3600 * 1000) /* as go-ethereum's pool keeps what does not move */
#define LOGS_HEADERS_MAX                                                                           \
    10000 /* blocks whose headers one eth_getLogs walks; old sections go by BloomBits */
#define LOGS_SECTIONS_MAX 64       /* sections of BloomBits that one eth_getLogs reads */
#define LOGS_VECTORS_MAX  1536     /* bit vectors of one section: 3 for each address and topic */
#define LOGS_RESULTS_MAX  10000    /* Infura */
#define LOGS_BYTES_MAX    24000000 /* of one answer */
#define LOGS_WINDOW       128      /* blocks of which receipts and bodies are fetched at once */
#define FEE_HISTORY_MAX   1024     /* blocks of eth_feeHistory, go-ethereum */
#define FEE_REWARDS_MAX                                                                            \
    100 /* blocks of it when rewards are wanted: bodies and receipts of each                       \
         */
#define FEE_PERCENTILES_MAX 100 /* go-ethereum */
#define FEE_WINDOW          32  /* blocks of it that are fetched at once */
_Static_assert(LOGS_BYTES_MAX < RPC_BATCH_RESULTS_MAX, "an answer of logs fits a batch");

/* ---- les/node ---- */
#define LEDGER_CODE_CACHE_BYTES  MIB(32)
#define LEDGER_IMPORT_LOG_BLOCKS 1000
#define POOL_TXS_MAX             1024 /* picking a block's transactions compares each with each */
#define POOL_SENDER_TXS_MAX      64
#define POOL_TX_BYTES_MAX        KIB(128)
#define DEVCHAIN_PAYEES          64   /* accounts that its traffic pays in turn */
#define DEVCHAIN_SNAPSHOTS_MAX   256  /* the oldest one goes */
#define DEVCHAIN_SLICE_US        5000 /* of blocks made at a stretch */
#define DEVCHAIN_SLICE_BLOCKS    64
#define FOLLOW_HEADERS_MAX       128 /* asked at once; their bodies are under way together */
#define FOLLOW_TXS_MAX           64
#define FOLLOW_RETRY_MS          1000

/* A full node over JSON-RPC. Mainnet blocks have at most 10 MiB (EIP-7934), twice that in hex. */
#define FULL_LINKS_MAX       4       /* HTTP connections to one node */
#define FULL_QUEUE_MAX       8192    /* calls that wait or are under way */
#define FULL_QUEUE_BYTES_MAX MIB(64) /* of their requests */
#define FULL_IN_FLIGHT_MAX   256     /* calls on a WebSocket or IPC connection */
#define FULL_BATCH_MAX       64      /* calls in a batch; Erigon takes 100 */
#define FULL_BATCH_BYTES_MAX                                                                       \
    KIB(512) /* after that many the next call waits for the next message                           \
              */
#define FULL_BATCH_AGAIN_MS      600000 /* a node that refused a batch is not sent one before */
#define FULL_CALL_BYTES_MAX      MIB(4)
#define FULL_RESPONSE_BYTES_MAX  MIB(64) /* of one message, a batch's answer included */
#define FULL_RESPONSE_VALUES_MAX 2000000 /* JSON values in it: about 100 bytes each once parsed */
#define FULL_RESPONSE_DEPTH_MAX  64
#define FULL_HTTP_HEAD_MAX       KIB(16)
#define FULL_HTTP_HEADERS_MAX    64
#define FULL_HTTP_LINE_MAX       256 /* of a chunk's size */
#define FULL_HTTP_TRAILER_MAX    KIB(4)
#define FULL_HTTP_INTERIM_MAX    8 /* 1xx responses before the real one */
#define FULL_CALL_MS             10000
#define FULL_CONNECT_MS          5000
#define FULL_RECONNECT_FIRST_MS  250
#define FULL_FAILURES_PATIENT                                                                      \
    3 /* after that many failed connections calls do not wait for the next */
#define FULL_RECONNECT_MAX_MS 15000
#define FULL_PING_MS          15000 /* WebSocket; silence of two of them ends the connection */
#define FULL_POLL_MS          1000
#define FULL_CHECK_MS         5000
#define FULL_URL_MAX          1024
_Static_assert(FULL_CALL_BYTES_MAX < LINK_QUEUE_BYTES_MAX, "a call fits the send queue");
/* ... as a chain to serve. */
#define FULL_WINDOW      1024    /* headers below the head that are kept linked */
#define FULL_CACHE_BYTES MIB(96) /* what was verified: headers, bodies, receipts, nodes, code */
#define FULL_NAMES_BYTES MIB(16) /* addresses and slots by their hash, about 90,000 */
#define FULL_FIRST_SLOTS 256     /* slots whose hash is known from the start */
#define FULL_JOBS_MAX    4096    /* questions open; more are answered with nothing */
#define FULL_ROUNDS_MAX  512     /* steps of one question: headers that go by parent take most */
#define FULL_JOB_MS      7000    /* of one question, whatever the node does */
#define FULL_WATCH_MS    250
#define FULL_SIDE_STEPS  100  /* along blocks that are not canonical, as go-ethereum */
#define FULL_COMPLAIN_MS 1000 /* between two lines of the log about the same kind of fault */
#define FULL_RETRY_MS    500  /* after the way to a head was not found */
#define FULL_TEXT_MAX    256  /* of an error of the node that is passed on */
#define FULL_PARTS_BYTES_MAX                                                                       \
    MIB(128)              /* parsed receipts of one block, from a node that gives them one by one */
#define FULL_UNCLES_MAX 2 /* of one block, Yellow Paper 11.1 */
_Static_assert(FULL_JOB_MS + 2 * FULL_WATCH_MS < SERVER_WAIT_MAX_MS,
               "a client is answered before it is stopped");
_Static_assert(FULL_ROUNDS_MAX > 192 + FULL_SIDE_STEPS, "a run of headers takes so many steps");

#endif
