/* Plan: read the deliveries there are · ask the policy · make a list of targets
 * (whom the record names now, and what is to be done about each) · settle each
 * target under a lease · close the deliveries that the record names no more. */
#include "clerk/outbox.h"

#include "clerk/deliveries.h"
#include "clerk/large.h"
#include "clerk/target.h"

#include "report/destination.h"
#include "report/envelope.h"

#include <stdio.h>

enum {
	REPORT_ARENA_MAX = 8 * 1024 * 1024,
	LINE_MAX_BYTES = 68 * 1024, /* a URI fills a TXT record at most */
	SMALL_XML = 256 * 1024,     /* nearly all are much smaller */
	MAIL_TIMES = 3,             /* gzip, and the mail with it in base64 */
	RETRY_FIRST = 15 * 60,
	RETRY_MOST = 4 * 60 * 60,
};

struct errand {
	struct outbox *outbox;
	const struct store_report *report;
	struct arena *arena;
	struct deliveries known; /* in the store */
	struct targets targets;

	enum { NOT_COMPOSED, COMPOSED, TOO_LARGE, NO_MEMORY } composed;
	struct build gzip;
	size_t large; /* bytes that large_release is to be told */
	struct store_mail mail;
};

int64_t
outbox_retry_after(unsigned try)
{
	int64_t seconds = RETRY_FIRST;

	while (try > 1 && seconds < RETRY_MOST) {
		seconds *= 2;
		try--;
	}
	return seconds < RETRY_MOST ? seconds : RETRY_MOST;
}

void
outbox_say(const struct outbox *outbox, const struct store_report *report,
    const char *format, ...)
{
	struct build line;
	va_list values;

	if (outbox->job->on_report == NULL)
		return;
	build_init(&line, LINE_MAX_BYTES);
	va_start(values, format);
	build_vformat(&line, format, values);
	va_end(values);
	build_byte(&line, '\0');
	if (!build_failed(&line))
		outbox->job->on_report(outbox->job->context, report, line.ptr);
	build_free(&line);
}

bool
outbox_should_stop(struct outbox *outbox)
{
	const struct clerk_report *job = outbox->job;

	if (!outbox->is_stopped && job->should_stop != NULL)
		outbox->is_stopped = job->should_stop(job->context);
	return outbox->is_stopped;
}

size_t
outbox_xml_max(const struct outbox *outbox)
{
	size_t asked = outbox->job->xml_max;

	return asked > 0 ? asked : OUTBOX_XML_MAX;
}

/* --- what the store knows --- */

/* False: *problem. The errand's arena is to be freed in any case; it may have
 * failed. */
static bool
begin_errand(struct errand *errand, struct outbox *outbox,
    const struct store_report *report)
{
	*errand = (struct errand){.outbox = outbox,
	    .report = report,
	    .arena = arena_new(REPORT_ARENA_MAX)};
	if (errand->arena == NULL)
		return problem_no_memory(errand->outbox->problem);
	errand->known.arena = errand->arena;
	return deliveries_read(
	    &errand->known, outbox->store, report->id, outbox->problem);
}

/* One report that is too much for its memory is no other's end. */
static bool
put_off(const struct errand *errand)
{
	outbox_say(errand->outbox, errand->report,
	    "later: no memory for its destinations");
	return true;
}

/* The record may spell an address otherwise than last time. */
static void
keep_spelling(struct errand *errand)
{
	for (size_t i = 0; i < errand->targets.list.count; i++) {
		struct target *target = &errand->targets.list.at[i];
		const struct store_delivery *known =
		    deliveries_find(&errand->known, target->address);
		if (known != NULL)
			target->address = known->destination;
	}
}

/* --- settling --- */

/* What became of it. A build does not say why it failed; one that holds half
 * of what it may is too large, also for our memory. */
static void
pack(struct errand *errand, const struct build *xml)
{
	if (build_failed(xml))
		errand->composed =
		    xml->len > xml->limit / 2 ? TOO_LARGE : NO_MEMORY;
	else if (report_gzip(&errand->gzip, build_view(xml)))
		errand->composed = COMPOSED;
	else
		errand->composed = NO_MEMORY;
}

/* As XML of at most LIMIT bytes. */
static bool
compose_within(struct errand *errand, size_t limit)
{
	struct outbox *outbox = errand->outbox;
	const char *folder = outbox->job->output;
	struct build xml;

	build_init(&xml, limit);
	bool done = compose_xml(&xml, outbox->store, &outbox->sender,
	    errand->report, true, outbox->problem);
	if (done && folder != NULL && !build_failed(&xml))
		done = compose_file(folder, &outbox->sender, errand->report,
		    build_view(&xml), outbox->problem);
	if (done)
		pack(errand, &xml);
	errand->mail.xml_bytes = xml.len;
	build_free(&xml);
	return done;
}

