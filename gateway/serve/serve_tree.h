/* `lesserve enrtree`: makes the DNS records of a node list (EIP-1459) for an operator to publish.
 */
#ifndef GATEWAY_SERVE_TREE_H
#define GATEWAY_SERVE_TREE_H

/* The command with its options, argv[0] being "enrtree"; --help explains them. Returns the exit
 * code: 0, 1 when a file or a record is bad, 2 when the options are. */
int serve_tree_run(int argc, char *const *argv);

#endif
