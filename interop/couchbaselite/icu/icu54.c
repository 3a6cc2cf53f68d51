// Couchbase Lite for Java on Linux is linked against ICU 54, which no current system has. These
// are the eight functions that it uses, carried out by the ICU of this system. The build makes
// three libraries of this file, since LiteCore asks for three by name.

#include <stdint.h>
#include <unicode/ucasemap.h>
#include <unicode/ucol.h>

UCaseMap *ucasemap_open_54(const char *locale, uint32_t options, UErrorCode *status) {
	return ucasemap_open(locale, options, status);
}

void ucasemap_close_54(UCaseMap *map) { ucasemap_close(map); }

int32_t ucasemap_utf8ToLower_54(const UCaseMap *map, char *to, int32_t capacity, const char *from,
                                int32_t length, UErrorCode *status) {
	return ucasemap_utf8ToLower(map, to, capacity, from, length, status);
}

int32_t ucasemap_utf8ToUpper_54(const UCaseMap *map, char *to, int32_t capacity, const char *from,
                                int32_t length, UErrorCode *status) {
	return ucasemap_utf8ToUpper(map, to, capacity, from, length, status);
}

UCollator *ucol_open_54(const char *locale, UErrorCode *status) { return ucol_open(locale, status); }

void ucol_close_54(UCollator *collator) { ucol_close(collator); }

void ucol_setAttribute_54(UCollator *collator, UColAttribute attribute, UColAttributeValue value,
                          UErrorCode *status) {
	ucol_setAttribute(collator, attribute, value, status);
}

UCollationResult ucol_strcollUTF8_54(const UCollator *collator, const char *a, int32_t lengthA,
                                     const char *b, int32_t lengthB, UErrorCode *status) {
	return ucol_strcollUTF8(collator, a, lengthA, b, lengthB, status);
}
