/* Writes and reads history entries, for bench/run and bench/import.
 *
 * bench-history ours COUNT    entries of ours on standard output, of 10,000
 *                             domains, each with nine that are alike
 * bench-history exim COUNT    the same as Exim writes them
 * bench-history read          reads standard input, says how many were good */
#include "history/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	DOMAINS = 10000,
	ALIKE = 10,
	BLOCK = 10000, /* entries among which those alike are strewn */
	DAY = 86400,
};

/* 2026-11-23 00:00:00 UTC */
static const int64_t day = 1795392000;

/* What entry NUMBER is of its kind. */
static unsigned long
kind_of(unsigned long number)
{
	unsigned long kinds = BLOCK / ALIKE;

	return number / BLOCK * kinds + number % BLOCK * 7 % kinds;
}

static bool
set_texts(struct arena *arena, unsigned long number, unsigned long count,
    struct history_entry *entry)
{
	unsigned long kind = kind_of(number);
	struct text domain =
	    arena_format(arena, "domain%lu.example", kind % DOMAINS);
	struct history_dkim *dkim = vec_push(arena, &entry->dkim);
	struct text *rua = vec_push(arena, &entry->rua);

	if (dkim == NULL || rua == NULL)
		return false;
	*dkim = (struct history_dkim){domain, TEXT("s2026"), TEXT("pass")};
	*rua = arena_format(arena, "mailto:dmarc@" TEXT_FMT, TEXT_ARG(domain));
	entry->job = arena_format(arena, "4fQ%lXzN", number);
	entry->client =
	    arena_format(arena, "10.%lu.%lu.25", kind / 256 % 256, kind % 256);
	entry->from = entry->policy_domain = domain;
	entry->mail_from = entry->spf_domain =
	    arena_format(arena, "bounce." TEXT_FMT, TEXT_ARG(domain));
	entry->helo = arena_format(arena, "mx." TEXT_FMT, TEXT_ARG(domain));
	entry->received = day + (int64_t)(number * DAY / count);
	return !arena_failed(arena);
}

static bool
write_ours(struct build *build, const struct history_entry *entry)
{
	return history_write(build, entry);
}

static bool
write_exim(struct build *build, const struct history_entry *entry)
{
	build_format(build,
	    "job " TEXT_FMT "\nreporter mx.example.net\nreceived %lld\n"
	    "ipaddr " TEXT_FMT "\nfrom " TEXT_FMT "\nmfrom " TEXT_FMT
	    "\nspf 0\n"
	    "dkim " TEXT_FMT " s2026 0\npdomain " TEXT_FMT
	    "\npolicy 15\nrua " TEXT_FMT "\npct 100\nadkim 114\naspf 114\n"
	    "p 114\nsp 0\nalign_dkim 4\nalign_spf 4\naction 2\narc 11\n"
	    "arc_policy 1 json:[]\n",
	    TEXT_ARG(entry->job), (long long)entry->received,
	    TEXT_ARG(entry->client), TEXT_ARG(entry->from),
	    TEXT_ARG(entry->mail_from), TEXT_ARG(entry->from),
	    TEXT_ARG(entry->from), TEXT_ARG(entry->rua.at[0]));
	return !build_failed(build);
}

static bool
write_entries(unsigned long count,
    bool (*write)(struct build *build, const struct history_entry *entry))
{
	bool good = true;

	for (unsigned long i = 0; good && i < count; i++) {
		struct arena *arena = arena_new(HISTORY_ENTRY_MAX);
		struct build build;
		struct history_entry entry = {
		    .reporter = TEXT("mx.example.net"),
		    .spf = TEXT("pass"),
		    .result = TEXT("pass"),
		    .requested = TEXT("reject"),
		    .p = TEXT("reject"),
		    .adkim = TEXT("r"),
		    .aspf = TEXT("r"),
		    .fo = TEXT("0"),
		    .testing = TEXT("n"),
		    .discovery = TEXT("treewalk"),
		    .pct = 100,
		    .dkim_aligned = true,
		    .spf_aligned = true,
		    .action = HISTORY_ACCEPT,
		};
		build_init(&build, HISTORY_ENTRY_MAX);
		good = arena != NULL && set_texts(arena, i, count, &entry) &&
		       write(&build, &entry) &&
		       fwrite(build.ptr, 1, build.len, stdout) == build.len;
		build_free(&build);
		arena_free(arena);
	}
	return good;
}

/* Windows and batches as the importer has them. */
static bool
read_entries(void)
{
	enum { WINDOW = 4 * 1024 * 1024, LIMIT = 256 * 1024 * 1024 };

	char *window = malloc(WINDOW);
	size_t have = 0;
	unsigned long good = 0;
	bool last = window == NULL;

	while (!last) {
		struct arena *arena = arena_new(LIMIT);
		size_t got = fread(window + have, 1, WINDOW - have, stdin);
		struct text bytes = {window, have + got};
		struct history_entry entry;
		const char *why;
		size_t used;
		last = got == 0;
		for (enum history_status status;
		     (status = history_read(arena, bytes, last, &entry, &used,
			  &why)) != HISTORY_NEED_MORE;
		     bytes = text_slice(bytes, used, bytes.len))
			good += status == HISTORY_ENTRY;
		have = bytes.len;
		memmove(window, bytes.ptr, have);
		arena_free(arena);
	}
	free(window);
	(void)printf("%lu\n", good);
	return window != NULL;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	unsigned long count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;

	if (strcmp(mode, "ours") == 0 && count > 0)
		return write_entries(count, write_ours) ? 0 : 1;
	if (strcmp(mode, "exim") == 0 && count > 0)
		return write_entries(count, write_exim) ? 0 : 1;
	if (strcmp(mode, "read") == 0 && argc == 2)
		return read_entries() ? 0 : 1;
	(void)fprintf(stderr, "bench-history ours|exim COUNT, or read\n");
	return 2;
}
