/* Values of fields as typed JSON. */
#ifndef ESPCAP_VALUES_H
#define ESPCAP_VALUES_H

#include "fields.h"
#include "text.h"

#define LONGEST_BYTES 64 /* of a byte field; a longer one is payload */

enum fit {
    WRITTEN,
    PAYLOAD,  /* and left out */
    LEFT_OUT, /* nothing */
    UNFIT,    /* does not fit its type: written as a string */
    TOO_LARGE /* for the room that there is */
};

struct value_options {
    bool payload;        /* write it too */
    uint64_t before;     /* what to add to numbers of frames */
    size_t room;         /* bytes that a value may have */
    bool found_bad_utf8; /* set where bytes had to be replaced */
};

/* Writes the value of a node as what `tshark -T json` prints for it means. */
enum fit write_value(struct text *text, const struct field *field, proto_node *node, struct value_options *options);

/* What tshark prints for a value, to be freed with wmem_free(NULL, ...); NULL where there is nothing to print. */
char *printed(field_info *info);

#endif
