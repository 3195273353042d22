/* dmarc report --check. */
#ifndef DMARC_REPORT_CHECK_H
#define DMARC_REPORT_CHECK_H

#include "tool.h"

/* Is --check on the command line? */
bool report_check_is_asked(int argc, char **argv);
int report_check(struct tool *tool, int argc, char **argv);

#endif
