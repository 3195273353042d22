/* A whole message through all checks. The input is four parts, each ended by a
 * line "--": options (letters, then perhaps "=" and a RejectString), the zone,
 * HELO and MAIL FROM (a line each), and the message.
 *
 * The verdict is the same with all answers at once and one at a time; a pass
 * has a passing identifier of the author's organization, nothing of it survives
 * closing early where there was none, and no text of the sender's leaves the
 * line that it is written into, or says in our field what was not found. */
#include "dns/name.h"
#include "dns/zone.h"
#include "mail/authres.h"
#include "mail/message.h"
#include "verdict/checks.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

struct input {
	struct text options;
	struct text helo;
	struct text mail_from;
	struct text message;
	const struct dns_zone *zone;
	bool may_ask_ptr;
};

enum way { AT_ONCE, ONE_BY_ONE, CLOSED };

struct run {
	struct arena *arena;
	struct checks *checks;
	const struct verdict *verdict;
};

static struct text
next_part(struct text *rest)
{
	size_t at = text_find_part(*rest, TEXT("--\n"));
	struct text part = text_slice(*rest, 0, at);

	*rest = text_slice(*rest, at + 3, rest->len);
	return part;
}

/* Read once and kept. */
static const struct suffix_list *
suffixes(void)
{
	static const struct suffix_list *list;

	if (list == NULL)
		list = suffix_list_builtin();
	assert(list != NULL);
	return list;
}

/* What stands after "=" is the RejectString. */
static struct checks_options
read_options(struct text letters)
{
	size_t at = text_find(letters, '=');
	struct text reject_string = text_slice(letters, at + 1, letters.len);
	letters = text_slice(letters, 0, at);
	struct checks_options options = {
	    .authserv_id = TEXT("mx.example.org"),
	    .authserv_id_with_job = text_has(letters, 'j'),
	    .explain = text_has(letters, 'e'),
	    .disposition = {.enforce = ENFORCE_CONSIDERED,
		.hold_quarantined = text_has(letters, 'h'),
		.reject_string = reject_string},
	};

	if (text_has(letters, 'u')) {
		options.source = AUTHENTICATION_HEADERS;
		options.trusted_authserv_ids = TEXT("filter.example.org");
	}
	if (text_has(letters, 'm'))
		options.disposition.enforce = ENFORCE_MONITOR;
	if (text_has(letters, 'q'))
		options.disposition.enforce = ENFORCE_QUARANTINE;
	if (text_has(letters, 's'))
		options.disposition.enforce = ENFORCE_STRICT;
	if (text_has(letters, 'a'))
		options.disposition.on_temperror = ON_TEMPERROR_ACCEPT;
	if (text_has(letters, 'r'))
		options.disposition.claimed_indirect = CLAIMED_REJECT;
	if (text_has(letters, 'p'))
		options.dmarc = (struct dmarc_options){
		    .method = DMARC_PSL, .suffixes = suffixes()};
	return options;
}

/* --- running --- */

static void
on_header(void *context, const struct mail_header *header)
{
	struct run *run = context;

	checks_header(run->checks, header);
	checks_end_of_header(run->checks);
}

static void
on_body(void *context, struct text piece)
{
	struct run *run = context;

	checks_body(run->checks, piece);
}

static void
answer(struct dns_facts *facts, const struct dns_zone *zone, enum way way)
{
	struct dns_question question;

	if (way == CLOSED)
		dns_facts_close(facts);
	while (dns_next_wanted(facts, &question)) {
		struct dns_answer *answer = dns_zone_answer(zone, &question);
		if (answer == NULL)
			return;
		(void)dns_tell(facts, &question, answer);
		if (way == ONE_BY_ONE)
			return;
	}
}

static void
drive(struct run *run, const struct dns_zone *zone, enum way way)
{
	struct dns_facts *facts = checks_facts(run->checks);
	unsigned passes = 1;

	for (; !checks_run(run->checks); passes++) {
		assert(dns_facts_waiting(facts));
		answer(facts, zone, way);
		assert(passes <= dns_facts_count(facts) + 2);
	}
	run->verdict = checks_verdict(run->checks);
}

static struct run
run_checks(const struct input *input, const struct checks_options *options,
    enum way way)
{
	struct envelope envelope = {.client = {4, {192, 0, 2, 1}},
	    .helo = input->helo,
	    .mail_from = input->mail_from,
	    .job = TEXT("job"),
	    .receiver = TEXT("mx.example.org"),
	    .now = 1700000000};
	struct run run = {.arena = arena_new(MESSAGE_ARENA_MAX)};
	const struct mail_message_sink sink = {on_header, on_body, &run};

	if (run.arena == NULL)
		return run;
	run.checks = checks_new(run.arena, options, &envelope);
	struct mail_message *message = mail_message_new(run.arena, &sink);
	if (run.checks == NULL || message == NULL)
		return run;
	mail_message_feed(message, input->message);
	if (!mail_message_finish(message))
		return run;
	checks_end_of_body(run.checks);
	drive(&run, input->zone, way);
	return run;
}

/* --- properties --- */

static bool
may_align(const struct verdict *verdict, struct text domain)
{
	return dns_name_equal(domain, verdict->author.domain) ||
	       dns_name_is_at_or_below(
		   domain, verdict->discovery.organizational_domain);
}

