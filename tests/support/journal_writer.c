/* A writer of ours for fault tests: appends what standard input holds to FILE,
 * again and again, until SIGTERM; then says how often. */
#include "journal/journal.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

static volatile sig_atomic_t is_stopped;

static void
on_signal(int number)
{
	(void)number;
	is_stopped = 1;
}

static int
fail(const struct problem *problem)
{
	(void)fprintf(stderr, "%s\n", problem->text);
	return 1;
}

int
main(int argc, char **argv)
{
	static const struct timespec pause = {.tv_nsec = 1000 * 1000};
	static char bytes[4096];
	struct sigaction action = {.sa_handler = on_signal};
	struct problem problem = {PROBLEM_NONE, ""};
	struct text entry = {bytes, fread(bytes, 1, sizeof bytes, stdin)};
	unsigned long count = 0;

	(void)sigaction(SIGTERM, &action, NULL);
	struct journal *journal =
	    argc == 2 ? journal_open(argv[1], JOURNAL_SYNC_NONE, &problem)
		      : NULL;
	if (journal == NULL)
		return fail(&problem);
	for (; !is_stopped; count++) {
		bool kept = false;
		if (!journal_append(journal, entry, &kept, &problem) && !kept)
			return fail(&problem);
		problem = (struct problem){PROBLEM_NONE, ""};
		(void)nanosleep(&pause, NULL);
	}
	if (!journal_flush(journal, &problem))
		return fail(&problem);
	journal_close(journal);
	(void)printf("%lu\n", count);
	return 0;
}
