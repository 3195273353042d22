#include "clerk/compose.h"

#include "clerk/clerk.h"
#include "clerk/relay.h"
#include "clerk/signing.h"

#include "report/destination.h"
#include "report/envelope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum {
	NAME_ARENA_MAX = 64 * 1024,
	SIGN_ARENA_MAX = 256 * 1024,
	FILE_MODE = 0600,
	REPORT_ID_BYTES = 32,
	FRAME_TEXT_MAX = 255,
	FRAME_WORDS_MAX = 1024, /* the policy's words */
};

/* Read as strictly as an address that we would send to. */
static bool
read_own(struct arena *arena, const char *option, struct text value,
    struct destination *ret_own, struct problem *problem)
{
	*ret_own =
	    destination_read(arena, arena_join(arena, TEXT("mailto:"), value));
	return ret_own->status == DESTINATION_OK ||
	       problem_set(problem, PROBLEM_CONFIG,
		   "%s " TEXT_FMT ": " TEXT_FMT "; set it to an address such as"
		   " dmarc-reports@example.org",
		   option, TEXT_ARG(value), TEXT_ARG(ret_own->reason));
}

bool
compose_sender(struct arena *arena, const struct config *config,
    struct sender *ret_sender, struct problem *ret_problem)
{
	struct text envelope = config->report_envelope_from;
	struct sender sender = {
	    .self = {.contact = config->report_contact,
		.format = (enum report_format)config->report_format}};
	struct destination own;

	if (config->report_email.len > 0) {
		if (!read_own(arena, "ReportEmail", config->report_email, &own,
			ret_problem))
			return false;
		sender.self.email = own.address;
		sender.self.receiver = own.host;
	} else {
		sender.self.receiver = config->authserv_id.len > 0
					   ? config->authserv_id
					   : TEXT("localhost");
	}
	if (!text_equal(envelope, TEXT("<>"))) {
		if (!read_own(arena, "ReportEnvelopeFrom", envelope, &own,
			ret_problem))
			return false;
		sender.envelope = own.address;
	}
	sender.self.organization = config->report_org.len > 0
				       ? config->report_org
				       : sender.self.receiver;
	*ret_sender = sender;
	return true;
}

bool
clerk_check_sender(const struct config *config, struct problem *ret_problem)
{
	struct arena *arena = arena_new(NAME_ARENA_MAX);
	struct sender sender = {.envelope = TEXT("")};

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	bool is_good = compose_sender(arena, config, &sender, ret_problem) &&
		       (sender.self.email.len == 0 ||
			   signing_read(arena, config, sender.self.receiver,
			       &sender.signer, ret_problem)) &&
		       relay_check(config, ret_problem);
	arena_free(arena);
	return is_good;
}

/* A repeat is the same, whatever is configured meanwhile (RFC 9990 3.5.2,
 * 3.5.4). */
const struct store_sender *
compose_self(const struct sender *sender, const struct store_report *report)
{
	return report->sealed > 0 ? &report->sender : &sender->self;
}

static struct report_metadata
metadata_of(const struct sender *sender, const struct store_report *report)
{
	const struct store_sender *self = compose_self(sender, report);

	return (struct report_metadata){
	    .org_name = self->organization,
	    .email = self->email,
	    .extra_contact_info = self->contact,
	    .report_id = report->id,
	    .begin = report->begin,
	    .end = report->end,
	    .generator = TEXT("dmarcd " DMARCD_VERSION),
	};
}

uint64_t
compose_rows_max(const struct sender *sender, uint64_t size)
{
	/* The longest that a policy can be; what fo may hold is measured in
	 * DNS strings (RFC 1035 3.3). */
	static const char longest[FRAME_TEXT_MAX] = {'\''};
	struct text id = {longest, REPORT_ID_BYTES};
	struct text word = {longest, sizeof longest};
	const struct store_report report = {.id = id,
	    .policy = {.domain = word, .fo = word},
	    .begin = INT64_MAX,
	    .end = INT64_MAX};
	struct report_metadata metadata = metadata_of(sender, &report);
	struct build frame;

	build_init(&frame, SIZE_MAX);
	struct aggregate aggregate = {&frame, sender->self.format};
	aggregate_begin(&aggregate, &metadata, &report.policy);
	aggregate_end(&aggregate);
	uint64_t len = frame.len + FRAME_WORDS_MAX;
	build_free(&frame);
	return size > len ? size - len : 1;
}

struct composing {
	struct aggregate aggregate;
	struct report_metadata metadata;
	const struct report_policy *policy;
	bool has_rows;
};

