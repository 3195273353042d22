#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dns/name.h"
#include "vectors.h"
#include "verdict/disposition.h"

/* --- what a message says of its way --- */

enum signs {
	NO_SIGNS,
	LIST,           /* list fields, and the list's own good signature */
	LIST_UNSIGNED,  /* list fields, and nothing that passes */
	BULK,           /* List-Unsubscribe and a good signature, no list */
	SIGNED,         /* a good signature of somebody else, no list fields */
	AUTHOR_FOOTER,  /* the author's signature, once a footer is undone */
	CHILD_FOOTER,   /* the same of a subdomain */
	FOREIGN_FOOTER, /* the same of somebody else */
	AUTHOR_TAG,     /* the author's, once a Subject tag is undone */
	CHILD_TAG,      /* the same of a subdomain */
	FOREIGN_TAG,    /* the same of somebody else */
	AUTHOR_TAG_FOOTER,
	AUTHOR_RECODED, /* the author's, once recoding is undone */
	AUTHOR_LINES,
	AUTHOR_BODY, /* the author's: only the body hash is broken */
	FOREIGN_BODY,
	PARENT_BODY, /* of a name above the Organizational Domain */
	NAMELESS,    /* a signature whose d= could not be read */
};

static const struct {
	const char *field;
	struct dkim_verdict signature;
} signs[] = {
    [NO_SIGNS] = {NULL, {.result = DKIM_NONE}},
    [LIST] = {"List-Id", {.result = DKIM_PASS,
			     .domain = {"list.example", 12},
			     .signed_names = {"from:list-id", 12}}},
    [LIST_UNSIGNED] = {"List-Id",
	{.result = DKIM_FAIL, .domain = {"list.example", 12}}},
    [BULK] = {"List-Unsubscribe",
	{.result = DKIM_PASS, .domain = {"bulk.example", 12}}},
    [SIGNED] = {NULL, {.result = DKIM_PASS, .domain = {"x.example", 9}}},
    [AUTHOR_FOOTER] = {NULL, {.result = DKIM_FAIL,
				 .domain = {"example.com", 11},
				 .body_hash_failed = true,
				 .changes = DKIM_CHANGE_FOOTER}},
    [CHILD_FOOTER] = {NULL, {.result = DKIM_FAIL,
				.domain = {"a.example.com", 13},
				.body_hash_failed = true,
				.changes = DKIM_CHANGE_FOOTER}},
    [FOREIGN_FOOTER] = {NULL, {.result = DKIM_FAIL,
				  .domain = {"x.example", 9},
				  .body_hash_failed = true,
				  .changes = DKIM_CHANGE_FOOTER}},
    [AUTHOR_TAG] = {NULL, {.result = DKIM_FAIL,
			      .domain = {"example.com", 11},
			      .changes = DKIM_CHANGE_SUBJECT}},
    [CHILD_TAG] = {NULL, {.result = DKIM_FAIL,
			     .domain = {"a.example.com", 13},
			     .changes = DKIM_CHANGE_SUBJECT}},
    [FOREIGN_TAG] = {"List-Id", {.result = DKIM_FAIL,
				    .domain = {"x.example", 9},
				    .changes = DKIM_CHANGE_SUBJECT}},
    [AUTHOR_TAG_FOOTER] = {NULL,
	{.result = DKIM_FAIL,
	    .domain = {"example.com", 11},
	    .changes = DKIM_CHANGE_SUBJECT | DKIM_CHANGE_FOOTER}},
    [AUTHOR_RECODED] = {NULL, {.result = DKIM_FAIL,
				  .domain = {"example.com", 11},
				  .changes = DKIM_CHANGE_ENCODING}},
    [AUTHOR_LINES] = {NULL, {.result = DKIM_FAIL,
				.domain = {"example.com", 11},
				.body_hash_failed = true,
				.changes = DKIM_CHANGE_LINES}},
    [AUTHOR_BODY] = {NULL, {.result = DKIM_FAIL,
			       .domain = {"example.com", 11},
			       .body_hash_failed = true}},
    [FOREIGN_BODY] = {NULL, {.result = DKIM_FAIL,
				.domain = {"x.example", 9},
				.body_hash_failed = true}},
    [PARENT_BODY] = {NULL,
	{.result = DKIM_FAIL, .domain = {"com", 3}, .body_hash_failed = true}},
    [NAMELESS] = {NULL,
	{.result = DKIM_FAIL, .domain = {"", 0}, .body_hash_failed = true}},
};