/* Once for all destinations. False: *problem; a report that is too large is
 * none, since it must not stop the others. */
static bool
compose_once(struct errand *errand)
{
	size_t limit = outbox_xml_max(errand->outbox);
	bool is_small = limit <= SMALL_XML;

	if (errand->composed != NOT_COMPOSED)
		return true;
	if (!compose_within(errand, is_small ? limit : SMALL_XML))
		return false;
	if (errand->composed != TOO_LARGE || is_small)
		return true;
	large_begin();
	bool done = compose_within(errand, limit);
	errand->large = MAIL_TIMES * errand->gzip.len;
	large_end(errand->large);
	return done;
}

struct lease {
	struct errand *errand;
	const struct target *target;
	uint64_t fence;
	bool gives_way;
	bool is_later; /* by the server's wish, or since there is none */
};

static bool
is_still_ours(void *context)
{
	struct lease *lease = context;
	struct outbox *outbox = lease->errand->outbox;
	bool ours = false;

	return store_check_fence(outbox->store, lease->errand->report->id,
		   lease->target->address, lease->fence, &ours,
		   outbox->problem) &&
	       ours;
}

/* TRIES includes this one. */
static struct store_delivery
retry_or_give_up(
    struct lease *lease, unsigned tries, struct text words, int64_t now)
{
	struct store_delivery outcome = {.state = DELIVERY_WAITING,
	    .next = now + outbox_retry_after(tries),
	    .words = words};

	if (tries >= OUTBOX_TRIES_MAX) {
		outcome.state = DELIVERY_REFUSED;
		outcome.words = arena_format(lease->errand->arena,
		    "given up after %u tries: " TEXT_FMT, tries,
		    TEXT_ARG(words));
	}
	return outcome;
}

static enum deliver_result
hand_over(struct lease *lease, struct text *ret_words)
{
	struct errand *errand = lease->errand;
	const struct outbox *outbox = errand->outbox;
	enum deliver_result result = DELIVER_RETRY;
	struct build mail;

	build_init(&mail, SIZE_MAX); /* as large as the report makes it */
	*ret_words = TEXT("no memory for the mail");
	if (compose_mail(&mail, &outbox->sender, errand->report,
		build_view(&errand->gzip), lease->target->address)) {
		errand->mail.mail_bytes = mail.len;
		result = deliver_mail(outbox->deliver,
		    &(struct deliver_letter){.from = outbox->sender.envelope,
			.to = lease->target->address,
			.mail = build_view(&mail),
			.before_data = is_still_ours,
			.context = lease},
		    errand->arena, ret_words);
	}
	build_free(&mail);
	return result;
}

/* Does the destination want nothing so large (RFC 7489 6.2)? The report is as
 * large as it is attached, in lines of base64. */
static bool
is_over_limit(const struct lease *lease, struct text *ret_words)
{
	struct errand *errand = lease->errand;
	uint64_t max = lease->target->size_max;
	uint64_t size = (errand->gzip.len + 56) / 57 * 78;

	if (compose_self(&errand->outbox->sender, errand->report)->format !=
		REPORT_RFC7489 ||
	    max == 0 || size <= max)
		return false;
	*ret_words = arena_format(errand->arena,
	    "its record takes %llu bytes, and the report has %llu",
	    (unsigned long long)max, (unsigned long long)size);
	return true;
}

/* Trying again helps against what may pass only. */
static enum deliver_result
send_composed(struct lease *lease, struct text *ret_words)
{
	switch (lease->errand->composed) {
	case COMPOSED:
		return is_over_limit(lease, ret_words)
			   ? DELIVER_REFUSED
			   : hand_over(lease, ret_words);
	case TOO_LARGE:
		*ret_words = TEXT("the report is too large");
		return DELIVER_REFUSED;
	case NO_MEMORY:
	case NOT_COMPOSED: break;
	}
	*ret_words = TEXT("no memory for the report");
	return DELIVER_RETRY;
}

static bool
send_mail(
    struct lease *lease, unsigned tries, struct store_delivery *ret_outcome)
{
	struct outbox *outbox = lease->errand->outbox;
	struct text words;
	enum deliver_result result = send_composed(lease, &words);

	lease->gives_way = result == DELIVER_BUSY &&
			   outbox->gives_way != NULL &&
			   outbox->gives_way(outbox->context);
	if (lease->gives_way) {
		outbox->is_stopped = true;
		*ret_outcome = (struct store_delivery){
		    .state = DELIVERY_WAITING, .words = words};
	} else if (result == DELIVER_RETRY || result == DELIVER_BUSY) {
		*ret_outcome =
		    retry_or_give_up(lease, tries, words, outbox->job->now);
		lease->is_later = ret_outcome->state == DELIVERY_WAITING;
	} else
		*ret_outcome = (struct store_delivery){
		    .state = result == DELIVER_ACCEPTED ? DELIVERY_ACCEPTED
							: DELIVERY_REFUSED,
		    .words = words};
	return outbox->problem->kind == PROBLEM_NONE;
}

