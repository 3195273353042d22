/* What dmarc import and opendmarc-import say of an import. */
#ifndef DMARC_IMPORT_H
#define DMARC_IMPORT_H

#include "tool.h"

#include "clerk/clerk.h"

/* A file that everybody may write to; bad entries, and where they are. */
void import_tell(const struct tool *tool, const char *path,
    const struct clerk_imported *done);
/* The exit status: what may succeed when nothing but the moment is another one,
 * a full disk or a database that is away, is to be run again. */
int import_status(const struct problem *problem);

#endif
