#include "values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>

#define LATEST_SECOND 253402300799 /* the end of the year 9999 */

char *printed(field_info *info)
{
    return fvalue_to_string_repr(NULL, value_of(info), FTREPR_DISPLAY, info->hfinfo->display);
}

static size_t count_digits(const char *at)
{
    size_t count = 0;
    while (isdigit((unsigned char)at[count]))
        count++;
    return count;
}

/* Returns the length of a fraction without zeros at its end, but with at least one digit. */
static size_t without_zeros(const char *start, size_t length)
{
    while (length > 2 && start[length - 1] == '0' && start[length - 2] != '.')
        length--;
    return length;
}

static bool write_integer(struct text *text, const char *string, uint64_t before)
{
    bool is_negative = *string == '-', is_hexadecimal = !strncmp(string, "0x", 2);
    const char *digits = string + (is_negative ? 1 : is_hexadecimal ? 2 : 0);
    char *end;
    if (!isxdigit((unsigned char)*digits))
        return false;
    errno = 0;
    uint64_t value = g_ascii_strtoull(digits, &end, is_hexadecimal ? 16 : 10);
    if (*end || errno)
        return false;
    if (is_negative && value)
        text_literal(text, "-");
    text_unsigned(text, value + (is_negative ? 0 : before));
    return true;
}

static bool write_float(struct text *text, const char *string)
{
    const char *at = string + (*string == '-');
    size_t whole = count_digits(at), fraction = 0;
    char *end, number[G_ASCII_DTOSTR_BUF_SIZE];
    if (whole && (at[0] != '0' || whole == 1) && at[whole] == '.')
        fraction = count_digits(at + whole + 1);
    if (fraction && !at[whole + 1 + fraction]) { /* the text is already a JSON number */
        text_add(text, string, without_zeros(string, (size_t)(at - string) + whole + 1 + fraction));
        return true;
    }
    double value = g_ascii_strtod(string, &end);
    if (!*string || isspace((unsigned char)*string) || *end || !isfinite(value) || strpbrk(string, "xXpP"))
        return false;
    g_ascii_dtostr(number, sizeof number, value);
    text_add(text, number, strlen(number));
    if (!strpbrk(number, ".e"))
        text_literal(text, ".0");
    return true;
}

static bool write_boolean(struct text *text, const char *string)
{
    if (!strcmp(string, "1") || !strcmp(string, "True"))
        text_literal(text, "true");
    else if (!strcmp(string, "0") || !strcmp(string, "False"))
        text_literal(text, "false");
    else
        return false;
    return true;
}

static bool write_ip(struct text *text, const char *string)
{
    uint8_t address[16];
    if (inet_pton(strchr(string, ':') ? AF_INET6 : AF_INET, string, address) != 1)
        return false;
    text_string(text, string, strlen(string));
    return true;
}

/* Writes a time such as "2015-07-30T05:22:12.662099000Z". */
static void write_moment(struct text *text, int64_t seconds, uint32_t nanoseconds)
{
    int64_t days = seconds / 86400 + 719468; /* since 1 March of the year 0, so that a leap day ends its year */
    uint32_t era = (uint32_t)(days / 146097), day_of_era = (uint32_t)(days % 146097);
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted = (5 * day_of_year + 2) / 153, second = (uint32_t)(seconds % 86400);
    uint32_t day = day_of_year - (153 * shifted + 2) / 5 + 1, month = shifted < 10 ? shifted + 3 : shifted - 9;
    char *start = text_reserve(text, 40), *at = start;
    *at++ = '"';
    at = put_digits(at, era * 400 + year_of_era + (month <= 2), 4);
    *at++ = '-';
    at = put_digits(at, month, 2);
    *at++ = '-';
    at = put_digits(at, day, 2);
    *at++ = 'T';
    at = put_digits(at, second / 3600, 2);
    *at++ = ':';
    at = put_digits(at, second / 60 % 60, 2);
    *at++ = ':';
    at = put_digits(at, second % 60, 2);
    *at++ = '.';
    at = put_digits(at, nanoseconds, 9);
    memcpy(at, "Z\"", 2);
    text->length += (size_t)(at + 2 - start);
}

/* Returns whether `string` begins like `form`, in which 9 stands for a digit and _ for a digit or a blank. */
static bool has_form(const char *string, const char *form)
{
    for (; *form; form++, string++)
        if (*form == '9' || *form == '_' ? !isdigit((unsigned char)*string) && !(*form == '_' && *string == ' ')
                                         : *string != *form)
            return false;
    return true;
}

/* Reads a time as tshark 4.0 prints it, "Jul 30, 2015 05:22:12.662099000 UTC", or as 4.2 and later versions do,
 * "2015-07-30T05:22:12.662099000+0000". */
