#include "fields.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define COLUMNS 6

uint64_t packet;

static const char *table, *table_end;
static gchar **head_paths;
static GHashTable *layers, *paths, *fields, *wanted;
static struct field **known;
static size_t known_size;

/* Finds the line of a name in the table and returns its columns, or NULL. The lines are sorted by the names' bytes. */
static gchar **find_line(const char *name)
{
    const char *low = table, *high = table_end;
    size_t length = strlen(name);
    while (low < high) {
        const char *line = low + (high - low) / 2;
        while (line > low && line[-1] != '\n')
            line--;
        const char *end = memchr(line, '\n', (size_t)(table_end - line));
        const char *tab = end ? memchr(line, '\t', (size_t)(end - line)) : NULL;
        if (!tab)
            return NULL;
        size_t shorter = MIN(length, (size_t)(tab - line));
        int order = memcmp(name, line, shorter);
        if (!order)
            order = (length > shorter) - ((size_t)(tab - line) > shorter);
        if (!order) {
            gchar *text = g_strndup(line, (gsize)(end - line));
            gchar **columns = g_strsplit(text, "\t", -1);
            g_free(text);
            return columns;
        }
        if (order < 0)
            high = line;
        else
            low = end + 1;
    }
    return NULL;
}

const char *open_fields(int descriptor, const char *head)
{
    struct stat status;
    if (fstat(descriptor, &status) < 0 || status.st_size == 0)
        return "the table of fields is missing";
    table = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (table == MAP_FAILED)
        return "the table of fields cannot be read";
    table_end = table + status.st_size;
    gchar **columns = find_line("frame.number");
    bool is_table = table_end[-1] == '\n' && columns && g_strv_length(columns) == COLUMNS;
    g_strfreev(columns);
    if (!is_table)
        return "the table of fields is damaged";
    head_paths = g_strsplit(head, ",", -1);
    layers = g_hash_table_new(g_str_hash, g_str_equal);
    paths = g_hash_table_new(g_str_hash, g_str_equal);
    fields = g_hash_table_new(g_str_hash, g_str_equal);
    return NULL;
}

void want_fields(const char *names)
{
    gchar **list = g_strsplit(names, ",", -1);
    wanted = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint index = 0; list[index]; index++)
        g_hash_table_insert(wanted, list[index], GUINT_TO_POINTER(index + 1));
}

static struct layer *layer_named(const char *name)
{
    struct layer *layer = g_hash_table_lookup(layers, name);
    if (!layer) {
        layer = g_new0(struct layer, 1);
        layer->opening = g_strdup_printf("\"%s\":{", name);
        layer->opening_length = strlen(layer->opening);
        g_hash_table_insert(layers, g_strdup(name), layer);
    }
    return layer;
}

struct path *path_named(const char *layer, const char *key, enum kind kind)
{
    char *name = g_strdup_printf("%s.%s", layer, key);
    struct path *path = g_hash_table_lookup(paths, name);
    if (path) {
        g_free(name);
        return path;
    }
    path = g_new0(struct path, 1);
    path->layer = layer_named(layer);
    path->kind = kind;
    path->key = g_strdup_printf("\"%s\":", key);
    path->key_length = strlen(path->key);
    path->is_in_head = g_strv_contains((const gchar *const *)head_paths, name);
    g_hash_table_insert(paths, name, path);
    return path;
}

static enum kind kind_named(const char *name)
{
    static const char *const names[] = {"integer", "unsigned", "float", "boolean", "time", "ip", "bytes", "string"};
    for (int kind = 0; kind < NO_FIELD; kind++)
        if (!strcmp(name, names[kind]))
            return (enum kind)kind;
    return NO_FIELD;
}

/* Returns whether a name is one of Wireshark's columns. From 4.4 on they are fields of the tree, but documents contain
 * them outside `layers`. */
static bool is_column(const char *name)
{
    return !strcmp(name, "_ws.col") || g_str_has_prefix(name, "_ws.col.");
}

/* Reads a field's line of the table: name, layer, key, kind, display base, and 1 for a protocol. */
static struct field *read_field(const char *name)
{
    struct field *field = g_new0(struct field, 1);
    field->kind = NO_FIELD;
    field->wanted = wanted ? GPOINTER_TO_UINT(g_hash_table_lookup(wanted, name)) : 0;
    /* Wireshark calls the Community ID communityid.hash from 4.6 on. */
    field->is_community_id = !strcmp(name, "communityid") || !strcmp(name, "communityid.hash");
    gchar **columns = is_column(name) ? NULL : find_line(name);
    if (columns && g_strv_length(columns) == COLUMNS) {
        field->kind = kind_named(columns[3]);
        if (*columns[5] && !strchr(name, '.'))
            field->protocol = g_strdup(name);
    }
    if (field->kind != NO_FIELD) {
        const char *base = columns[4];
        field->path = path_named(columns[1], columns[2], field->kind);
        field->is_presence = !strcmp(base, "presence");
        field->is_frame_number = !strcmp(name, "frame.number") || (field->kind == INTEGER && !*base);
        field->is_length = !strcmp(name, "frame.len") && field->kind == INTEGER;
        field->is_epoch = !strcmp(name, "frame.time_epoch");
        field->is_reassembled_data = g_str_has_suffix(name, ".reassembled.data");
    }
    g_strfreev(columns);
    return field;
}

/* Wireshark can register a name several times, with different ids. For documents all of them are one field. */
static struct field *field_named(const char *name)
{
    struct field *field = g_hash_table_lookup(fields, name);
    if (!field) {
        field = read_field(name);
        g_hash_table_insert(fields, g_strdup(name), field);
    }
    return field;
}

struct field *field_of(const header_field_info *info)
{
    size_t id = (size_t)info->id;
    if (id >= known_size) {
        size_t size = id * 2 + 1;
        known = g_renew(struct field *, known, size);
        memset(known + known_size, 0, (size - known_size) * sizeof *known);
        known_size = size;
    }
    if (!known[id])
        known[id] = field_named(info->abbrev);
    return known[id];
}