/* --- rows: HOLD is HoldQuarantinedMessages --- */

#define M  ENFORCE_MONITOR
#define Q  ENFORCE_QUARANTINE
#define C  ENFORCE_CONSIDERED
#define S  ENFORCE_STRICT
#define pN DMARC_POLICY_NONE
#define pQ DMARC_POLICY_QUARANTINE
#define pR DMARC_POLICY_REJECT
#define p0 DMARC_POLICY_ABSENT

static const struct row {
	const char *name;
	enum enforce enforce;
	bool hold;
	enum dmarc_result result;
	enum dmarc_policy requested;
	enum dmarc_policy policy; /* after t=y */
	enum signs signs;
	const char *expected; /* action, reason, and whether it is held */
} rows[] = {
    {"a pass", C, true, DMARC_PASS, pR, pR, NO_SIGNS, "none none"},
    {"no record", C, true, DMARC_NONE, p0, p0, NO_SIGNS, "none none"},
    {"an unusable record", S, true, DMARC_PERMERROR, p0, p0, NO_SIGNS,
	"none none"},

    {"p=none", S, true, DMARC_FAIL, pN, pN, NO_SIGNS, "none none"},
    {"p=quarantine", S, false, DMARC_FAIL, pQ, pQ, NO_SIGNS, "quarantine none"},
    {"p=quarantine, held", S, true, DMARC_FAIL, pQ, pQ, NO_SIGNS,
	"quarantine none held"},
    {"p=reject", S, true, DMARC_FAIL, pR, pR, NO_SIGNS, "reject none"},
    {"p=reject, considered", C, true, DMARC_FAIL, pR, pR, NO_SIGNS,
	"reject none"},
    {"p=quarantine, considered", C, true, DMARC_FAIL, pQ, pQ, LIST,
	"quarantine none held"},
    {"p=reject, quarantine at most", Q, true, DMARC_FAIL, pR, pR, NO_SIGNS,
	"quarantine local_policy held"},
    {"p=quarantine, quarantine at most", Q, false, DMARC_FAIL, pQ, pQ, NO_SIGNS,
	"quarantine none"},
    {"p=reject, monitor", M, true, DMARC_FAIL, pR, pR, NO_SIGNS,
	"none local_policy"},
    {"p=quarantine, monitor", M, true, DMARC_FAIL, pQ, pQ, LIST,
	"none local_policy"},
    {"p=none, monitor", M, true, DMARC_FAIL, pN, pN, NO_SIGNS, "none none"},

    {"t=y on reject", S, true, DMARC_FAIL, pR, pQ, NO_SIGNS,
	"quarantine policy_test_mode held"},
    {"t=y on quarantine", C, true, DMARC_FAIL, pQ, pN, NO_SIGNS,
	"none policy_test_mode"},
    {"t=y on none", C, true, DMARC_FAIL, pN, pN, NO_SIGNS, "none none"},
    {"t=y, then monitor", M, true, DMARC_FAIL, pR, pQ, NO_SIGNS,
	"none local_policy"},
    {"t=y, and a list", C, true, DMARC_FAIL, pR, pQ, LIST,
	"quarantine policy_test_mode held"},

    {"a list", C, true, DMARC_FAIL, pR, pR, LIST,
	"quarantine mailing_list held"},
    {"a list, quarantine at most", Q, true, DMARC_FAIL, pR, pR, LIST,
	"quarantine local_policy held"},
    {"a list, strict", S, true, DMARC_FAIL, pR, pR, LIST, "reject none"},
    {"an appended footer", C, true, DMARC_FAIL, pR, pR, AUTHOR_FOOTER,
	"quarantine mailing_list held"},
    {"an appended footer, signed by a subdomain", C, true, DMARC_FAIL, pR, pR,
	CHILD_FOOTER, "quarantine mailing_list held"},
    {"only the body hash", C, true, DMARC_FAIL, pR, pR, AUTHOR_BODY,
	"quarantine other held"},

    /* Proof holds without holding: no text came in. */
    {"a Subject tag", C, true, DMARC_FAIL, pR, pR, AUTHOR_TAG,
	"quarantine mailing_list held"},
    {"a Subject tag, not held", C, false, DMARC_FAIL, pR, pR, AUTHOR_TAG,
	"quarantine mailing_list"},
    {"a Subject tag, signed by a subdomain", C, false, DMARC_FAIL, pR, pR,
	CHILD_TAG, "quarantine mailing_list"},
    {"recoded, not held", C, false, DMARC_FAIL, pR, pR, AUTHOR_RECODED,
	"quarantine other"},
    {"line ends, not held", C, false, DMARC_FAIL, pR, pR, AUTHOR_LINES,
	"quarantine other"},
    {"a Subject tag, strict", S, true, DMARC_FAIL, pR, pR, AUTHOR_TAG,
	"reject none"},
    {"a Subject tag, p=quarantine", C, false, DMARC_FAIL, pQ, pQ, AUTHOR_TAG,
	"quarantine none"},
    {"a Subject tag, t=y on reject", C, false, DMARC_FAIL, pR, pQ, AUTHOR_TAG,
	"quarantine policy_test_mode"},
    {"a Subject tag, monitor", M, true, DMARC_FAIL, pR, pR, AUTHOR_TAG,
	"none local_policy"},
    {"a Subject tag and a footer", C, true, DMARC_FAIL, pR, pR,
	AUTHOR_TAG_FOOTER, "quarantine mailing_list held"},

    /* Attacks: each can be made by anybody. */
    {"a Subject tag and an attack as a footer, not held", C, false, DMARC_FAIL,
	pR, pR, AUTHOR_TAG_FOOTER, "reject none"},
    {"a Subject tag under one's own signature", C, true, DMARC_FAIL, pR, pR,
	FOREIGN_TAG, "reject none"},
    {"a List-Id and one's own signature, not held", C, false, DMARC_FAIL, pR,
	pR, LIST, "reject none"},
    {"a real mail with an attack as its footer, not held", C, false, DMARC_FAIL,
	pR, pR, AUTHOR_FOOTER, "reject none"},
    {"a real mail with another body, not held", C, false, DMARC_FAIL, pR, pR,
	AUTHOR_BODY, "reject none"},
    {"a List-Id alone", C, true, DMARC_FAIL, pR, pR, LIST_UNSIGNED,
	"reject none"},
    {"one's own signature alone", C, true, DMARC_FAIL, pR, pR, SIGNED,
	"reject none"},
    {"bulk mail is no list", C, true, DMARC_FAIL, pR, pR, BULK, "reject none"},
    {"a footer under one's own signature", C, true, DMARC_FAIL, pR, pR,
	FOREIGN_FOOTER, "reject none"},
    {"one's own signature, body broken", C, true, DMARC_FAIL, pR, pR,
	FOREIGN_BODY, "reject none"},
    {"a signature of the top level domain", C, true, DMARC_FAIL, pR, pR,
	PARENT_BODY, "reject none"},
    {"a signature of nobody", C, true, DMARC_FAIL, pR, pR, NAMELESS,
	"reject none"},
    {"signs change nothing of a pass", C, true, DMARC_PASS, pR, pR, LIST,
	"none none"},

    {"temperror, p=reject", C, true, DMARC_TEMPERROR, pR, pR, NO_SIGNS,
	"defer local_policy"},
    {"temperror, p=quarantine", Q, true, DMARC_TEMPERROR, pQ, pQ, NO_SIGNS,
	"defer local_policy"},
    {"temperror, p=none", S, true, DMARC_TEMPERROR, pN, pN, NO_SIGNS,
	"none none"},
    {"temperror, t=y on quarantine", S, true, DMARC_TEMPERROR, pQ, pN, NO_SIGNS,
	"none none"},
    {"temperror, no policy to be had", S, true, DMARC_TEMPERROR, p0, p0,
	NO_SIGNS, "none none"},
    {"temperror, monitor", M, true, DMARC_TEMPERROR, pR, pR, NO_SIGNS,
	"none local_policy"},
};