static bool write_time(struct text *text, const char *string)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char digits[3] = "", fraction[10] = "000000000", result[32];
    const char *year, *month = digits, *day, *clock;
    if (isalpha((unsigned char)*string)) {
        char name[4] = "";
        memcpy(name, string, strnlen(string, 3));
        const char *found = strlen(name) == 3 ? strstr(names, name) : NULL;
        if (!found || (found - names) % 3 || !has_form(string + 3, " _9, 9999 99:99:99"))
            return false;
        put_digits(digits, (uint32_t)(found - names) / 3 + 1, 2);
        day = string + 4, year = string + 8, clock = string + 13;
    } else {
        if (!has_form(string, "9999-99-99") || !(string[10] == 'T' || string[10] == ' ') ||
            !has_form(string + 11, "99:99:99"))
            return false;
        year = string, month = string + 5, day = string + 8, clock = string + 11;
    }
    const char *rest = clock + 8;
    if (*rest == '.') {
        size_t count = count_digits(rest + 1);
        if (!count || count > 9)
            return false;
        memcpy(fraction, rest + 1, count);
        rest += 1 + count;
    }
    bool is_named = isalpha((unsigned char)*string);
    if (is_named ? strcmp(rest, " UTC") && strcmp(rest, " GMT")
                 : strcmp(rest, "Z") && strcmp(rest, "+0000") && strcmp(rest, " UTC"))
        return false;
    g_snprintf(result, sizeof result, "%.4s-%.2s-%c%cT%.8s.%.9sZ", year, month, *day == ' ' ? '0' : *day, day[1], clock,
               fraction);
    text_string(text, result, strlen(result));
    return true;
}

static bool is_payload(const struct field *field, size_t octets, const struct value_options *options)
{
    return !options->payload && (octets > LONGEST_BYTES || field->is_reassembled_data);
}

/* Writes a value from the text that tshark prints for it. This works for all types, but is slow. */
static enum fit write_printed(struct text *text, const struct field *field, const char *string,
                              struct value_options *options)
{
    size_t start = text->length;
    bool fits = true;
    if (!*string && field->kind != STRING && field->kind != BYTES)
        return LEFT_OUT;
    switch (field->kind) {
    case INTEGER:
    case UNSIGNED:
        fits = write_integer(text, string, field->is_frame_number ? options->before : 0);
        break;
    case FLOAT:
        fits = write_float(text, string);
        break;
    case BOOLEAN:
        fits = write_boolean(text, string);
        break;
    case TIME:
        fits = write_time(text, string);
        break;
    case IP:
        fits = write_ip(text, string);
        break;
    default:
        options->found_bad_utf8 |= text_string(text, string, strlen(string));
    }
    if (field->kind == BYTES && is_payload(field, (text->length - start - 1) / 3, options)) {
        text->length = start;
        return PAYLOAD;
    }
    if (!fits)
        options->found_bad_utf8 |= text_string(text, string, strlen(string));
    return fits ? WRITTEN : UNFIT;
}

uint64_t as_wide_as_printed(const header_field_info *info, uint64_t value)
{
    int display = FIELD_DISPLAY(info->display);
    if (display != BASE_HEX && display != BASE_HEX_DEC)
        return value;
    switch (info->type) {
    case FT_UINT8:
        return value & 0xff;
    case FT_UINT16:
        return value & 0xffff;
    case FT_UINT24:
        return value & 0xffffff;
    case FT_UINT40:
        return value & 0xffffffffff;
    case FT_UINT48:
        return value & 0xffffffffffff;
    case FT_UINT56:
        return value & 0xffffffffffffff;
    default:
        return value;
    }
}

static bool write_plain_integer(struct text *text, field_info *info, uint64_t before)
{
    enum ftenum type = info->hfinfo->type;
    fvalue_t *value = value_of(info);
    if (IS_FT_UINT32(type))
        text_unsigned(text, as_wide_as_printed(info->hfinfo, fvalue_get_uinteger(value)) + before);
    else if (IS_FT_UINT64(type))
        text_unsigned(text, as_wide_as_printed(info->hfinfo, fvalue_get_uinteger64(value)) + before);
    else if (IS_FT_INT32(type))
        text_signed(text, fvalue_get_sinteger(value));
    else if (IS_FT_INT64(type))
        text_signed(text, fvalue_get_sinteger64(value));
    else
        return false;
    return true;
}

