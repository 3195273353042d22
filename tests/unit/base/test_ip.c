#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/ip.h"
#include "exact.h"

#define T(literal)                                                             \
 {                                                                             \
  literal, sizeof(literal) - 1                                                 \
 }

struct row {
	struct text text;
	uint8_t version;     /* 0: refused */
	const char *written; /* NULL: as read */
};

static const struct row rows[] = {
    {T("192.0.2.1"), 4, NULL},
    {T("0.0.0.0"), 4, NULL},
    {T("255.255.255.255"), 4, NULL},
    {T("192.0.2.01"), 0, NULL},
    {T("192.0.2.00"), 0, NULL},
    {T("192.0.2.256"), 0, NULL},
    {T("192.0.2.1000"), 0, NULL},
    {T("192.0.2"), 0, NULL},
    {T("192.0.2."), 0, NULL},
    {T("192.0.2.1."), 0, NULL},
    {T("192.0.2.1.1"), 0, NULL},
    {T(".192.0.2"), 0, NULL},
    {T("192..2.1"), 0, NULL},
    {T("192.0.2.1 "), 0, NULL},
    {T("192.0.2.+1"), 0, NULL},
    {T("192.0.2.0x1"), 0, NULL},
    {T("192.0.2.1\0"), 0, NULL},
    {T("3221225985"), 0, NULL},
    {T(""), 0, NULL},
    {T("2001:db8::1"), 6, NULL},
    {T("2001:DB8:0:0:0:0:0:1"), 6, "2001:db8::1"},
    {T("2001:0db8::0001"), 6, "2001:db8::1"},
    {T("2001:db8:0:1:1:1:1:1"), 6, NULL}, /* RFC 5952 4.2.2 */
    {T("2001:0:0:1:0:0:0:1"), 6, "2001:0:0:1::1"},
    {T("2001:db8:0:0:1:0:0:1"), 6, "2001:db8::1:0:0:1"},
    {T("::"), 6, NULL},
    {T("::1"), 6, NULL},
    {T("fe80::"), 6, NULL},
    {T("::ffff:192.0.2.1"), 6, NULL},
    {T("::ffff:c000:201"), 6, "::ffff:192.0.2.1"},
    {T("1:2:3:4:5:6:192.0.2.1"), 6, "1:2:3:4:5:6:c000:201"},
    {T("1111:2222:3333:4444:5555:6666:255.255.255.255"), 6,
	"1111:2222:3333:4444:5555:6666:ffff:ffff"},
    {T("0000:2222:3333:4444:5555:6666:7777:888800000000"), 0, NULL},
    {T("1:2:3:4:5:6:7"), 0, NULL},
    {T("1:2:3:4:5:6:7:8:9"), 0, NULL},
    {T("1::2::3"), 0, NULL},
    {T(":1"), 0, NULL},
    {T("1:"), 0, NULL},
    {T(":"), 0, NULL},
    {T("12345::"), 0, NULL},
    {T("g::"), 0, NULL},
    {T("[::1]"), 0, NULL},
    {T("fe80::1%eth0"), 0, NULL},
    {T("::1\0"), 0, NULL},
    {T("::1 "), 0, NULL},
};

static bool
check(const struct row *row)
{
	struct text text = exact(row->text);
	struct ip ip = {.version = 0};
	struct build build;
	struct text expected =
	    row->written == NULL ? text : text_from_cstr(row->written);

	build_init(&build, 100);
	bool is_read = ip_read(text, &ip);
	ip_write(&build, &ip);
	bool is_right =
	    is_read == (row->version != 0) && ip.version == row->version &&
	    text_equal(build_view(&build), is_read ? expected : TEXT(""));
	if (!is_right)
		print_error(TEXT_FMT ": version %d, " TEXT_FMT "\n",
		    TEXT_ARG(text), ip.version, TEXT_ARG(build_view(&build)));
	build_free(&build);
	exact_free(text);
	return is_right;
}

static void
test_rows(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		wrong += !check(&rows[i]);
	assert_int_equal(wrong, 0);
}

static struct ip
ip_of(const char *cstr)
{
	struct ip ip = {.version = 0};

	if (*cstr != '\0')
		assert_true(ip_read(text_from_cstr(cstr), &ip));
	return ip;
}