#undef M
#undef Q
#undef C
#undef S

/* --- running them --- */

struct scene {
	struct arena *arena;
	struct mail_header header;
	struct dkim_results dkim;
	struct author author;
	struct dmarc_discovery discovery;
	struct dmarc_outcome dmarc;
	struct disposition_options options;
	struct trace trace;
};

static struct scene
scene_open(enum signs sign)
{
	struct scene scene = {
	    .arena = arena_new(1 << 20),
	    .dkim = {1, &signs[sign].signature},
	    .author = {AUTHOR_OK, TEXT("example.com"), TEXT("")},
	    .discovery = {.organizational_domain = TEXT("example.com"),
		.policy_domain = TEXT("example.com"),
		.requested_by = "p"},
	    .options = {.enforce = ENFORCE_CONSIDERED,
		.hold_quarantined = true},
	};

	trace_init(&scene.trace, scene.arena);
	if (sign == NO_SIGNS)
		scene.dkim.count = 0;
	if (signs[sign].field != NULL)
		assert_true(mail_header_add(&scene.header, scene.arena,
		    text_from_cstr(signs[sign].field), TEXT(" <l.example>"),
		    true));
	return scene;
}

static struct disposition
decide(struct scene *scene)
{
	bool is_authors = scene->dkim.count > 0 &&
			  dns_name_is_at_or_below(
			      scene->dkim.at[0].domain, TEXT("example.com"));
	struct disposition_input input = {
	    .author = &scene->author,
	    .header = &scene->header,
	    .dkim = &scene->dkim,
	    .is_authors = &is_authors,
	    .discovery = &scene->discovery,
	    .dmarc = &scene->dmarc,
	};

	return disposition_decide(
	    &input, &scene->options, scene->arena, &scene->trace);
}

