/* dmarc report --list and --show: what is known of reports, for people
 * (listing_text.c) and as JSON (listing_json.c). */
#ifndef DMARC_LISTING_H
#define DMARC_LISTING_H

#include "json.h"
#include "report.h"

/* What a report's rows add up to. */
struct listing_sums {
	uint64_t passed;      /* by either */
	uint64_t by_dkim;     /* aligned */
	uint64_t by_spf;      /* aligned */
	uint64_t quarantined; /* disposition */
	uint64_t rejected;    /* disposition */
	uint64_t overridden;  /* with a reason */
};

struct listing {
	const struct clerk_report *job; /* which reports; config, now */
	const char *id;                 /* --show; NULL: all */
	bool json;
	struct store *store;
	struct problem *problem;
	uint64_t count;
	struct listing_sums sums; /* with --show, of the report at hand */
};

/* Prints it. With an id that no report has: PROBLEM_NO_INPUT. */
bool listing_run(struct listing *listing, struct problem *problem) MUST_USE;

/* Why DELIVERY, or with NULL the report as a whole, was not sent; or the words
 * with which it was taken. Not clean. */
void listing_why(const struct listing *listing,
    const struct store_listed *listed, const struct store_delivery *delivery,
    struct build *words);

void listing_print_head(void);
void listing_print(
    const struct listing *listing, const struct store_listed *listed);
/* One whole report. */
void listing_show(
    const struct listing *listing, const struct store_listed *listed);
/* The object that dmarc(1) describes. NULL: no memory. */
json_t *listing_json(
    const struct listing *listing, const struct store_listed *listed) MUST_USE;

#endif
