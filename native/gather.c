#include "gather.h"

#include <errno.h>
#include <stdlib.h>

#define SECOND INT64_C(1000000000)
#define LATEST_SECOND (INT64_MAX / SECOND - 1) /* whose nanoseconds are an int64; in the year 2262 */
#define EXACT (INT64_C(1) << 53) /* integers up to this number are exact as doubles */
#define LONGEST_NUMBER 48        /* bytes of the JSON of a value that is no text, at most */
#define LONGEST_ESCAPE 6         /* bytes of the JSON of one byte of a text, at most */

/* The beginnings of the keys of texts, which tell apart how their values are given. */
enum key { BY_BYTES = 1, BY_IPV4, BY_IPV6, BY_STRING, BY_JSON };

/* The parts of the key of a context. */
enum part { LAYER = 1, INNER, COMMUNITY_ID, PAYLOAD_FIELD, HEAD_VALUE };

static struct path *time_path, *info_path;
static struct value_options *options;
static struct text *context, key, json;
static bool fits, has_time;
static size_t value_count, room;

void gather_open(void)
{
    time_path = path_named("", "@timestamp", TIME);
    info_path = path_named("", "info", STRING);
}

static void add_part(enum part part, const void *start, size_t length)
{
    uint32_t head[] = {part, (uint32_t)length};
    text_add(context, (const char *)head, sizeof head);
    text_add(context, start, length);
}

static void start_key(enum key how, const void *start, size_t length)
{
    char first = (char)how;
    key.length = 0;
    text_add(&key, &first, 1);
    text_add(&key, start, length);
}

/* Returns the number of an escape such as \\u2028, of which `digits` are the last four characters. */
static unsigned unit_at(const char *digits)
{
    unsigned unit = 0;
    for (int index = 0; index < 4; index++)
        unit = unit << 4 | (unsigned)g_ascii_xdigit_value(digits[index]);
    return unit;
}

static void add_character(struct text *text, unsigned character)
{
    char utf8[6];
    text_add(text, utf8, (size_t)g_unichar_to_utf8(character, utf8));
}

/* Appends the content of a JSON string, given with its quotes. */
static void add_content(struct text *text, const char *start, size_t length)
{
    const char *at = start + 1, *end = start + length - 1;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        text_add(text, at, (size_t)((escape ? escape : end) - at));
        if (!escape)
            return;
        static const char names[] = "bfnrt", characters[] = "\b\f\n\r\t";
        const char *name = strchr(names, escape[1]);
        at = escape + 2;
        if (escape[1] == 'u') {
            unsigned unit = unit_at(at);
            bool is_pair = unit >= 0xd800 && unit < 0xdc00; /* a second escape follows */
            add_character(text, is_pair ? ((unit - 0xd7c0) << 10) + (unit_at(at + 6) & 0x3ff) : unit);
            at += is_pair ? 10 : 4;
        } else {
            text_add(text, name ? characters + (name - names) : escape + 1, 1);
        }
    }
}

/* Counts bytes of the packet's values as JSON, or more. A packet whose line might leave values out does not fit. */
static void use_room(size_t size)
{
    fits &= size <= room;
    room -= MIN(size, room);
}

/* Writes a value as JSON. Returns false if it has none that is to be added; `fits` says whether that is right. */
static bool write_json(struct field *field, proto_node *node)
{
    json.length = 0;
    options->found_bad_utf8 = false;
    options->room = room;
    enum fit fit = write_value(&json, field, node, options);
    if (fit == PAYLOAD && field->payload_in != packet) {
        field->payload_in = packet;
        add_part(PAYLOAD_FIELD, &field, sizeof field);
    }
    fits &= fit != UNFIT && fit != TOO_LARGE && !options->found_bad_utf8;
    return fit == WRITTEN;
}

/* Adds the text with the key in `key`. Its content is written only if it is new. */
static void add_text(struct field *field, proto_node *node)
{
    use_room(key.length * LONGEST_ESCAPE);
    if (!fits)
        return;
    struct text *entries = columns_add_text(field->path, &key);
    if (!entries)
        return;
    if (write_json(field, node) && fits) {
        add_content(entries, json.start, json.length);
        columns_end_text(field->path);
    } else {
        columns_undo_text(field->path);
        fits = false;
    }
}

static int64_t number_at(const char *digits, int count)
{
    int64_t number = 0;
    for (int index = 0; index < count; index++)
        number = number * 10 + digits[index] - '0';
    return number;
}

