#include "listing.h"

#include "base/date.h"

#include <stdio.h>

enum {
	CELL_MAX = 4096,
	ID_SHOWN = 8, /* digits that tell reports apart */
};

/* The columns, which stay as they are; the last one is as long as it is. */
enum { PERIOD, DOMAIN, ID, STATE, MESSAGES, BYTES, TO, WHY, COLUMNS };

static const struct {
	const char *title;
	int width; /* negative: to the left */
} columns[COLUMNS] = {
    [PERIOD] = {"PERIOD", -10},
    [DOMAIN] = {"DOMAIN", -24},
    [ID] = {"ID", -ID_SHOWN},
    [STATE] = {"STATE", -12},
    [MESSAGES] = {"MESSAGES", 8},
    [BYTES] = {"BYTES", 9},
    [TO] = {"TO", -32},
    [WHY] = {"WHY", 0},
};

void
listing_print_head(void)
{
	for (size_t i = 0; i < COLUMNS; i++)
		(void)printf("%s%*s", i == 0 ? "" : "  ", columns[i].width,
		    columns[i].title);
	(void)printf("\n");
}

/* A cell is empty for nobody: programs may split at white space. */
static void
print_cell(size_t column, struct text value)
{
	struct build clean;

	build_init(&clean, CELL_MAX);
	build_clean(&clean, value.len == 0 ? TEXT("-") : value);
	build_byte(&clean, '\0');
	(void)printf("%s%*s", column == 0 ? "" : "  ", columns[column].width,
	    build_failed(&clean) ? "?" : clean.ptr);
	build_free(&clean);
}

static void
print_number(size_t column, uint64_t number)
{
	struct build digits;

	build_init(&digits, CELL_MAX);
	if (number > 0)
		build_number(&digits, number);
	print_cell(column, build_view(&digits));
	build_free(&digits);
}

/* A day, or the first second of a shorter period. */
static void
write_period(struct build *words, const struct store_report *report)
{
	if (report->end - report->begin == DAY - 1)
		date_write_day(words, report->begin);
	else
		date_write(words, report->begin);
}

static const char *
state_word(
    const struct store_listed *listed, const struct store_delivery *delivery)
{
	if (!listed->is_sealed)
		return "open";
	return delivery == NULL
		   ? store_state_name(listed->state)
		   : names_word(&delivery_state_names, (int)delivery->state);
}

static void
print_line(const struct listing *listing, const struct store_listed *listed,
    const struct store_delivery *delivery)
{
	const struct store_report *report = listed->report;
	struct build words;

	build_init(&words, CELL_MAX);
	write_period(&words, report);
	print_cell(PERIOD, build_view(&words));
	print_cell(DOMAIN, report->policy.domain);
	/* What is not sealed has no id yet. */
	print_cell(
	    ID, text_slice(report->id, 0, listed->is_sealed ? ID_SHOWN : 0));
	print_cell(STATE, text_from_cstr(state_word(listed, delivery)));
	print_number(MESSAGES, listed->messages);
	print_number(BYTES, listed->mail.mail_bytes);
	print_cell(TO, delivery == NULL ? TEXT("") : delivery->destination);
	build_cut(&words, 0);
	listing_why(listing, listed, delivery, &words);
	print_cell(WHY, build_view(&words));
	(void)printf("\n");
	build_free(&words);
}

void
listing_print(const struct listing *listing, const struct store_listed *listed)
{
	if (listed->deliveries.count == 0)
		print_line(listing, listed, NULL);
	for (size_t i = 0; i < listed->deliveries.count; i++)
		print_line(listing, listed, &listed->deliveries.at[i]);
}

/* --- one report --- */

static void
print_fact(const char *name, struct text value)
{
	(void)printf("%-14s", name);
	print_clean(value.len == 0 ? TEXT("-") : value);
	(void)printf("\n");
}

static void
print_period(const struct store_report *report)
{
	struct build words;

	build_init(&words, CELL_MAX);
	date_write(&words, report->begin);
	build_cstr(&words, " to ");
	date_write(&words, report->end);
	if (report->seq > 0)
		build_format(&words, ", supplement %u", report->seq);
	print_fact("Period", build_view(&words));
	build_free(&words);
}

static void
print_policy(const struct report_policy *policy)
{
	const struct {
		const char *name;
		struct text value;
	} tags[] = {
	    {"p", policy->p},
	    {"sp", policy->sp},
	    {"np", policy->np},
	    {"adkim", policy->adkim},
	    {"aspf", policy->aspf},
	    {"fo", policy->fo},
	    {"testing", policy->testing},
	    {"discovery", policy->discovery_method},
	};

	(void)printf("%-14s", "Policy");
	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
		if (tags[i].value.len == 0)
			continue;
		(void)printf("%s%s=", i == 0 ? "" : " ", tags[i].name);
		print_clean(tags[i].value);
	}
	(void)printf("\n");
}

static void
print_sums(const struct listing *listing, const struct store_listed *listed)
{
	const struct listing_sums *sums = &listing->sums;

	const struct {
		const char *name;
		uint64_t number;
	} lines[] = {
	    {"Messages", listed->messages},
	    {"  pass", sums->passed},
	    {"  by DKIM", sums->by_dkim},
	    {"  by SPF", sums->by_spf},
	    {"  quarantine", sums->quarantined},
	    {"  reject", sums->rejected},
	    {"  overridden", sums->overridden},
	    {"Rows", listed->rows},
	    {"XML bytes", listed->mail.xml_bytes},
	    {"Mail bytes", listed->mail.mail_bytes},
	};

	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		(void)printf("%-14s%llu\n", lines[i].name,
		    (unsigned long long)lines[i].number);
}

static void
show_delivery(const struct listing *listing, const struct store_listed *listed,
    const struct store_delivery *delivery)
{
	struct build words;

	build_init(&words, CELL_MAX);
	build_text(&words, delivery->destination.len == 0
			       ? TEXT("nobody")
			       : delivery->destination);
	build_format(&words, ": %s: ", state_word(listed, delivery));
	listing_why(listing, listed, delivery, &words);
	print_fact("Destination", build_view(&words));
	build_free(&words);
}

void
listing_show(const struct listing *listing, const struct store_listed *listed)
{
	const struct store_report *report = listed->report;

	print_fact("Report", report->id);
	print_fact("Domain", report->policy.domain);
	print_period(report);
	print_fact("State", text_from_cstr(state_word(listed, NULL)));
	print_policy(&report->policy);
	print_sums(listing, listed);
	for (size_t i = 0; i < report->rua.count; i++)
		print_fact("Wanted at", report->rua.at[i]);
	for (size_t i = 0; i < listed->deliveries.count; i++)
		show_delivery(listing, listed, &listed->deliveries.at[i]);
}
