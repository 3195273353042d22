/* What comes out of a store, as text. */
#ifndef TESTS_STORE_OUTPUT_H
#define TESTS_STORE_OUTPUT_H

#include "place.h"

/* Frees it. */
static inline void
assert_built(struct build *text, const char *expected)
{
	build_byte(text, '\0');
	assert_string_equal(text->ptr, expected);
	build_free(text);
}

struct output {
	struct store *store;
	struct build text;
	uint64_t messages;
	bool sealed;
	char id[33]; /* of the last report */
};

static inline bool
print_row(void *context, const struct report_row *row)
{
	struct output *output = context;
	struct build *text = &output->text;

	output->messages += row->count;
	build_format(text,
	    "  %llu " TEXT_FMT " from=" TEXT_FMT " env=" TEXT_FMT,
	    (unsigned long long)row->count, TEXT_ARG(row->source_ip),
	    TEXT_ARG(row->header_from), TEXT_ARG(row->envelope_from));
	build_format(text, " " TEXT_FMT " dkim=%d spf=%d",
	    TEXT_ARG(row->disposition), row->dkim_aligned, row->spf_aligned);
	for (size_t i = 0; i < row->reasons.count; i++)
		build_format(text, " (" TEXT_FMT ": " TEXT_FMT ")",
		    TEXT_ARG(row->reasons.at[i].type),
		    TEXT_ARG(row->reasons.at[i].comment));
	for (size_t i = 0; i < row->dkim.count; i++)
		build_format(text, " d=" TEXT_FMT "/" TEXT_FMT "/" TEXT_FMT,
		    TEXT_ARG(row->dkim.at[i].domain),
		    TEXT_ARG(row->dkim.at[i].selector),
		    TEXT_ARG(row->dkim.at[i].result));
	build_format(text, " spf=" TEXT_FMT "/" TEXT_FMT "\n",
	    TEXT_ARG(row->spf_domain), TEXT_ARG(row->spf_result));
	return true;
}

static inline bool
print_report(void *context, const struct store_report *report)
{
	struct output *output = context;
	const struct report_policy *policy = &report->policy;

	assert_int_equal(report->id.len, 32);
	memcpy(output->id, report->id.ptr, 32);
	build_format(&output->text, TEXT_FMT " p=" TEXT_FMT " sp=" TEXT_FMT,
	    TEXT_ARG(policy->domain), TEXT_ARG(policy->p),
	    TEXT_ARG(policy->sp));
	build_format(&output->text, " %lld-%lld #%u",
	    (long long)(report->begin - day), (long long)(report->end - day),
	    report->seq);
	for (size_t i = 0; i < report->rua.count; i++)
		build_format(
		    &output->text, " " TEXT_FMT, TEXT_ARG(report->rua.at[i]));
	build_byte(&output->text, '\n');
	MUST(store_for_each_row(output->store, report, output->sealed,
	    print_row, output, &problem));
	return true;
}

static inline void
print_all(struct store *store, bool sealed, struct output *output)
{
	*output = (struct output){.store = store, .sealed = sealed};
	build_init(&output->text, SIZE_MAX);
	if (sealed)
		MUST(store_for_each_report(store, TEXT(""),
		    ((struct store_span){0, INT64_MAX}), print_report, output,
		    &problem));
	else
		MUST(store_preview_reports(store, TEXT(""),
		    ((struct store_span){day, day + DAY - 1}), print_report,
		    output, &problem));
	build_byte(&output->text, '\0');
}

static inline void
assert_output(struct store *store, bool sealed, const char *expected)
{
	struct output output;

	print_all(store, sealed, &output);
	assert_string_equal(output.text.ptr, expected);
	build_free(&output.text);
}

#endif
