/* Who gets no reports, and whose reports go elsewhere, on every engine. */
#include "output.h"

static void
suppress(struct store *store, const char *who, const char *words)
{
	const struct store_suppression suppression = {
	    text_from_cstr(who), day, text_from_cstr(words)};

	MUST(store_suppress(store, &suppression, &problem));
}

static bool
is_suppressed(struct store *store, const char *address)
{
	bool suppressed = false;

	MUST(store_is_suppressed(
	    store, text_from_cstr(address), &suppressed, &problem));
	return suppressed;
}

static bool
allow(struct store *store, const char *who)
{
	bool was_there = false;

	MUST(store_allow(store, text_from_cstr(who), &was_there, &problem));
	return was_there;
}

static bool
print_suppression(void *context, const struct store_suppression *suppression)
{
	build_format(context, TEXT_FMT " %lld " TEXT_FMT "\n",
	    TEXT_ARG(suppression->who), (long long)(suppression->added - day),
	    TEXT_ARG(suppression->words));
	return true;
}

static bool
print_redirection(void *context, const struct store_redirection *redirection)
{
	build_format(context, TEXT_FMT " %lld " TEXT_FMT "\n",
	    TEXT_ARG(redirection->domain),
	    (long long)(redirection->added - day), TEXT_ARG(redirection->rua));
	return true;
}

static void
assert_suppressions(struct store *store, const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_suppression(
	    store, print_suppression, &text, &problem));
	assert_built(&text, expected);
}

static void
assert_redirections(
    struct store *store, const char *domain, const char *expected)
{
	struct build text;

	build_init(&text, SIZE_MAX);
	MUST(store_for_each_redirection(
	    store, text_from_cstr(domain), print_redirection, &text, &problem));
	assert_built(&text, expected);
}

static void
test_suppress(void **state)
{
	struct store *store = ((struct place *)*state)->store;

	assert_suppressions(store, "");
	assert_false(is_suppressed(store, "reports@example.com"));
	suppress(store, "Reports@Example.COM", "a bounce: 550\n100% full");
	suppress(store, "Example.net", "");
	suppress(store, "@example.org", "asked by telephone");
	suppress(store, "tagged+one@example.com", "");
	assert_suppressions(store,
	    "@example.net 0 \n"
	    "@example.org 0 asked by telephone\n"
	    "reports@example.com 0 a bounce: 550\n100% full\n"
	    "tagged+one@example.com 0 \n");

	static const struct {
		const char *address;
		bool suppressed;
	} rows[] = {
	    {"reports@example.com", true},
	    {"REPORTS@example.com", true},
	    {"other@example.com", false},
	    {"Reports+Dmarc@example.com", true},
	    {"tagged+one@example.com", true},
	    {"TAGGED+ONE@example.com", true},
	    {"tagged+two@example.com", false},
	    {"tagged@example.com", false},
	    {"+reports@example.com", false},
	    {"anybody@example.net", true},
	    {"anybody@sub.example.net", false},
	    {"anybody@notexample.net", false},
	    {"\"a@b\"@Example.Org", true},
	    {"%@example.com", false},
	    {"_@example.com", false},
	    {"reports@example.co", false},
	    {"", false},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (is_suppressed(store, rows[i].address) != rows[i].suppressed)
			fail_msg("%s", rows[i].address);
	}

	suppress(store, "example.net", "again, with a reason");
	assert_true(allow(store, "REPORTS@example.com"));
	assert_true(allow(store, "@example.org"));
	assert_true(allow(store, "Tagged+One@example.com"));
	assert_false(allow(store, "@example.org"));
	assert_false(allow(store, "a@example.net")); /* the domain is meant */
	assert_suppressions(store, "@example.net 0 again, with a reason\n");
	assert_false(is_suppressed(store, "reports@example.com"));
}

static void
test_not_suppressed(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	char longest[256];
	static const char *const bad[] = {"", "@", "a@", "a b", "a@b c",
	    "\xC3\xA9.example", "a@-.example.\n"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		const struct store_suppression suppression = {
		    text_from_cstr(bad[i]), day, TEXT("")};
		struct problem refused = {0};
		if (store_suppress(store, &suppression, &refused))
			fail_msg("%s", bad[i]);
		assert_int_equal(refused.kind, PROBLEM_USAGE);
	}
	/* 254 bytes are an address; 255 are not. */
	memset(longest, 'a', sizeof longest);
	memcpy(longest + 254 - 12, "@example.com", 13);
	suppress(store, longest, "");
	assert_true(is_suppressed(store, longest));
	memcpy(longest + 255 - 12, "@example.com", 13);
	longest[254 - 12] = 'a';
	struct problem refused = {0};
	assert_false(store_suppress(store,
	    &(struct store_suppression){text_from_cstr(longest), day, TEXT("")},
	    &refused));
}

static void
redirect(struct store *store, const char *domain, const char *rua)
{
	const struct store_redirection redirection = {
	    text_from_cstr(domain), day, text_from_cstr(rua)};

	MUST(store_redirect(store, &redirection, &problem));
}

static void
test_redirect(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	bool was_there = false;

	assert_redirections(store, "", "");
	redirect(store, "Example.COM", "mailto:a@example.net,mailto:%20@b");
	redirect(store, "example.org", "");
	assert_redirections(store, "",
	    "example.com 0 mailto:a@example.net,mailto:%20@b\n"
	    "example.org 0 \n");
	assert_redirections(store, "EXAMPLE.org", "example.org 0 \n");
	assert_redirections(store, "sub.example.com", "");
	redirect(store, "example.com", "mailto:c@example.net");
	assert_redirections(
	    store, "example.com", "example.com 0 mailto:c@example.net\n");
	MUST(
	    store_unredirect(store, TEXT("example.COM"), &was_there, &problem));
	assert_true(was_there);
	MUST(
	    store_unredirect(store, TEXT("example.com"), &was_there, &problem));
	assert_false(was_there);
	assert_redirections(store, "", "example.org 0 \n");
}

static void
test_not_redirected(void **state)
{
	struct store *store = ((struct place *)*state)->store;
	static char uris[2050];
	struct store_redirection redirection = {
	    TEXT("a@example.com"), day, TEXT("mailto:a@b")};
	struct problem refused = {0};

	assert_false(store_redirect(store, &redirection, &refused));
	assert_int_equal(refused.kind, PROBLEM_USAGE);
	/* As long as may be, of bytes that are longest when written. */
	memset(uris, ' ', sizeof uris);
	redirection.domain = TEXT("example.com");
	redirection.rua = (struct text){uris, 2049};
	assert_false(store_redirect(store, &redirection, &refused));
	uris[2048] = '\0';
	redirect(store, "example.com", uris);
	struct build expected;
	build_init(&expected, SIZE_MAX);
	build_format(&expected, "example.com 0 %s\n", uris);
	build_byte(&expected, '\0');
	assert_redirections(store, "", expected.ptr);
	build_free(&expected);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    SCENARIO(test_suppress),
	    SCENARIO(test_not_suppressed),
	    SCENARIO(test_redirect),
	    SCENARIO(test_not_redirected),
	};

	return cmocka_run_group_tests_name("directive", tests, NULL, NULL);
}
