/* What espcap calls Wireshark's fields: a table that espcap writes for each version of tshark, looked up once for each
 * field that occurs. */
#ifndef ESPCAP_FIELDS_H
#define ESPCAP_FIELDS_H

#include "compatibility.h"

enum group { VALUES, UNPARSED, GROUPS };

enum kind { INTEGER, UNSIGNED, FLOAT, BOOLEAN, TIME, IP, BYTES, STRING, NO_FIELD };

struct path;

/* The keys of a layer, and of those the ones that the current packet has. */
struct layer {
    char *opening; /* "tcp":{ */
    size_t opening_length;
    struct {
        uint64_t packet;
        struct path *first, *last;
        struct layer *next;
    } in[GROUPS];
};

/* A path of a document, and its values in the current packet, as indices of occurrences. */
struct path {
    struct layer *layer;
    enum kind kind;
    char *key; /* "srcport": */
    size_t key_length;
    bool is_in_head;
    struct {
        uint64_t packet;
        uint32_t first, last;
        struct path *next;
    } in[GROUPS];
};

struct field {
    struct path *path;
    enum kind kind;
    char *protocol; /* the name of a protocol that can be a layer of the tree, else NULL */
    bool is_presence, is_frame_number, is_epoch, is_length, is_reassembled_data, is_community_id;
    uint64_t inner_in;   /* the last packet that has this protocol inside others' parts of the tree */
    uint64_t payload_in; /* the last packet that has the field as payload */
};

/* Maps the table behind a descriptor. `head` names the paths that espcap needs outside `layers`: "ip.src,ip.dst".
 * Returns what is wrong, or NULL. */
const char *open_fields(int descriptor, const char *head);

/* What to do with a field. Never NULL. */
struct field *field_of(const header_field_info *info);

#endif