/* Stops when there is no room for more: see compose_xml. */
static bool
add_row(void *context, const struct report_row *row)
{
	struct composing *composing = context;
	const struct aggregate *aggregate = &composing->aggregate;

	if (!composing->has_rows)
		aggregate_begin(
		    aggregate, &composing->metadata, composing->policy);
	composing->has_rows = true;
	aggregate_row(aggregate, row);
	return !build_failed(aggregate->build);
}

bool
compose_xml(struct build *xml, struct store *store, const struct sender *sender,
    const struct store_report *report, bool sealed, struct problem *ret_problem)
{
	struct composing composing = {
	    .aggregate = {xml, compose_self(sender, report)->format},
	    .metadata = metadata_of(sender, report),
	    .policy = &report->policy};

	if (!store_for_each_row(
		store, report, sealed, add_row, &composing, ret_problem))
		return false;
	aggregate_end(&composing.aggregate);
	if (!composing.has_rows)
		xml->failed = true;
	return true;
}

/* What was added from BEGIN on; the signature comes first (RFC 6376 5.6). */
static bool
sign(struct build *mail, size_t begin, const struct dkim_signer *signer,
    int64_t date)
{
	struct arena *arena = arena_new(SIGN_ARENA_MAX);
	struct build field;

	if (arena == NULL)
		return false;
	build_init_arena(&field, arena, SIGN_ARENA_MAX);
	bool done = dkim_sign(&field, arena,
	    text_slice(build_view(mail), begin, mail->len), signer, date);
	if (done)
		build_insert(mail, begin, build_view(&field));
	arena_free(arena);
	return done && !build_failed(mail);
}

bool
compose_mail(struct build *mail, const struct sender *sender,
    const struct store_report *report, struct text xml_gzip,
    struct text address)
{
	struct report_metadata metadata = metadata_of(sender, report);
	const struct store_sender *self = compose_self(sender, report);
	size_t begin = mail->len;
	const struct report_mail letter = {
	    .from = self->email,
	    .to = address,
	    .receiver = self->receiver,
	    .policy_domain = report->policy.domain,
	    .metadata = &metadata,
	    .format = self->format,
	    .gzip = xml_gzip,
	    /* Not the clock: a repeated mail is the same mail. */
	    .date = report->sealed > 0 ? report->sealed : report->end + 1,
	};

	report_mail_write(mail, &letter);
	return !build_failed(mail) &&
	       (sender->signer.secret == NULL ||
		   sign(mail, begin, &sender->signer, letter.date));
}

static bool
write_all(int fd, struct text bytes)
{
	while (bytes.len > 0) {
		ssize_t len = write(fd, bytes.ptr, bytes.len);
		if (len < 0 && errno == EINTR)
			continue;
		if (len <= 0)
			return false;
		bytes = text_slice(bytes, (size_t)len, bytes.len);
	}
	return true;
}

static bool
write_file(const char *folder, const char *name, struct text bytes)
{
	int directory = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		return false;
	int fd = openat(directory, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	bool done = fd >= 0 && write_all(fd, bytes);
	int error = errno;
	if (fd >= 0 && close(fd) != 0 && done) {
		done = false;
		error = errno;
	}
	(void)close(directory);
	errno = error;
	return done;
}

/* As the attachment is called, but not packed; two long domains are more than a
 * file's name can hold. */
static struct text
file_name(struct arena *arena, const struct sender *sender,
    const struct store_report *report)
{
	struct report_metadata metadata = metadata_of(sender, report);
	struct text name =
	    report_file_name(arena, compose_self(sender, report)->receiver,
		report->policy.domain, &metadata);

	name = text_slice(name, 0, text_find_last(name, '.')); /* .gz */
	return name.len <= NAME_MAX
		   ? name
		   : arena_join(arena, report->id, TEXT(".xml"));
}

bool
compose_file(const char *folder, const struct sender *sender,
    const struct store_report *report, struct text xml,
    struct problem *ret_problem)
{
	struct arena *arena = arena_new(NAME_ARENA_MAX);

	if (arena == NULL)
		return problem_no_memory(ret_problem);
	struct text name = file_name(arena, sender, report);
	const char *cstr = arena_cstr(arena, name);
	bool has_name = !arena_failed(arena);
	bool done = has_name && write_file(folder, cstr, xml);
	if (!has_name)
		(void)problem_no_memory(ret_problem);
	else if (!done)
		(void)problem_set(ret_problem, PROBLEM_CANNOT_WRITE,
		    "%s/%s: %s", folder, cstr, strerror(errno));
	arena_free(arena);
	return done;
}