/* Adds a time that is written as "2015-07-30T05:22:12.662099000Z". */
static void add_moment(struct path *path, const char *text)
{
    int64_t year = number_at(text + 1, 4), month = number_at(text + 6, 2), from_march = (month + 9) % 12;
    year -= month <= 2;
    int64_t days = year * 365 + year / 4 - year / 100 + year / 400 + (from_march * 306 + 5) / 10 +
                   number_at(text + 9, 2) - 1 - 719468;
    int64_t second = number_at(text + 12, 2) * 3600 + number_at(text + 15, 2) * 60 + number_at(text + 18, 2);
    int64_t seconds = days * 86400 + second;
    bool is_date = month >= 1 && month <= 12 && second < 86400 && seconds >= 0 && seconds <= LATEST_SECOND;
    if (is_date)
        columns_add_number(path, seconds * SECOND + number_at(text + 21, 9));
    fits &= is_date;
}

/* Adds a value of a rare type by way of its JSON. */
static void add_by_json(struct field *field, proto_node *node)
{
    if (!write_json(field, node) || !fits)
        return;
    text_add(&json, "", 1);
    const char *start = json.start;
    errno = 0;
    switch (field->kind) {
    case INTEGER:
        columns_add_number(field->path, strtoll(start, NULL, 10));
        break;
    case UNSIGNED:
        fits &= *start != '-';
        columns_add_number(field->path, (int64_t)strtoull(start, NULL, 10));
        break;
    case FLOAT:
        columns_add_double(field->path, g_ascii_strtod(start, NULL));
        break;
    case BOOLEAN:
        columns_add_boolean(field->path, *start == 't');
        break;
    case TIME:
        add_moment(field->path, start);
        break;
    default:
        start_key(BY_JSON, start, json.length - 1);
        add_text(field, node);
        return;
    }
    fits &= !errno;
}

static bool add_integer(struct field *field, field_info *info)
{
    fvalue_t *value = value_of(info);
    enum ftenum type = info->hfinfo->type;
    uint64_t before = field->is_frame_number ? options->before : 0;
    int64_t number;
    if (IS_FT_UINT32(type))
        number = (int64_t)(as_wide_as_printed(info->hfinfo, fvalue_get_uinteger(value)) + before);
    else if (IS_FT_UINT64(type))
        number = (int64_t)(as_wide_as_printed(info->hfinfo, fvalue_get_uinteger64(value)) + before);
    else if (IS_FT_INT32(type))
        number = fvalue_get_sinteger(value);
    else if (IS_FT_INT64(type))
        number = fvalue_get_sinteger64(value);
    else
        return false;
    fits &= number >= 0 || field->kind == INTEGER || IS_FT_UINT64(type);
    fits &= number >= 0 || field->kind == UNSIGNED || !IS_FT_UINT64(type);
    columns_add_number(field->path, number);
    return true;
}

static bool add_time(struct field *field, field_info *info)
{
    if (!IS_FT_TIME(info->hfinfo->type))
        return false;
    const nstime_t *time = fvalue_get_time(value_of(info));
    if (time->nsecs < 0 || time->nsecs >= SECOND || time->secs < 0 || time->secs > LATEST_SECOND)
        return false;
    int64_t total = time->secs * SECOND + time->nsecs;
    int display = FIELD_DISPLAY(info->hfinfo->display);
    if (field->kind == TIME) {
        if (info->hfinfo->type != FT_ABSOLUTE_TIME || !(display == ABSOLUTE_TIME_LOCAL || display == ABSOLUTE_TIME_UTC))
            return false;
        columns_add_number(field->path, total);
        return true;
    }
    if (field->kind != FLOAT || info->hfinfo->type != FT_RELATIVE_TIME || total > EXACT)
        return false;
    columns_add_double(field->path, (double)total / 1e9); /* the double that is nearest to the decimal number */
    return true;
}

/* The time of the packet is the member @timestamp. The field itself follows from it. */
static void add_epoch(struct field *field, field_info *info)
{
    fits &= !has_time && IS_FT_TIME(info->hfinfo->type);
    if (!fits)
        return;
    const nstime_t *time = fvalue_get_time(value_of(info));
    fits = time->nsecs >= 0 && time->nsecs < SECOND && time->secs >= 0 && time->secs <= LATEST_SECOND;
    if (!fits)
        return;
    columns_add_number(time_path, time->secs * SECOND + time->nsecs);
    columns_touch(field->path);
    has_time = true;
}

/* Adds a text whose key is its value. Returns false for all types without such a key. */
static bool add_keyed(struct field *field, proto_node *node)
{
    field_info *info = PNODE_FINFO(node);
    enum ftenum type = info->hfinfo->type;
    fvalue_t *value = value_of(info);
    if (type == FT_ETHER && field->kind == STRING) {
        start_key(BY_BYTES, bytes_of(value), size_of(value));
    } else if (type == FT_IPv4 && ipv4_of(value).nmask == 0xffffffff) {
        uint32_t address = ipv4_of(value).addr;
        start_key(BY_IPV4, &address, sizeof address);
    } else if (type == FT_IPv6 && ipv6_of(value).prefix == 128) {
        ipv6_addr_and_prefix address = ipv6_of(value);
        start_key(BY_IPV6, &address.addr, sizeof address.addr);
    } else if (IS_FT_STRING(type) && field->kind == STRING) {
        const wmem_strbuf_t *string = fvalue_get_strbuf(value);
        if (!string || memchr(string->str, 0, string->len) || string->len > room)
            return false;
        start_key(BY_STRING, string->str, string->len);
    } else {
        return false;
    }
    add_text(field, node);
    return true;
}

