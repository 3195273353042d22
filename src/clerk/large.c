#include "clerk/large.h"

#include <pthread.h>
#include <stdbool.h>

enum { SENT_MAX = 32 * 1024 * 1024 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool is_composing;
static size_t sent; /* bytes of those that are being sent */

void
large_begin(void)
{
	(void)pthread_mutex_lock(&mutex);
	while (is_composing || sent > SENT_MAX)
		(void)pthread_cond_wait(&changed, &mutex);
	is_composing = true;
	(void)pthread_mutex_unlock(&mutex);
}

void
large_end(size_t bytes)
{
	(void)pthread_mutex_lock(&mutex);
	is_composing = false;
	sent += bytes;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&mutex);
}

void
large_release(size_t bytes)
{
	(void)pthread_mutex_lock(&mutex);
	sent -= bytes;
	(void)pthread_cond_broadcast(&changed);
	(void)pthread_mutex_unlock(&mutex);
}
