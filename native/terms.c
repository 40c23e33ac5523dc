#include "terms.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define LONGEST_STRING 8191 /* in UTF-16 units */
#define NANOSECONDS 1000000000

/* A copy of a value of up to 63 bytes, with a NUL at the end; empty if the value is longer. */
struct copy {
    char string[64];
};

static struct copy copy_of(const char *start, size_t length)
{
    struct copy copy = {""};
    if (length < sizeof copy.string)
        memcpy(copy.string, start, length);
    return copy;
}

/* Writes an unsigned number as a signed one with the same order. */
static bool write_unsigned(struct text *text, const char *json, size_t length)
{
    struct copy number = copy_of(json, length);
    if (*number.string == '-')
        return false;
    text_signed(text, (int64_t)(g_ascii_strtoull(number.string, NULL, 10) ^ (UINT64_C(1) << 63)));
    return true;
}

/* Writes a float as an integer with the same order. */
static bool write_sortable(struct text *text, const char *json, size_t length)
{
    char *string = g_strndup(json, length);
    double number = g_ascii_strtod(string, NULL);
    int64_t bits;
    memcpy(&bits, &number, sizeof bits);
    g_free(string);
    text_signed(text, bits >= 0 ? bits : -(bits & INT64_MAX));
    return true;
}

static int64_t digits_at(const char *at, size_t count)
{
    int64_t value = 0;
    for (size_t index = 0; index < count; index++)
        value = value * 10 + (at[index] - '0');
    return value;
}

/* Days from 1970 to the start of a month. */
static int64_t days_before(int64_t year, int64_t month)
{
    int64_t from_march = (month + 9) % 12;
    year -= month <= 2;
    return year * 365 + year / 4 - year / 100 + year / 400 + (from_march * 306 + 5) / 10 - 719468;
}

/* Writes nanoseconds since 1970, from a time such as "2015-07-30T05:22:12.662099000Z" with its quotes. */
static bool write_nanoseconds(struct text *text, const char *json, size_t length)
{
    const char *at = json + 1;
    if (length != 32)
        return false;
    int64_t year = digits_at(at, 4), month = digits_at(at + 5, 2), day = digits_at(at + 8, 2);
    int64_t hour = digits_at(at + 11, 2), minute = digits_at(at + 14, 2), second = digits_at(at + 17, 2);
    if (year < 1970 || month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t first = days_before(year, month), next = month == 12 ? days_before(year + 1, 1) : days_before(year, month + 1);
    if (day > next - first)
        return false;
    int64_t seconds = ((first + day - 1) * 24 + hour) * 3600 + minute * 60 + second;
    if (seconds >= INT64_MAX / NANOSECONDS)
        return false;
    text_signed(text, seconds * NANOSECONDS + digits_at(at + 20, 9));
    return true;
}

/* Writes `x` and the 32 hexadecimal digits of an IPv6 address; IPv4 addresses as ::ffff:a.b.c.d. */
static bool write_address(struct text *text, const char *json, size_t length)
{
    static const char digits[] = "0123456789abcdef";
    struct copy address = copy_of(json + 1, length - 2);
    uint8_t bytes[16] = {[10] = 0xff, [11] = 0xff};
    bool is_long = strchr(address.string, ':');
    if (inet_pton(is_long ? AF_INET6 : AF_INET, address.string, is_long ? bytes : bytes + 12) != 1)
        return false;
    char *at = text_reserve(text, 35);
    memcpy(at, "\"x", 2);
    for (size_t index = 0; index < sizeof bytes; index++) {
        at[2 + 2 * index] = digits[bytes[index] >> 4];
        at[3 + 2 * index] = digits[bytes[index] & 15];
    }
    at[34] = '"';
    text->length += 35;
    return true;
}

/* Counts the UTF-16 units of a JSON string, which is given with its quotes. */
static size_t count_units(const char *json, size_t length)
{
    size_t units = 0;
    for (size_t at = 1; at + 1 < length; units++) {
        uint8_t byte = (uint8_t)json[at];
        if (byte == '\\') {
            at += json[at + 1] == 'u' ? 6 : 2;
        } else {
            units += byte >= 0xf0;
            at += byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
        }
    }
    return units;
}

/* Returns whether tantivy could take a string for a time. Such strings get a NUL at their end in the index. */
static bool is_like_date(const char *json, size_t length)
{
    static const char form[] = "9999-99-99";
    if (length < sizeof form + 1)
        return false;
    for (size_t at = 0; at + 1 < sizeof form; at++)
        if (form[at] == '9' ? !g_ascii_isdigit(json[1 + at]) : json[1 + at] != form[at])
            return false;
    return true;
}

static bool write_string(struct text *text, const char *json, size_t length)
{
    if (length > LONGEST_STRING && count_units(json, length) > LONGEST_STRING)
        return false;
    if (is_like_date(json, length)) {
        text_add(text, json, length - 1);
        text_literal(text, "\\u0000\"");
    } else {
        text_add(text, json, length);
    }
    return true;
}

bool has_number(enum kind kind)
{
    return kind <= TIME;
}

bool write_term(struct text *text, enum kind kind, const char *json, size_t length)
{
    switch (kind) {
    case UNSIGNED:
        return write_unsigned(text, json, length);
    case FLOAT:
        return write_sortable(text, json, length);
    case TIME:
        return write_nanoseconds(text, json, length);
    case IP:
        return write_address(text, json, length);
    case BYTES:
    case STRING:
        return write_string(text, json, length);
    case BOOLEAN:
        text_add(text, *json == 't' ? "1" : "0", 1);
        return true;
    default:
        text_add(text, json, length);
        return true;
    }
}
