/* Layers, keys and kinds of Wireshark's fields, from a table that espcap writes for each version of tshark. Each field
 * is looked up in it once, when it occurs for the first time. */
#ifndef ESPCAP_FIELDS_H
#define ESPCAP_FIELDS_H

#include "compatibility.h"

/* The values of a packet that fit their field's type, those that do not, and the number of these groups. */
enum group { VALUES, UNPARSED, GROUPS };

enum kind { INTEGER, UNSIGNED, FLOAT, BOOLEAN, TIME, IP, BYTES, STRING, NO_FIELD };

struct path;
struct column; /* see columns.c */

/* A layer, and for each group a list of its paths that occur in a packet. */
struct layer {
    char *opening; /* the text "tcp":{ */
    size_t opening_length;
    struct {
        uint64_t packet; /* the packet that the list belongs to; if it is not the current one, the list is outdated */
        struct path *first, *last;
        struct layer *next;
    } in[GROUPS];
};

/* A path of a document, and for each group a list of its values in a packet. */
struct path {
    struct layer *layer;
    enum kind kind;
    char *key; /* the text "srcport": */
    size_t key_length;
    bool is_in_head; /* espcap needs it for the members outside `layers` */
    struct column *column; /* NULL before the first value */
    struct {
        uint64_t packet;      /* as in struct layer */
        uint32_t first, last; /* indices of `occurrences` in espcap_tap.c */
        struct path *next;
    } in[GROUPS];
};

/* A field of Wireshark. */
struct field {
    struct path *path; /* NULL if the kind is NO_FIELD */
    enum kind kind;
    char *protocol; /* the name of a protocol that can be a layer of the tree, else NULL */
    uint32_t wanted; /* one more than the place of the name in the list of wanted names; 0 if it is not there */
    bool is_presence, is_frame_number, is_epoch, is_length, is_reassembled_data, is_community_id;
    uint64_t inner_in;   /* the last packet in which this protocol was part of another protocol's tree */
    uint64_t payload_in; /* the last packet in which the field was left out as payload */
};

/* Maps the table of the open file `descriptor` into memory. `head` lists the paths that espcap needs for the members
 * outside `layers`, such as "ip.src,ip.dst". Returns an error message, or NULL. */
const char *open_fields(int descriptor, const char *head);

/* Sets the list of names that are wanted in messages, such as "dns,dns.id". Call it before `field_of`. */
void want_fields(const char *names);

/* The number of the current pass over the tree of a packet. A packet can have two. */
extern uint64_t packet;

/* Returns the path of a layer and a key. A path outside `layers` has the layer "". */
struct path *path_named(const char *layer, const char *key, enum kind kind);

/* Returns the field for Wireshark's description of it, never NULL. */
struct field *field_of(const header_field_info *info);

#endif
