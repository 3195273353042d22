/* dmarc database import-opendmarc: what became of each message, for a person
 * and for programs. */
#include "carry.h"

#include "json.h"

#include "base/date.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

static void
on_progress(void *context, uint64_t id, uint64_t last_id)
{
	(void)context;
	if (last_id > 0)
		(void)fprintf(stderr, "\r%3u %%",
		    (unsigned)(id >= last_id ? 100 : id * 100 / last_id));
}

/* Of messages; by enum carry_fate. */
static const char *const fates[] = {
    [CARRY_REPORTABLE] = "will be reported",
    [CARRY_REPORTED] = "were reported by OpenDMARC",
    [CARRY_OLD] = "are too old to be reported (--since)",
    [CARRY_OURS] = "came when dmarcd noted them itself (--until)",
    [CARRY_NO_POLICY] = "had no policy, or it is not known any more",
    [CARRY_DEFERRED] = "were deferred",
};

static uint64_t
count_all(const struct clerk_carried *done)
{
	uint64_t all = 0;

	for (size_t i = 0; i < CARRY_FATES; i++)
		all += done->messages[i];
	return all;
}

static void
print_until(int64_t until)
{
	struct build time;

	build_init(&time, 64);
	date_write(&time, until);
	(void)printf(
	    "    that is from " TEXT_FMT " on\n", TEXT_ARG(build_view(&time)));
	build_free(&time);
}

static void
print_text(const struct clerk_carried *done)
{
	(void)printf("%" PRIu64 " messages carried over\n", count_all(done));
	for (size_t i = 0; i < CARRY_FATES; i++) {
		if (done->messages[i] > 0)
			(void)printf(
			    "  %" PRIu64 " %s\n", done->messages[i], fates[i]);
	}
	if (done->messages[CARRY_OURS] > 0)
		print_until(done->until);
	(void)printf("%" PRIu64 " messages rejected\n", done->rejected);
	for (size_t i = 0; i < CARRY_ODDS_MAX && done->odds[i].count > 0; i++)
		(void)printf("  %" PRIu64
			     " with %s, such as the one with id %" PRIu64 "\n",
		    done->odds[i].count, done->odds[i].why,
		    done->odds[i].first);
	(void)printf("%" PRIu64 " domains with their reports' address, %" PRIu64
		     " suppressed addresses, %" PRIu64 " refused\n",
	    done->redirections, done->suppressions, done->refused);
	if (done->absent[0] != '\0')
		(void)printf(
		    "not in this version of its tables: %s\n", done->absent);
}

static bool
print_json(const struct clerk_carried *done, struct problem *problem)
{
	json_t *rejected = json_object();
	json_t *messages = json_object();

	for (size_t i = 0; i < CARRY_ODDS_MAX && done->odds[i].count > 0; i++)
		(void)json_object_set_new(rejected, done->odds[i].why,
		    json_integer((json_int_t)done->odds[i].count));
	for (int i = 0; i < CARRY_FATES; i++)
		(void)json_object_set_new(messages,
		    names_word(&carry_fate_names, i),
		    json_integer((json_int_t)done->messages[i]));
	return json_print(json_pack("{s:o, s:o, s:I, s:I, s:I}", "messages",
			      messages, "rejected", rejected, "redirections",
			      (json_int_t)done->redirections, "suppressions",
			      (json_int_t)done->suppressions, "refused",
			      (json_int_t)done->refused),
	    problem);
}

bool
carry_run(struct clerk_carry *carry, const struct config *config, bool json,
    bool *ret_all, struct problem *problem)
{
	struct clerk_carried done = {.rejected = 0};
	struct store *store = tool_store(config, true, problem);

	if (store == NULL)
		return false;
	if (isatty(STDERR_FILENO))
		carry->on_progress = on_progress;
	bool good = clerk_carry(carry, store, &done, problem);
	store_close(store);
	if (carry->on_progress != NULL)
		(void)fprintf(stderr, "\r     \r");
	*ret_all = done.rejected == 0 && done.refused == 0;
	if (json)
		return good && print_json(&done, problem);
	if (good || count_all(&done) > 0)
		print_text(&done);
	return good;
}
