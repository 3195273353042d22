/* CRC-32C (Castagnoli, RFC 9260 appendix A), eight bytes a step.
 *
 * Table K holds, for each byte, the sum of that byte and K zero bytes. Sums are
 * linear: a byte's entry is the exclusive or of the entries of its bits. So a
 * table is written down as eight numbers, and the compiler makes the rest. */
#include "history/codec.h"

#include "base/attr.h"

#include <string.h>

#define BIT(i, nth, sum) (((uint32_t)(i) >> (nth)&1u) * (sum))
#define ENTRY(i, a, b, c, d, e, f, g, h)                                       \
 (BIT(i, 0, a) ^ BIT(i, 1, b) ^ BIT(i, 2, c) ^ BIT(i, 3, d) ^ BIT(i, 4, e) ^   \
     BIT(i, 5, f) ^ BIT(i, 6, g) ^ BIT(i, 7, h))
#define FOUR(i, ...)                                                           \
 ENTRY(i, __VA_ARGS__), ENTRY((i) + 1, __VA_ARGS__),                           \
     ENTRY((i) + 2, __VA_ARGS__), ENTRY((i) + 3, __VA_ARGS__)
#define SIXTEEN(i, ...)                                                        \
 FOUR(i, __VA_ARGS__), FOUR((i) + 4, __VA_ARGS__), FOUR((i) + 8, __VA_ARGS__), \
     FOUR((i) + 12, __VA_ARGS__)
#define SIXTY_FOUR(i, ...)                                                     \
 SIXTEEN(i, __VA_ARGS__), SIXTEEN((i) + 16, __VA_ARGS__),                      \
     SIXTEEN((i) + 32, __VA_ARGS__), SIXTEEN((i) + 48, __VA_ARGS__)
#define TABLE(...)                                                             \
 {                                                                             \
  SIXTY_FOUR(0, __VA_ARGS__), SIXTY_FOUR(64, __VA_ARGS__),                     \
      SIXTY_FOUR(128, __VA_ARGS__), SIXTY_FOUR(192, __VA_ARGS__)               \
 }

static const uint32_t table[8][256] = {
    TABLE(0xF26B8303u, 0xE13B70F7u, 0xC79A971Fu, 0x8AD958CFu, 0x105EC76Fu,
	0x20BD8EDEu, 0x417B1DBCu, 0x82F63B78u),
    TABLE(0x13A29877u, 0x274530EEu, 0x4E8A61DCu, 0x9D14C3B8u, 0x3FC5F181u,
	0x7F8BE302u, 0xFF17C604u, 0xFBC3FAF9u),
    TABLE(0xA541927Eu, 0x4F6F520Du, 0x9EDEA41Au, 0x38513EC5u, 0x70A27D8Au,
	0xE144FB14u, 0xC76580D9u, 0x8B277743u),
    TABLE(0xDD45AAB8u, 0xBF672381u, 0x7B2231F3u, 0xF64463E6u, 0xE964B13Du,
	0xD725148Bu, 0xABA65FE7u, 0x52A0C93Fu),
    TABLE(0x38116FACu, 0x7022DF58u, 0xE045BEB0u, 0xC5670B91u, 0x8F2261D3u,
	0x1BA8B557u, 0x37516AAEu, 0x6EA2D55Cu),
    TABLE(0xEF306B19u, 0xDB8CA0C3u, 0xB2F53777u, 0x6006181Fu, 0xC00C303Eu,
	0x85F4168Du, 0x0E045BEBu, 0x1C08B7D6u),
    TABLE(0x68032CC8u, 0xD0065990u, 0xA5E0C5D1u, 0x4E2DFD53u, 0x9C5BFAA6u,
	0x3D5B83BDu, 0x7AB7077Au, 0xF56E0EF4u),
    TABLE(0x493C7D27u, 0x9278FA4Eu, 0x211D826Du, 0x423B04DAu, 0x847609B4u,
	0x0D006599u, 0x1A00CB32u, 0x34019664u),
};

static uint32_t
four_bytes(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
	       (uint32_t)at[3] << 24;
}

static uint32_t
add_by_table(uint32_t sum, const unsigned char *at, size_t left)
{
	for (; left >= 8; left -= 8, at += 8) {
		uint32_t low = sum ^ four_bytes(at);
		uint32_t high = four_bytes(at + 4);
		sum = table[7][low & 255] ^ table[6][low >> 8 & 255] ^
		      table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
		      table[3][high & 255] ^ table[2][high >> 8 & 255] ^
		      table[1][high >> 16 & 255] ^ table[0][high >> 24];
	}
	for (; left > 0; left--, at++)
		sum = sum >> 8 ^ table[0][(sum ^ *at) & 255];
	return sum;
}

/* Most processors have an instruction for this very sum. */
#ifdef __x86_64__
TARGET("sse4.2")

static uint32_t
add_by_instruction(uint32_t sum, const unsigned char *at, size_t left)
{
	uint64_t wide = sum;

	for (uint64_t bytes; left >= 8; left -= 8, at += 8) {
		memcpy(&bytes, at, sizeof bytes);
		wide = __builtin_ia32_crc32di(wide, bytes);
	}
	sum = (uint32_t)wide;
	for (; left > 0; left--, at++)
		sum = __builtin_ia32_crc32qi(sum, *at);
	return sum;
}

static bool
has_instruction(void)
{
	return __builtin_cpu_supports("sse4.2") != 0;
}
#else
# define add_by_instruction add_by_table

static bool
has_instruction(void)
{
	return false;
}
#endif

uint32_t
history_crc32c(struct text bytes)
{
	if (!has_instruction())
		return history_crc32c_by_table(bytes);
	return ~add_by_instruction(
	    0xFFFFFFFFu, (const unsigned char *)bytes.ptr, bytes.len);
}

uint32_t
history_crc32c_by_table(struct text bytes)
{
	return ~add_by_table(
	    0xFFFFFFFFu, (const unsigned char *)bytes.ptr, bytes.len);
}
