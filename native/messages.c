#include "messages.h"

#define NANOSECONDS 1000000000

static struct value_options message_options;
static uint32_t value_count;
static size_t byte_count;

static void write_time(struct text *text, const nstime_t *time)
{
    if (time->secs < 0 || time->secs >= INT64_MAX / NANOSECONDS || time->nsecs < 0 || time->nsecs >= NANOSECONDS)
        text_literal(text, "null");
    else
        text_unsigned(text, (uint64_t)time->secs * NANOSECONDS + (uint64_t)time->nsecs);
}

static void write_head(struct text *text, uint32_t name, uint64_t second)
{
    text_unsigned(text, name);
    text_literal(text, ",");
    text_unsigned(text, second);
    text_literal(text, ",");
}

/* Adds the value of a node. Returns whether it has one that fits its type. */
static bool add_value(struct text *text, const struct field *field, proto_node *node)
{
    field_info *info = PNODE_FINFO(node);
    if (field->is_presence) {
        text_unsigned(text, (uint64_t)MAX(0, info->length));
        return true;
    }
    message_options.room = MIN(MOST_VALUE_BYTES, MOST_MESSAGE_BYTES - byte_count);
    return message_options.room && write_value(text, field, node, &message_options) == WRITTEN;
}

static void add_node(struct text *text, proto_node *node, uint32_t depth)
{
    field_info *info = PNODE_FINFO(node);
    if (!info || !info->hfinfo || info->hfinfo->id == hf_text_only)
        return;
    struct field *field = field_of(info->hfinfo);
    if (!field->wanted || field->kind == NO_FIELD || value_count == MOST_MESSAGE_VALUES)
        return;
    size_t start = text->length;
    write_head(text, field->wanted - 1, depth);
    if (add_value(text, field, node)) {
        text_literal(text, ",");
        value_count++;
        byte_count += MIN(MOST_MESSAGE_BYTES - byte_count, text->length - start);
    } else {
        text->length = start;
    }
}

/* Adds the wanted nodes below a layer. Without recursion, so that a deep tree does not overflow the stack. */
static void add_members(struct text *text, proto_node *layer)
{
    uint32_t depth = 1;
    proto_node *node = layer->first_child;
    while (node) {
        add_node(text, node, depth);
        if (node->first_child) {
            node = node->first_child;
            depth++;
            continue;
        }
        while (node != layer && !node->next) {
            node = node->parent;
            depth--;
        }
        if (node == layer)
            return;
        node = node->next;
    }
}

/* Adds the Community ID, which up to Wireshark 4.4 is a value at the top of the tree. Returns whether it is one. */
static bool add_community_id(struct text *text, uint32_t name, field_info *info)
{
    char *string = printed(info);
    bool is_there = string && *string;
    if (is_there) {
        write_head(text, name, 1);
        text_string(text, string, strlen(string));
        text_literal(text, ",");
    }
    wmem_free(NULL, string);
    return is_there;
}

static void add_layer(struct text *text, proto_node *layer)
{
    field_info *info = PNODE_FINFO(layer);
    if (!info || !info->hfinfo || info->hfinfo->id == hf_text_only)
        return;
    struct field *field = field_of(info->hfinfo);
    if (!field->wanted)
        return;
    text_literal(text, "[");
    write_head(text, field->wanted - 1, (uint64_t)MAX(0, info->start));
    text_unsigned(text, (uint64_t)MAX(0, info->length));
    text_literal(text, ",");
    if (!field->is_community_id || !add_community_id(text, field->wanted - 1, info))
        add_members(text, layer);
    text->start[text->length - 1] = ']';
    text_literal(text, ",");
}

void messages_write(struct text *text, const packet_info *pinfo, uint64_t length, proto_node *root,
                    const struct value_options *options)
{
    value_count = 0;
    byte_count = 0;
    message_options = *options;
    message_options.payload = true;
    text_literal(text, "[");
    text_unsigned(text, options->before + pinfo->num);
    text_literal(text, ",");
    write_time(text, &pinfo->abs_ts);
    text_literal(text, ",");
    text_unsigned(text, length);
    text_literal(text, ",[");
    for (proto_node *layer = root ? root->first_child : NULL; layer; layer = layer->next)
        add_layer(text, layer);
    if (text->start[text->length - 1] == ',')
        text->length--;
    text_literal(text, "]]");
}
