/* Terms: the form of values in the local index, in which their order and equality are exact. They are made from a
 * value's JSON, in the same way as in espcap/stores/local/values.py. */
#ifndef ESPCAP_TERMS_H
#define ESPCAP_TERMS_H

#include "fields.h"
#include "text.h"

/* Returns whether the terms of a kind are numbers. Terms that are texts are printed separately. */
bool has_number(enum kind kind);

/* Writes the term of a value. Returns false, and writes nothing, if the value has no term. */
bool write_term(struct text *text, enum kind kind, const char *json, size_t length);

#endif