static void
count_later(struct clerk_reported *reported, struct text words)
{
	if (reported->later++ == 0)
		(void)snprintf(reported->later_words,
		    sizeof reported->later_words, TEXT_FMT, TEXT_ARG(words));
}

static void
count_and_say(const struct lease *lease, const struct store_delivery *outcome)
{
	static const struct {
		const char *what, *preposition;
	} said[] = {
	    [DELIVERY_WAITING] = {"later", " to "},
	    [DELIVERY_ACCEPTED] = {"sent", " to "},
	    [DELIVERY_REFUSED] = {"refused", " by "},
	    [DELIVERY_UNAUTHORIZED] = {"not sent", " to "},
	    [DELIVERY_UNWANTED] = {"not sent", " to "},
	    [DELIVERY_SUPPRESSED] = {"not sent", " to "},
	};

	const struct errand *errand = lease->errand;
	bool is_for_all = outcome->destination.len == 0;
	struct clerk_reported *reported = errand->outbox->reported;

	if (lease->is_later)
		count_later(reported, outcome->words);
	reported->sent += outcome->state == DELIVERY_ACCEPTED;
	reported->failed += outcome->state == DELIVERY_REFUSED;
	outbox_say(errand->outbox, errand->report,
	    "%s%s" TEXT_FMT ": " TEXT_FMT, said[outcome->state].what,
	    is_for_all ? "" : said[outcome->state].preposition,
	    TEXT_ARG(outcome->destination), TEXT_ARG(outcome->words));
}

static bool
act(struct lease *lease, unsigned tries, struct store_delivery *ret_outcome)
{
	const struct target *target = lease->target;

	switch (target->action) {
	case TARGET_SEND: return send_mail(lease, tries, ret_outcome);
	case TARGET_RETRY:
		*ret_outcome = retry_or_give_up(lease, tries, target->words,
		    lease->errand->outbox->job->now);
		return true;
	case TARGET_CLOSE: break;
	}
	*ret_outcome = (struct store_delivery){
	    .state = target->state, .words = target->words};
	return true;
}

/* All destinations are noted before any is served: one that is not would be
 * forgotten if we died in between, as the others then are final. */
static bool
note_targets(struct errand *errand)
{
	for (size_t i = 0; i < errand->targets.list.count; i++) {
		const struct store_delivery fresh = {
		    .report = errand->report->id,
		    .destination = errand->targets.list.at[i].address,
		    .state = DELIVERY_WAITING};
		if (deliveries_find(&errand->known, fresh.destination) ==
			NULL &&
		    !store_add_delivery(
			errand->outbox->store, &fresh, errand->outbox->problem))
			return false;
	}
	return true;
}

/* Behind note_targets: with nothing but these the report would be final. */
static bool
note_skipped(const struct errand *errand)
{
	size_t known = deliveries_count_skipped(&errand->known);

	for (size_t i = 0; i < errand->targets.skipped.count &&
			   known < OUTBOX_DESTINATIONS_MAX;
	     i++) {
		struct store_delivery skipped = errand->targets.skipped.at[i];
		if (deliveries_find(&errand->known, skipped.destination) !=
		    NULL)
			continue;
		skipped.report = errand->report->id;
		if (!store_add_delivery(errand->outbox->store, &skipped,
			errand->outbox->problem))
			return false;
		known++;
	}
	return true;
}

/* The outcome is noted whatever it is: a mail that was accepted must not go out
 * again for want of memory for the server's words, which are "" then. Who lost
 * the lease has nothing to note; who took it does. */
static bool
finish(struct lease *lease, const struct store_delivery *outcome)
{
	struct outbox *outbox = lease->errand->outbox;
	struct problem problem = {0};
	const struct store_mail *mail = &lease->errand->mail;
	bool ours = true;

	if (store_finish_delivery(outbox->store, lease->fence, outcome,
		mail->mail_bytes > 0 ? mail : NULL, &problem)) {
		count_and_say(lease, outcome);
		return true;
	}
	return (store_check_fence(outbox->store, outcome->report,
		    outcome->destination, lease->fence, &ours, NULL) &&
		   !ours) ||
	       problem_set(outbox->problem, problem.kind, "%s", problem.text);
}

