/* Writes values of fields as typed JSON. */
#ifndef ESPCAP_VALUES_H
#define ESPCAP_VALUES_H

#include "fields.h"
#include "text.h"

#define LONGEST_BYTES 64   /* bytes of a byte field; longer values are payload */
#define MOST_VALUES 100000 /* the most values of one packet, as in espcap/dissection/__init__.py */

/* The result of `write_value`. */
enum fit {
    WRITTEN,
    PAYLOAD,  /* not written, because it is payload */
    LEFT_OUT, /* not written, because tshark prints no value either */
    UNFIT,    /* written as a string, because it does not fit its type */
    TOO_LARGE /* not written, because it is larger than the room */
};

struct value_options {
    bool payload;        /* whether to write payload too */
    uint64_t before;     /* the number to add to frame numbers */
    size_t room;         /* the largest size of a value in bytes */
    bool found_bad_utf8; /* set if bytes that are not UTF-8 were replaced */
};

/* Writes the value of a node with the same meaning as the text that `tshark -T json` prints for it. */
enum fit write_value(struct text *text, const struct field *field, proto_node *node, struct value_options *options);

/* Cuts a value to the width of its type, as tshark does if it prints hexadecimal digits. */
uint64_t as_wide_as_printed(const header_field_info *info, uint64_t value);

/* Calls `read` for all nodes in the order of the tree, while `goes_on`, with whether the node is a layer. */
void walk(proto_node *root, void (*read)(proto_node *node, bool is_layer), const bool *goes_on);

/* Returns the text that tshark prints for a value, or NULL. Free it with wmem_free(NULL, ...). */
char *printed(field_info *info);

#endif