static struct text
describe(struct arena *arena, const struct disposition *disposition)
{
	return arena_format(arena, "%s %s%s",
	    names_word(&disposition_action_names, (int)disposition->action),
	    names_word(&override_type_names, (int)disposition->reason),
	    disposition->hold ? " held" : "");
}

static void
test_rows(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *row = &rows[i];
		struct scene scene = scene_open(row->signs);
		scene.options.enforce = row->enforce;
		scene.options.hold_quarantined = row->hold;
		scene.dmarc.result = row->result;
		scene.dmarc.policy = row->policy;
		scene.discovery.requested = row->requested;
		struct disposition got = decide(&scene);
		struct text words = describe(scene.arena, &got);
		/* An override says why, for the report. */
		bool has_comment = got.comment.len > 0;
		if (!text_equal(words, text_from_cstr(row->expected)) ||
		    has_comment != (got.reason != OVERRIDE_NONE) ||
		    trace_story(&scene.trace).len == 0) {
			print_error(
			    "%s: " TEXT_FMT "\n", row->name, TEXT_ARG(words));
			failures++;
		}
		arena_free(scene.arena);
	}
	assert_int_equal(failures, 0);
}

/* The operator may distrust claims, or not defer. */
static void
test_options(void **state)
{
	struct scene scene = scene_open(LIST);

	(void)state;
	scene.discovery.requested = DMARC_POLICY_REJECT;
	scene.dmarc = (struct dmarc_outcome){
	    .result = DMARC_FAIL, .policy = DMARC_POLICY_REJECT};
	scene.options.claimed_indirect = CLAIMED_REJECT;
	assert_int_equal(decide(&scene).action, DISPOSITION_REJECT);
	/* What is proven is no claim. */
	scene.dkim.at = &signs[AUTHOR_TAG].signature;
	assert_int_equal(decide(&scene).action, DISPOSITION_QUARANTINE);
	scene.dmarc.result = DMARC_TEMPERROR;
	scene.options.on_temperror = ON_TEMPERROR_ACCEPT;
	struct disposition accepted = decide(&scene);
	assert_int_equal(accepted.action, DISPOSITION_NONE);
	assert_int_equal(accepted.reason, OVERRIDE_LOCAL_POLICY);
	arena_free(scene.arena);
}

static void
test_without_author(void **state)
{
	static const struct {
		enum enforce enforce;
		const char *expected;
	} cases[] = {
	    {ENFORCE_MONITOR, "none local_policy"},
	    {ENFORCE_QUARANTINE, "quarantine local_policy held"},
	    {ENFORCE_CONSIDERED, "reject local_policy"},
	    {ENFORCE_STRICT, "reject local_policy"},
	};

	static const enum author_status statuses[] = {
	    AUTHOR_NONE, AUTHOR_MULTIPLE, AUTHOR_MALFORMED};

	(void)state;
	for (size_t i = 0; i < 12; i++) {
		struct scene scene = scene_open(LIST);
		scene.options.enforce = cases[i % 4].enforce;
		scene.options.reject_string = TEXT("not %s");
		scene.author = (struct author){
		    statuses[i / 4], TEXT(""), TEXT("two\r\nFrom %s \xFF")};
		scene.dmarc.result = DMARC_PERMERROR;
		struct disposition got = decide(&scene);
		assert_true(text_equal(describe(scene.arena, &got),
		    text_from_cstr(cases[i % 4].expected)));
		if (got.action == DISPOSITION_REJECT) {
			assert_string_equal(got.smtp_code, "550");
			assert_string_equal(got.smtp_status, "5.7.1");
			assert_true(text_equal(got.smtp_text,
			    TEXT("DMARC cannot be applied: two??From %s ?")));
		}
		arena_free(scene.arena);
	}
}

