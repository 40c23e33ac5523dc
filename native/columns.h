/* Gathers packets as columns and prints them in batches. This is the description of the format, of version 2.
 *
 * After the plugin's first line, tshark prints one batch after the other. All numbers are little-endian, and each of the
 * following parts is padded with zeros to a multiple of 8 bytes:
 *
 * - The head: `struct batch_head`.
 * - For each packet the number of its context, and then for each packet the number of its shape, both from 0 (uint32).
 * - The contexts: for each the end of its text (uint32), and then all texts: the CONTEXT of espcap_tap.c.
 * - The shapes: for each the end of its numbers (uint32, in bytes), and then all numbers (uint32): the identifiers of the
 *   columns that have values in the packet, in the order of the tree.
 * - Lines of packets that do not fit columns, as espcap_tap.c describes them. These packets are not part of the batch:
 *   packets with values that do not fit their type, with too many values, or without a valid time.
 * - The messages of all packets of the batch, also of those in lines, if they are wanted: one packet in each line, as
 *   messages.h describes them.
 * - The columns: `struct column_head`; the name, only in the first batch with this column: layer, NUL, key; the row of
 *   each value (uint32), unless each packet has exactly one; the values; and for texts the ends of the distinct texts
 *   (uint32) and then all texts in UTF-8.
 *
 * The layer of a column outside `layers` is empty: `@timestamp` and `info`.
 */
#ifndef ESPCAP_COLUMNS_H
#define ESPCAP_COLUMNS_H

#include "fields.h"
#include "text.h"

#define COLUMNS_VERSION 2

struct batch_head {
    uint64_t size; /* of everything after the head, in bytes; `version` is COLUMNS_VERSION */
    uint32_t rows, contexts, context_bytes, shapes, shape_bytes, line_bytes, columns, version, message_bytes, reserved;
};

/* The values of a column: int64 (for times nanoseconds since 1970), double, one byte, or uint32 numbers of texts. */
enum form { NUMBERS, DOUBLES, BOOLEANS, TEXTS };

struct column_head {
    uint32_t id, count, texts, text_bytes, name_bytes;
    uint8_t form, kind, has_rows, reserved;
};

/* Prepares for at most `rows` packets in a batch. */
void columns_open(uint32_t rows);

/* Starts a packet. Then call the functions that add values, and at the end `columns_end` or `columns_undo`. */
void columns_begin(void);

void columns_add_number(struct path *path, int64_t value);
void columns_add_double(struct path *path, double value);
void columns_add_boolean(struct path *path, bool value);

/* Adds a text by a key, which is equal for equal texts. Returns NULL if the text is known; otherwise add the text to what
 * this returns, and then call `columns_end_text`, or `columns_undo_text` if the packet does not fit columns. */
struct text *columns_add_text(struct path *path, const struct text *key);
void columns_end_text(struct path *path);
void columns_undo_text(struct path *path);

/* Notes the place of a value that is not added, because it follows from others. */
void columns_touch(struct path *path);

/* Ends a packet. Returns NULL if the context is known by its key; otherwise add its text to what this returns, and then
 * call `columns_end_context`. */
struct text *columns_end(const struct text *context_key);
void columns_end_context(void);

/* Removes all values of the packet. */
void columns_undo(void);

/* Returns the number of packets in the batch, and whether it is full. */
uint32_t columns_rows(void);
bool columns_are_full(void);

/* Passes the parts of the batch to `put`, one after the other, and starts a new batch. `lines` are those of the packets
 * that did not fit, `messages` those of all packets. */
void columns_print(void (*put)(const void *start, size_t length), const struct text *lines,
                   const struct text *messages);

#endif
