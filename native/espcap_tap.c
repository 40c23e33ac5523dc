/* A plugin for tshark that prints each packet as one line. espcap makes a document of it without parsing the fields.
 *
 * A line is `PACKET<tab>INFO<tab>CONTEXT<tab>LAYERS`, each of them JSON:
 *
 * - PACKET is a list: frame number, frame length, time as a string, number of values beyond the limit, whether there
 *   was text that is not UTF-8, and the values that do not fit their types.
 * - INFO is Wireshark's column Info. It is empty if the column is empty.
 * - CONTEXT contains everything else that espcap needs, and is the same for many packets of a connection:
 *   {"tree":"frame:eth:ip:tcp","inner":"ber:x509sat","protocol_column":"TCP","community_id":"1:...",
 *   "payload_fields":["tcp.payload"],"layers":{"ip":{"src":...}}}. `inner` lists the protocols inside other protocols,
 *   each once, and `payload_fields` the names of the byte fields that are left out. Empty members are not printed.
 *   `layers` contains only the paths that ESPCAP_TAP_HEAD lists.
 * - LAYERS is the document's `layers`.
 *
 * With ESPCAP_TAP_MESSAGES, the names of the fields that are wanted in messages, a further tab and the packet's messages
 * follow; see messages.h.
 *
 * With ESPCAP_TAP_COLUMNS, the most packets of a batch, packets are printed as columns instead; see columns.h.
 *
 * Environment variables are the options of the plugin; without ESPCAP_TAP_TABLE it does nothing. `tshark -z
 * espcap,FILTER` starts it. A tshark without the plugin ends with an error before it has read anything.
 */
#include "gather.h"
#include "messages.h"
#include "text.h"
#include "values.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define STRINGS(number) #number
#define STRING_OF(number) STRINGS(number)
#define HEADER                                                                                                       \
    "espcap " STRING_OF(WIRESHARK_VERSION_MAJOR) "." STRING_OF(WIRESHARK_VERSION_MINOR) "." STRING_OF(                \
        WIRESHARK_VERSION_MICRO) "\n"
#define BLOCK (256 << 10)  /* bytes of output that are written at once */
#define PATIENCE (400 * 1000) /* microseconds that packets of a live capture wait in columns for further ones */
#define MOST_LINES (32 << 20) /* bytes of lines in a batch */
#define BEHIND (16 << 10)  /* with more bytes of live input waiting, the next packet comes soon: no need to flush */
#define NONE UINT32_MAX
#define GAVE_UP 103 /* an exit status that Wireshark itself does not use; espcap/tshark/plugin.py has it too */

static struct value_options options;
static bool is_live, has_columns, has_messages;
static size_t largest; /* the most bytes of values of one packet */

static struct text output;
static struct text messages; /* of the packets of a batch */

/* The values of the current packet: their place in `values`, and the next value of the same path. */
static struct occurrence {
    size_t start;
    uint32_t length, next;
} *occurrences;
static size_t occurrence_count, occurrence_capacity;
static struct text values, tree, inner, epoch, community_id, info_column, protocol_column, payload_fields;
static uint64_t left_out, frame_length;

static uint32_t dissected, tapped; /* the numbers of the last frame that was dissected, and passed to the plugin */
static struct layer *first_layer[GROUPS], *last_layer[GROUPS];

static void write_all(const char *at, size_t length)
{
    while (length) {
        ssize_t count = write(STDOUT_FILENO, at, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0) {
            perror("espcap: cannot write packets");
            _exit(2);
        }
        at += count;
        length -= (size_t)count;
    }
}

static void print(struct text *text)
{
    write_all(text->start, text->length);
    text_clear(text);
}

static void begin(void)
{
    packet++;
    occurrence_count = 0;
    left_out = frame_length = 0;
    options.found_bad_utf8 = false;
    text_clear(&values);
    text_clear(&tree);
    text_clear(&inner);
    text_clear(&payload_fields);
    epoch.length = community_id.length = info_column.length = protocol_column.length = 0;
    memset(first_layer, 0, sizeof first_layer);
    if (occurrence_capacity * sizeof *occurrences > KEPT) {
        g_free(occurrences);
        occurrences = NULL;
        occurrence_capacity = 0;
    }
}