struct net_row {
	const char *ip;
	const char *net;
	unsigned prefix;
	bool is_in;
};

static const struct net_row net_rows[] = {
    {"192.0.2.1", "192.0.2.1", 32, true},
    {"192.0.2.1", "192.0.2.0", 32, false},
    {"192.0.2.1", "192.0.2.0", 31, true},
    {"192.0.2.2", "192.0.2.0", 31, false},
    {"192.0.2.255", "192.0.2.0", 24, true},
    {"192.0.3.0", "192.0.2.0", 24, false},
    {"192.0.3.0", "192.0.2.9", 23, true},
    {"10.0.0.1", "192.0.2.0", 0, true},
    {"10.0.0.1", "192.0.2.0", 1, false},
    {"192.0.2.1", "192.0.2.1", 33, false},
    {"192.0.2.1", "192.0.2.1", 4000000000U, false},
    {"2001:db8::1", "2001:db8::", 32, true},
    {"2001:db9::1", "2001:db8::", 32, false},
    {"2001:db9::1", "2001:db8::", 31, true},
    {"2001:db8::1", "2001:db8::1", 128, true},
    {"2001:db8::2", "2001:db8::1", 128, false},
    {"2001:db8::1", "2001:db8::1", 129, false},
    {"::ffff:192.0.2.1", "192.0.2.1", 0, false},
    {"192.0.2.1", "::", 0, false},
    {"", "", 0, false},
    {"", "192.0.2.1", 0, false},
};

static void
test_nets(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof net_rows / sizeof *net_rows; i++) {
		const struct net_row *row = &net_rows[i];
		struct ip ip = ip_of(row->ip);
		struct ip net = ip_of(row->net);
		if (ip_in_net(&ip, &net, row->prefix) != row->is_in) {
			print_error(
			    "%s in %s/%u\n", row->ip, row->net, row->prefix);
			wrong++;
		}
	}
	assert_int_equal(wrong, 0);
}

static void
test_unmapped(void **state)
{
	static const char *const same[] = {"192.0.2.1", "::192.0.2.1",
	    "::fffe:192.0.2.1", "1::ffff:192.0.2.1", ""};
	struct ip v4 = ip_of("192.0.2.1");
	struct ip ip = ip_unmapped(ip_of("::ffff:192.0.2.1"));

	(void)state;
	assert_true(ip_equal(&ip, &v4));
	for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
		struct ip before = ip_of(same[i]);
		ip = ip_unmapped(before);
		assert_true(ip_equal(&ip, &before));
	}
}

static void
test_read_net(void **state)
{
	static const struct {
		const char *text;
		const char *net; /* "": no network */
		unsigned prefix;
	} cases[] = {
	    {"192.0.2.0/24", "192.0.2.0", 24},
	    {"192.0.2.1", "192.0.2.1", 32},
	    {"192.0.2.1/0", "192.0.2.1", 0},
	    {"192.0.2.1/32", "192.0.2.1", 32},
	    {"192.0.2.1/33", "", 0},
	    {"192.0.2.1/", "", 0},
	    {"192.0.2.1/ 8", "", 0},
	    {"192.0.2.1/8/8", "", 0},
	    {"192.0.2/24", "", 0},
	    {"/24", "", 0},
	    {"", "", 0},
	    {"2001:db8::/32", "2001:db8::", 32},
	    {"2001:db8::1", "2001:db8::1", 128},
	    {"2001:db8::/129", "", 0},
	    {"::ffff:192.0.2.0/120", "192.0.2.0", 24},
	    {"::ffff:192.0.2.1", "192.0.2.1", 32},
	    {"::ffff:0.0.0.0/96", "0.0.0.0", 0},
	    {"::ffff:0.0.0.0/95", "", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct ip net = {.version = 0};
		unsigned prefix = 0;
		struct text text = exact(text_from_cstr(cases[i].text));
		bool is_read = ip_read_net(text, &net, &prefix);
		char address[IP_TEXT_MAX];
		exact_free(text);
		if (is_read != (cases[i].net[0] != '\0') ||
		    strcmp(ip_cstr(&net, address), cases[i].net) != 0 ||
		    prefix != cases[i].prefix)
			fail_msg("%s: %s/%u", cases[i].text, address, prefix);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_nets),
	    cmocka_unit_test(test_read_net),
	    cmocka_unit_test(test_unmapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
