/* Large: of reports that take much memory one at a time is composed, and as
 * long as those that are being sent take much, none: however many are sent at
 * once, all together are bounded. */
#ifndef CLERK_LARGE_H
#define CLERK_LARGE_H

#include <stddef.h>

/* Waits until there is room to compose one. */
void large_begin(void);
/* It is composed; BYTES of it stay, until large_release. */
void large_end(size_t bytes);
void large_release(size_t bytes);

#endif