static void append_layer(struct layer *layer, enum group group)
{
    layer->in[group].packet = packet;
    layer->in[group].first = NULL;
    layer->in[group].next = NULL;
    if (first_layer[group])
        last_layer[group]->in[group].next = layer;
    else
        first_layer[group] = layer;
    last_layer[group] = layer;
}

static void append_path(struct path *path, enum group group)
{
    struct layer *layer = path->layer;
    if (layer->in[group].packet != packet)
        append_layer(layer, group);
    path->in[group].packet = packet;
    path->in[group].first = NONE;
    path->in[group].next = NULL;
    if (layer->in[group].first)
        layer->in[group].last->in[group].next = path;
    else
        layer->in[group].first = path;
    layer->in[group].last = path;
}

/* Adds the value that begins at `start` in `values` to a path. */
static void append_occurrence(struct path *path, enum group group, size_t start)
{
    if (occurrence_count == occurrence_capacity) {
        occurrence_capacity = MAX(1024, occurrence_capacity * 2);
        occurrences = g_renew(struct occurrence, occurrences, occurrence_capacity);
    }
    uint32_t index = (uint32_t)occurrence_count++;
    occurrences[index] = (struct occurrence){start, (uint32_t)(values.length - start), NONE};
    if (path->in[group].packet != packet)
        append_path(path, group);
    if (path->in[group].first == NONE)
        path->in[group].first = index;
    else
        occurrences[path->in[group].last].next = index;
    path->in[group].last = index;
}

/* Keeps the text of one of Wireshark's columns, if it is not empty. */
static void keep_column(struct text *text, column_info *columns, int column)
{
    const char *shown = col_get_text(columns, column);
    if (shown && *shown)
        options.found_bad_utf8 |= text_string(text, shown, strlen(shown));
}

/* Keeps the text of a value, but only the first of several. Returns whether the value has a text. */
static bool keep_printed(struct text *text, field_info *info)
{
    char *string = printed(info);
    bool is_there = string && *string;
    if (is_there && !text->length)
        options.found_bad_utf8 |= text_string(text, string, strlen(string));
    wmem_free(NULL, string);
    return is_there;
}

/* Adds a protocol's name to a list of names. */
static void append_protocol(struct text *list, const struct field *field)
{
    if (list->length)
        text_literal(list, ":");
    text_add(list, field->protocol, strlen(field->protocol));
}

/* Adds, once, a protocol inside another protocol's part of the tree, such as ber in a certificate. */
static void append_inner(struct field *field)
{
    if (field->inner_in == packet)
        return;
    field->inner_in = packet;
    append_protocol(&inner, field);
}

/* Adds, once, the name of a field that is left out as payload. */
static void append_payload(struct field *field, const char *name)
{
    if (field->payload_in == packet)
        return;
    field->payload_in = packet;
    text_string(&payload_fields, name, strlen(name));
    text_literal(&payload_fields, ",");
}

static void read_node(proto_node *node, bool is_layer)
{
    field_info *info = PNODE_FINFO(node);
    if (!info || !info->hfinfo || info->hfinfo->id == hf_text_only)
        return;
    struct field *field = field_of(info->hfinfo);
    if (field->is_community_id && keep_printed(&community_id, info))
        return;
    if (is_layer && field->protocol) {
        append_protocol(&tree, field);
        return;
    }
    if (field->kind == NO_FIELD) {
        if (field->protocol)
            append_inner(field);
        return;
    }
    if (field->is_epoch)
        keep_printed(&epoch, info);
    if (field->is_length && !frame_length)
        frame_length = fvalue_get_uinteger(value_of(info));
    size_t start = values.length;
    options.room = start < largest && occurrence_count < MOST_VALUES ? largest - start : 0;
    enum fit fit = options.room ? write_value(&values, field, node, &options) : TOO_LARGE;
    if (fit == TOO_LARGE)
        left_out++;
    else if (fit == PAYLOAD)
        append_payload(field, info->hfinfo->abbrev);
    else if (fit == WRITTEN || (fit == UNFIT && !field->is_epoch))
        append_occurrence(field->path, fit == WRITTEN ? VALUES : UNPARSED, start);
}

static void write_values(struct text *text, const struct path *path, enum group group)
{
    uint32_t index = path->in[group].first;
    bool is_list = occurrences[index].next != NONE;
    if (is_list)
        text_literal(text, "[");
    for (; index != NONE; index = occurrences[index].next) {
        text_add(text, values.start + occurrences[index].start, occurrences[index].length);
        text_literal(text, ",");
    }
    if (is_list) {
        text->start[text->length - 1] = ']';
        text_literal(text, ",");
    }
}