/* An owner who names others at each attempt has had his share. */
static void
refuse_beyond_limit(struct errand *errand)
{
	struct targets *targets = &errand->targets;
	size_t known =
	    errand->known.list.count - deliveries_count_skipped(&errand->known);
	size_t kept = 0;

	for (size_t i = 0; i < targets->list.count; i++) {
		const struct target target = targets->list.at[i];
		bool is_fresh =
		    target.address.len > 0 &&
		    deliveries_find(&errand->known, target.address) == NULL;
		if (is_fresh && known >= OUTBOX_DELIVERIES_MAX) {
			outbox_say(errand->outbox, errand->report,
			    "not sent to " TEXT_FMT ": " TARGETS_TOO_MANY,
			    TEXT_ARG(target.address));
			targets_skip(targets, errand->arena, target.address,
			    TEXT(TARGETS_TOO_MANY));
			continue;
		}
		known += is_fresh;
		targets->list.at[kept++] = target;
	}
	targets->list.count = kept;
}

/* Under a lease, which a second clerk does not get, and which composing a large
 * report does not use up. */
static bool
settle(struct errand *errand, const struct target *target)
{
	struct outbox *outbox = errand->outbox;
	const struct store_delivery *known =
	    deliveries_find(&errand->known, target->address);
	unsigned tries = (known == NULL ? 0 : known->tries) + 1;
	struct lease lease = {.errand = errand, .target = target};
	struct store_delivery outcome;

	if ((known != NULL &&
		!store_delivery_is_due(known, outbox->job->now)) ||
	    outbox_should_stop(outbox))
		return true;
	if (target->action == TARGET_SEND && !compose_once(errand))
		return false;
	if (!store_lease_delivery(outbox->store, errand->report->id,
		target->address, OUTBOX_LEASE_SECONDS, &lease.fence,
		outbox->problem))
		return false;
	if (lease.fence == 0)
		return true;
	if (!act(&lease, tries, &outcome))
		return false;
	outcome.report = errand->report->id;
	outcome.destination = target->address;
	outcome.tries = lease.gives_way ? tries - 1 : tries;
	return finish(&lease, &outcome);
}

static bool
forget_whole(const struct errand *errand)
{
	return store_forget_delivery(errand->outbox->store, errand->report->id,
	    TEXT(""), errand->outbox->problem);
}

/* A delivery that waits for somebody whom the record names no more. The report
 * as a whole waits for DNS alone; that it did is nothing to tell afterwards. */
static bool
close_unwanted(struct errand *errand)
{
	for (size_t i = 0; i < errand->known.list.count; i++) {
		const struct store_delivery *delivery =
		    &errand->known.list.at[i];
		const struct target target = {.address = delivery->destination,
		    .action = TARGET_CLOSE,
		    .state = DELIVERY_UNWANTED,
		    .words = TEXT("not in the record any more")};
		if (delivery->state != DELIVERY_WAITING ||
		    targets_have(&errand->targets, target.address))
			continue;
		if (target.address.len > 0 ? !settle(errand, &target)
					   : !forget_whole(errand))
			return false;
	}
	return true;
}

static bool
settle_all(struct errand *errand)
{
	if (!note_targets(errand) || !note_skipped(errand))
		return false;
	for (size_t i = 0; i < errand->targets.list.count; i++)
		if (!settle(errand, &errand->targets.list.at[i]))
			return false;
	return !errand->targets.policy_is_known || close_unwanted(errand);
}

/* DNS does not say where to: who waits waits on, each with tries of its own,
 * instead of the report as a whole. */
static void
keep_waiting(struct errand *errand)
{
	struct targets *targets = &errand->targets;
	struct target unknown = targets->list.at[0];
	size_t count = 0;

	for (size_t i = 0; i < errand->known.list.count; i++) {
		const struct store_delivery *delivery =
		    &errand->known.list.at[i];
		struct target *target;
		if (delivery->state != DELIVERY_WAITING)
			continue;
		target = count++ == 0 ? &targets->list.at[0]
				      : vec_push(errand->arena, &targets->list);
		if (target == NULL)
			return;
		*target = unknown;
		target->address = delivery->destination;
	}
}

static bool
send_errand(struct errand *errand)
{
	struct targets *targets = &errand->targets;

	if (arena_failed(errand->arena))
		return put_off(errand);
	targets_find(errand->outbox, errand->report, errand->arena, targets);
	if (errand->outbox->is_stopped)
		return true; /* it is left, and no try is counted */
	if (!targets->policy_is_known && targets->list.count > 0)
		keep_waiting(errand);
	if (arena_failed(errand->arena))
		return put_off(errand);
	keep_spelling(errand);
	refuse_beyond_limit(errand);
	return settle_all(errand);
}

bool
outbox_send(struct outbox *outbox, const struct store_report *report)
{
	struct errand errand;
	bool done = begin_errand(&errand, outbox, report);

	build_init(&errand.gzip, SIZE_MAX); /* as large as the XML makes it */
	if (done) {
		outbox->reported->reports++;
		done = send_errand(&errand);
	}
	build_free(&errand.gzip);
	large_release(errand.large);
	arena_free(errand.arena);
	return done;
}