static bool add_bytes(struct field *field, proto_node *node)
{
    field_info *info = PNODE_FINFO(node);
    enum ftenum type = info->hfinfo->type;
    size_t size = type == FT_BYTES || type == FT_UINT_BYTES ? size_of(value_of(info)) : LONGEST_BYTES + 1;
    if (size > LONGEST_BYTES || field->is_reassembled_data || FIELD_DISPLAY(info->hfinfo->display) == SEP_DOT ||
        FIELD_DISPLAY(info->hfinfo->display) == SEP_DASH)
        return false;
    start_key(BY_BYTES, bytes_of(value_of(info)), size);
    add_text(field, node);
    return true;
}

static bool add_common(struct field *field, proto_node *node)
{
    field_info *info = PNODE_FINFO(node);
    switch (field->kind) {
    case INTEGER:
    case UNSIGNED:
        return add_integer(field, info);
    case BOOLEAN:
        if (info->hfinfo->type != FT_BOOLEAN)
            return false;
        columns_add_boolean(field->path, fvalue_get_uinteger64(value_of(info)) != 0);
        return true;
    case FLOAT:
    case TIME:
        return add_time(field, info);
    case BYTES:
        return add_bytes(field, node);
    default:
        return add_keyed(field, node);
    }
}

/* Adds the printed text of a value to the context. Returns whether it has one. */
static bool add_printed(enum part part, field_info *info)
{
    char *string = printed(info);
    bool is_there = string && *string;
    if (is_there || part == HEAD_VALUE)
        add_part(part, string, string ? strlen(string) : 0);
    wmem_free(NULL, string);
    return is_there;
}

static void add_to_context(field_info *info)
{
    enum ftenum type = info->hfinfo->type;
    fvalue_t *value = value_of(info);
    text_add(context, (const char *)&info->hfinfo, sizeof info->hfinfo);
    if (type == FT_IPv4) {
        ipv4_addr_and_mask address = ipv4_of(value);
        add_part(HEAD_VALUE, &address, sizeof address);
    } else if (IS_FT_UINT32(type)) {
        uint32_t number = fvalue_get_uinteger(value);
        add_part(HEAD_VALUE, &number, sizeof number);
    } else if (type == FT_ETHER) {
        add_part(HEAD_VALUE, bytes_of(value), size_of(value));
    } else {
        add_printed(HEAD_VALUE, info);
    }
}

static void add_protocol(struct field *field, bool is_layer)
{
    if (!is_layer && field->inner_in == packet)
        return;
    if (!is_layer)
        field->inner_in = packet;
    add_part(is_layer ? LAYER : INNER, &field, sizeof field);
}

static void read_node(proto_node *node, bool is_layer)
{
    field_info *info = PNODE_FINFO(node);
    if (!info || !info->hfinfo || info->hfinfo->id == hf_text_only)
        return;
    struct field *field = field_of(info->hfinfo);
    if (field->is_community_id && add_printed(COMMUNITY_ID, info))
        return;
    if (is_layer && field->protocol) {
        add_protocol(field, true);
        return;
    }
    if (field->kind == NO_FIELD) {
        if (field->protocol)
            add_protocol(field, false);
        return;
    }
    fits &= value_count++ < MOST_VALUES && field->kind == field->path->kind; /* a column has one type */
    use_room(LONGEST_NUMBER);
    if (!fits)
        return;
    if (field->path->is_in_head)
        add_to_context(info);
    if (field->is_presence)
        columns_add_boolean(field->path, true);
    else if (field->is_epoch)
        add_epoch(field, info);
    else if (!add_common(field, node))
        add_by_json(field, node);
}

/* Adds the text of the column Info. */
static void add_info(const char *info)
{
    start_key(BY_STRING, info, strlen(info));
    struct text *entries = columns_add_text(info_path, &key);
    if (!entries)
        return;
    json.length = 0;
    fits &= !text_string(&json, info, key.length - 1);
    if (fits) {
        add_content(entries, json.start, json.length);
        columns_end_text(info_path);
    } else {
        columns_undo_text(info_path);
    }
}

bool gather(proto_node *root, const char *info, struct value_options *given, struct text *context_key)
{
    options = given;
    context = context_key;
    fits = true;
    has_time = false;
    value_count = 0;
    room = options->room;
    if (info && *info)
        add_info(info);
    walk(root, read_node, &fits);
    text_clear(&json);
    text_clear(&key);
    return fits && has_time;
}