/* Ends an object or a list with `end`, two characters, which replace a comma after the last member. */
static void close_with(struct text *text, const char *end)
{
    if (text->start[text->length - 1] == ',')
        text->length--;
    text_add(text, end, 2);
}

/* Writes the layers of a group; with `only_head`, only the paths that espcap needs for the members outside `layers`. */
static void write_layers(enum group group, bool only_head)
{
    text_literal(&output, "{");
    for (struct layer *layer = first_layer[group]; layer; layer = layer->in[group].next) {
        bool is_open = false;
        for (struct path *path = layer->in[group].first; path; path = path->in[group].next) {
            if (only_head && !path->is_in_head)
                continue;
            if (!is_open)
                text_add(&output, layer->opening, layer->opening_length);
            is_open = true;
            text_add(&output, path->key, path->key_length);
            write_values(&output, path, group);
        }
        if (is_open)
            close_with(&output, "},");
    }
    close_with(&output, "},");
}

/* Writes everything outside `layers` that is the same for many packets of a connection. */
static void write_context(void)
{
    text_literal(&output, "{\"tree\":\"");
    text_add(&output, tree.start, tree.length);
    text_literal(&output, "\",");
    if (inner.length) {
        text_literal(&output, "\"inner\":\"");
        text_add(&output, inner.start, inner.length);
        text_literal(&output, "\",");
    }
    if (protocol_column.length) {
        text_literal(&output, "\"protocol_column\":");
        text_add(&output, protocol_column.start, protocol_column.length);
        text_literal(&output, ",");
    }
    if (community_id.length) {
        text_literal(&output, "\"community_id\":");
        text_add(&output, community_id.start, community_id.length);
        text_literal(&output, ",");
    }
    if (payload_fields.length) {
        text_literal(&output, "\"payload_fields\":[");
        text_add(&output, payload_fields.start, payload_fields.length - 1);
        text_literal(&output, "],");
    }
    text_literal(&output, "\"layers\":");
    write_layers(VALUES, true);
    close_with(&output, "},");
    output.length--;
}

static void write_packet(uint32_t number)
{
    text_literal(&output, "[");
    text_unsigned(&output, options.before + number);
    text_literal(&output, ",");
    text_unsigned(&output, frame_length);
    text_literal(&output, ",");
    if (!epoch.length)
        text_literal(&epoch, "\"\"");
    text_add(&output, epoch.start, epoch.length);
    text_literal(&output, ",");
    text_unsigned(&output, left_out);
    text_add(&output, options.found_bad_utf8 ? ",true," : ",false,", options.found_bad_utf8 ? 6 : 7);
    write_layers(UNPARSED, false);
    output.start[output.length - 1] = ']';
    text_literal(&output, "\t");
    text_add(&output, info_column.start, info_column.length);
    text_literal(&output, "\t");
    write_context();
    text_literal(&output, "\t");
    write_layers(VALUES, false);
    output.start[output.length - 1] = '\n';
}

static tap_packet_status on_every_packet(void *data _U_, packet_info *pinfo, epan_dissect_t *dissection _U_,
                                         const void *specific _U_, tap_flags_t flags _U_)
{
    tapped = pinfo->num;
    return TAP_PACKET_DONT_REDRAW;
}

static GMutex turn; /* for everything that is kept between packets */
static GCond wakes;
static GThread *writer; /* of packets that wait; NULL if packets need not wait or tshark ends */
static gint64 waiting_since; /* of the first packet in the columns, in microseconds; 0 if there is none */

static struct text block; /* parts of a batch that are too small to be written alone */

static void put_in_batch(const void *start, size_t length)
{
    if (block.length + length > BLOCK)
        print(&block);
    if (length > BLOCK)
        write_all(start, length);
    else
        text_add(&block, start, length);
}

static void write_batch(void)
{
    columns_print(put_in_batch, &output, &messages);
    print(&block);
    text_clear(&output);
    text_clear(&messages);
    waiting_since = 0;
}

/* Writes all packets that wait. */
static void flush(void)
{
    if (!has_columns)
        print(&output);
    else if (output.length || columns_rows())
        write_batch();
}

