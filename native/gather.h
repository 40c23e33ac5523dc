/* Reads the tree of a packet into columns. */
#ifndef ESPCAP_GATHER_H
#define ESPCAP_GATHER_H

#include "columns.h"
#include "values.h"

/* Prepares the paths outside `layers`. */
void gather_open(void);

/* Adds all values of a packet to its columns, and its text in the column Info. Everything that the packet's context
 * depends on is added to `context_key`. Returns false if the packet does not fit columns. */
bool gather(proto_node *root, const char *info, struct value_options *options, struct text *context_key);

#endif