static bool
is_justified(const struct verdict *verdict)
{
	if (verdict->spf.result == SPF_PASS &&
	    may_align(verdict, verdict->spf.domain))
		return true;
	for (size_t i = 0; i < verdict->dkim.count; i++)
		if (verdict->dkim.at[i].result == DKIM_PASS &&
		    may_align(verdict, verdict->dkim.at[i].domain))
			return true;
	return false;
}

/* Line ends only where the field is folded. */
static void
check_field(struct text field)
{
	for (size_t i = 0; i < field.len; i++) {
		unsigned char byte = (unsigned char)field.ptr[i];
		if (byte == '\r') {
			assert(text_starts(
			    text_slice(field, i, field.len), TEXT("\r\n\t")));
			i += 2;
			continue;
		}
		assert(byte >= 0x20 && byte <= 0x7E);
	}
}

static bool
has_signature(const struct dkim_results *dkim, struct text word)
{
	for (size_t i = 0; i < dkim->count; i++)
		if (text_equal(
			word, text_from_cstr(names_word(&dkim_result_names,
				  (int)dkim->at[i].result))))
			return true;
	return dkim->count == 0 && text_equal(word, TEXT("none"));
}

/* What our field says, when it is read again, is what was found. */
static void
check_words(const struct verdict *verdict)
{
	struct arena *arena = arena_new((size_t)1 << 22);
	struct authres_field field;
	size_t dmarc = 0;

	assert(authres_read(arena, verdict->authentication_results, &field));
	for (size_t i = 0; i < field.results.count; i++) {
		const struct authres_result *one = &field.results.at[i];
		if (text_equal(one->method, TEXT("dmarc"))) {
			dmarc++;
			assert(names_find(&dmarc_result_names, one->result) ==
			       (int)verdict->dmarc.result);
		} else if (text_equal(one->method, TEXT("dkim"))) {
			assert(has_signature(&verdict->dkim, one->result));
		} else {
			int word = names_find(&spf_result_names, one->result);
			assert(text_equal(one->method, TEXT("spf")));
			assert(word == (int)(i == 0 ? verdict->spf.result
						    : verdict->helo.result));
		}
	}
	assert(dmarc == 1);
	arena_free(arena);
}

static void
check_reply(const struct disposition *disposition)
{
	struct text text = disposition->smtp_text;

	if (disposition->action != DISPOSITION_REJECT &&
	    disposition->action != DISPOSITION_DEFER)
		return;
	assert(text_find_part(text, TEXT("DMARC")) < text.len);
	assert(text.len <= 400 && disposition->smtp_code != NULL);
	for (size_t i = 0; i < text.len; i++)
		assert(text.ptr[i] >= 0x20 && text.ptr[i] <= 0x7E);
}

static void
check_verdict(const struct verdict *verdict)
{
	if (verdict->dmarc.result == DMARC_PASS) {
		assert(verdict->author.status == AUTHOR_OK);
		assert(verdict->discovery.record != NULL);
		assert(is_justified(verdict));
		assert(verdict->disposition.action == DISPOSITION_NONE);
	}
	check_field(verdict->authentication_results);
	check_words(verdict);
	check_reply(&verdict->disposition);
}

/* RFC 7208 5.5, 7.3: ptr and %{p} take a failed lookup for "no match". */
static bool
may_ask_ptr(struct text zone)
{
	for (size_t i = 0; i < zone.len; i++) {
		struct text here = text_slice(zone, i, zone.len);
		if (text_starts_nocase(here, TEXT("ptr")) ||
		    text_starts_nocase(here, TEXT("{p")))
			return true;
	}
	return false;
}

static void
compare(const struct input *input, const struct checks_options *options)
{
	struct run whole = run_checks(input, options, AT_ONCE);
	struct run slow = run_checks(input, options, ONE_BY_ONE);
	struct run closed = run_checks(input, options, CLOSED);

	/* Memory differs with the number of passes; then nothing is said. */
	if (whole.verdict != NULL && slow.verdict != NULL) {
		check_verdict(whole.verdict);
		assert(text_equal(whole.verdict->authentication_results,
		    slow.verdict->authentication_results));
		assert(whole.verdict->disposition.action ==
		       slow.verdict->disposition.action);
	}
	if (whole.verdict != NULL && closed.verdict != NULL &&
	    !input->may_ask_ptr && closed.verdict->dmarc.result == DMARC_PASS)
		assert(whole.verdict->dmarc.result == DMARC_PASS);
	arena_free(whole.arena);
	arena_free(slow.arena);
	arena_free(closed.arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	struct text rest = {(const char *)bytes, len};
	struct problem problem = {.kind = PROBLEM_NONE};
	struct input input = {.options = next_part(&rest)};
	struct text records = next_part(&rest);
	struct dns_zone *zone = dns_zone_read(records, "zone", &problem);
	struct text envelope = next_part(&rest);

	if (zone == NULL)
		return 0;
	input.zone = zone;
	input.may_ask_ptr = may_ask_ptr(records);
	input.helo = text_split(&envelope, '\n');
	input.mail_from = text_split(&envelope, '\n');
	input.message = rest;
	struct checks_options options = read_options(input.options);
	compare(&input, &options);
	dns_zone_free(zone);
	return 0;
}
