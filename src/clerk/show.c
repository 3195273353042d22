#include "clerk/show.h"

#include "clerk/target.h"

#include "report/destination.h"

enum { SHOW_ARENA_MAX = 1024 * 1024 };

struct showing {
	struct outbox *outbox;
	const struct store_report *report;
	struct arena *arena;
	struct targets_asked asked;
	bool has_deliveries;
};

static bool
show_delivery(void *context, const struct store_delivery *delivery)
{
	struct showing *showing = context;
	struct text to = delivery->destination;

	showing->has_deliveries = true;
	outbox_say(showing->outbox, showing->report,
	    "%s" TEXT_FMT "%s%s " TEXT_FMT, to.len > 0 ? "to " : "",
	    TEXT_ARG(to), to.len > 0 ? ": " : "",
	    names_word(&delivery_state_names, (int)delivery->state),
	    TEXT_ARG(delivery->words));
	return true;
}

static void
show_uri(struct showing *showing, struct text uri)
{
	const struct outbox *outbox = showing->outbox;
	struct destination destination = destination_read(showing->arena, uri);
	const char *why = "the database does not say who wants none";

	if (destination.status != DESTINATION_OK)
		outbox_say(outbox, showing->report,
		    "not sent to " TEXT_FMT ": " TEXT_FMT, TEXT_ARG(uri),
		    TEXT_ARG(destination.reason));
	else if (!targets_note_asked(&showing->asked, destination.address))
		return; /* it was shown */
	else if (!target_suppressed(outbox, destination.address, &why) ||
		 why != NULL)
		outbox_say(outbox, showing->report,
		    "not sent to " TEXT_FMT ": %s", TEXT_ARG(uri), why);
	else
		outbox_say(outbox, showing->report,
		    "would be sent to " TEXT_FMT "%s", TEXT_ARG(uri),
		    outbox->sender.self.email.len > 0
			? ""
			: ", if ReportEmail were set");
}

/* As the record had it; if nothing in it was a URI, what it had. */
static void
show_rua(struct showing *showing)
{
	const struct store_report *report = showing->report;

	for (size_t i = 0; i < report->rua.count; i++) {
		struct text uri = report->rua.at[i];
		if (dmarc_record_is_uri(uri))
			show_uri(showing, uri);
		else
			outbox_say(showing->outbox, report,
			    "not sent to " TEXT_FMT ": no URI", TEXT_ARG(uri));
	}
	if (report->rua.count == 0)
		outbox_say(showing->outbox, report, "not sent: no rua");
	else if (showing->asked.count == 0)
		outbox_say(showing->outbox, report,
		    "not sent: no rua that can be used");
}

static void
show_redirected(struct showing *showing, struct text rua)
{
	while (rua.len > 0) {
		struct text uri = text_trim(text_split(&rua, ','));
		if (uri.len > 0)
			show_uri(showing, uri);
	}
	if (showing->asked.count == 0)
		outbox_say(showing->outbox, showing->report,
		    "not sent: redirected to nobody");
}

/* No record is asked whether it still says so, nor a destination whether it
 * agrees. */
static void
show_uris(struct showing *showing)
{
	const struct store_report *report = showing->report;
	struct text redirected = {.ptr = NULL};

	if (!target_redirected(showing->outbox, report->policy.domain,
		showing->arena, &redirected))
		outbox_say(showing->outbox, report,
		    "not sent: the database does not say where to");
	else if (report->is_quiet)
		outbox_say(showing->outbox, report,
		    "not sent: nothing but mail to report addresses");
	else if (redirected.ptr != NULL)
		show_redirected(showing, redirected);
	else
		show_rua(showing);
}

static bool
show_file(const struct showing *showing, bool sealed)
{
	const struct outbox *outbox = showing->outbox;
	struct store_report report = *showing->report;
	struct build xml;

	if (outbox->job->output == NULL)
		return true;
	if (outbox->job->reforms)
		report.sender.format = outbox->sender.self.format;
	build_init(&xml, outbox_xml_max(outbox));
	bool done = compose_xml(&xml, outbox->store, &outbox->sender, &report,
	    sealed, outbox->problem);
	if (done && build_failed(&xml))
		outbox_say(outbox, showing->report, "the report is too large");
	else if (done)
		done = compose_file(outbox->job->output, &outbox->sender,
		    &report, build_view(&xml), outbox->problem);
	if (!sealed && xml.len > outbox->job->config->max_report_size)
		outbox_say(outbox, showing->report,
		    "larger than MaxReportSize: one file, but several reports "
		    "when it is sealed");
	build_free(&xml);
	return done;
}

static bool
show(struct showing *showing, bool sealed)
{
	struct outbox *outbox = showing->outbox;

	if (!show_file(showing, sealed) ||
	    !store_for_each_delivery(outbox->store, showing->report->id,
		show_delivery, showing, outbox->problem))
		return false;
	if (!showing->has_deliveries)
		show_uris(showing);
	return true;
}

bool
show_report(
    struct outbox *outbox, const struct store_report *report, bool sealed)
{
	struct showing showing = {.outbox = outbox,
	    .report = report,
	    .arena = arena_new(SHOW_ARENA_MAX)};

	if (showing.arena == NULL)
		return problem_no_memory(outbox->problem);
	outbox->reported->reports++;
	bool done = show(&showing, sealed);
	arena_free(showing.arena);
	return done;
}
