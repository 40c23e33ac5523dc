#include "columns.h"

#define MOST_BYTES (96u << 20) /* of the values of a batch */
#define NEW UINT32_MAX
#define OPENING_WITHOUT_NAME 4 /* of a layer, such as "tcp":{ */
#define KEY_WITHOUT_NAME 3     /* of a path, such as "srcport": */

/* Distinct texts. They are found by their keys, in a table with open addressing. */
struct dictionary {
    struct text keys, entries;
    uint32_t *key_ends, *entry_ends, *slots;
    uint32_t count, capacity, slot_count, last_slot;
};

struct column {
    struct column *next; /* of those in the batch */
    const struct path *path;
    enum form form;
    bool is_known, is_listed, has_several;
    uint32_t id, count, capacity, last_row, count_before;
    uint64_t touched_in; /* the last packet in which the column has a value */
    uint32_t *rows;
    union {
        int64_t *numbers;
        double *doubles;
        uint8_t *booleans;
        uint32_t *texts;
        void *start;
    } values;
    struct dictionary dictionary;
};

static const size_t sizes[] = {sizeof(int64_t), sizeof(double), sizeof(uint8_t), sizeof(uint32_t)};
static struct column *first, *last, **touched;
static uint32_t touched_count, touched_capacity, row, largest_rows, last_id;
static uint64_t packet_number;
static size_t bytes;
static struct dictionary contexts, shapes;
static uint32_t *context_codes, *shape_codes;
static struct text shape_key;
static uint64_t seed; /* so that nobody can make a capture of texts with equal hashes */

static uint64_t hash(const char *at, size_t length)
{
    uint64_t value = seed ^ length * UINT64_C(0x9e3779b97f4a7c15), word;
    for (; length >= 8; at += 8, length -= 8) {
        memcpy(&word, at, 8);
        value = (value ^ word) * UINT64_C(0xff51afd7ed558ccd);
        value ^= value >> 32;
    }
    word = 0;
    memcpy(&word, at, length);
    value = (value ^ word) * UINT64_C(0xff51afd7ed558ccd);
    return value ^ value >> 29;
}

static uint32_t start_of(const uint32_t *ends, uint32_t index) { return index ? ends[index - 1] : 0; }