/* Writes all packets that wait, and ends the thread before tshark unloads its code. */
static void end(void)
{
    GThread *thread = writer;
    g_mutex_lock(&turn);
    flush();
    writer = NULL;
    g_cond_signal(&wakes);
    g_mutex_unlock(&turn);
    if (thread)
        g_thread_join(thread);
}

/* Returns whether more input waits to be read than one packet usually has. */
static bool is_behind(void)
{
    int waiting;
    return ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0 && waiting > BEHIND;
}

/* Returns the number of the frame whose dissection ends. It is 0 after the last one, when memory is freed once more. */
static uint32_t number_of_ended(const epan_dissect_t *dissection)
{
    return dissection ? dissection->pi.num : dissected + 1;
}

static bool is_due(void)
{
    if (has_columns)
        return columns_are_full() || output.length >= MOST_LINES || messages.length >= MOST_LINES;
    return output.length >= BLOCK || (is_live && output.length && !is_behind());
}

/* Called at the end of each packet, to find packets that were not passed to the plugin. tshark queues at most 5,000
 * taps for a packet and drops the others, and the tap of the frame comes last. */
static keeps on_packet_end(wmem_allocator_t *scope _U_, wmem_cb_event_t event, void *data)
{
    uint32_t ended = number_of_ended(data);
    if (event != WMEM_CB_FREE_EVENT || !ended)
        return true;
    dissected = ended;
    if (dissected != tapped) {
        end();
        fprintf(stderr, "tshark: the native reader was not given frame %" PRIu32 "\n", dissected);
        _exit(GAVE_UP);
    }
    g_mutex_lock(&turn);
    if (is_due())
        flush();
    g_mutex_unlock(&turn);
    return true;
}

/* Reads a packet into `values`. */
static void read_packet(const packet_info *pinfo, proto_node *tree_root)
{
    static const bool always = true;
    begin();
    keep_column(&info_column, pinfo->cinfo, COL_INFO);
    keep_column(&protocol_column, pinfo->cinfo, COL_PROTOCOL);
    if (tree_root)
        walk(tree_root, read_node, &always);
}

/* Adds a packet to the columns, or to the lines if it does not fit them. */
static void add_packet(const packet_info *pinfo, proto_node *tree_root)
{
    static struct text context_key;
    const char *protocol = col_get_text(pinfo->cinfo, COL_PROTOCOL);
    packet++;
    text_clear(&context_key);
    if (protocol)
        text_add(&context_key, protocol, strlen(protocol));
    options.room = largest;
    columns_begin();
    if (!gather(tree_root, col_get_text(pinfo->cinfo, COL_INFO), &options, &context_key)) {
        columns_undo();
        read_packet(pinfo, tree_root);
        write_packet(pinfo->num);
        return;
    }
    struct text *context = columns_end(&context_key);
    if (!context)
        return;
    size_t start = output.length;
    read_packet(pinfo, tree_root);
    write_context();
    text_add(context, output.start + start, output.length - start);
    output.length = start;
    columns_end_context();
}

/* Writes the packets of a live capture when no further ones come. Runs in a thread of its own. */
static gpointer write_waiting(gpointer data _U_)
{
    g_mutex_lock(&turn);
    while (writer) {
        g_cond_wait_until(&wakes, &turn, g_get_monotonic_time() + PATIENCE / 4);
        if (waiting_since && g_get_monotonic_time() - waiting_since >= PATIENCE)
            flush();
    }
    g_mutex_unlock(&turn);
    return NULL;
}

static void start_writer(void)
{
    g_mutex_lock(&turn); /* until `writer` is set */
    writer = g_thread_new("espcap", write_waiting, NULL);
    g_mutex_unlock(&turn);
}

/* Appends the messages of a packet to its line. */
static void append_messages(const packet_info *pinfo, proto_node *tree_root)
{
    output.start[output.length - 1] = '\t';
    messages_write(&output, pinfo, pinfo->fd->pkt_len, tree_root, &options);
    text_literal(&output, "\n");
}

static tap_packet_status on_packet(void *data _U_, packet_info *pinfo, epan_dissect_t *dissection,
                                   const void *specific _U_, tap_flags_t flags _U_)
{
    g_mutex_lock(&turn);
    if (has_columns && dissection->tree) {
        add_packet(pinfo, dissection->tree);
        if (has_messages) {
            messages_write(&messages, pinfo, pinfo->fd->pkt_len, dissection->tree, &options);
            text_literal(&messages, "\n");
        }
        if (!waiting_since)
            waiting_since = g_get_monotonic_time();
    } else {
        read_packet(pinfo, dissection->tree);
        write_packet(pinfo->num);
        if (has_messages)
            append_messages(pinfo, dissection->tree);
    }
    g_mutex_unlock(&turn);
    return TAP_PACKET_DONT_REDRAW;
}

