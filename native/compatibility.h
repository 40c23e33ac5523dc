/* Hides the differences between the C interfaces of the Wireshark versions.
 *
 * It is built and tested with 4.0, 4.4 and 4.6. The parts for 4.2 follow its headers and are not tested.
 */
#ifndef ESPCAP_COMPATIBILITY_H
#define ESPCAP_COMPATIBILITY_H

#define WS_BUILD_DLL
#include <wireshark.h>
#include <ws_version.h>
#include <epan/column-utils.h>
#include <epan/epan.h>
#include <epan/epan_dissect.h>
#include <epan/packet.h>
#include <epan/proto.h>
#include <epan/stat_tap_ui.h>
#include <epan/tap.h>
#include <epan/wmem_scopes.h>

#define WIRESHARK (WIRESHARK_VERSION_MAJOR * 100 + WIRESHARK_VERSION_MINOR)

#if WIRESHARK < 400
#error "the native reader needs Wireshark 4.0 or newer"
#endif

#if WIRESHARK >= 402
#include <wsutil/plugins.h>

static inline fvalue_t *value_of(field_info *info) { return info->value; }
static inline const uint8_t *bytes_of(fvalue_t *value) { return fvalue_get_bytes_data(value); }
static inline size_t size_of(fvalue_t *value) { return fvalue_get_bytes_size(value); }
static inline ipv4_addr_and_mask ipv4_of(fvalue_t *value) { return *fvalue_get_ipv4(value); }
static inline ipv6_addr_and_prefix ipv6_of(fvalue_t *value) { return *fvalue_get_ipv6(value); }
#else
static inline fvalue_t *value_of(field_info *info) { return &info->value; }
static inline const uint8_t *bytes_of(fvalue_t *value) { return value->value.bytes->data; }
static inline size_t size_of(fvalue_t *value) { return value->value.bytes->len; }
static inline ipv4_addr_and_mask ipv4_of(fvalue_t *value) { return value->value.ipv4; }
static inline ipv6_addr_and_prefix ipv6_of(fvalue_t *value) { return value->value.ipv6; }
#endif

#ifdef FT_IS_UINT32 /* newer versions call IS_FT_UINT32 and the others like this */
#define IS_FT_INT32 FT_IS_INT32
#define IS_FT_INT64 FT_IS_INT64
#define IS_FT_UINT32 FT_IS_UINT32
#define IS_FT_UINT64 FT_IS_UINT64
#define IS_FT_TIME FT_IS_TIME
#define IS_FT_STRING FT_IS_STRING
#endif

/* The result of a wmem callback: whether to keep the callback registered. */
#if WIRESHARK >= 404
typedef bool keeps;
#else
typedef gboolean keeps;
#endif

/* The result of a function that starts a tap: nothing, or whether it succeeded. */
#if WIRESHARK >= 406
#define PACKETS_HAVE_A_POOL /* each dissection has its own memory pool instead of one packet scope for all */
typedef bool started;
#define STARTED return true
#else
typedef void started;
#define STARTED return
#endif

#endif
