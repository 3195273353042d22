/* Setup: the configuration turned into what the checks take: files read, lists
 * loaded. Shared by all threads and never changed: a reload, or a file that
 * changed, makes a new one. */
#ifndef CONFIG_SETUP_H
#define CONFIG_SETUP_H

#include "config/config.h"
#include "dns/zone.h"
#include "verdict/checks.h"

struct setup {
	const struct config *config;
	struct checks_options checks;
	struct suffix_list *suffixes; /* NULL with treewalk */
	time_t suffixes_written;      /* their file; 0: nobody knows */
	struct dns_zone *zone;        /* NULL: DNS is asked */
	struct arena *lists;          /* what the checks look up */
};

/* CONFIG, which notes the files, must outlive it. False: *ret_problem, and
 * nothing to free. */
bool setup_make(const struct config *config, struct setup *ret_setup,
    struct problem *ret_problem) MUST_USE;
void setup_clear(struct setup *setup);
/* Another DiscoveryMethod than the configuration's; the suffix list is loaded
 * if it is needed. */
bool setup_set_method(struct setup *setup, enum dmarc_method method,
    struct problem *ret_problem) MUST_USE;

/* A zone text from a file, as --zone and ZoneFile name it. */
struct dns_zone *setup_read_zone(
    const char *path, struct problem *ret_problem) MUST_USE;

#endif
