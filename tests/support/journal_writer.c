/* A writer of ours for fault tests: appends what standard input holds to FILE,
 * again and again, until SIGTERM; says a dot for each that was written. */
#include "journal/journal.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

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

	(void)sigaction(SIGTERM, &action, NULL);
	struct journal *journal =
	    argc == 2 ? journal_open(argv[1], JOURNAL_SYNC_NONE, &problem)
		      : NULL;
	if (journal == NULL)
		return fail(&problem);
	while (!is_stopped) {
		bool kept = false;
		if (!journal_append(journal, entry, &kept, &problem) ||
		    write(STDOUT_FILENO, ".", 1) != 1)
			return fail(&problem);
		problem = (struct problem){PROBLEM_NONE, ""};
		(void)nanosleep(&pause, NULL);
	}
	if (!journal_flush(journal, &problem))
		return fail(&problem);
	journal_close(journal);
	return 0;
}
