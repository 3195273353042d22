/* Opendmarc: the command line of the program before us, for service files that
 * call dmarcd by that name. */
#ifndef DMARCD_OPENDMARC_H
#define DMARCD_OPENDMARC_H

#include <stdbool.h>

/* Is the program called so? */
bool opendmarc_is_meant(const char *program);
int opendmarc_main(int argc, char **argv);

#endif
