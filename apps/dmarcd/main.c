/* dmarcd: the command line. */
#include "log.h"
#include "master.h"
#include "opendmarc.h"

#include "config/config.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

static const char usage[] =
    "Usage: dmarcd [-fhnV] [-c FILE]\n"
    "\n"
    "DMARC for a mail server: judges each incoming message (SPF, DKIM, DMARC),\n"
    "answers the MTA by the milter protocol, keeps a history and reports to\n"
    "the domains' owners. Runs in the foreground; see dmarcd(8).\n"
    "\n"
    "  -c, --config FILE  configuration (default /etc/dmarcd.conf, else\n"
    "                     /etc/opendmarc.conf)\n"
    "  -f                 foreground; accepted, since it always is\n"
    "  -n, --check        check the configuration and exit: 0 if it is good\n"
    "  -h, --help         this help\n"
    "  -V, --version      version\n"
    "\n"
    "SIGTERM stops it when messages under way are answered, SIGHUP reads the\n"
    "configuration again.\n";

int
main(int argc, char **argv)
{
	static const struct option options[] = {
	    {"config", required_argument, NULL, 'c'},
	    {"check", no_argument, NULL, 'n'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'V'},
	    {NULL, 0, NULL, 0},
	};
	struct master_options master = {NULL, "", -1};
	bool only_check = false;

	if (argc > 0 && opendmarc_is_meant(argv[0]))
		return opendmarc_main(argc, argv);

	opterr = 0;
	for (int letter; (letter = getopt_long(
			      argc, argv, "c:fnhV", options, NULL)) != -1;) {
		switch (letter) {
		case 'c': master.config_path = optarg; break;
		case 'f': break;
		case 'n': only_check = true; break;
		case 'h': (void)fputs(usage, stdout); return EX_OK;
		case 'V':
			(void)printf("dmarcd %s\n", DMARCD_VERSION);
			return EX_OK;
		default:
			log_tell("dmarcd",
			    "%s: unknown option, or one without its value; "
			    "see dmarcd --help",
			    argv[optind - 1]);
			return EX_USAGE;
		}
	}
	if (optind < argc) {
		log_tell("dmarcd", "%s: no such argument; see dmarcd --help",
		    argv[optind]);
		return EX_USAGE;
	}
	if (master.config_path == NULL)
		master.config_path = config_default_path();
	return only_check ? master_check(&master) : master_run(&master);
}