/* Returns the slot of a key: that of an equal key, or a free one. */
static uint32_t slot_of(const struct dictionary *dictionary, const char *key, size_t length)
{
    uint32_t mask = dictionary->slot_count - 1, slot = (uint32_t)hash(key, length) & mask, index;
    while ((index = dictionary->slots[slot]) != NEW) {
        uint32_t from = start_of(dictionary->key_ends, index);
        if (dictionary->key_ends[index] - from == length && !memcmp(dictionary->keys.start + from, key, length))
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void make_room(struct dictionary *dictionary)
{
    if (dictionary->count == dictionary->capacity) {
        dictionary->capacity = MAX(16, dictionary->capacity * 2);
        dictionary->key_ends = g_renew(uint32_t, dictionary->key_ends, dictionary->capacity);
        dictionary->entry_ends = g_renew(uint32_t, dictionary->entry_ends, dictionary->capacity);
    }
    if (dictionary->count * 2 < dictionary->slot_count)
        return;
    dictionary->slot_count = MAX(64, dictionary->slot_count * 4);
    dictionary->slots = g_renew(uint32_t, dictionary->slots, dictionary->slot_count);
    memset(dictionary->slots, 0xff, dictionary->slot_count * sizeof *dictionary->slots);
    for (uint32_t index = 0; index < dictionary->count; index++) {
        uint32_t from = start_of(dictionary->key_ends, index);
        dictionary->slots[slot_of(dictionary, dictionary->keys.start + from, dictionary->key_ends[index] - from)] = index;
    }
}

/* Returns the code of a key. If it is `dictionary->count` - 1 and `*is_new`, its entry is to be added. */
static uint32_t code_of(struct dictionary *dictionary, const struct text *key, bool *is_new)
{
    make_room(dictionary);
    uint32_t slot = slot_of(dictionary, key->start, key->length);
    *is_new = dictionary->slots[slot] == NEW;
    if (!*is_new)
        return dictionary->slots[slot];
    dictionary->slots[slot] = dictionary->count;
    dictionary->last_slot = slot;
    text_add(&dictionary->keys, key->start, key->length);
    dictionary->key_ends[dictionary->count] = (uint32_t)dictionary->keys.length;
    bytes += key->length + 8;
    return dictionary->count++;
}

static void end_entry(struct dictionary *dictionary)
{
    uint32_t index = dictionary->count - 1;
    dictionary->entry_ends[index] = (uint32_t)dictionary->entries.length;
    bytes += dictionary->entry_ends[index] - start_of(dictionary->entry_ends, index);
}

/* Removes the key that was added last, which has no entry yet, or an unfinished one. */
static void undo_entry(struct dictionary *dictionary)
{
    dictionary->slots[dictionary->last_slot] = NEW;
    dictionary->count--;
    dictionary->keys.length = start_of(dictionary->key_ends, dictionary->count);
    dictionary->entries.length = start_of(dictionary->entry_ends, dictionary->count);
}

static void clear(struct dictionary *dictionary)
{
    g_free(dictionary->keys.start);
    g_free(dictionary->entries.start);
    g_free(dictionary->key_ends);
    g_free(dictionary->entry_ends);
    g_free(dictionary->slots);
    memset(dictionary, 0, sizeof *dictionary);
}

void columns_open(uint32_t rows)
{
    largest_rows = rows;
    seed = (uint64_t)g_random_int() << 32 | g_random_int();
    context_codes = g_new(uint32_t, rows);
    shape_codes = g_new(uint32_t, rows);
}

void columns_begin(void)
{
    packet_number++;
    touched_count = 0;
    shape_key.length = 0;
}

static struct column *column_of(struct path *path, enum form form)
{
    struct column *column = path->column;
    if (!column) {
        column = path->column = g_new0(struct column, 1);
        column->path = path;
        column->form = form;
        column->id = last_id++;
    }
    return column;
}

static void touch(struct column *column)
{
    column->touched_in = packet_number;
    column->count_before = column->count;
    if (touched_count == touched_capacity) {
        touched_capacity = MAX(1024, touched_capacity * 2);
        touched = g_renew(struct column *, touched, touched_capacity);
    }
    touched[touched_count++] = column;
    if (column->path->layer->opening_length > OPENING_WITHOUT_NAME) /* it is in `layers` */
        text_add(&shape_key, (const char *)&column->id, sizeof column->id);
    if (column->is_listed)
        return;
    column->is_listed = true;
    column->has_several = false;
    column->next = NULL;
    *(last ? &last->next : &first) = column;
    last = column;
}

/* Returns the place for one more value of the current packet. */
static uint32_t next_place(struct column *column)
{
    if (column->touched_in != packet_number)
        touch(column);
    else
        column->has_several = true;
    if (column->count == column->capacity) {
        column->capacity = MAX(64, column->capacity * 2);
        column->rows = g_renew(uint32_t, column->rows, column->capacity);
        column->values.start = g_realloc(column->values.start, column->capacity * sizes[column->form]);
    }
    column->rows[column->count] = row;
    bytes += 12;
    return column->count++;
}

void columns_add_number(struct path *path, int64_t value)
{
    struct column *column = column_of(path, NUMBERS);
    uint32_t place = next_place(column);
    column->values.numbers[place] = value;
}

void columns_add_double(struct path *path, double value)
{
    struct column *column = column_of(path, DOUBLES);
    uint32_t place = next_place(column);
    column->values.doubles[place] = value;
}

void columns_add_boolean(struct path *path, bool value)
{
    struct column *column = column_of(path, BOOLEANS);
    uint32_t place = next_place(column);
    column->values.booleans[place] = value;
}

struct text *columns_add_text(struct path *path, const struct text *key)
{
    struct column *column = column_of(path, TEXTS);
    uint32_t place = next_place(column);
    bool is_new;
    column->values.texts[place] = code_of(&column->dictionary, key, &is_new);
    return is_new ? &column->dictionary.entries : NULL;
}

void columns_end_text(struct path *path) { end_entry(&path->column->dictionary); }

void columns_undo_text(struct path *path) { undo_entry(&path->column->dictionary); }

void columns_touch(struct path *path)
{
    struct column *column = column_of(path, NUMBERS);
    if (column->touched_in != packet_number)
        touch(column);
}

struct text *columns_end(const struct text *context_key)
{
    bool is_new;
    shape_codes[row] = code_of(&shapes, &shape_key, &is_new);
    if (is_new) {
        text_add(&shapes.entries, shape_key.start, shape_key.length);
        end_entry(&shapes);
    }
    context_codes[row++] = code_of(&contexts, context_key, &is_new);
    return is_new ? &contexts.entries : NULL;
}

void columns_end_context(void) { end_entry(&contexts); }

void columns_undo(void)
{
    while (touched_count) {
        struct column *column = touched[--touched_count];
        column->count = column->count_before;
    }
}

uint32_t columns_rows(void) { return row; }

bool columns_are_full(void) { return row == largest_rows || bytes >= MOST_BYTES; }

/* Receives the parts of a batch: `count_bytes`, and then the function that writes them. */
static void (*put)(const void *start, size_t length);
static size_t counted;

static void count_bytes(const void *start _U_, size_t length) { counted += length; }

/* Fills up a part of `length` bytes with zeros. */
static void put_zeros(size_t length) { put("\0\0\0\0\0\0\0", -length & 7); }

static void put_padded(const void *start, size_t length)
{
    put(start, length);
    put_zeros(length);
}

static void put_entries(const struct dictionary *dictionary)
{
    put_padded(dictionary->entry_ends, dictionary->count * sizeof(uint32_t));
    put_padded(dictionary->entries.start, dictionary->entries.length);
}

static void put_name(const struct path *path, size_t length)
{
    put(path->layer->opening + 1, path->layer->opening_length - OPENING_WITHOUT_NAME);
    put("", 1);
    put(path->key + 1, path->key_length - KEY_WITHOUT_NAME);
    put_zeros(length);
}

/* A column whose values all follow from others has a name and no values. */
static void put_column(const struct column *column)
{
    const struct path *path = column->path;
    size_t name = path->layer->opening_length - OPENING_WITHOUT_NAME + 1 + path->key_length - KEY_WITHOUT_NAME;
    struct column_head head = {
        .id = column->id,
        .count = column->count,
        .texts = column->dictionary.count,
        .text_bytes = (uint32_t)column->dictionary.entries.length,
        .name_bytes = column->is_known ? 0 : (uint32_t)name,
        .form = column->form,
        .kind = path->kind,
        .has_rows = column->count != row || column->has_several,
    };
    put(&head, sizeof head);
    if (!column->is_known)
        put_name(path, name);
    if (head.has_rows)
        put_padded(column->rows, column->count * sizeof(uint32_t));
    put_padded(column->values.start, column->count * sizes[column->form]);
    if (column->form == TEXTS)
        put_entries(&column->dictionary);
}

/* Puts everything after the head. Returns the number of columns. */
static uint32_t put_content(const struct text *lines, const struct text *messages)
{
    uint32_t count = 0;
    put_padded(context_codes, row * sizeof *context_codes);
    put_padded(shape_codes, row * sizeof *shape_codes);
    put_entries(&contexts);
    put_entries(&shapes);
    put_padded(lines->start, lines->length);
    put_padded(messages->start, messages->length);
    for (struct column *column = first; column; column = column->next, count++)
        put_column(column);
    return count;
}

/* Frees the memory of a column, so that columns that are large in different batches do not add up. */
static void forget_values(struct column *column)
{
    clear(&column->dictionary);
    g_free(column->rows);
    g_free(column->values.start);
    column->rows = NULL;
    column->values.start = NULL;
    column->count = column->capacity = 0;
    column->is_known = true;
    column->is_listed = false;
}

static void start_batch(void)
{
    for (struct column *column = first; column; column = column->next)
        forget_values(column);
    clear(&contexts);
    clear(&shapes);
    first = last = NULL;
    row = 0;
    bytes = 0;
}

void columns_print(void (*write)(const void *start, size_t length), const struct text *lines,
                   const struct text *messages)
{
    struct batch_head head = {
        .rows = row,
        .contexts = contexts.count,
        .context_bytes = (uint32_t)contexts.entries.length,
        .shapes = shapes.count,
        .shape_bytes = (uint32_t)shapes.entries.length,
        .line_bytes = (uint32_t)lines->length,
        .version = COLUMNS_VERSION,
        .message_bytes = (uint32_t)messages->length,
    };
    counted = 0;
    put = count_bytes;
    head.columns = put_content(lines, messages);
    head.size = counted;
    put = write;
    put(&head, sizeof head);
    put_content(lines, messages);
    start_batch();
}
