/* Prints the messages of a packet, from which espcap makes flows and transactions. A message is the part of the tree of
 * one protocol, with the values of the fields that espcap wants, in the order of the tree:
 *
 * `[number,time,length,[[layer,position,size,name,depth,value,name,depth,value,...],...]]`
 *
 * `time` is in nanoseconds since 1970, or null if it is not valid. `layer` and `name` are indices of the list of wanted
 * names. `position` and `size` are in bytes, as in Wireshark's packet details. `depth` is 1 for the members of the layer.
 * The value of a field without a value is its size in bytes.
 */
#ifndef ESPCAP_MESSAGES_H
#define ESPCAP_MESSAGES_H

#include "values.h"

/* The most values, and the most bytes of them, that are printed of one packet, and of one value. Python has the first
 * and the last too, in espcap/dissection/messages.py. */
#define MOST_MESSAGE_VALUES 20000
#define MOST_MESSAGE_BYTES (16u << 20)
#define MOST_VALUE_BYTES (64u << 10)

/* Adds the messages of a packet to `text`, which is `length` bytes long. */
void messages_write(struct text *text, const packet_info *pinfo, uint64_t length, proto_node *root,
                    const struct value_options *options);

#endif
