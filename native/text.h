/* A growing text, and functions that append values to it as JSON. */
#ifndef ESPCAP_TEXT_H
#define ESPCAP_TEXT_H

#include <glib.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct text {
    char *start;
    size_t length, capacity;
};

/* Makes room for `size` more bytes, and returns where they start. */
static inline char *text_reserve(struct text *text, size_t size)
{
    if (text->length + size > text->capacity) {
        text->capacity = (text->length + size) * 2;
        text->start = g_realloc(text->start, text->capacity);
    }
    return text->start + text->length;
}

static inline void text_add(struct text *text, const char *start, size_t length)
{
    if (!length)
        return;
    memcpy(text_reserve(text, length), start, length);
    text->length += length;
}

#define text_literal(text, literal) text_add(text, literal, sizeof literal - 1)

#define KEPT (8 << 20) /* the largest memory of a text, in bytes, that is kept */

/* Empties a text. Frees its memory if it is more than KEPT bytes, which only a very large packet needs. */
static inline void text_clear(struct text *text)
{
    text->length = 0;
    if (text->capacity > KEPT) {
        g_free(text->start);
        text->start = NULL;
        text->capacity = 0;
    }
}

static inline void text_unsigned(struct text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    text_add(text, digits + at, sizeof digits - at);
}

static inline void text_signed(struct text *text, int64_t value)
{
    if (value < 0)
        text_literal(text, "-");
    text_unsigned(text, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

/* Writes the last `width` digits of a number at `at`, with leading zeros. Returns the end. */
static inline char *put_digits(char *at, uint32_t value, int width)
{
    for (int index = width - 1; index >= 0; index--) {
        at[index] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + width;
}

/* Appends bytes in hexadecimal, such as "0a:1b", with quotes. */
static inline void text_bytes(struct text *text, const uint8_t *bytes, size_t size, char separator)
{
    static const char digits[] = "0123456789abcdef";
    char *start = text_reserve(text, size * 3 + 2), *at = start;
    *at++ = '"';
    for (size_t index = 0; index < size; index++) {
        if (index)
            *at++ = separator;
        *at++ = digits[bytes[index] >> 4];
        *at++ = digits[bytes[index] & 15];
    }
    *at++ = '"';
    text->length += (size_t)(at - start);
}

/* Returns the length of the UTF-8 sequence at `at`. If it is not valid, returns 0, and in `wrong` the number of bytes
 * to replace by one U+FFFD. This is the longest start of a valid sequence, as with Python's "replace". */
static inline size_t utf8_length(const uint8_t *at, const uint8_t *end, size_t *wrong)
{
    uint8_t lead = *at, low = 0x80, high = 0xbf;
    size_t length = lead >= 0xc2 && lead <= 0xdf ? 2 : (lead & 0xf0) == 0xe0 ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
    *wrong = 1;
    if (!length)
        return 0;
    if (lead == 0xe0)
        low = 0xa0;
    else if (lead == 0xed)
        high = 0x9f;
    else if (lead == 0xf0)
        low = 0x90;
    else if (lead == 0xf4)
        high = 0x8f;
    for (size_t index = 1; index < length; index++) {
        if (at + index >= end || at[index] < low || at[index] > high) {
            *wrong = index;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

static inline char *put_escape(char *at, uint8_t byte)
{
    static const char digits[] = "0123456789abcdef";
    static const char letters[] = "btn?fr"; /* for the characters from 8 on */
    *at++ = '\\';
    if (byte == '"' || byte == '\\') {
        *at++ = (char)byte;
    } else if (byte >= 8 && byte <= 13 && byte != 11) {
        *at++ = letters[byte - 8];
    } else {
        memcpy(at, "u00", 3);
        at[3] = digits[byte >> 4];
        at[4] = digits[byte & 15];
        at += 5;
    }
    return at;
}

/* Returns whether a character is not safe on a terminal: a C1 control character, or one that separates lines or changes
 * the direction of text. */
static inline bool is_unsafe(const uint8_t *at, size_t size)
{
    if (size == 2)
        return at[0] == 0xc2 && at[1] < 0xa0;
    return size == 3 && at[0] == 0xe2 &&
           ((at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9));
}

/* Writes the escape of a UTF-16 unit, such as \u2028, and returns its end. */
static inline char *put_unit(char *at, uint32_t unit)
{
    static const char digits[] = "0123456789abcdef";
    memcpy(at, "\\u", 2);
    for (int index = 0; index < 4; index++)
        at[2 + index] = digits[unit >> (12 - 4 * index) & 15];
    return at + 6;
}

/* Writes the escape of a character beyond ASCII, which has one or two UTF-16 units, and returns its end. */
static inline char *put_units(char *at, const uint8_t *character, size_t size)
{
    static const uint8_t lead_bits[] = {0, 0, 31, 15, 7};
    uint32_t code = *character & lead_bits[size];
    for (size_t index = 1; index < size; index++)
        code = code << 6 | (character[index] & 63u);
    if (code < 0x10000)
        return put_unit(at, code);
    return put_unit(put_unit(at, 0xd7c0 + (code >> 10)), 0xdc00 + (code & 0x3ff));
}

#define CHARACTERS 4096 /* bytes of a string that one call appends */

/* Appends the characters that begin in the next CHARACTERS bytes, and returns where the rest begins. */
static inline const uint8_t *text_characters(struct text *text, const uint8_t *at, const uint8_t *end, bool *is_bad)
{
    size_t count = MIN((size_t)(end - at), CHARACTERS);
    const uint8_t *stop = at + count;
    char *start = text_reserve(text, count * 6 + 6), *to = start; /* the last character may need two units */
    while (at < stop) {
        size_t size, wrong;
        if (*at < 0x80) {
            if (*at < 0x20 || *at == 0x7f || *at == '"' || *at == '\\')
                to = put_escape(to, *at);
            else
                *to++ = (char)*at;
            at++;
        } else if ((size = utf8_length(at, end, &wrong))) {
            if (is_unsafe(at, size)) {
                to = put_units(to, at, size);
            } else {
                memcpy(to, at, size);
                to += size;
            }
            at += size;
        } else {
            to = (char *)memcpy(to, "\xef\xbf\xbd", 3) + 3;
            at += wrong;
            *is_bad = true;
        }
    }
    text->length += (size_t)(to - start);
    return at;
}

/* Appends a string with quotes, and with U+FFFD for bytes that are not UTF-8. Returns whether there were such bytes. */
static inline bool text_string(struct text *text, const char *string, size_t length)
{
    const uint8_t *at = (const uint8_t *)string, *end = at + length;
    bool is_bad = false;
    text_literal(text, "\"");
    while (at < end)
        at = text_characters(text, at, end, &is_bad);
    text_literal(text, "\"");
    return is_bad;
}

#endif
