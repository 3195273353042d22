/* Packets as text: hex digits and "words", blanks between them. */
#ifndef TESTS_DNS_PACKET_H
#define TESTS_DNS_PACKET_H

#include "base/scan.h"
#include "dns/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { ID = 0x1234 };

static inline void
add_piece(struct build *build, struct scan *scan)
{
	if (scan_byte(scan, '"')) {
		for (int byte; (byte = scan_any(scan)) != '"';)
			build_byte(build, (char)byte);
		return;
	}
	int high = hex_value(scan_any(scan));
	int low = hex_value(scan_any(scan));
	assert_true(high >= 0 && low >= 0);
	build_byte(build, (char)(high << 4 | low));
}

static inline struct text
packet(struct arena *arena, const char *written)
{
	struct scan scan = scan_text(text_from_cstr(written));
	struct build build;

	build_init_arena(&build, arena, 70000);
	for (scan_wsp(&scan); !scan_at_end(&scan); scan_wsp(&scan))
		add_piece(&build, &scan);
	return build_view(&build);
}

/* ID, flags, the four counts, and the question; the name stands at 0C. */
#define HEAD(flags, counts)           "1234 " flags " 0001 " counts " "
#define A_EXAMPLE                     "01 \"a\" 07 \"example\" 00 "
#define QUESTION(type)                A_EXAMPLE type " 0001 "
#define RECORD(owner, type, ttl, len) owner " " type " 0001 " ttl " " len " "
#define SOA_OF(ttl, minimum)                                                   \
 RECORD("c00e", "0006", ttl, "001c")                                           \
 "0161c00e 0162c00e 00000001 00000002 00000003 00000004 " minimum " "
#define SOA      SOA_OF("00000100", "00000080")
#define OPT(ttl) "00 0029 04d0 " ttl " 0000 "

#endif