static void listen(void *listener, const char *filter, unsigned flags, tap_packet_cb on_frame)
{
    GString *error = register_tap_listener("frame", listener, filter, flags, NULL, on_frame, NULL, NULL);
    if (error) {
        fprintf(stderr, "tshark: %s\n", error->str);
        exit(1);
    }
}

#ifdef PACKETS_HAVE_A_POOL
static bool is_started;

static void do_nothing(void) {}

static void ignore(epan_dissect_t *dissection _U_) {}

/* Called for each new dissection. tshark uses the same dissection, with one memory pool, for all packets of a file. */
static void on_dissection(epan_dissect_t *dissection)
{
    static const wmem_allocator_t *known;
    if (!is_started || known == dissection->pi.pool)
        return;
    known = dissection->pi.pool;
    wmem_register_callback(dissection->pi.pool, on_packet_end, dissection);
}

static void watch_packets(void) { is_started = true; }

static void register_dissections(void)
{
    /* Wireshark calls the first five functions without a test for NULL. */
    static epan_plugin plugin = {do_nothing, do_nothing, on_dissection, ignore, do_nothing, NULL, NULL, NULL};
    epan_register_plugin(&plugin);
}
#else
static void watch_packets(void) { wmem_register_callback(wmem_packet_scope(), on_packet_end, NULL); }

static void register_dissections(void) {}
#endif

static started start(const char *argument, void *data _U_)
{
    static int every, wanted;
    const char *filter = g_str_has_prefix(argument, "espcap,") ? argument + strlen("espcap,") : NULL;
    listen(&every, NULL, TL_REQUIRES_ERROR_PACKETS, on_every_packet);
    listen(&wanted, filter, TL_REQUIRES_PROTO_TREE | TL_REQUIRES_COLUMNS | TL_REQUIRES_ERROR_PACKETS, on_packet);
    watch_packets();
    if (has_columns && is_live)
        start_writer();
    epan_set_always_visible(TRUE);
    STARTED;
}

static uint64_t number_in(const char *name)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static void register_espcap(void)
{
    static stat_tap_ui ui = {REGISTER_STAT_GROUP_GENERIC, NULL, "espcap", start, 0, NULL};
    const char *table = getenv("ESPCAP_TAP_TABLE"), *head = getenv("ESPCAP_TAP_HEAD");
    if (!table)
        return;
    const char *problem = open_fields(atoi(table), head ? head : "");
    if (problem) {
        fprintf(stderr, "tshark: %s\n", problem);
        return;
    }
    const char *wanted = getenv("ESPCAP_TAP_MESSAGES");
    has_messages = wanted && *wanted;
    if (has_messages)
        want_fields(wanted);
    options.payload = number_in("ESPCAP_TAP_PAYLOAD");
    options.before = number_in("ESPCAP_TAP_BEFORE");
    is_live = number_in("ESPCAP_TAP_LIVE");
    largest = number_in("ESPCAP_TAP_LARGEST");
    register_stat_tap_ui(&ui, NULL);
    atexit(end);
    text_literal(&output, HEADER);
    print(&output);
    uint64_t rows = number_in("ESPCAP_TAP_COLUMNS");
    has_columns = rows;
    if (has_columns) {
        columns_open((uint32_t)rows);
        gather_open();
    }
}

WS_DLL_PUBLIC_DEF const char plugin_version[] = "1";
WS_DLL_PUBLIC_DEF const int plugin_want_major = WIRESHARK_VERSION_MAJOR;
WS_DLL_PUBLIC_DEF const int plugin_want_minor = WIRESHARK_VERSION_MINOR;

WS_DLL_PUBLIC void plugin_register(void);

void plugin_register(void)
{
    static tap_plugin plugin = {register_espcap};
    tap_register_plugin(&plugin);
    register_dissections();
}

#if WIRESHARK >= 402
WS_DLL_PUBLIC uint32_t plugin_describe(void);

uint32_t plugin_describe(void)
{
    return WS_PLUGIN_DESC_TAP_LISTENER;
}
#endif