/* What OpenDMARC's options ask for goes before Enforce, and never the other
 * way: without them everything is as it was. */
static void
test_form(void **state)
{
	enum { HEADERS = 1, FROM = 2, MULTI = 4 };

	static const struct {
		const char *fields; /* one letter a field: F D T M x */
		enum author_status author;
		unsigned refused_by;
	} cases[] = {
	    {"FD", AUTHOR_OK, 0},
	    {"FDTMxx", AUTHOR_OK, 0},
	    {"F", AUTHOR_OK, HEADERS},
	    {"FDD", AUTHOR_OK, HEADERS},
	    {"FDTT", AUTHOR_OK, HEADERS},
	    {"FDMM", AUTHOR_OK, HEADERS},
	    {"D", AUTHOR_NONE, HEADERS | FROM},
	    {"FD", AUTHOR_MALFORMED, HEADERS | FROM},
	    {"FD", AUTHOR_MULTIPLE, MULTI},
	    {"FFD", AUTHOR_MULTIPLE, HEADERS | MULTI},
	};

	(void)state;
	/* With Enforce monitor, and with RejectFailures alone. */
	for (size_t i = 0; i < sizeof cases / sizeof *cases * 16; i++) {
		struct scene scene = scene_open(NO_SIGNS);
		const char *fields = cases[i / 16].fields;
		bool is_old = (i & 8) != 0;
		scene.options.enforce =
		    is_old ? ENFORCE_STRICT : ENFORCE_MONITOR;
		scene.options.lets_unknown_author_pass = is_old;
		scene.options.required_headers = (i & HEADERS) != 0;
		scene.options.required_from = (i & FROM) != 0;
		scene.options.reject_multi_value_from = (i & MULTI) != 0;
		scene.author.status = cases[i / 16].author;
		scene.author.reason = TEXT("the author");
		scene.dmarc.result = DMARC_PASS;
		for (; *fields != '\0'; fields++)
			assert_true(mail_header_add(&scene.header, scene.arena,
			    *fields == 'F'   ? TEXT("From")
			    : *fields == 'D' ? TEXT("DATE")
			    : *fields == 'T' ? TEXT("To")
			    : *fields == 'M' ? TEXT("message-id")
					     : TEXT("X-Other"),
			    TEXT(" x"), true));
		struct disposition got = decide(&scene);
		bool is_refused = (cases[i / 16].refused_by & i) != 0;
		if ((got.action == DISPOSITION_REJECT) != is_refused)
			fail_msg(
			    "%s, options %zu", cases[i / 16].fields, i & 15);
		if (is_refused) {
			assert_int_equal(got.reason, OVERRIDE_LOCAL_POLICY);
			assert_string_equal(got.smtp_code, "550");
			assert_true(got.smtp_text.len > 0);
		}
		arena_free(scene.arena);
	}
}

static const struct reply_row {
	const char *reject_string;
	const char *expected;
} replies[] = {
    {"", "rejected by DMARC policy for example.com"},
    {"rejected by DMARC policy for %s",
	"rejected by DMARC policy for example.com"},
    {"no DMARC", "no DMARC"},
    {"go away", "DMARC: go away"},
    {"dmarc of %s", "DMARC: dmarc of example.com"},
    {"%s", "DMARC: example.com"},
    {"%s%s %n %d DMARC %", "example.com%s %n %d DMARC %"},
    {"%% of DMARC: %", "%% of DMARC: %"},
    {"%s", "DMARC: example.com"},
    {"%S %1$s %*s DMARC", "%S %1$s %*s DMARC"},
    {"DMARC\r\n250 ok \t\x7F\xC3\xA4", "DMARC??250 ok ????"},
};

static void
test_replies(void **state)
{
	unsigned failures = 0;

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof *replies; i++) {
		struct scene scene = scene_open(NO_SIGNS);
		scene.discovery.requested = DMARC_POLICY_REJECT;
		scene.dmarc = (struct dmarc_outcome){
		    .result = DMARC_FAIL, .policy = DMARC_POLICY_REJECT};
		scene.options.reject_string =
		    text_from_cstr(replies[i].reject_string);
		struct disposition got = decide(&scene);
		if (!text_equal(
			got.smtp_text, text_from_cstr(replies[i].expected))) {
			print_error("'%s': " TEXT_FMT "\n",
			    replies[i].reject_string, TEXT_ARG(got.smtp_text));
			failures++;
		}
		assert_string_equal(got.smtp_code, "550");
		assert_string_equal(got.smtp_status, "5.7.1");
		arena_free(scene.arena);
	}
	assert_int_equal(failures, 0);
}