static bool write_plain_time(struct text *text, const struct field *field, field_info *info)
{
    int display = FIELD_DISPLAY(info->hfinfo->display);
    const nstime_t *time = fvalue_get_time(value_of(info));
    if (time->nsecs < 0 || time->nsecs > 999999999 || time->secs < 0 || time->secs > LATEST_SECOND)
        return false;
    if (field->kind == TIME && info->hfinfo->type == FT_ABSOLUTE_TIME &&
        (display == ABSOLUTE_TIME_LOCAL || display == ABSOLUTE_TIME_UTC)) {
        write_moment(text, time->secs, (uint32_t)time->nsecs);
        return true;
    }
    if (field->kind == FLOAT && (info->hfinfo->type == FT_RELATIVE_TIME || field->is_epoch)) {
        char fraction[10] = ".";
        text_unsigned(text, (uint64_t)time->secs);
        put_digits(fraction + 1, (uint32_t)time->nsecs, 9);
        text_add(text, fraction, without_zeros(fraction, 10));
        return true;
    }
    return false;
}

static bool write_plain_ip(struct text *text, field_info *info)
{
    if (info->hfinfo->type != FT_IPv4)
        return false;
    ipv4_addr_and_mask ip = ipv4_of(value_of(info));
    if (ip.nmask != 0xffffffff)
        return false;
    text_literal(text, "\"");
    for (int shift = 24; shift >= 0; shift -= 8) {
        text_unsigned(text, ip.addr >> shift & 0xff);
        text_add(text, shift ? "." : "\"", 1);
    }
    return true;
}

static bool write_plain_string(struct text *text, field_info *info, struct value_options *options)
{
    enum ftenum type = info->hfinfo->type;
    fvalue_t *value = value_of(info);
    if (type == FT_ETHER) {
        text_bytes(text, bytes_of(value), size_of(value), ':');
        return true;
    }
    if (!IS_FT_STRING(type))
        return false;
    const wmem_strbuf_t *string = fvalue_get_strbuf(value);
    if (!string || memchr(string->str, 0, string->len) || string->len > options->room)
        return false; /* tshark prints \0 for a NUL */
    options->found_bad_utf8 |= text_string(text, string->str, string->len);
    return true;
}

static char separator_of(const header_field_info *info)
{
    int display = FIELD_DISPLAY(info->display);
    return display == SEP_DOT ? '.' : display == SEP_DASH ? '-' : ':';
}

/* Writes a value of one of the common types directly, without tshark's text. Returns false for all other values. */
static bool write_plain(struct text *text, const struct field *field, field_info *info, struct value_options *options)
{
    switch (field->kind) {
    case INTEGER:
    case UNSIGNED:
        return write_plain_integer(text, info, field->is_frame_number ? options->before : 0);
    case BOOLEAN:
        if (info->hfinfo->type != FT_BOOLEAN)
            return false;
        if (fvalue_get_uinteger64(value_of(info)))
            text_literal(text, "true");
        else
            text_literal(text, "false");
        return true;
    case FLOAT:
    case TIME:
        return IS_FT_TIME(info->hfinfo->type) && write_plain_time(text, field, info);
    case IP:
        return write_plain_ip(text, info);
    case STRING:
        return write_plain_string(text, info, options);
    default:
        return false;
    }
}

enum fit write_value(struct text *text, const struct field *field, proto_node *node, struct value_options *options)
{
    field_info *info = PNODE_FINFO(node);
    enum ftenum type = info->hfinfo->type;
    if (field->is_presence) {
        text_literal(text, "true");
        return WRITTEN;
    }
    if (field->kind == BYTES && (type == FT_BYTES || type == FT_UINT_BYTES)) {
        size_t size = size_of(value_of(info));
        if (is_payload(field, size, options))
            return PAYLOAD;
        if (size > options->room)
            return TOO_LARGE;
        text_bytes(text, bytes_of(value_of(info)), size, separator_of(info->hfinfo));
        return WRITTEN;
    }
    if (write_plain(text, field, info, options))
        return WRITTEN;
    char *string = printed(info);
    if (!string && node->first_child)
        return LEFT_OUT; /* tshark prints only the children of the node */
    enum fit fit = TOO_LARGE;
    if (!string || strlen(string) <= options->room)
        fit = write_printed(text, field, string ? string : "", options);
    wmem_free(NULL, string);
    return fit;
}

/* Without recursion, so that a deep tree does not overflow the stack. */
void walk(proto_node *root, void (*read)(proto_node *node, bool is_layer), const bool *goes_on)
{
    proto_node *node = root->first_child;
    while (node && *goes_on) {
        read(node, node->parent == root);
        if (node->first_child) {
            node = node->first_child;
            continue;
        }
        while (node != root && !node->next)
            node = node->parent;
        if (node == root)
            return;
        node = node->next;
    }
}
