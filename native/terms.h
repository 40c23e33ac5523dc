/* The form in which the local index has a value, made from the value's JSON: so that order and equality are exact.
 * espcap/stores/local/values.py says the same for what Python reads. */
#ifndef ESPCAP_TERMS_H
#define ESPCAP_TERMS_H

#include "fields.h"
#include "text.h"

/* Whether the terms of a kind are numbers, which stand apart from texts. */
bool has_number(enum kind kind);

/* Writes the term of a value; false where none stands for it, and then nothing is written. */
bool write_term(struct text *text, enum kind kind, const char *json, size_t length);

#endif