static void
test_defer_reply(void **state)
{
	struct scene scene = scene_open(NO_SIGNS);

	(void)state;
	scene.dmarc = (struct dmarc_outcome){
	    .result = DMARC_TEMPERROR, .policy = DMARC_POLICY_REJECT};
	struct disposition got = decide(&scene);
	assert_string_equal(got.smtp_code, "451");
	assert_string_equal(got.smtp_status, "4.7.1");
	assert_true(text_starts(got.smtp_text, TEXT("DMARC of example.com ")));
	arena_free(scene.arena);
}

/* One line of a length that every MTA takes. */
static void
test_long_reply(void **state)
{
	struct scene scene = scene_open(NO_SIGNS);
	struct build format;

	(void)state;
	build_init_arena(&format, scene.arena, 1 << 17);
	for (int i = 0; i < 5000; i++)
		build_cstr(&format, "very long ");
	build_cstr(&format, "DMARC %s");
	scene.discovery.requested = DMARC_POLICY_REJECT;
	scene.dmarc = (struct dmarc_outcome){
	    .result = DMARC_FAIL, .policy = DMARC_POLICY_REJECT};
	scene.options.reject_string = build_view(&format);
	struct disposition got = decide(&scene);
	assert_true(got.smtp_text.len > 0 && got.smtp_text.len <= 400);
	assert_true(text_starts(got.smtp_text, TEXT("DMARC: very long")));
	assert_false(arena_failed(scene.arena));
	arena_free(scene.arena);
}

/* --- the examples of RFC 9990 --- */

/* A list whose mail is delivered whatever its authors publish. */
static void
trust_list(struct scene *scene)
{
	struct problem problem = {PROBLEM_NONE, ""};

	scene->options.enforce = ENFORCE_CONSIDERED;
	scene->options.trusted_indirect = TRUSTED_ACCEPT;
	scene->options.trusted_senders = trust_read(scene->arena,
	    TEXT("list-id l.example dkim list.example"), "test", &problem);
	assert_non_null(scene->options.trusted_senders);
}

static unsigned
run_example(const json_t *example)
{
	bool is_list = json_object_get(example, "override") != NULL;
	struct scene scene = scene_open(is_list ? LIST : NO_SIGNS);
	struct text policy = json_get(example, "policy");
	struct text applied = json_get(example, "applied");
	struct text reason =
	    json_get(json_object_get(example, "expect"), "reason");
	bool is_test = text_equal(json_get(example, "t"), TEXT("y"));
	int requested = names_find(&dmarc_policy_names, policy);
	bool is_softened = !is_test && requested == DMARC_POLICY_REJECT &&
			   text_equal(applied, TEXT("quarantine"));

	scene.options.enforce =
	    is_softened ? ENFORCE_QUARANTINE : ENFORCE_STRICT;
	if (is_list)
		trust_list(&scene);
	scene.discovery.requested = (enum dmarc_policy)requested;
	scene.dmarc.policy = scene.discovery.requested;
	if (is_test && scene.dmarc.policy > DMARC_POLICY_NONE)
		scene.dmarc.policy--;
	scene.dmarc.result = (enum dmarc_result)names_find(
	    &dmarc_result_names, json_get(example, "dmarc"));
	struct disposition got = decide(&scene);
	const char *action =
	    names_word(&disposition_action_names, (int)got.action);
	if (text_equal(applied, TEXT("deliver")))
		applied = TEXT("none");
	if (reason.len == 0)
		reason = TEXT("none");
	bool is_right =
	    text_equal(applied, text_from_cstr(action)) &&
	    names_find(&override_type_names, reason) == (int)got.reason;
	arena_free(scene.arena);
	return is_right ? 0 : 1;
}

static void
test_examples(void **state)
{
	(void)state;
	vectors_run_examples("disposition", run_example);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_options),
	    cmocka_unit_test(test_without_author),
	    cmocka_unit_test(test_form),
	    cmocka_unit_test(test_replies),
	    cmocka_unit_test(test_defer_reply),
	    cmocka_unit_test(test_long_reply),
	    cmocka_unit_test(test_examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
