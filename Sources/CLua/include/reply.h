/* What Swift hands back to Lua: values in a flat form, written by Swift into memory of its own and pushed by C, where an error may be
 * raised. A reply is a sequence of values; all numbers are little-endian.
 *
 *   tag 1 byte   then
 *   NIL TRUE FALSE
 *   INTEGER      8 bytes
 *   FLOAT        8 bytes
 *   STRING       length 4, bytes
 *   LIST         count 4, values
 *   TABLE        count 4, values: a plain sequence
 *   FIELDS       count 4, (string, value) pairs: a plain table
 *   RECORD       type name as a value (string or nil), count 4, (string, value) pairs in order
 *   OBJECT ERROR identifier 8
 *   DURATION     8, units of 100 ns
 *   TIME         8, nanoseconds since 1970
 *   REFERENCE    4: a value kept with lv_keep
 *   METHOD       operation 4, string: a function bound to argument 1 of the running native function
 *   FUNCTION     operation 4, string: a native function with the string as its second upvalue
 */
#ifndef LV_REPLY_H
#define LV_REPLY_H
#include <stddef.h>
#include <stdint.h>

enum lv_tag {
    LV_TAG_NIL = 1, LV_TAG_TRUE, LV_TAG_FALSE, LV_TAG_INTEGER, LV_TAG_FLOAT, LV_TAG_STRING, LV_TAG_LIST, LV_TAG_TABLE, LV_TAG_FIELDS,
    LV_TAG_RECORD, LV_TAG_OBJECT, LV_TAG_ERROR, LV_TAG_DURATION, LV_TAG_TIME, LV_TAG_REFERENCE, LV_TAG_METHOD, LV_TAG_FUNCTION
};

struct lv_lua;
/* Replaces the reply by `count` values in `length` bytes; 0 when memory is short. */
int lv_set_reply(struct lv_lua *session, const uint8_t *bytes, size_t length, int count);
#endif
