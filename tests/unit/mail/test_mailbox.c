#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "exact.h"
#include "mail/mailbox.h"

static const struct {
	const char *mailbox, *address;
	bool is_same, has;
} rows[] = {
    {"r@x.example", "r@x.example", true, true},
    {"r@x.example", "R@X.Example", true, true},
    {"r@x.example", "r+tag@x.example", true, true},
    {"r@x.example", "R+a+b@x.example", true, true},
    {"r@x.example", "r+@x.example", true, true},
    {"r+tag@x.example", "r@x.example", true, false},
    {"r+tag@x.example", "r+other@x.example", true, false},
    {"r+tag@x.example", "R+TAG@x.example", true, true},
    {"r+tag@x.example", "r+tag+more@x.example", true, false},
    {"r@x.example", "r@y.example", false, false},
    {"r@x.example", "r+@x.example@y.example", false, false},
    {"r@x.example", "s@x.example", false, false},
    {"r@x.example", "r-tag@x.example", false, false},
    {"r@x.example", "rr@x.example", false, false},
    /* A '+' in front begins no tag: everybody's mailbox would be one. */
    {"+a@x.example", "+b@x.example", false, false},
    {"+@x.example", "+b@x.example", false, false},
    {"@x.example", "+b@x.example", false, false},
    {"@x.example", "r@x.example", false, false},
    {"+a@x.example", "+a+b@x.example", true, true},
    {"x.example", "r@x.example", false, false},
    {"", "r@x.example", false, false},
    {"", "", true, true},
    {"r", "r+tag", true, true},
};

static void
test_mailboxes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct text mailbox = exact(text_from_cstr(rows[i].mailbox));
		struct text address = exact(text_from_cstr(rows[i].address));
		if (mailbox_is_same(mailbox, address) != rows[i].is_same ||
		    mailbox_is_same(address, mailbox) != rows[i].is_same ||
		    mailbox_has(mailbox, address) != rows[i].has)
			fail_msg("%s, %s", rows[i].mailbox, rows[i].address);
		exact_free(mailbox);
		exact_free(address);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_mailboxes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
