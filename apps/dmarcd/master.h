/* Master: binds the sockets, gives up root, and keeps the filter and the clerk
 * running. It reads no mail and asks no DNS. */
#ifndef DMARCD_MASTER_H
#define DMARCD_MASTER_H

struct master_options {
	const char *config_path; /* NULL: built-in defaults */
	const char *overrides;   /* lines on top of it; "" */
	int started;             /* for background_leave; -1: foreground */
};

/* The daemon's whole life; the exit status. SIGTERM and SIGINT end it when the
 * messages under way are answered; SIGHUP reads the configuration again. */
int master_run(const struct master_options *options);

/* Reads and checks everything, as `dmarcd -n` does. */
int master_check(const struct master_options *options);

#endif
