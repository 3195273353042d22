/* Thread: one that gets no signals; they are for who watches for them. */
#ifndef LOOP_THREAD_H
#define LOOP_THREAD_H

#include <pthread.h>

/* As pthread_create: 0, or an errno. */
int thread_start(
    pthread_t *ret_thread, void *(*run)(void *context), void *context);

#endif
