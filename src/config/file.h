/* A file's bytes, whole. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/arena.h"
#include "base/problem.h"

#include <sys/types.h>
#include <time.h>

/* Reads PATH ("-": standard input) into ARENA. False: *ret_problem says what
 * and which file: not there, not readable, over MAX bytes. */
bool file_read(struct arena *arena, const char *path, size_t max,
    struct text *ret_bytes, struct problem *ret_problem) MUST_USE;

/* Can it be read again and again, unlike a FIFO? Yes if there is none yet. */
bool file_lasts(const char *path);

/* What a file is now, to see later whether it is another one or was written. */
struct file_stamp {
	bool is_there; /* false: no regular file, and the rest is 0 */
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec written;
	struct timespec changed; /* its permissions too */
};

struct file_stamp file_look(const char *path);
bool file_is_same(const struct file_stamp *a, const struct file_stamp *b);

#endif
