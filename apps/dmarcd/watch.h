/* Watch: have the files that the configuration names changed since they were
 * read? The configuration file itself is not one of them: it is read when
 * somebody says so (SIGHUP), for it may be half edited. */
#ifndef DMARCD_WATCH_H
#define DMARCD_WATCH_H

#include "config/config.h"

enum { WATCH_INTERVAL = 2 }; /* seconds between two looks */

/* One look at the files of CONFIG. True: some are others than they were, have
 * rested since the look before, and should be read again. Each change is told,
 * here and in the log, only once. A file that is gone is no reason to read. */
bool watch_look(const struct config *config) MUST_USE;

#endif
